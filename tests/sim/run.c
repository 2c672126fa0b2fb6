// SPDX-License-Identifier: GPL-2.0
/* The scheduler: what happens next. */

#include <stdio.h>
#include "bio.h"
#include "bulk.h"
#include "op.h"
#include "random.h"
#include "report.h"
#include "run.h"
#include "shape.h"

struct mood mood;
struct task task;

static bool may_submit(void)
{
	return mood.submit && bios.ops < mood.most_ops;
}

static void submit_any(void)
{
	if (world.combs && random_chance(mood.combs))
		op_submit_comb(world.hot_leaves, world.leaves - world.hot_leaves);
	else
		op_submit_any();
}

/* Something happens.  Returns false when nothing can. */
bool run_step(void)
{
	u32 ready = co_ready ? mood.ready : 0;
	u32 io = medium.under_way ? mood.io : 0;
	u32 work = edge_work_queued() ? mood.work : 0;
	u32 submit = may_submit() ? mood.submit : 0;
	u32 all = ready + io + work + submit;
	u32 what;

	if (!all)
		return false;
	what = random_below(all);
	if (what < ready)
		co_step();
	else if (what < ready + io)
		medium_step();
	else if (what < ready + io + work)
		edge_start_work();
	else
		submit_any();
	return true;
}

void run_quietly(void)
{
	mood = (struct mood) { .ready = 1, .io = 1, .work = 1 };
	edge.lazy = 0;
}

static bool hit(enum aim aim)
{
	const struct lc_round *round = &edge.store->round;

	switch (aim) {
	case AIM_SUPER:
		return edge.in_super && medium.under_way;
	case AIM_GROUP:
		return round->group.blocks > 1 && edge.round.pending;
	case AIM_ROOM:
		return round->state == LC_ROUND_IS_ROOM;
	}
	return false;
}

/* Goes on until the moment is there, or that takes too long. */
void run_to(enum aim aim, u32 steps)
{
	while (!hit(aim) && steps--)
		if (!run_step())
			edge_tick();
}

/* Runs @steps steps; returns false when nothing happens any more before that. */
bool run_steps(u32 steps)
{
	while (steps--)
		if (!run_step())
			return false;
	return true;
}

/*
 * Runs a thread to its end; false: it has not come there in @steps or, with
 * @to_super, a superblock is on its way.
 */
bool run_task(const char *name, void (*run)(void *arg), u32 steps,
		     bool to_super)
{
	memset(&task, 0, sizeof(task));
	run_quietly();
	co_start(name, run, NULL);
	while (!task.done) {
		if (!steps-- || (to_super && hit(AIM_SUPER)))
			return false;
		if (!run_step()) {
			u32 i;

			/* Time passes, where somebody waits for that. */
			if (edge.tick_armed && edge.live) {
				edge_tick();
				continue;
			}
			for (i = 0; i < co_blocked; i++)
				printf("waits: %s\n", co_blocked_at(i)->name);
			violation("nothing can go on, and %s has not ended", name);
		}
	}
	return true;
}

void run_settle(void)
{
	u32 ticks = 0;

	run_quietly();
	medium.room += 1000;
	for (;;) {
		if (run_steps(STEPS_MOST))
			violation("the clone does not come to rest");
		/* Those that wait for memory may come one by one. */
		if (ticks++ >= (edge.awaited ? 1000 : 16) || !edge.tick_armed)
			break;
		edge_tick();
	}
	if (edge.awaited)
		violation("memory for the map is waited for for ever");
	medium_fail(0, 0);
	if (edge.growing)
		violation("a growth does not end");
	if (bulk_kind || edge.announcing)
		violation("an operation over a range does not end");
	bio_check_waiters();
}
