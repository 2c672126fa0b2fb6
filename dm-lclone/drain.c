// SPDX-License-Identifier: GPL-2.0
/* Two-phase counters of I/O in flight, over the kernel's per-CPU references. */

#include "lclone.h"

static void first_empty(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct lclone_drain, phase[0])->empty);
}

static void second_empty(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct lclone_drain, phase[1])->empty);
}

int lclone_drain_init(struct lclone_drain *drain)
{
	int error;

	mutex_init(&drain->lock);
	init_completion(&drain->empty);
	error = percpu_ref_init(&drain->phase[0], first_empty,
				PERCPU_REF_ALLOW_REINIT, GFP_KERNEL);
	if (error)
		return error;
	error = percpu_ref_init(&drain->phase[1], second_empty,
				PERCPU_REF_ALLOW_REINIT | PERCPU_REF_INIT_DEAD,
				GFP_KERNEL);
	if (error)
		percpu_ref_exit(&drain->phase[0]);
	return error;
}

void lclone_drain_exit(struct lclone_drain *drain)
{
	percpu_ref_exit(&drain->phase[0]);
	percpu_ref_exit(&drain->phase[1]);
}

int lclone_drain_enter(struct lclone_drain *drain)
{
	unsigned int phase;

	/*
	 * Acquire: who finds the new phase also finds the map without the blocks
	 * that the drain is for.  Who comes too late for a phase that is being
	 * drained takes the other.
	 */
	do {
		/* Pairs with the release in lclone_drain_wait(). */
		phase = smp_load_acquire(&drain->current_phase);
	} while (!percpu_ref_tryget_live(&drain->phase[phase]));
	return (int)phase;
}

void lclone_drain_leave(struct lclone_drain *drain, int phase)
{
	percpu_ref_put(&drain->phase[phase]);
}

void lclone_drain_wait(struct lclone_drain *drain)
{
	unsigned int phase;

	mutex_lock(&drain->lock);
	phase = drain->current_phase;
	reinit_completion(&drain->empty);
	percpu_ref_reinit(&drain->phase[!phase]);
	/* Pairs with the acquire in lclone_drain_enter(). */
	smp_store_release(&drain->current_phase, !phase);
	percpu_ref_kill(&drain->phase[phase]);
	wait_for_completion(&drain->empty);
	mutex_unlock(&drain->lock);
}
