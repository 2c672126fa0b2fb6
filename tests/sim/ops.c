// SPDX-License-Identifier: GPL-2.0
/* struct lc_ops over the medium. */

#include "edge.h"
#include "memory.h"
#include "random.h"
#include "report.h"

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
	medium.fail_all = fua && random_chance(medium.fail_super);
	error = batch_wait(&batch);
	medium.fail_all = false;
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
		edge_drain_wait();
}

static void round_done(void *arg)
{
	(void)arg;
	co_current->atomic = true;
	if (lc_round_io_done(edge.store, edge.round.error)) {
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
	      edge.store->round.started);
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
	edge_pool_wait(memory_leaves_out, 1);
	sim_point();
	return memory_leaf_get();
}

static struct lc_node *op_root_get(void *ctx)
{
	(void)ctx;
	may_sleep();
	sim_point();
	return memory_node_get();
}

static bool op_nodes_get(void *ctx, struct lc_node **node, u32 count)
{
	may_sleep();
	edge_pool_wait(memory_nodes_out, count);
	while (count--)
		*node++ = op_root_get(ctx);
	return true;
}

static void op_leaf_put(void *ctx, struct lc_leaf *leaf)
{
	(void)ctx;
	trace(TRACE_EVICT, leaf->page.index, leaf->page.claims, 0, 0);
	edge.evicted++;
	memory_leaf_put(leaf);
	edge_grace();
}

static void op_node_put(void *ctx, struct lc_node *node)
{
	(void)ctx;
	memory_node_put(node);
	edge_grace();
}

static void *op_bitmap_get(void *ctx, size_t bytes)
{
	(void)ctx;
	may_sleep();
	if (edge.no_memory && random_chance(25))
		return NULL;
	return memory_bitmap_get(bytes);
}

static void op_bitmap_put(void *ctx, void *bitmap)
{
	(void)ctx;
	memory_bitmap_put(bitmap);
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

const struct lc_ops edge_ops = {
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.discard = op_discard,
	.drain = op_drain,
	.round_io = op_round_io,
	.page_get = op_page_get,
	.page_put = op_page_put,
	.leaf_get = op_leaf_get,
	.root_get = op_root_get,
	.nodes_get = op_nodes_get,
	.bitmap_get = op_bitmap_get,
	.leaf_put = op_leaf_put,
	.node_put = op_node_put,
	.bitmap_put = op_bitmap_put,
	.kick = op_kick,
	.answer = op_answer,
	.report = op_report,
};
