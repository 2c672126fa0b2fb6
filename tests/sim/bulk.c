// SPDX-License-Identifier: GPL-2.0
/*
 * Operations over ranges.  Guest data is tags, one at the begin of each sector of a
 * page; all else of it is zeros.
 */

#include "below.h"
#include "bulk.h"
#include "core/bulk.h"
#include "edge.h"
#include "model.h"
#include "random.h"
#include "report.h"
#include "run.h"

#define SECTOR	(LC_BLOCK_SIZE / LC_BLOCK_SECTORS)

enum bulk_kind bulk_kind;

static u8 memory[LC_BULK_PAGES][LC_BLOCK_SIZE];
static struct lc_bulk bulk;
static u64 first;
static u32 count;

static int op_enter(void *ctx)
{
	(void)ctx;
	return edge_drain_enter();
}

static void op_leave(void *ctx, int phase)
{
	(void)ctx;
	edge_drain_leave(phase);
}

/* Puts the tag of a sector where @page, a page for each block, has it. */
static void to_sector(u8 *const *page, u64 sector, u64 tag)
{
	memcpy(page[sector / LC_BLOCK_SECTORS] + sector % LC_BLOCK_SECTORS * SECTOR, &tag,
	       sizeof(tag));
}

/* bulk_read_below(): place by place. */
static int op_read_below(void *ctx, u64 block, u8 *const *page, u32 n)
{
	u64 sector = block * LC_BLOCK_SECTORS, at = sector, end = sector + n * LC_BLOCK_SECTORS;
	struct below below;
	int error = 0;
	u32 i;

	(void)ctx;
	while (at < end && !error) {
		struct batch batch = { 0 };

		if (!below_find(at, (u32)(end - at), &below)) {
			error = below_load(at / LC_BLOCK_SECTORS);
			continue;
		}
		below_read(&below, &batch);
		if (batch.pending)
			error = batch_wait(&batch);
		for (i = 0; i < below.sectors; i++, at++)
			to_sector(page, at - sector, below_tag(&below, at));
	}
	edge.tick_armed = true;
	return error;
}

static int op_read_store(void *ctx, u32 block, u8 *const *page, u32 n)
{
	u64 tags[LC_BULK_PAGES][LC_BLOCK_SECTORS];
	struct batch batch = { 0 };
	int error;
	u32 i, at;

	(void)ctx;
	for (at = 0; at < n; at++)
		medium_read_tags(block + at, tags[at], &batch);
	error = batch_wait(&batch);
	for (at = 0; at < n; at++)
		for (i = 0; i < LC_BLOCK_SECTORS; i++)
			to_sector(page, at * LC_BLOCK_SECTORS + i, tags[at][i]);
	return error;
}

static int op_write_store(void *ctx, u32 block, u8 *const *page, u32 n)
{
	u64 tags[LC_BLOCK_SECTORS];
	struct batch batch = { 0 };
	int error;
	u32 i, at;

	(void)ctx;
	for (at = 0; at < n; at++) {
		for (i = 0; i < LC_BLOCK_SECTORS; i++)
			memcpy(&tags[i], page[at] + i * SECTOR, sizeof(tags[i]));
		trace(TRACE_SUBMIT, block + at, 0, 0, 0);
		medium_write_tags(block + at, tags, ALL_SECTORS, false, &batch);
	}
	error = batch_wait(&batch);
	if (error == -ENOSPC)
		edge_below_full();
	return error;
}

static int op_go_on(void *ctx)
{
	(void)ctx;
	return READ_ONCE(edge.suspending) ? -EBUSY : 0;
}

static u32 op_retries(void *ctx)
{
	(void)ctx;
	return READ_ONCE(edge.retries);
}

static int op_wait(void *ctx, u32 retries)
{
	while (edge.retries == retries && !edge.suspending)
		co_block(&edge.retries);
	return op_go_on(ctx);
}

static const struct lc_bulk_ops ops = {
	.enter = op_enter,
	.leave = op_leave,
	.read_below = op_read_below,
	.read_store = op_read_store,
	.write_store = op_write_store,
	.go_on = op_go_on,
	.retries = op_retries,
	.wait = op_wait,
};

static void check_error(int error)
{
	bool may = !error || (error == -EBUSY && edge.suspending) ||
		   (error == -EIO && (medium.failures || edge.freeze_failed)) || error == -ENOSPC;

	if (!may)
		violation("an operation over blocks %llu, %u of them, ended with %d",
			  (unsigned long long)first, count, error);
}

/* Nothing but rethin makes a block unmapped, and there is one of them at a time. */
static void check_mapped(void)
{
	struct lc_extent extent;
	u32 i;

	for (i = 0; i < count; i++) {
		lc_bulk_look(&bulk, first + i, 1, &extent);
		if (extent.kind == LC_BELOW)
			violation("block %llu is not mapped after hydration",
				  (unsigned long long)first + i);
	}
}

static void hydrate(void)
{
	struct lc_hydrated result;
	int error = lc_hydrate(&bulk, first, count, &result);

	trace(TRACE_BULK_END, (u64)-error, result.data, result.zero, 0);
	check_error(error);
	if (!error)
		check_mapped();
}

static void rethin(void)
{
	u32 freed;
	int error = lc_rethin(&bulk, first, count, &freed);

	trace(TRACE_BULK_END, (u64)-error, freed, 0, 0);
	check_error(error);
	if (edge.store->holding)
		violation("rethin has ended, and blocks are held");
}

static void bulk_thread(void *arg)
{
	(void)arg;
	if (bulk_kind == BULK_RETHIN)
		rethin();
	else
		hydrate();
	bulk_kind = BULK_NONE;
	co_wake(&bulk_kind);
}

void bulk_reset(void)
{
	bulk_kind = BULK_NONE;
}

static void hydrate_all_task(void *arg)
{
	u32 i;

	(void)arg;
	bulk_kind = BULK_HYDRATE;
	for (i = 0; i < model.clusters; i++) {
		first = model_cluster(i, &count);
		if (count)
			hydrate();
	}
	bulk_kind = BULK_NONE;
	task.done = true;
}

static void prepare(void)
{
	u32 i;

	bulk.ops = &ops;
	bulk.store = edge.store;
	bulk.pages = 2 + random_below(14);
	for (i = 0; i < bulk.pages; i++)
		bulk.page[i] = memory[i];
}

void bulk_hydrate_all(void)
{
	if (bulk_kind)
		return;
	prepare();
	run_task("hydration of all", hydrate_all_task, STEPS_MOST, false);
}

void bulk_start(enum bulk_kind kind)
{
	u32 left;

	if (bulk_kind || edge.suspending || !edge.live)
		return;
	bulk_kind = kind;
	first = model_pick(&left);
	count = 1 + random_below(left);
	prepare();
	trace(TRACE_BULK, bulk_kind, first, count, 0);
	co_start("bulk", bulk_thread, NULL);
}

void bulk_wait(void)
{
	while (bulk_kind)
		co_block(&bulk_kind);
}
