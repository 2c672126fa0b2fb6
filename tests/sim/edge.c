// SPDX-License-Identifier: GPL-2.0
/* struct lc_ops over the medium, and the works that the core asks for. */

#include <stdlib.h>
#include "bulk.h"
#include "edge.h"
#include "memory.h"
#include "random.h"
#include "report.h"

struct edge edge;

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

static void drain_wait(void)
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
	if (!--edge.readers)
		memory_grace();
}

/* Operations ---------------------------------------------------------- */

static int op_read(void *ctx, u32 block, void *page)
{
	struct batch batch = { 0 };

	(void)ctx;
	medium_read_page(block, page, &batch);
	return batch_wait(&batch);
}

static int op_write(void *ctx, const struct lc_vec *vec, unsigned int count,
		    bool fua)
{
	struct batch batch = { 0 };
	unsigned int i;
	int error;

	(void)ctx;
	for (i = 0; i < count; i++) {
		trace(TRACE_SUBMIT, vec[i].block, fua, 1, 0);
		medium_write_page(vec[i].block, vec[i].page, fua, &batch);
	}
	edge.in_super = fua;
	error = batch_wait(&batch);
	edge.in_super = false;
	if (error == -ENOSPC)
		edge_below_full();
	return error;
}

static int op_flush(void *ctx)
{
	struct batch batch = { 0 };
	int error;

	(void)ctx;
	medium_flush(&batch);
	error = batch_wait(&batch);
	trace(TRACE_FLUSHED, (u64)-error, 0, 0, 0);
	return error;
}

static void op_discard(void *ctx, u32 block, u32 count)
{
	struct batch batch = { 0 };

	(void)ctx;
	may_sleep();
	sim_point();
	if (!edge.discard_passdown)
		return;
	trace(TRACE_DISCARDED, block, count, 0, 0);
	edge.in_discard = true;
	medium_discard(block, count, &batch);
	batch_wait(&batch);
	edge.in_discard = false;
}

static void op_drain(void *ctx)
{
	(void)ctx;
	may_sleep();
	if (!(edge.faults & FAULT_NO_DRAIN))
		drain_wait();
}

static void round_done(void *arg)
{
	(void)arg;
	co_current->atomic = true;
	if (lc_round_io_done(&edge.store, edge.round.error)) {
		smp_store_release(&edge.round_step, true);
		edge_queue(&edge.round_work);
	}
	edge.round_steps--;
	co_wake(&edge.round_steps);
}

static void round_batch_done(struct batch *batch)
{
	(void)batch;
	co_start("round's completion", round_done, NULL);
}

static void op_round_io(void *ctx, enum lc_round_io kind,
			const struct lc_vec *vec, unsigned int count)
{
	unsigned int i;

	(void)ctx;
	may_sleep();
	if (edge.round.pending)
		violation("two steps of a round at a time");
	trace(TRACE_ROUND_IO, kind, count, count ? vec[0].block : 0,
	      edge.store.round.started);
	edge.round.error = 0;
	edge.round.done = round_batch_done;
	edge.round_steps++;
	if (kind == LC_ROUND_FLUSH)
		medium_flush(&edge.round);
	for (i = 0; i < count; i++)
		medium_write_page(vec[i].block, vec[i].page,
				  kind == LC_ROUND_CLOSE, &edge.round);
}

static void *op_page_get(void *ctx, bool wait)
{
	(void)ctx;
	if (wait)
		may_sleep();
	else if (random_chance(edge.scarce_percent))
		return NULL;
	sim_point();
	return memory_page_get();
}

static void op_page_put(void *ctx, void *page)
{
	(void)ctx;
	memory_page_put(page);
}

static struct lc_leaf *op_leaf_get(void *ctx)
{
	(void)ctx;
	may_sleep();
	sim_point();
	return memory_leaf_get();
}

static struct lc_node *op_node_get(void *ctx)
{
	(void)ctx;
	may_sleep();
	sim_point();
	return memory_node_get();
}

static void op_leaf_put(void *ctx, struct lc_leaf *leaf)
{
	(void)ctx;
	trace(TRACE_EVICT, leaf->page.index, leaf->page.claims, 0, 0);
	edge.evicted++;
	memory_leaf_put(leaf);
	if (!edge.readers)
		memory_grace();
}

static void op_node_put(void *ctx, struct lc_node *node)
{
	(void)ctx;
	memory_node_put(node);
	if (!edge.readers)
		memory_grace();
}

static void *op_bitmap_get(void *ctx, size_t bytes)
{
	void *bitmap;

	(void)ctx;
	may_sleep();
	if (edge.no_memory && random_chance(50))
		return NULL;
	bitmap = memory_page_get();
	if (bytes > LC_BLOCK_SIZE)
		violation("a bitmap of %zu bytes", bytes);
	memset(bitmap, 0, LC_BLOCK_SIZE);
	return bitmap;
}

static void op_bitmap_put(void *ctx, void *bitmap)
{
	(void)ctx;
	memory_page_put(bitmap);
}

static void op_kick(void *ctx, enum lc_kick what)
{
	(void)ctx;
	trace(TRACE_KICK, what, 0, 0, 0);
	switch (what) {
	case LC_KICK_RETRY:
		edge.retries++;
		co_wake(&edge.retries);
		return;
	case LC_KICK_SPACE:
		edge.spaces++;
		co_wake(&edge.spaces);
		return;
	case LC_KICK_ROUND:
		edge_queue(&edge.round_work);
		return;
	case LC_KICK_DIRTY:
		edge.tick_armed = true;
		return;
	case LC_KICK_CHECKPOINT:
		edge.kicks |= what;
		if (edge.live)
			edge_queue(&edge.checkpoint_work);
		return;
	default:
		edge.kicks |= what;
		if (edge.live)
			edge_queue(&edge.space_work);
	}
}

static void op_answer(void *ctx, struct lc_wait *wait, int error)
{
	struct edge_wait *own = container_of(wait, struct edge_wait, core);

	(void)ctx;
	trace(TRACE_ANSWER, (u64)-error, 0, 0, 0);
	if (own->answered)
		violation("a wait for a round was answered twice");
	own->answered = true;
	own->error = error;
	co_wake(own);
}

static void op_report(void *ctx, const char *what, u64 block)
{
	(void)ctx;
	trace(TRACE_REPORT, (u64)(uintptr_t)what, block, 0, 0);
	edge_reported(what, block);
}

static const struct lc_ops ops = {
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.discard = op_discard,
	.drain = op_drain,
	.round_io = op_round_io,
	.page_get = op_page_get,
	.page_put = op_page_put,
	.leaf_get = op_leaf_get,
	.node_get = op_node_get,
	.bitmap_get = op_bitmap_get,
	.leaf_put = op_leaf_put,
	.node_put = op_node_put,
	.bitmap_put = op_bitmap_put,
	.kick = op_kick,
	.answer = op_answer,
	.report = op_report,
};

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
		lc_round_step(&edge.store);
	}
	lc_round_run(&edge.store, false);
}

static void checkpoint_work(void)
{
	if (take_kicks(LC_KICK_CHECKPOINT) && lc_checkpoint_wanted(&edge.store))
		lc_checkpoint(&edge.store);
}

static void space_work(void)
{
	unsigned int kicks = take_kicks(LC_KICK_RECLAIM | LC_KICK_SCAN |
					LC_KICK_EVENT);

	if (kicks & LC_KICK_RECLAIM)
		lc_reclaim(&edge.store);
	if ((kicks & LC_KICK_SCAN) && lc_scan(&edge.store) == -ENOMEM)
		edge.tick_armed = true;
}

void edge_below_full(void)
{
	edge.below_full = true;
	edge.tick_armed = true;
}

static void tick_work(void)
{
	struct lc_store *store = &edge.store;

	if (READ_ONCE(edge.below_full)) {
		edge.below_full = false;
		edge.spaces++;
		co_wake(&edge.spaces);
	}
	if (READ_ONCE(store->checkpoint_due))
		op_kick(NULL, LC_KICK_CHECKPOINT);
	edge.retries++;
	co_wake(&edge.retries);
	if (lc_round_wanted(store)) {
		edge.idle_ticks = 0;
		lc_round_run(store, true);
	} else if (lc_checkpoint_wanted(store) && !lc_failed(store)) {
		if (++edge.idle_ticks >= 3)
			lc_checkpoint(store);
	} else if (READ_ONCE(store->map.leaves_in_memory)) {
		lc_map_evict(store, 64);
		if (lc_failed(store))
			return;
	} else {
		lc_scan_forget(store);
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
	memset(&edge, 0, sizeof(edge));
	edge.faults = faults;
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
	static const u8 boot[LC_UUID_BYTES] = "the simulator";
	struct lc_super *super = memory_page_get();
	void *page = memory_page_get();
	enum lc_header_fault fault;
	const char *why;
	int error, stale;

	why = lc_super_load(&ops, &edge, page, super, &fault, &stale);
	trace(TRACE_OPEN, why ? 0 : super->generation, (u64)stale, 0, 0);
	if (!why && lc_store_init(&edge.store, &ops, &edge, super, false))
		why = "has no memory";
	if (!why) {
		edge.open = true;
		lc_store_own(&edge.store, "sim", boot);
		error = lc_store_open(&edge.store, stale);
		if (error)
			why = error == -EUCLEAN ? "is damaged" : "cannot be opened";
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

	lc_round_wait(&edge.store, &wait.core);
	return edge_wait_answer(&wait);
}

int edge_park(void)
{
	int error;

	bulk_wait();
	edge_round_sync();
	WRITE_ONCE(edge.store.stop_scan, true);
	edge.live = false;
	edge.tick_armed = false;
	cancel_work(&edge.tick_work);
	cancel_work(&edge.space_work);
	cancel_work(&edge.checkpoint_work);
	flush_work(&edge.round_work);
	drain_wait();
	error = lc_store_park(&edge.store);
	while (edge.round_steps)
		co_block(&edge.round_steps);
	flush_work(&edge.round_work);
	return error;
}

int edge_resume(void)
{
	static const u8 boot[LC_UUID_BYTES] = "the simulator";
	int error = lc_store_resume(&edge.store, "sim", boot);

	WRITE_ONCE(edge.store.stop_scan, false);
	edge.live = true;
	edge.suspending = false;
	if (edge.kicks & LC_KICK_CHECKPOINT)
		edge_queue(&edge.checkpoint_work);
	if (edge.kicks & ~LC_KICK_CHECKPOINT)
		edge_queue(&edge.space_work);
	edge.tick_armed = true;
	return error;
}

void edge_destroy(void)
{
	lc_store_destroy(&edge.store);
	edge.open = false;
	memory_grace();
	if (memory_out())
		violation("%u pieces of memory are left after the store has gone",
			  memory_out());
}

void edge_extend(void)
{
	WRITE_ONCE(edge.store.stop_scan, true);
	flush_work(&edge.space_work);
	lc_store_extend(&edge.store, (u64)medium.blocks * LC_BLOCK_SECTORS);
	WRITE_ONCE(edge.store.stop_scan, false);
}
