// SPDX-License-Identifier: GPL-2.0
/* The core itself on a file, in one thread, which does by chance what a clone does. */
#include <stdio.h>
#include <stdlib.h>
#include "core/ticket.h"
#include "live-core.h"
#include "plain-ops.h"

struct store_file live_file;
struct lc_store live_store;
long live_stop;
void (*live_super_written)(void);

static unsigned int kicks;
static bool step;		/* lc_round_step() is due */
static bool answered;

void live_die(const char *why)
{
	fprintf(stderr, "live-store: %s\n", why);
	exit(1);
}

u32 live_random(u32 n)
{
	return (u32)random() % n;
}

static int op_read(void *ctx, u32 block, void *page)
{
	(void)ctx;
	return store_read(&live_file, block, page, 1);
}

static int op_write(void *ctx, const struct lc_vec *vec, unsigned int count,
		    bool fua)
{
	(void)ctx;
	(void)fua;
	for (; count--; vec++) {
		if (live_stop && !--live_stop)
			_Exit(0);
		if (store_write(&live_file, vec->block, vec->page, 1))
			live_die("cannot write");
		if (live_super_written && vec->block == lc_super_address(1))
			live_super_written();
	}
	return 0;
}

static void op_round_io(void *ctx, enum lc_round_io io,
			const struct lc_vec *vec, unsigned int count)
{
	if (io != LC_ROUND_FLUSH)
		op_write(ctx, vec, count, io == LC_ROUND_CLOSE);
	if (lc_round_io_done(&live_store, 0))
		step = true;
}

static void *op_page_get(void *ctx, bool wait)
{
	(void)ctx;
	return wait || live_random(4) ? calloc(1, LC_BLOCK_SIZE) : NULL;
}

static void op_kick(void *ctx, enum lc_kick what)
{
	(void)ctx;
	kicks |= what;
}

static void op_answer(void *ctx, struct lc_wait *wait, int error)
{
	(void)ctx;
	(void)wait;
	if (error)
		live_die("a round failed");
	answered = true;
}

static void op_report(void *ctx, const char *what, u64 block)
{
	(void)ctx;
	fprintf(stderr, "live-store: store block %llu: %s\n",
		(unsigned long long)block, what);
}

static const struct lc_ops ops = {
	PLAIN_OPS,
	.read = op_read,
	.write = op_write,
	.round_io = op_round_io,
	.page_get = op_page_get,
	.kick = op_kick,
	.answer = op_answer,
	.report = op_report,
};

/* Does what the core asked for, until it asks for nothing more. */
static void settle(void)
{
	while (step || kicks) {
		unsigned int now = kicks;

		kicks = 0;
		if (step) {
			step = false;
			lc_round_step(&live_store);
		}
		if (now & LC_KICK_CHECKPOINT)
			lc_checkpoint(&live_store);
		if (now & LC_KICK_ROUND)
			lc_round_run(&live_store, false);
		if (now & LC_KICK_RECLAIM)
			lc_reclaim(&live_store);
		if (now & LC_KICK_SCAN)
			lc_scan(&live_store);
	}
}

void live_flush(void)
{
	struct lc_wait wait;

	INIT_LIST_HEAD(&wait.link);
	answered = false;
	lc_round_wait(&live_store, &wait);
	settle();
	if (!answered)
		live_die("a flush was not answered");
}

/* A try to write or zero; what has to wait waits for a round and a checkpoint. */
void live_again(enum lc_take take, u64 block)
{
	if (take == LC_LOAD && lc_map_load(&live_store, block))
		live_die("a page cannot be loaded");
	if (take == LC_FAILED)
		live_die("the store is in failed mode");
	if (take == LC_BUSY || take == LC_FULL) {
		live_flush();
		lc_checkpoint(&live_store);
		settle();
	}
}

static void write_blocks(u64 block, u32 count)
{
	struct lc_ticket ticket;
	struct lc_extent extent;
	enum lc_take take;
	int tries = 20;

	while (count && tries--) {
		lc_lookup(&live_store, block, count, &extent);
		if (extent.kind == LC_DATA) {
			block += extent.count;
			count -= (u32)extent.count;
			continue;
		}
		take = lc_ticket_take(&live_store, block, count, &ticket);
		if (take != LC_TAKEN) {
			live_again(take, block);
			continue;
		}
		if (!live_random(20)) {
			lc_ticket_abort(&live_store, &ticket);
			return;
		}
		if (!lc_ticket_publish(&live_store, &ticket))
			live_die("a block was lost without a rival");
		block += ticket.count;
		count -= ticket.count;
	}
}

static void zero_blocks(u64 block, u64 count)
{
	int tries = 20;

	while (count && tries--) {
		u64 done = count;
		enum lc_take take = lc_zero(&live_store, block, &done);

		if (take != LC_TAKEN) {
			live_again(take, block);
			continue;
		}
		block += done;
		count -= done;
		tries = 20;
	}
}

void live_step(void)
{
	u64 block = live_random((u32)live_store.blocks);
	u32 most = (u32)min(live_store.blocks - block, 64ull);
	u32 what = live_random(100);

	if (what < 60)
		write_blocks(block, 1 + live_random(most));
	else if (what < 75)
		zero_blocks(block, 1 + live_random(most));
	else if (what < 78)
		zero_blocks(block, live_store.blocks - block);
	else if (what < 90)
		live_flush();
	else if (what < 94)
		lc_checkpoint(&live_store);
	else if (what < 96)
		lc_scan(&live_store);
	else
		lc_map_evict(&live_store, 1 + live_random(20));
	settle();
}

void live_open(const char *path, unsigned int seed)
{
	static const u8 boot[LC_UUID_BYTES] = "live-store boot";
	enum lc_header_fault fault;
	u8 page[LC_BLOCK_SIZE];
	struct lc_super super;
	const char *why;
	int stale;

	if (store_open(path, STORE_WRITE, &live_file))
		exit(2);
	srandom(seed);
	why = lc_super_load(&ops, NULL, page, &super, &fault, &stale);
	if (why)
		live_die(why);
	if (lc_store_init(&live_store, &ops, NULL, &super, false))
		live_die("no memory");
	lc_store_own(&live_store, "host", boot);
	if (lc_store_open(&live_store, stale))
		live_die("the store cannot be opened");
}

void live_close(void)
{
	lc_store_destroy(&live_store);
	store_close(&live_file);
}
