// SPDX-License-Identifier: GPL-2.0
/* The map in memory, against a flat array. */

#include <stdlib.h>
#include "host.h"
#include "random.h"
#include "walk.h"

#define LEAF		((u64)LC_LEAF_ENTRIES)
#define TICKETS		24

/* What one block is, in the naive model: the entry itself. */
struct flat {
	struct kunit *test;
	struct host *host;
	u64 blocks;
	u32 *entry;
	u64 data_blocks;
	u64 zero_blocks;
	u64 freeing;		/* let go, and not discarded yet */
	u32 tickets;
	u32 in_tickets;		/* blocks */
	struct lc_ticket ticket[TICKETS];
	u64 ticket_block[TICKETS];
};

static void flat_set(struct flat *flat, u64 block, u32 entry)
{
	u32 old = flat->entry[block];

	flat->data_blocks -= old && old != LC_ENTRY_ZERO;
	flat->zero_blocks -= old == LC_ENTRY_ZERO;
	flat->data_blocks += entry && entry != LC_ENTRY_ZERO;
	flat->zero_blocks += entry == LC_ENTRY_ZERO;
	flat->entry[block] = entry;
}

static void take(struct flat *flat, u64 block, u32 count)
{
	struct lc_ticket *ticket = &flat->ticket[flat->tickets];
	enum lc_take take;
	u32 i;

	if (flat->tickets == TICKETS)
		return;
	count = (u32)min_t(u64, count, flat->blocks - block);
	take = host_ticket(flat->host, block, count, ticket);
	if (take == LC_CHANGED)
		KUNIT_EXPECT_TRUE(flat->test, flat->entry[block] &&
				  flat->entry[block] != LC_ENTRY_ZERO);
	if (take != LC_TAKEN)
		return;
	KUNIT_EXPECT_LE(flat->test, ticket->count, count);
	for (i = 0; i < ticket->count; i++)
		KUNIT_EXPECT_EQ(flat->test, ticket->expected,
				flat->entry[block + i]);
	flat->ticket_block[flat->tickets++] = block;
	flat->in_tickets += ticket->count;
}

static void end_ticket(struct flat *flat, bool publish)
{
	u32 n = random_below(flat->tickets), i;
	struct lc_ticket ticket = flat->ticket[n];
	u64 block = flat->ticket_block[n];
	bool won = true;

	flat->ticket[n] = flat->ticket[--flat->tickets];
	flat->ticket_block[n] = flat->ticket_block[flat->tickets];
	flat->in_tickets -= ticket.count;
	if (!publish) {
		lc_ticket_abort(&flat->host->store, &ticket);
		return;
	}
	for (i = 0; i < ticket.count; i++) {
		if (flat->entry[block + i] == ticket.expected)
			flat_set(flat, block + i, ticket.store + i);
		else
			won = false;
	}
	KUNIT_EXPECT_EQ(flat->test,
			lc_ticket_publish(&flat->host->store, &ticket), won);
}

static void zero(struct flat *flat, u64 block, u64 count)
{
	u64 below = lc_blocks_of(lc_below_sectors(&flat->host->super));
	enum lc_take take;
	u32 old = flat->entry[block];
	bool already = old == LC_ENTRY_ZERO || (!old && block >= below);

	count = min(count, flat->blocks - block);
	take = lc_zero(&flat->host->store, block, &count);
	if (take == LC_LOAD)
		KUNIT_EXPECT_EQ(flat->test,
				lc_map_load(&flat->host->store, block), 0);
	if (take != LC_TAKEN)
		return;
	KUNIT_EXPECT_GE(flat->test, count, 1);
	/* What reads as zeros anyway has nothing noted, nor what is like it. */
	for (; !already && count--; block++) {
		old = flat->entry[block];
		flat->freeing += old && old != LC_ENTRY_ZERO;
		flat_set(flat, block, LC_ENTRY_ZERO);
	}
}

static void discarded(struct host *host, u32 block, u32 count)
{
	struct flat *flat = host->owner;

	(void)block;
	flat->freeing -= count;
}

/* What is written first is not left over when a drain is done. */
static void drain(struct host *host)
{
	struct flat *flat = host->owner;

	while (flat->tickets)
		end_ticket(flat, random_chance(80));
}

static void compare_run(struct flat *flat)
{
	u64 block = random_u64() % flat->blocks;
	u64 most = 1 + random_u64() % min(flat->blocks - block, 3000);
	struct lc_extent extent;
	u64 i;

	lc_lookup(&flat->host->store, block, most, &extent);
	KUNIT_EXPECT_GE(flat->test, extent.count, 1);
	KUNIT_EXPECT_LE(flat->test, extent.count, most);
	for (i = 0; i < extent.count; i++) {
		u32 entry = flat->entry[block + i];

		if (extent.kind == LC_DATA)
			KUNIT_EXPECT_EQ(flat->test, entry, extent.store + i);
		else if (extent.kind == LC_ZERO)
			KUNIT_EXPECT_EQ(flat->test, entry, LC_ENTRY_ZERO);
		else if (extent.kind == LC_BELOW)
			KUNIT_EXPECT_EQ(flat->test, entry, LC_ENTRY_UNMAPPED);
	}
}

static void compare_counts(struct flat *flat)
{
	struct lc_store *store = &flat->host->store;

	KUNIT_EXPECT_EQ(flat->test, store->map.data_blocks, flat->data_blocks);
	KUNIT_EXPECT_EQ(flat->test, store->map.zero_blocks, flat->zero_blocks);
	KUNIT_EXPECT_EQ(flat->test, store->alloc.freeing_blocks, flat->freeing);
	KUNIT_EXPECT_EQ(flat->test, store->alloc.used_blocks,
			flat->data_blocks + flat->freeing + flat->in_tickets);
	KUNIT_EXPECT_FALSE(flat->test, lc_failed(store));
}

static void step(struct flat *flat)
{
	u64 block = random_u64() % flat->blocks;
	u32 what = random_below(100);

	/* Most of it in a few places, so that things meet. */
	if (random_chance(80))
		block = min(block % (flat->blocks / 20) / 40 * 40 * 20 +
			    random_below(40), flat->blocks - 1);
	if (what < 35)
		take(flat, block, 1 + random_below(40));
	else if (what < 60 && flat->tickets)
		end_ticket(flat, random_chance(85));
	else if (what < 70)
		zero(flat, block, 1 + random_below(60));
	else if (what < 71)
		zero(flat, block / LEAF * LEAF, LEAF);
	else if (what < 85)
		compare_run(flat);
	else if (what < 90)
		lc_map_evict(&flat->host->store, random_below(10));
	else if (what < 93)
		KUNIT_EXPECT_EQ(flat->test, host_flush(flat->host), 0);
	else
		host_serve(flat->host, HOST_WORK);
}

static void against_flat_array(struct kunit *test, u64 blocks, u64 origin,
			       u32 steps)
{
	struct host_format format = {
		.store_blocks = 6000, .clone_sectors = blocks * 8,
		.origin_sectors = origin * 8,
	};
	struct flat flat = { .test = test, .blocks = blocks };
	struct walk *walk;
	u64 block;

	flat.entry = kunit_kzalloc(test, blocks * sizeof(u32), GFP_KERNEL);
	flat.host = host_new(test, &format);
	KUNIT_ASSERT_EQ(test, host_open(flat.host, false), 0);
	flat.host->owner = &flat;
	flat.host->drain = drain;
	flat.host->discarded = discarded;
	steps = random_rounds(steps);
	while (steps-- && test->status != KUNIT_FAILURE) {
		step(&flat);
		compare_counts(&flat);
	}
	drain(flat.host);
	host_close(flat.host);
	walk = walk_disk(test, flat.host->disk);
	for (block = 0; block < blocks; block++)
		KUNIT_EXPECT_EQ(test, walk->entry[block], flat.entry[block]);
	KUNIT_EXPECT_EQ(test, walk->data_blocks, flat.data_blocks);
	KUNIT_EXPECT_EQ(test, walk->zero_blocks, flat.zero_blocks);
	walk_free(walk);
	host_delete(flat.host);
}

static void random_use_of_one_level(struct kunit *test)
{
	against_flat_array(test, 20 * LEAF + 77, 15 * LEAF + 3, 20000);
}

static void random_use_of_three_levels(struct kunit *test)
{
	against_flat_array(test, 140 * LEAF, 200 * LEAF, 20000);
}

static void random_use_without_origin(struct kunit *test)
{
	against_flat_array(test, 8 * LEAF, 0, 10000);
}

/* One by one ----------------------------------------------------------- */

static void untouched_clone_is_one_extent_and_no_memory(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 1 << 24);
	struct lc_extent extent;

	lc_lookup(&host->store, 0, 1 << 24, &extent);
	KUNIT_EXPECT_EQ(test, extent.kind, LC_BELOW);
	KUNIT_EXPECT_EQ(test, extent.count, 1 << 24);
	KUNIT_EXPECT_EQ(test, host->store.map.leaves_in_memory, 0);
	KUNIT_EXPECT_EQ(test, host->store.map.nodes_in_memory, 1);
	KUNIT_EXPECT_EQ(test, host->store.alloc.page_blocks, 0);
	host_delete(host);
}

static void runs_go_on_across_leaves(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 10 * LEAF);
	struct lc_extent extent;

	KUNIT_ASSERT_EQ(test, host_write(host, LEAF - 10, 30, 7), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_zero(host, 3 * LEAF - 5, LEAF + 10), LC_TAKEN);
	lc_lookup(&host->store, LEAF - 10, 1000, &extent);
	KUNIT_EXPECT_EQ(test, extent.kind, LC_DATA);
	KUNIT_EXPECT_EQ(test, extent.count, 30);
	KUNIT_EXPECT_FALSE(test, extent.durable);
	lc_lookup(&host->store, 3 * LEAF - 5, 10000, &extent);
	KUNIT_EXPECT_EQ(test, extent.kind, LC_ZERO);
	KUNIT_EXPECT_EQ(test, extent.count, LEAF + 10);
	lc_lookup(&host->store, 0, 10 * LEAF, &extent);
	KUNIT_EXPECT_EQ(test, extent.count, LEAF - 10);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	lc_lookup(&host->store, LEAF - 10, 1000, &extent);
	KUNIT_EXPECT_TRUE(test, extent.durable);
	host_delete(host);
}

static void leaf_is_read_again_after_it_was_given_back(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 300 * LEAF);
	struct lc_extent extent;

	KUNIT_ASSERT_EQ(test, host_write(host, 200 * LEAF, 3, 9), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, lc_map_evict(&host->store, 10), 0);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	/* Looked up: it has a second chance. */
	KUNIT_EXPECT_EQ(test, host_read(host, 200 * LEAF), 9);
	KUNIT_EXPECT_EQ(test, lc_map_evict(&host->store, 10), 0);
	KUNIT_EXPECT_EQ(test, lc_map_evict(&host->store, 10), 1);
	KUNIT_EXPECT_EQ(test, host->store.map.leaves_in_memory, 0);
	KUNIT_EXPECT_EQ(test, host->store.map.nodes_in_memory, 1);
	lc_lookup(&host->store, 200 * LEAF, 10, &extent);
	KUNIT_EXPECT_EQ(test, extent.kind, LC_UNLOADED);
	KUNIT_EXPECT_EQ(test, host_read(host, 200 * LEAF + 2), 9);
	KUNIT_EXPECT_EQ(test, host_read(host, 200 * LEAF + 3), HOST_BELOW);
	host_delete(host);
}

/* Gives back what there is, with a second chance for what was looked up. */
static void evict_all(struct host *host)
{
	u32 i;

	for (i = 0; i < 3; i++)
		lc_map_evict(&host->store, 1000);
}

/* Who asks for the state of a leaf brings in nodes, and nothing below them. */
static void p9_nodes_without_leaves_are_given_back(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 127 * 126 * LEAF);
	struct lc_map *map = &host->store.map;
	u64 block;
	u8 state;

	for (block = 0; block < 20; block++)
		KUNIT_ASSERT_EQ(test, host_write(host, block * 127 * LEAF, 1, 1),
				LC_TAKEN);
	host_close(host);
	KUNIT_ASSERT_EQ(test, host_open(host, true), 0);
	for (block = 0; block < 20; block++) {
		KUNIT_EXPECT_EQ(test, lc_map_leaf_state(&host->store,
							(block * 127 + 1) * LEAF,
							&state), 0);
		KUNIT_EXPECT_EQ(test, state, LC_REF_NONE);
	}
	KUNIT_EXPECT_EQ(test, map->leaves_in_memory, 0);
	KUNIT_EXPECT_GT(test, map->nodes_in_memory, 20);
	KUNIT_EXPECT_GE(test, map->ends_in_memory, 20);
	evict_all(host);
	KUNIT_EXPECT_EQ(test, map->nodes_in_memory, 1);
	KUNIT_EXPECT_EQ(test, map->ends_in_memory, 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 19 * 127 * LEAF), 1);
	host_delete(host);
}

struct asked {
	u32 times;
	u32 count;			/* the last time */
	u32 memory_out;
};

/* Others wait as well: all that this one has, but for the root, may be taken away. */
static void nodes_asked(struct host *host, u32 count)
{
	struct asked *asked = host->owner;

	asked->times++;
	asked->count = count;
	evict_all(host);
	KUNIT_EXPECT_EQ(host->test, host->store.map.nodes_in_memory, 1);
	if (asked->memory_out)
		KUNIT_EXPECT_EQ(host->test, host->memory_out, asked->memory_out);
	asked->memory_out = host->memory_out;
}

/* Two that each had a part of their nodes could wait for each other. */
static void nodes_come_all_at_once_with_nothing_pinned(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 3 * LC_NODE_CHILDREN *
					  LC_NODE_CHILDREN * LEAF);
	struct asked asked = { .times = 0 };
	u64 block = LC_NODE_CHILDREN * LEAF;

	host->owner = &asked;
	host->nodes = nodes_asked;
	KUNIT_EXPECT_EQ(test, host->store.map.root->page.level, 3);
	KUNIT_EXPECT_EQ(test, lc_map_load(&host->store, 0), 0);
	KUNIT_EXPECT_EQ(test, asked.times, 1);
	KUNIT_EXPECT_EQ(test, asked.count, 2);
	/* All is there but for the leaf. */
	KUNIT_EXPECT_EQ(test, lc_map_load(&host->store, LEAF), 0);
	KUNIT_EXPECT_EQ(test, asked.times, 1);
	/* One would do, but what is above it goes meanwhile. */
	KUNIT_EXPECT_EQ(test, lc_map_load(&host->store, block), 0);
	KUNIT_EXPECT_EQ(test, asked.times, 3);
	KUNIT_EXPECT_EQ(test, asked.count, 2);
	KUNIT_EXPECT_NOT_NULL(test, host_leaf(host, block));
	KUNIT_EXPECT_EQ(test, host->store.map.nodes_in_memory, 3);
	host_delete(host);
}

static void what_cannot_be_given_back_is_told_from_the_rest(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 10 * LEAF);

	KUNIT_EXPECT_FALSE(test, lc_map_evictable(&host->store));
	KUNIT_ASSERT_EQ(test, host_write(host, 0, 1, 9), LC_TAKEN);
	KUNIT_EXPECT_FALSE(test, lc_map_evictable(&host->store));
	KUNIT_ASSERT_EQ(test, lc_map_load(&host->store, LEAF), 0);
	KUNIT_EXPECT_TRUE(test, lc_map_evictable(&host->store));
	evict_all(host);
	KUNIT_EXPECT_FALSE(test, lc_map_evictable(&host->store));
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_TRUE(test, lc_map_evictable(&host->store));
	/* Looked up: not now, but later. */
	KUNIT_EXPECT_EQ(test, host_read(host, 0), 9);
	lc_map_evict(&host->store, 10);
	KUNIT_EXPECT_TRUE(test, lc_map_evictable(&host->store));
	host_delete(host);
}

static void node_of_holes_in_use_stays(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 127 * LEAF);
	u32 i;

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 1, 9), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	for (i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, host_read(host, 7 * LEAF), HOST_BELOW);
		lc_map_evict(&host->store, 1000);
	}
	KUNIT_EXPECT_EQ(test, host->store.map.leaves_in_memory, 0);
	KUNIT_EXPECT_EQ(test, host->store.map.nodes_in_memory, 2);
	evict_all(host);
	KUNIT_EXPECT_EQ(test, host->store.map.nodes_in_memory, 1);
	host_delete(host);
}

/*
 * Round 1 has gathered an old value and is slow; the checkpoint's image has the
 * new one, and lies before round 1 in the order of replay.  Until round 2 is
 * done the new value is not durable, whoever has the leaf's image.
 */
static void p1_fua_waits_for_the_round_though_the_image_is_on_disk(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 10 * LEAF);
	struct host_wait first = { .error = 0 }, second = { .error = 0 };
	struct lc_extent extent;
	u32 i;

	KUNIT_ASSERT_EQ(test, host_zero(host, 5, 1), LC_TAKEN);
	lc_round_wait(&host->store, &first.core);	/* gathers the zero */
	KUNIT_ASSERT_EQ(test, host_write(host, 5, 1, 77), LC_TAKEN);
	disk_flush(host->disk);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	while (!first.answered) {			/* the old group closes */
		host_round_io(host);
		if (host->step)
			lc_round_step(&host->store);
		host->step = false;
	}
	lc_round_wait(&host->store, &second.core);	/* gathers the write */
	for (i = 0; i < 3; i++)
		lc_map_evict(&host->store, 10);
	host_lookup(host, 5, &extent);
	KUNIT_EXPECT_EQ(test, extent.kind, LC_DATA);
	KUNIT_EXPECT_FALSE(test, extent.durable && !second.answered);
	/* What the device would be told to make durable now is lost by a crash. */
	host_drop(host);
	KUNIT_EXPECT_EQ(test, second.error, -EIO);
	KUNIT_EXPECT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_TRUE(test, host_read(host, 5) == 0 || host_read(host, 5) == 77);
	host_delete(host);
}

static void p6_damaged_leaf_is_an_error_for_what_it_covers(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 10 * LEAF);
	struct walk *walk;
	u32 address;

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 1, 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_write(host, LEAF, 1, 2), LC_TAKEN);
	host_flush(host);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	address = lc_page_ref(&host->store,
			      &host_leaf(host, LEAF)->page)->address;
	host_close(host);
	((u8 *)disk_medium(host->disk, address))[1000] ^= 1;
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, lc_map_load(&host->store, LEAF), -EIO);
	KUNIT_EXPECT_STREQ(test, host->report, "checksum does not match");
	KUNIT_EXPECT_EQ(test, host_read(host, 0), 1);
	KUNIT_EXPECT_EQ(test, host_write(host, 1, 1, 3), LC_TAKEN);
	host_close(host);
	((u8 *)disk_medium(host->disk, address))[1000] ^= 1;
	walk = walk_disk(test, host->disk);
	KUNIT_EXPECT_EQ(test, walk->data_blocks, 3);
	walk_free(walk);
	host_delete(host);
}

static void leaf_that_finds_no_memory_is_loaded_later(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 200 * LEAF);

	host->no_memory = true;
	KUNIT_EXPECT_EQ(test, lc_map_load(&host->store, 7), -ENOMEM);
	host->no_memory = false;
	KUNIT_EXPECT_EQ(test, lc_map_load(&host->store, 7), 0);
	host_delete(host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(random_use_of_one_level),
	KUNIT_CASE(random_use_of_three_levels),
	KUNIT_CASE(random_use_without_origin),
	KUNIT_CASE(untouched_clone_is_one_extent_and_no_memory),
	KUNIT_CASE(runs_go_on_across_leaves),
	KUNIT_CASE(leaf_is_read_again_after_it_was_given_back),
	KUNIT_CASE(p9_nodes_without_leaves_are_given_back),
	KUNIT_CASE(nodes_come_all_at_once_with_nothing_pinned),
	KUNIT_CASE(what_cannot_be_given_back_is_told_from_the_rest),
	KUNIT_CASE(node_of_holes_in_use_stays),
	KUNIT_CASE(p1_fua_waits_for_the_round_though_the_image_is_on_disk),
	KUNIT_CASE(p6_damaged_leaf_is_an_error_for_what_it_covers),
	KUNIT_CASE(leaf_that_finds_no_memory_is_loaded_later),
	{ }
};

static struct kunit_suite suite = {
	.name = "map",
	.test_cases = cases,
};
kunit_test_suite(suite);
