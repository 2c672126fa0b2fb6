// SPDX-License-Identifier: GPL-2.0
/* Rethin; beside many writers at a time it is in the crash simulator. */

#include "bulk.h"
#include "random.h"

#define LEAF	((u64)LC_LEAF_ENTRIES)

static int rethin(struct bulk *bulk, u64 first, u32 count, u32 *freed)
{
	bulk->first = first;
	bulk->count = count;
	return lc_rethin(&bulk->core, first, count, freed);
}

/* The guest writes what is there anyway. */
static void write_same(struct bulk *bulk, u64 block, u32 count)
{
	for (; count--; block++)
		bulk_write(bulk, block, 1, bulk_below(bulk, block));
}

static struct bulk *hydrated(struct kunit *test, u64 blocks, u64 below_blocks)
{
	struct bulk *bulk = bulk_new(test, 4096, blocks, below_blocks);
	struct lc_hydrated result;
	u64 block;

	for (block = 0; block < blocks; block += 500)
		KUNIT_ASSERT_EQ(test, lc_hydrate(&bulk->core, block,
				min_t(u32, blocks - block, 500), &result), 0);
	return bulk;
}

static void what_was_hydrated_is_let_go(struct kunit *test)
{
	struct bulk *bulk = hydrated(test, 2 * LEAF, 2 * LEAF);
	u64 data = bulk->host->store.map.data_blocks;
	u32 one, two;

	bulk_write(bulk, 100, 3, 7);
	bulk_write(bulk, 100, 3, 8);
	data = bulk->host->store.map.data_blocks;
	KUNIT_EXPECT_EQ(test, rethin(bulk, 0, 1000, &one), 0);
	KUNIT_EXPECT_EQ(test, rethin(bulk, 1000, 1016, &two), 0);
	KUNIT_EXPECT_EQ(test, one + two, data - 3);
	KUNIT_EXPECT_EQ(test, bulk->host->store.map.data_blocks, 3u);
	KUNIT_EXPECT_EQ(test, bulk->host->store.map.zero_blocks, 0u);
	KUNIT_EXPECT_EQ(test, bulk->host->store.alloc.freeing_blocks, data - 3);
	bulk_verify(bulk);
	KUNIT_EXPECT_EQ(test, host_flush(bulk->host), 0);
	host_settle(bulk->host);
	KUNIT_EXPECT_EQ(test, bulk->host->store.alloc.used_blocks, 3u);
	/* The record is found again, with and without a checkpoint. */
	host_drop(bulk->host);
	KUNIT_ASSERT_EQ(test, host_open(bulk->host, false), 0);
	KUNIT_EXPECT_EQ(test, bulk->host->store.map.data_blocks, 3u);
	bulk_verify(bulk);
	host_close(bulk->host);
	KUNIT_ASSERT_EQ(test, host_open(bulk->host, false), 0);
	KUNIT_EXPECT_EQ(test, bulk->host->store.map.data_blocks, 3u);
	bulk_verify(bulk);
	bulk_delete(bulk);
}

/* Data of zeros, where there is something else below, and behind its end. */
static void zeros_take_no_space(struct kunit *test)
{
	struct bulk *bulk = bulk_new(test, 4096, LEAF, 500);
	u32 freed, below = 0, block;

	for (block = 400; block < 600; block++)
		below += !bulk_below(bulk, block) && block < 500;
	bulk_write(bulk, 400, 200, 0);
	KUNIT_EXPECT_EQ(test, rethin(bulk, 0, LEAF, &freed), 0);
	KUNIT_EXPECT_EQ(test, freed, 200u);
	KUNIT_EXPECT_EQ(test, bulk->host->store.map.data_blocks, 0u);
	KUNIT_EXPECT_EQ(test, bulk->host->store.map.zero_blocks, 200 - below);
	bulk_verify(bulk);
	bulk_delete(bulk);
}

static void p4_discarded_blocks_stay_zero(struct kunit *test)
{
	struct bulk *bulk = bulk_new(test, 4096, LEAF, LEAF);
	u32 freed;

	bulk_zero(bulk, 0, LEAF);
	KUNIT_EXPECT_EQ(test, rethin(bulk, 0, LEAF, &freed), 0);
	KUNIT_EXPECT_EQ(test, freed, 0u);
	KUNIT_EXPECT_GT(test, bulk->host->store.map.zero_blocks, 0u);
	KUNIT_EXPECT_LT(test, bulk->host->store.map.zero_blocks, LEAF);
	bulk_verify(bulk);
	bulk_delete(bulk);
}

static void nobody_waits_where_there_is_nothing_to_do(struct kunit *test)
{
	struct bulk *bulk = bulk_new(test, 4096, LEAF, LEAF);
	u64 drains = 0;
	u32 freed;

	bulk_write(bulk, 0, 500, 3);
	bulk->drains = &drains;
	KUNIT_EXPECT_EQ(test, rethin(bulk, 0, LEAF, &freed), 0);
	KUNIT_EXPECT_EQ(test, drains, 0u);
	write_same(bulk, 20, 5);
	KUNIT_EXPECT_EQ(test, rethin(bulk, 0, LEAF, &freed), 0);
	KUNIT_EXPECT_EQ(test, drains, 1u);
	KUNIT_EXPECT_EQ(test, freed, 5u);
	bulk->drains = NULL;
	bulk_delete(bulk);
}

static void held_blocks_are_those_that_may_go(struct kunit *test)
{
	struct bulk *bulk = bulk_new(test, 4096, LEAF, LEAF);
	struct lc_store *store = &bulk->host->store;

	KUNIT_EXPECT_FALSE(test, lc_held(store, 0, LEAF));
	store->holding = true;
	store->held_first = 10;
	store->held_end = 20;
	KUNIT_EXPECT_FALSE(test, lc_held(store, 0, 10));
	KUNIT_EXPECT_TRUE(test, lc_held(store, 0, 11));
	KUNIT_EXPECT_TRUE(test, lc_held(store, 19, 1));
	KUNIT_EXPECT_FALSE(test, lc_held(store, 20, 5));
	bulk_delete(bulk);
}

/* Zeroes the first block of each leaf from @leaf on, until too many are dirty. */
static enum lc_take zero_leaves(struct bulk *bulk, u64 leaf, u64 end)
{
	struct lc_store *store = &bulk->host->store;
	enum lc_take take = LC_TAKEN;
	u64 count;

	for (; take == LC_TAKEN && leaf < end; leaf++) {
		KUNIT_ASSERT_EQ(bulk->host->test, lc_map_load(store, leaf * LEAF), 0);
		count = 1;
		take = lc_zero(store, leaf * LEAF, &count);
		if (take == LC_TAKEN)
			bulk->content[leaf * LEAF] = 0;
	}
	return take;
}

/* It waits for a checkpoint then, and not for what it kicks itself. */
static void waits_for_what_is_in_the_way(struct kunit *test)
{
	struct bulk *bulk = bulk_new(test, 4096, 80 * LEAF, 80 * LEAF);
	u32 freed;

	write_same(bulk, 0, 1);
	KUNIT_ASSERT_EQ(test, host_flush(bulk->host), 0);
	host_settle(bulk->host);
	KUNIT_ASSERT_EQ(test, lc_checkpoint(&bulk->host->store), 0);
	KUNIT_ASSERT_EQ(test, zero_leaves(bulk, 1, 80), LC_BUSY);
	KUNIT_EXPECT_EQ(test, rethin(bulk, 0, 1, &freed), 0);
	KUNIT_EXPECT_EQ(test, freed, 1u);
	KUNIT_EXPECT_EQ(test, bulk->waits, 1u);
	KUNIT_EXPECT_EQ(test, bulk->idle_waits, 0u);
	bulk_verify(bulk);
	bulk_delete(bulk);
}

static void errors_are_told_and_change_nothing(struct kunit *test)
{
	struct bulk *bulk = hydrated(test, LEAF, LEAF);
	u64 data = bulk->host->store.map.data_blocks;
	u32 freed;

	bulk->bad_below = 5;
	KUNIT_EXPECT_EQ(test, rethin(bulk, 0, 20, &freed), -EIO);
	bulk->bad_below = ~0ull;
	bulk->stop = true;
	KUNIT_EXPECT_EQ(test, rethin(bulk, 0, 20, &freed), -EBUSY);
	bulk->stop = false;
	bulk->host->disk->fail_in[DISK_READ] = 1;
	KUNIT_EXPECT_EQ(test, rethin(bulk, 0, LEAF, &freed), -EIO);
	bulk->host->disk->fail_in[DISK_READ] = 0;
	KUNIT_EXPECT_EQ(test, bulk->host->store.map.data_blocks, data);
	KUNIT_EXPECT_FALSE(test, lc_held(&bulk->host->store, 0, LEAF));
	lc_fail(&bulk->host->store, "for a test");
	KUNIT_EXPECT_EQ(test, rethin(bulk, 0, 20, &freed), -EIO);
	bulk_delete(bulk);
}

static void guest_wins_wherever_it_comes_between(struct kunit *test)
{
	u32 rounds = random_rounds(150);
	struct lc_hydrated result;

	while (rounds-- && test->status != KUNIT_FAILURE) {
		u64 blocks = 100 + random_below(2500);
		struct bulk *bulk = bulk_new(test, 4000 + random_below(3000), blocks,
					     random_below(3000));
		u32 calls = 30, freed;
		int error = 0;

		bulk->meanwhile = bulk_disturb;
		while (calls-- && !error) {
			u64 first = random_below((u32)blocks);
			u32 count = 1 + random_below(min_t(u32, blocks - first, 300));

			bulk->first = first;
			bulk->count = count;
			if (random_chance(40))
				error = lc_hydrate(&bulk->core, first, count, &result);
			else if (random_chance(30))
				write_same(bulk, first, min_t(u32, count, 20));
			else
				error = rethin(bulk, first, count, &freed);
		}
		KUNIT_EXPECT_TRUE(test, !error || error == -ENOSPC);
		bulk_verify(bulk);
		KUNIT_EXPECT_EQ(test, host_flush(bulk->host), 0);
		host_drop(bulk->host);
		KUNIT_ASSERT_EQ(test, host_open(bulk->host, false), 0);
		bulk_verify(bulk);
		KUNIT_EXPECT_EQ(test, bulk->host->store.alloc.used_blocks,
				bulk->host->store.map.data_blocks);
		bulk_delete(bulk);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(what_was_hydrated_is_let_go),
	KUNIT_CASE(zeros_take_no_space),
	KUNIT_CASE(p4_discarded_blocks_stay_zero),
	KUNIT_CASE(nobody_waits_where_there_is_nothing_to_do),
	KUNIT_CASE(held_blocks_are_those_that_may_go),
	KUNIT_CASE(waits_for_what_is_in_the_way),
	KUNIT_CASE(errors_are_told_and_change_nothing),
	KUNIT_CASE(guest_wins_wherever_it_comes_between),
	{ }
};

static struct kunit_suite suite = {
	.name = "rethin",
	.test_cases = cases,
};
kunit_test_suite(suite);
