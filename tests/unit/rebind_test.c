// SPDX-License-Identifier: GPL-2.0
/* A store whose clone gets another size, or nothing below it any more. */

#include "core/rebind.h"
#include "host.h"
#include "random.h"
#include "walk.h"

#define LEAF	((u64)LC_LEAF_ENTRIES)
#define NODE	(LEAF * LC_NODE_CHILDREN)

static const u8 boot[LC_UUID_BYTES] = "unit test boot";

static void sizes(struct host *host, u64 blocks, u64 overlap_blocks,
		  struct lc_change *change)
{
	lc_change_none(&host->store.super, change);
	change->clone_sectors = blocks * LC_BLOCK_SECTORS;
	change->overlap_sectors = overlap_blocks * LC_BLOCK_SECTORS;
}

/* Suspends, and resumes with the change. */
static int change_to(struct host *host, const struct lc_change *change)
{
	host_settle(host);
	KUNIT_EXPECT_EQ(host->test, host_flush(host), 0);
	host_settle(host);
	KUNIT_EXPECT_EQ(host->test, lc_store_park(&host->store), 0);
	return lc_store_change(&host->store, change, "unit", boot);
}

static void write_some(struct host *host, u64 blocks, u64 tag)
{
	u32 i;

	for (i = 0; i < 20; i++)
		KUNIT_ASSERT_EQ(host->test,
				host_write(host, blocks / 20 * i, 1, tag + i), LC_TAKEN);
}

static void expect_some(struct host *host, u64 blocks, u64 tag)
{
	u32 i;

	for (i = 0; i < 20; i++)
		KUNIT_EXPECT_EQ(host->test, host_read(host, blocks / 20 * i), tag + i);
}

static void growth_raises_the_tree_and_keeps_what_was(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 300);
	struct lc_change change;
	u64 size = 300, next;

	for (next = 100 * LEAF; next < 3 * NODE * LC_NODE_CHILDREN; next *= 90) {
		write_some(host, size, size);
		sizes(host, next, 300, &change);
		KUNIT_ASSERT_EQ(test, change_to(host, &change), 0);
		KUNIT_EXPECT_FALSE(test, lc_failed(&host->store));
		KUNIT_EXPECT_EQ(test, host->store.super.root_level, lc_root_level(next));
		walk_check(test, host->disk);
		expect_some(host, size, size);
		KUNIT_EXPECT_EQ(test, host_read(host, next - 1), HOST_BELOW);
		KUNIT_ASSERT_EQ(test, host_write(host, next - 1, 1, 7), LC_TAKEN);
		host_close(host);
		walk_check(test, host->disk);
		KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
		KUNIT_EXPECT_EQ(test, host->store.blocks, next);
		KUNIT_EXPECT_EQ(test, host->store.super.overlap_sectors,
				300 * LC_BLOCK_SECTORS);
		expect_some(host, size, size);
		KUNIT_EXPECT_EQ(test, host_read(host, next - 1), 7);
		size = next;
	}
	host_delete(host);
}

static void empty_clone_grows_by_two_levels_without_a_page(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 10);
	struct lc_change change;

	sizes(host, 2 * NODE * LC_NODE_CHILDREN, 10, &change);
	KUNIT_ASSERT_EQ(test, change_to(host, &change), 0);
	KUNIT_EXPECT_EQ(test, host->store.alloc.page_blocks, 0u);
	walk_check(test, host->disk);
	KUNIT_ASSERT_EQ(test, host_write(host, 0, 1, 1), LC_TAKEN);
	host_close(host);
	walk_check(test, host->disk);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 0), 1);
	host_delete(host);
}

/* At whichever write the power goes: the clone as it was, or as it is to be. */
static void p2_growth_cut_short_is_all_or_nothing(struct kunit *test)
{
	u64 sizes_seen[2] = { 0 };
	struct lc_change change;
	struct host *host;
	u64 cut, blocks;

	for (cut = 1; cut < 12; cut++) {
		host = host_new_open(test, 2048, 300);
		write_some(host, 300, 50);
		host_settle(host);
		KUNIT_EXPECT_EQ(test, host_flush(host), 0);
		host_settle(host);
		KUNIT_EXPECT_EQ(test, lc_store_park(&host->store), 0);
		sizes(host, 200 * LEAF, 300, &change);
		host->disk->cut_in = cut;
		KUNIT_EXPECT_EQ(test, lc_store_change(&host->store, &change, "unit", boot), 0);
		host_drop(host);
		KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
		walk_check(test, host->disk);
		blocks = host->store.blocks;
		KUNIT_EXPECT_TRUE(test, blocks == 300 || blocks == 200 * LEAF);
		sizes_seen[blocks == 300]++;
		expect_some(host, 300, 50);
		host_delete(host);
	}
	KUNIT_EXPECT_GT(test, sizes_seen[0], 1);
	KUNIT_EXPECT_GT(test, sizes_seen[1], 1);
}

static void growth_without_a_place_changes_nothing(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 10 * LEAF);
	struct lc_change change;
	enum lc_take take = LC_TAKEN;
	u64 block;

	for (block = 0; take == LC_TAKEN; block++)
		take = host_write(host, block, 1, block + 1);
	KUNIT_EXPECT_EQ(test, take, LC_FULL);
	sizes(host, 200 * LEAF, 10 * LEAF, &change);
	KUNIT_EXPECT_EQ(test, change_to(host, &change), -ENOSPC);
	KUNIT_EXPECT_EQ(test, host->store.blocks, 10 * LEAF);
	KUNIT_EXPECT_EQ(test, lc_store_resume(&host->store, "unit", boot), 0);
	for (block = 0; block < 100; block++)
		KUNIT_EXPECT_EQ(test, host_read(host, block), block + 1);
	host_close(host);
	walk_check(test, host->disk);
	host_delete(host);
}

/* Nothing below any more: only when all of it is in the store, to the last block. */
static void p2_what_lies_below_is_not_given_up_early(struct kunit *test)
{
	struct host *host = host_new_open(test, 8192, 3 * LEAF + 17);
	struct lc_change change;
	u64 last = 2 * LEAF + 5, block;

	sizes(host, 3 * LEAF + 17, 0, &change);
	change.origin_kind = LC_ORIGIN_NONE;
	change.origin_sectors = 0;
	KUNIT_EXPECT_EQ(test, lc_change_ready(&host->store, &change), -EBUSY);
	for (block = 0; block < 3 * LEAF + 17; block++)
		if (block != last && block / 8 != 7)
			KUNIT_ASSERT_EQ(test, host_write(host, block, 1, block + 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_zero(host, 56, 8), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, lc_change_ready(&host->store, &change), -EBUSY);
	KUNIT_EXPECT_EQ(test, change_to(host, &change), -EBUSY);
	KUNIT_EXPECT_EQ(test, lc_store_resume(&host->store, "unit", boot), 0);
	KUNIT_EXPECT_EQ(test, host->store.super.origin_kind, LC_ORIGIN_DEVICE);
	KUNIT_ASSERT_EQ(test, host_write(host, last, 1, 77), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, lc_change_ready(&host->store, &change), 0);
	KUNIT_ASSERT_EQ(test, change_to(host, &change), 0);
	host_close(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host->store.super.origin_kind, LC_ORIGIN_NONE);
	KUNIT_EXPECT_EQ(test, host->store.super.overlap_sectors, 0);
	KUNIT_EXPECT_EQ(test, host_read(host, last), 77);
	KUNIT_EXPECT_EQ(test, host_read(host, 60), 0);
	walk_check(test, host->disk);
	host_delete(host);
}

static void p4_what_was_cut_off_does_not_come_back(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 130 * LEAF);
	u64 end = 2 * LEAF + 3, block;
	struct lc_change change;

	for (block = 0; block < 130; block++)
		KUNIT_ASSERT_EQ(test, host_write(host, block * LEAF, 1, block + 1), LC_TAKEN);
	sizes(host, end, end, &change);
	KUNIT_EXPECT_EQ(test, change_to(host, &change), -EBUSY);
	KUNIT_EXPECT_EQ(test, lc_store_resume(&host->store, "unit", boot), 0);
	KUNIT_ASSERT_EQ(test, host_zero(host, end, 130 * LEAF - end), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, change_to(host, &change), 0);
	host_close(host);
	walk_check(test, host->disk);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host->store.blocks, end);
	KUNIT_EXPECT_EQ(test, host_read(host, 2 * LEAF), 3);
	sizes(host, 130 * LEAF, end + 1, &change);
	KUNIT_EXPECT_NOT_NULL(test, lc_change_fault(&host->store.super, &change));
	sizes(host, 130 * LEAF, end, &change);
	KUNIT_EXPECT_NULL(test, lc_change_fault(&host->store.super, &change));
	KUNIT_ASSERT_EQ(test, change_to(host, &change), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 2 * LEAF), 3);
	for (block = 3; block < 130; block++)
		KUNIT_EXPECT_EQ(test, host_read(host, block * LEAF), 0);
	KUNIT_ASSERT_EQ(test, host_write(host, 129 * LEAF, 1, 5), LC_TAKEN);
	host_close(host);
	walk_check(test, host->disk);
	host_delete(host);
}

/*
 * Pages behind the new end say that what lay there is zero, and stay.  There are more of
 * them than the reserve takes, so the rest of them lies among the data.
 */
static void what_was_cut_off_keeps_its_pages(struct kunit *test)
{
	u64 blocks = 126 * LEAF, end = 2 * LEAF, block;
	struct host *host = host_new_open(test, 2048, blocks);
	enum lc_take take = LC_TAKEN;
	struct lc_change change;

	for (block = 0; block < blocks; block += LEAF)
		KUNIT_ASSERT_EQ(test, host_zero(host, block, 1), LC_TAKEN);
	sizes(host, end, end, &change);
	KUNIT_ASSERT_EQ(test, change_to(host, &change), 0);
	host_close(host);
	walk_check(test, host->disk);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_GT(test, host->store.alloc.page_blocks,
			host->store.super.layout.reserve_blocks);
	KUNIT_ASSERT_EQ(test, lc_scan(&host->store), 0);
	for (block = 0; block < end && take == LC_TAKEN; block++)
		take = host_write(host, block, 1, block + 1);
	KUNIT_EXPECT_EQ(test, take, LC_FULL);
	host_close(host);
	walk_check(test, host->disk);
	host_delete(host);
}

/* A write of the superblock fails: failed mode, and what was can be read. */
static void failure_leaves_a_clone_that_can_be_read(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 300);
	struct lc_change change;

	write_some(host, 300, 50);
	host_settle(host);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	host_settle(host);
	KUNIT_EXPECT_EQ(test, lc_store_park(&host->store), 0);
	sizes(host, 200 * LEAF, 300, &change);
	host->disk->fail_in[DISK_WRITE] = 2;
	KUNIT_EXPECT_EQ(test, lc_store_change(&host->store, &change, "unit", boot), 0);
	KUNIT_EXPECT_TRUE(test, lc_failed(&host->store));
	expect_some(host, 300, 50);
	KUNIT_EXPECT_EQ(test, host_read(host, 200 * LEAF - 1), HOST_BELOW);
	sizes(host, 20000 * LEAF, 300, &change);
	KUNIT_EXPECT_EQ(test, lc_store_change(&host->store, &change, "unit", boot), 0);
	expect_some(host, 300, 50);
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	expect_some(host, 300, 50);
	host_delete(host);
}

static void impossible_changes_are_named(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 300);
	const struct lc_super *super = &host->store.super;
	struct lc_change change;

	lc_change_none(super, &change);
	KUNIT_EXPECT_NULL(test, lc_change_fault(super, &change));
	change.clone_sectors = 0;
	KUNIT_EXPECT_NOT_NULL(test, lc_change_fault(super, &change));
	lc_change_none(super, &change);
	change.clone_sectors = LC_CLONE_SECTORS_MAX + 1;
	KUNIT_EXPECT_NOT_NULL(test, lc_change_fault(super, &change));
	lc_change_none(super, &change);
	change.clone_sectors--;
	KUNIT_EXPECT_NOT_NULL(test, lc_change_fault(super, &change));
	lc_change_none(super, &change);
	change.layers = 1;
	KUNIT_EXPECT_NOT_NULL(test, lc_change_fault(super, &change));
	change.layers = LC_LAYERS_MAX + 1;
	change.parent_uuid[0] = 1;
	KUNIT_EXPECT_NOT_NULL(test, lc_change_fault(super, &change));
	lc_change_none(super, &change);
	change.origin_kind = LC_ORIGIN_NONE;
	KUNIT_EXPECT_NOT_NULL(test, lc_change_fault(super, &change));
	host_delete(host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(growth_raises_the_tree_and_keeps_what_was),
	KUNIT_CASE(empty_clone_grows_by_two_levels_without_a_page),
	KUNIT_CASE(p2_growth_cut_short_is_all_or_nothing),
	KUNIT_CASE(growth_without_a_place_changes_nothing),
	KUNIT_CASE(p2_what_lies_below_is_not_given_up_early),
	KUNIT_CASE(p4_what_was_cut_off_does_not_come_back),
	KUNIT_CASE(what_was_cut_off_keeps_its_pages),
	KUNIT_CASE(failure_leaves_a_clone_that_can_be_read),
	KUNIT_CASE(impossible_changes_are_named),
	{ }
};

static struct kunit_suite suite = {
	.name = "rebind",
	.test_cases = cases,
};
kunit_test_suite(suite);
