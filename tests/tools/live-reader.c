// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the map of a store again and again while the core writes to it, which it
 * does between one read of a block and the next:
 *
 *	live-reader STORE SEED READS STEPS
 *
 * With STEPS 0 nobody writes to it, and the maps are not compared.  Else up to STEPS steps come between two reads, more
 * or less often, and superblocks are found half written.  Each map must be that of a
 * checkpoint which was there meanwhile, and of none before the one that was asked for;
 * what the trees of all checkpoints are is walked when each is written.  Prints how many maps took
 * one walk, and how many took more.  Ends with 3 when live_read() finds damage.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "live-core.h"
#include "live.h"
#include "walk.h"

#define KEPT	4096

int __real_store_read(const struct store_file *store, u64 block, void *data, u32 count);
int __wrap_store_read(const struct store_file *store, u64 block, void *data, u32 count);

/* The maps of the last checkpoints. */
static struct kept {
	u64 generation;
	struct run_list map;
} kept[KEPT];

static bool between;		/* the reader reads, and the core may do something */
static u32 steps, chance;
static unsigned int looks;	/* at the superblock */

int __wrap_store_read(const struct store_file *store, u64 block, void *data, u32 count)
{
	u32 n, error;

	if (!between)
		return __real_store_read(store, block, data, count);
	between = false;
	n = steps && !live_random(chance) ? live_random(steps + 1) : 0;
	while (n--)
		live_step();
	error = __real_store_read(store, block, data, count);
	looks += block == lc_super_address(0);
	if (steps && (block == lc_super_address(0) || block == lc_super_address(1)) &&
	    !live_random(6))
		memset((u8 *)data + 512 * (1 + live_random(7)), 0, 512);
	between = true;
	return error;
}

static void keep_page(void *ctx, const struct walk_page *page)
{
	(void)ctx;
	if (page->why)
		live_die("a checkpoint has left a page that is not whole");
}

static void keep_run(void *ctx, u64 first, u64 count, u32 value)
{
	run_list_add(ctx, first, count, value);
}

static void keep_map(void)
{
	static const struct walk_ops ops = { .page = keep_page, .run = keep_run };
	static const struct overlay nothing;
	struct kept *to = &kept[live_store.super.generation % KEPT];

	run_list_free(&to->map);
	to->generation = live_store.super.generation;
	walk_map(&live_file, &live_store.super, &nothing, &ops, &to->map);
}

static bool same_map(const struct run_list *a, const struct run_list *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
		if (a->run[i].first != b->run[i].first ||
		    a->run[i].count != b->run[i].count ||
		    a->run[i].value != b->run[i].value)
			return false;
	return true;
}

/* Damage, of a store that nobody writes to, is the one thing that may go wrong. */
static void read_map(struct store_file *store, struct run_list *map)
{
	u64 asked = live_store.super.generation;
	const struct kept *want;
	int error;

	if (store_load(store))
		live_die("no superblock");
	between = true;
	error = live_read(store, map);
	between = false;
	if (error == -EUCLEAN && !steps)
		exit(3);
	if (error)
		live_die("the map was not read");
	if (!steps)
		return;
	want = &kept[store_super(store)->generation % KEPT];
	if (store_super(store)->generation < asked ||
	    store_super(store)->generation != want->generation)
		live_die("the map is of no checkpoint from then on");
	if (!same_map(map, &want->map))
		live_die("the map is not that of its checkpoint");
}

int main(int argc, char **argv)
{
	unsigned int reads, once = 0, again = 0;
	struct run_list map = { 0 };
	struct store_file store;
	u32 n;

	if (argc != 5)
		return 2;
	steps = (u32)atoi(argv[4]);
	live_super_written = steps ? keep_map : NULL;
	live_open(argv[1], (unsigned int)atoi(argv[2]));
	if (store_open(argv[1], STORE_READ, &store))
		return 2;
	for (reads = (unsigned int)atoi(argv[3]); reads; reads--) {
		for (n = 1 + live_random(20); steps && n; n--)
			live_step();
		if (lc_checkpoint(&live_store))
			live_die("no checkpoint");
		chance = 10 + live_random(90);
		looks = 0;
		read_map(&store, &map);
		once += looks == 1;
		again += looks > 1;
		run_list_free(&map);
	}
	printf("once %u again %u\n", once, again);
	for (n = 0; n < KEPT; n++)
		run_list_free(&kept[n].map);
	store_close(&store);
	live_close();
	return 0;
}
