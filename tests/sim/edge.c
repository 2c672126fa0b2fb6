// SPDX-License-Identifier: GPL-2.0
/* The drain, the works that the core asks for, and the store brought up and taken down. */

#include <stdlib.h>
#include "bulk.h"
#include "change.h"
#include "edge.h"
#include "layer.h"
#include "memory.h"
#include "random.h"
#include "report.h"

struct edge edge;
const u8 edge_boot[LC_UUID_BYTES] = "the simulator";

/* The drain, as drain.c has it ----------------------------------------- */

int edge_drain_enter(void)
{
	struct drain *drain = &edge.drain;
	u32 phase;

	do {
		phase = smp_load_acquire(&drain->current_phase);
		sim_point();
	} while (!drain->live[phase]);
	drain->count[phase]++;
	return (int)phase;
}

void edge_drain_leave(int phase)
{
	sim_point();
	if (!--edge.drain.count[phase])
		co_wake(&edge.drain.count[phase]);
}

void edge_drain_wait(void)
{
	struct drain *drain = &edge.drain;
	u32 phase;

	mutex_lock(&drain->lock);
	phase = drain->current_phase;
	drain->live[!phase] = true;
	smp_store_release(&drain->current_phase, !phase);
	drain->live[phase] = false;
	while (drain->count[phase])
		co_block(&drain->count[phase]);
	mutex_unlock(&drain->lock);
}

void edge_read_lock(void)
{
	edge.readers++;
}

void edge_read_unlock(void)
{
	edge.readers--;
	edge_grace();
}

/* Who holds a spinlock has interrupts off, which is as good as a lock of RCU. */
void edge_grace(void)
{
	u32 own = co_current ? co_current->spins : 0;

	if (edge.readers || co_spins != own)
		return;
	memory_grace();
	if (edge.awaited)
		co_wake(&edge.awaited);
}

/*
 * Each store that is open has a root, which is not of the pool.  What is below the root of
 * a layer comes on top: a look-up goes through all of them, and where that takes more
 * nodes than there are, it may find gone what it began with, again and again.
 */
static bool pool_empty(u32 out, u32 count)
{
	return edge.pool && edge.live && !lc_failed(edge.store) &&
	       out + count > edge.pool + 1 + 2 * layers.count;
}

void edge_pool_wait(u32 (*out)(void), u32 count)
{
	while (pool_empty(out(), count)) {
		edge.awaited++;
		edge.tick_armed = true;
		co_block(&edge.awaited);
		edge.awaited--;
	}
}

/* Works, as work.c has them -------------------------------------------- */

static unsigned int take_kicks(unsigned int which)
{
	unsigned int kicks = edge.kicks & which;

	edge.kicks &= ~which;
	return kicks;
}

static void round_work(void)
{
	if (smp_load_acquire(&edge.round_step)) {
		WRITE_ONCE(edge.round_step, false);
		lc_round_step(edge.store);
	}
	lc_round_run(edge.store, false);
}

static void checkpoint_work(void)
{
	if (take_kicks(LC_KICK_CHECKPOINT) && lc_checkpoint_wanted(edge.store))
		lc_checkpoint(edge.store);
}

static void space_work(void)
{
	unsigned int kicks = take_kicks(LC_KICK_RECLAIM | LC_KICK_SCAN |
					LC_KICK_EVENT);

	if (kicks & LC_KICK_RECLAIM)
		lc_reclaim(edge.store);
	if ((kicks & LC_KICK_SCAN) && lc_scan(edge.store) == -ENOMEM)
		edge.tick_armed = true;
}

void edge_below_full(void)
{
	edge.below_full = true;
	edge.tick_armed = true;
}

/* The same of work.c, with the sweep of the layers. */
static void give_back(void)
{
	struct lc_store *store = edge.store;

	lc_map_evict(store, 64);
	if (lc_round_wanted(store))
		lc_round_run(store, true);
	if (lc_checkpoint_wanted(store))
		lc_checkpoint(store);
	lc_map_evict(store, 64);
	layers_evict_idle();
	co_wake(&edge.awaited);
}

static void tick_work(void)
{
	struct lc_store *store = edge.store;

	if (READ_ONCE(edge.below_full)) {
		edge.below_full = false;
		edge.spaces++;
		co_wake(&edge.spaces);
	}
	if (READ_ONCE(store->checkpoint_due))
		edge_ops.kick(&edge, LC_KICK_CHECKPOINT);
	if (READ_ONCE(edge.suspending) && lc_below_full(store))
		lc_round_give_up(store);
	edge.retries++;
	co_wake(&edge.retries);
	if (edge.awaited) {
		give_back();
	} else if (lc_round_wanted(store)) {
		edge.idle_ticks = 0;
		lc_round_run(store, true);
	} else if (lc_checkpoint_wanted(store) && !lc_failed(store)) {
		if (++edge.idle_ticks >= 3)
			lc_checkpoint(store);
	} else if (READ_ONCE(store->map.ends_in_memory)) {
		lc_map_evict(store, 64);
		layers_evict_idle();
		if (lc_failed(store))
			return;
	} else {
		lc_scan_forget(store);
		if (!layers_evict_idle() || lc_failed(store))
			return;
	}
	edge.tick_armed = true;
}

void edge_tick(void)
{
	if (!edge.tick_armed || !edge.live || edge.tick_work.running)
		return;
	edge.tick_armed = false;
	edge_queue(&edge.tick_work);
}

void edge_queue(struct work *work)
{
	work->queued = true;
}

static struct work *const works[] = {
	&edge.round_work, &edge.checkpoint_work, &edge.space_work, &edge.tick_work,
};

bool edge_work_queued(void)
{
	u32 i;

	for (i = 0; i < 4; i++)
		if (works[i]->queued && !works[i]->running)
			return true;
	return false;
}

static void run_work(void *arg)
{
	struct work *work = arg;

	work->run();
	work->running = false;
	co_wake(work);
}

bool edge_start_work(void)
{
	u32 first = random_below(4), i;

	for (i = 0; i < 4; i++) {
		struct work *work = works[(first + i) % 4];

		if (!work->queued || work->running)
			continue;
		if (edge.lazy && work == &edge.checkpoint_work &&
		    random_below(edge.lazy))
			continue;
		work->queued = false;
		work->running = true;
		trace(TRACE_WORK, (u64)(uintptr_t)work->name, 0, 0, 0);
		co_start(work->name, run_work, work);
		return true;
	}
	return false;
}

static void flush_work(struct work *work)
{
	while (work->queued || work->running)
		co_block(work);
}

static void cancel_work(struct work *work)
{
	work->queued = false;
	flush_work(work);
}

/* Up and down ---------------------------------------------------------- */

void edge_reset(void)
{
	u32 faults = edge.faults;

	co_reset();
	bulk_reset();
	memory_reset();
	layers_reset();
	memset(&edge, 0, sizeof(edge));
	edge.faults = faults;
	edge.store = memory_store_get();
	medium.noticed = &edge.store->failed;
	edge.round_work = (struct work) { .name = "round", .run = round_work };
	edge.checkpoint_work = (struct work) {
		.name = "checkpoint", .run = checkpoint_work
	};
	edge.space_work = (struct work) { .name = "space", .run = space_work };
	edge.tick_work = (struct work) { .name = "tick", .run = tick_work };
	edge.drain.live[0] = true;
}

const char *edge_open(void)
{
	struct lc_super *super = memory_page_get();
	void *page = memory_page_get();
	enum lc_header_fault fault;
	const char *why;
	int error, stale;

	why = lc_super_load(&edge_ops, &edge, page, super, &fault, &stale);
	trace(TRACE_OPEN, why ? 0 : super->generation, (u64)stale, layers.count, 0);
	/* lclone_store_check(): the newer copy may be one that could not be read this time. */
	if (!why && !change_fits(super))
		why = "is not what its table says";
	if (!why)
		why = layers_open(super);
	if (!why && lc_store_init(edge.store, &edge_ops, &edge, super, false))
		why = "has no memory";
	if (!why) {
		edge.open = true;
		lc_store_own(edge.store, "sim", edge_boot);
		error = lc_store_open(edge.store, stale);
		if (error)
			why = error == -EUCLEAN ? "is damaged" : "cannot be opened";
		edge.store->chain = layers.count ? &layers.chain : NULL;
		edge.live = !error;
	}
	memory_page_put(super);
	memory_page_put(page);
	return why;
}

int edge_wait_answer(struct edge_wait *wait)
{
	while (!wait->answered)
		co_block(wait);
	return wait->error;
}

int edge_round_sync(void)
{
	struct edge_wait wait = { .answered = false };

	lc_round_wait(edge.store, &wait.core);
	return edge_wait_answer(&wait);
}

int edge_park(void)
{
	int error;

	bulk_wait();
	while (edge.announcing)
		co_block(&edge.announcing);
	edge_round_sync();
	WRITE_ONCE(edge.store->stop_scan, true);
	edge.live = false;
	edge.tick_armed = false;
	cancel_work(&edge.tick_work);
	cancel_work(&edge.space_work);
	cancel_work(&edge.checkpoint_work);
	flush_work(&edge.round_work);
	lc_round_give_up(edge.store);
	edge_drain_wait();
	error = lc_store_park(edge.store);
	while (edge.round_steps)
		co_block(&edge.round_steps);
	flush_work(&edge.round_work);
	return error;
}

int edge_resume(void)
{
	int error = lc_store_resume(edge.store, "sim", edge_boot);

	edge_go_on();
	return error;
}

void edge_go_on(void)
{
	WRITE_ONCE(edge.store->stop_scan, false);
	edge.live = true;
	edge.suspending = false;
	if (edge.kicks & LC_KICK_CHECKPOINT)
		edge_queue(&edge.checkpoint_work);
	if (edge.kicks & ~LC_KICK_CHECKPOINT)
		edge_queue(&edge.space_work);
	edge.tick_armed = true;
}

int edge_freeze(const char *name)
{
	int error = lc_store_freeze(edge.store, name);

	flush_work(&edge.round_work);
	return error;
}

void edge_forget(void)
{
	edge.store = memory_store_get();
	medium.noticed = &edge.store->failed;
	edge.open = false;
	edge.kicks = 0;
	edge.idle_ticks = 0;
	edge.suspending = false;
	edge.tick_armed = true;
}

void edge_open_empty(void)
{
	struct lc_super *super = memory_page_get();
	const struct lc_super *top;

	edge_forget();
	edge.freeze_failed = true;
	top = &layers.layer[layers.count - 1].store->super;
	*super = *top;
	random_fill(super->store_uuid, LC_UUID_BYTES);
	memcpy(super->parent_uuid, top->content_uuid, LC_UUID_BYTES);
	super->state = LC_STORE_WRITABLE;
	super->head_generation++;
	super->layers = top->layers + 1;
	super->overlap_sectors = super->clone_sectors;
	super->root = (struct lc_ref) { .state = LC_REF_NONE };
	super->page_blocks = 0;
	if (layers_open(super))
		violation("no index over the layers after a freeze that failed");
	if (lc_store_init(edge.store, &edge_ops, &edge, super, false) ||
	    lc_map_open(edge.store))
		violation("no empty store after a freeze that failed");
	edge.store->chain = &layers.chain;
	edge.open = true;
	edge.live = true;
	memory_page_put(super);
	lc_fail(edge.store, "a snapshot failed");
}

void edge_destroy(void)
{
	lc_store_destroy(edge.store);
	layers_close();
	edge.open = false;
	memory_grace();
	if (memory_out())
		violation("%u pieces of memory are left after the store has gone",
			  memory_out());
}

void edge_extend(void)
{
	WRITE_ONCE(edge.store->stop_scan, true);
	flush_work(&edge.space_work);
	lc_store_extend(edge.store, (u64)medium.blocks * LC_BLOCK_SECTORS);
	WRITE_ONCE(edge.store->stop_scan, false);
}
