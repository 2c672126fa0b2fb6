// SPDX-License-Identifier: GPL-2.0
/*
 * Uses a store as an active clone does, by the core itself, from a seed:
 *
 *	live-store STORE SEED STEPS [STOP|park]
 *
 * First writes, overwrites, zeroing, rounds and checkpoints by chance, then a
 * last round, and no end: the store is left as a loss of power leaves it.  Prints
 * what a dump must then say.  With STOP the program ends at its STOPth write, and
 * prints nothing; with "park" the store is left as a clean deactivation leaves it.
 */
#include <stdio.h>
#include <stdlib.h>
#include "core/ticket.h"
#include "plain-ops.h"
#include "store-file.h"

static struct store_file file;
static struct lc_store store;
static unsigned int kicks;
static bool step;		/* lc_round_step() is due */
static bool answered;
static long stop;

static void die(const char *why)
{
	fprintf(stderr, "live-store: %s\n", why);
	exit(1);
}

static u32 random_below(u32 n)
{
	return (u32)random() % n;
}

static int op_read(void *ctx, u32 block, void *page)
{
	(void)ctx;
	return store_read(&file, block, page, 1);
}

static int op_write(void *ctx, const struct lc_vec *vec, unsigned int count,
		    bool fua)
{
	(void)ctx;
	(void)fua;
	for (; count--; vec++) {
		if (stop && !--stop)
			_Exit(0);
		if (store_write(&file, vec->block, vec->page, 1))
			die("cannot write");
	}
	return 0;
}

static void op_round_io(void *ctx, enum lc_round_io io,
			const struct lc_vec *vec, unsigned int count)
{
	if (io != LC_ROUND_FLUSH)
		op_write(ctx, vec, count, io == LC_ROUND_CLOSE);
	if (lc_round_io_done(&store, 0))
		step = true;
}

static void *op_page_get(void *ctx, bool wait)
{
	(void)ctx;
	return wait || random_below(4) ? calloc(1, LC_BLOCK_SIZE) : NULL;
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
		die("a round failed");
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
			lc_round_step(&store);
		}
		if (now & LC_KICK_CHECKPOINT)
			lc_checkpoint(&store);
		if (now & LC_KICK_ROUND)
			lc_round_run(&store, false);
		if (now & LC_KICK_RECLAIM)
			lc_reclaim(&store);
		if (now & LC_KICK_SCAN)
			lc_scan(&store);
	}
}

static void flush(void)
{
	struct lc_wait wait;

	INIT_LIST_HEAD(&wait.link);
	answered = false;
	lc_round_wait(&store, &wait);
	settle();
	if (!answered)
		die("a flush was not answered");
}

/* A try to write or zero; what has to wait waits for a round and a checkpoint. */
static void again(enum lc_take take, u64 block)
{
	if (take == LC_LOAD && lc_map_load(&store, block))
		die("a page cannot be loaded");
	if (take == LC_FAILED)
		die("the store is in failed mode");
	if (take == LC_BUSY || take == LC_FULL) {
		flush();
		lc_checkpoint(&store);
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
		lc_lookup(&store, block, count, &extent);
		if (extent.kind == LC_DATA) {
			block += extent.count;
			count -= (u32)extent.count;
			continue;
		}
		take = lc_ticket_take(&store, block, count, &ticket);
		if (take != LC_TAKEN) {
			again(take, block);
			continue;
		}
		if (!random_below(20)) {
			lc_ticket_abort(&store, &ticket);
			return;
		}
		if (!lc_ticket_publish(&store, &ticket))
			die("a block was lost without a rival");
		block += ticket.count;
		count -= ticket.count;
	}
}

static void zero_blocks(u64 block, u64 count)
{
	int tries = 20;

	while (count && tries--) {
		u64 done = count;
		enum lc_take take = lc_zero(&store, block, &done);

		if (take != LC_TAKEN) {
			again(take, block);
			continue;
		}
		block += done;
		count -= done;
		tries = 20;
	}
}

static void one_step(void)
{
	u64 block = random_below((u32)store.blocks);
	u32 most = (u32)min(store.blocks - block, 64ull);
	u32 what = random_below(100);

	if (what < 60)
		write_blocks(block, 1 + random_below(most));
	else if (what < 75)
		zero_blocks(block, 1 + random_below(most));
	else if (what < 78)
		zero_blocks(block, store.blocks - block);
	else if (what < 90)
		flush();
	else if (what < 94)
		lc_checkpoint(&store);
	else if (what < 96)
		lc_scan(&store);
	else
		lc_map_evict(&store, 1 + random_below(20));
	settle();
}

/* Runs of the map as the dump has them. */
static void print_map(void)
{
	u64 block, count, runs = 0, data = 0, zeros = 0;
	struct lc_extent extent, next;

	for (block = 0; block < store.blocks; block += count) {
		lc_lookup(&store, block, store.blocks - block, &extent);
		count = extent.count;
		if (extent.kind == LC_UNLOADED) {
			again(LC_LOAD, block);
			count = 0;
			continue;
		}
		while (extent.kind != LC_BELOW && block + count < store.blocks) {
			lc_lookup(&store, block + count,
				  store.blocks - block - count, &next);
			if (next.kind == LC_UNLOADED)
				again(LC_LOAD, block + count);
			else if (next.kind != extent.kind ||
				 (next.kind == LC_DATA &&
				  next.store != extent.store + count))
				break;
			else
				count += next.count;
		}
		if (extent.kind == LC_BELOW)
			continue;
		runs++;
		if (extent.kind == LC_ZERO) {
			zeros += count;
			printf("zero %llu %llu\n", (unsigned long long)block,
			       (unsigned long long)count);
		} else {
			data += count;
			printf("data %llu %llu %u\n", (unsigned long long)block,
			       (unsigned long long)count, extent.store);
		}
	}
	printf("end %llu %llu %llu\n", (unsigned long long)runs,
	       (unsigned long long)data, (unsigned long long)zeros);
}

int main(int argc, char **argv)
{
	static const u8 boot[LC_UUID_BYTES] = "live-store boot";
	enum lc_header_fault fault;
	u8 page[LC_BLOCK_SIZE];
	struct lc_super super;
	const char *why;
	int stale, steps;
	bool park;

	if (argc < 4 || store_open(argv[1], STORE_WRITE, &file))
		return 2;
	srandom((unsigned int)atoi(argv[2]));
	park = argc > 4 && !strcmp(argv[4], "park");
	stop = argc > 4 ? atol(argv[4]) : 0;
	why = lc_super_load(&ops, NULL, page, &super, &fault, &stale);
	if (why)
		die(why);
	if (lc_store_init(&store, &ops, NULL, &super, false))
		die("no memory");
	lc_store_own(&store, "host", boot);
	if (lc_store_open(&store, stale))
		die("the store cannot be opened");
	for (steps = atoi(argv[3]); steps; steps--)
		one_step();
	flush();
	print_map();
	if (park && lc_store_park(&store))
		die("the store cannot be parked");
	lc_store_destroy(&store);
	store_close(&file);
	return 0;
}
