// SPDX-License-Identifier: GPL-2.0
/* Checkpoints of a store whose device has no space: for pages, for some of them, for a while. */

#include "host.h"

#define LEAF	((u64)LC_LEAF_ENTRIES)

static struct host *small(struct kunit *test)
{
	return host_new_open(test, 2048, 300 * LEAF);
}

/* Writes block @slot of the leaves from @from to @to, and makes it durable. */
static void write_leaves(struct host *host, u32 from, u32 to, u32 slot, u64 tag)
{
	u32 leaf;

	for (leaf = from; leaf < to; leaf++)
		KUNIT_ASSERT_EQ(host->test, host_write(host, leaf * LEAF + slot, 1,
						       tag + leaf), LC_TAKEN);
	KUNIT_ASSERT_EQ(host->test, host_flush(host), 0);
}

static void expect_leaves(struct host *host, u32 leaves, u32 slot, u64 tag)
{
	u32 leaf;

	for (leaf = 0; leaf < leaves; leaf++)
		KUNIT_EXPECT_EQ(host->test, host_read(host, leaf * LEAF + slot),
				tag + leaf);
}

/* No page is lost, none failed, and the reserve is taken where it helps. */
static void p5_device_without_space_for_pages(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_store *store = &host->store;
	u32 kept = store->super.layout.reserve_blocks / 2;
	u32 promised, pages, leaf;
	u64 before;

	/* All pages that are for every day; the other half is still there. */
	for (leaf = 0; leaf < kept + 6; leaf += 6) {
		write_leaves(host, leaf, leaf + 6, 0, 1000);
		KUNIT_ASSERT_EQ(test, lc_checkpoint(store), 0);
	}
	host->disk->backed = store->super.layout.data_start;
	host_zero(host, 0, 1);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(store), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 0), 0);
	KUNIT_EXPECT_FALSE(test, store->alloc.below_full);

	/* Nor has the reserve any space now. */
	host->disk->backed = 1;
	for (leaf = 0; leaf < 3; leaf++)
		KUNIT_ASSERT_EQ(test, host_zero(host, leaf * LEAF, 1), LC_TAKEN);
	promised = store->alloc.promised_blocks;
	pages = store->alloc.page_blocks;
	before = store->super.generation;
	for (leaf = 0; leaf < 3; leaf++)
		KUNIT_EXPECT_EQ(test, lc_checkpoint(store), -ENOSPC);
	KUNIT_EXPECT_FALSE(test, lc_failed(store));
	KUNIT_EXPECT_TRUE(test, store->alloc.below_full);
	KUNIT_EXPECT_EQ(test, store->alloc.promised_blocks, promised);
	KUNIT_EXPECT_EQ(test, store->alloc.page_blocks, pages);
	KUNIT_EXPECT_EQ(test, store->super.generation, before);
	KUNIT_EXPECT_EQ(test, host_read(host, LEAF), 0);

	/* Writes go on, and now the device has space again. */
	host->disk->backed = 0;
	write_leaves(host, 0, 10, 5, 2000);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(store), 0);
	KUNIT_EXPECT_EQ(test, store->map.charged, 0);
	KUNIT_EXPECT_EQ(test, store->alloc.promised_blocks, 0);
	host_close(host);
	walk_check(test, host->disk);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	expect_leaves(host, 10, 5, 2000);
	KUNIT_EXPECT_EQ(test, host_read(host, LEAF), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 3 * LEAF), 1003);
	host_delete(host);
}

/* Zeroes a block of each leaf from @leaf on, below @end; returns where that ends. */
static u32 zero_leaves(struct lc_store *store, u32 leaf, u32 end)
{
	u64 count = 1;

	while (leaf < end && lc_zero(store, leaf * LEAF, &count) == LC_TAKEN)
		leaf++;
	return leaf;
}

/* Others get dirty while the pages are written, the first time. */
static void dirty_up_to(struct host *host, u32 end)
{
	u32 *next = host->owner;

	host->wrote = NULL;
	*next = zero_leaves(&host->store, *next, end);
}

static void dirty_meanwhile(struct host *host, u32 block)
{
	(void)block;
	dirty_up_to(host, 96);
}

static void dirty_meanwhile_all(struct host *host, u32 block)
{
	(void)block;
	dirty_up_to(host, 250);
}

/*
 * 96 leaves that have pages, almost as many dirty as may be, and a device without
 * space.  @wrote is called at each write of the next checkpoint.
 */
static struct host *dirty_and_full(struct kunit *test, u32 *next,
				   void (*wrote)(struct host *host, u32 block))
{
	struct host *host = small(test);
	struct lc_store *store = &host->store;
	u32 cap = lc_dirty_cap(store->super.layout.reserve_blocks);
	u32 leaf;

	for (leaf = 0; leaf < 96; leaf += 6) {
		write_leaves(host, leaf, leaf + 6, 0, 1000);
		KUNIT_ASSERT_EQ(test, lc_checkpoint(store), 0);
	}
	*next = zero_leaves(store, 0, cap - 5);
	KUNIT_ASSERT_EQ(test, *next, cap - 5);
	/* No round has to gather them any more. */
	KUNIT_ASSERT_EQ(test, host_flush(host), 0);
	host->owner = next;
	host->wrote = wrote;
	host->disk->backed = 1;
	return host;
}

static void expect_zeroed(struct host *host, u32 next)
{
	struct kunit *test = host->test;
	u32 leaf;

	host_close(host);
	walk_check(test, host->disk);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	for (leaf = 0; leaf < 96; leaf++)
		KUNIT_EXPECT_EQ(test, host_read(host, leaf * LEAF),
				leaf < next ? 0 : 1000 + leaf);
	host_delete(host);
}

/* What is dirty after that is more than a full store has places for at once. */
static void p5_checkpoint_taken_back_is_made_in_parts(struct kunit *test)
{
	u32 next;
	struct host *host = dirty_and_full(test, &next, dirty_meanwhile);
	struct lc_store *store = &host->store;
	u32 cap = lc_dirty_cap(store->super.layout.reserve_blocks);
	u64 before, count = 1;

	KUNIT_EXPECT_EQ(test, lc_checkpoint(store), -ENOSPC);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(store->checkpoint_due));
	KUNIT_EXPECT_GT(test, next, cap);
	KUNIT_EXPECT_GT(test, store->map.charged, cap);
	/* For want of space, not for a moment only. */
	KUNIT_EXPECT_EQ(test, lc_zero(store, 95 * LEAF, &count), LC_FULL);
	host_take_kick(host, LC_KICK_SPACE);
	host->disk->backed = 0;
	before = store->super.generation;
	KUNIT_EXPECT_EQ(test, lc_checkpoint(store), 0);
	KUNIT_EXPECT_TRUE(test, host_take_kick(host, LC_KICK_SPACE));
	KUNIT_EXPECT_GE(test, store->super.generation, before + 2);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(store->checkpoint_due));
	expect_zeroed(host, next);
}

/* The same, and the device has space again for the second try. */
static void dirty_and_grow(struct host *host, u32 block)
{
	if (!host->store.map.starved)
		dirty_meanwhile(host, block);
	if (host->store.alloc.below_full)
		host->disk->backed = 0;
	host->wrote = host->disk->backed ? dirty_and_grow : NULL;
}

static void p5_checkpoint_tried_again_is_made_in_parts(struct kunit *test)
{
	u32 next;
	struct host *host = dirty_and_full(test, &next, dirty_and_grow);
	struct lc_store *store = &host->store;
	u64 before = store->super.generation;

	KUNIT_EXPECT_EQ(test, lc_checkpoint(store), 0);
	KUNIT_EXPECT_GT(test, next, lc_dirty_cap(store->super.layout.reserve_blocks));
	KUNIT_EXPECT_GE(test, store->super.generation, before + 2);
	KUNIT_EXPECT_FALSE(test, lc_failed(store));
	KUNIT_EXPECT_FALSE(test, READ_ONCE(store->checkpoint_due));
	expect_zeroed(host, next);
}

/* The device has space again when the first try has found that there is none. */
static void grow_for_the_second_try(struct host *host, u32 block)
{
	(void)block;
	if (host->store.alloc.below_full)
		host->disk->backed = 0;
}

/*
 * 96 leaves that have pages; those up to @next are dirty.  A part of the reserve is in use,
 * data goes up to where the pages need the rest, and there is no bitmap.
 */
static struct host *just_enough_places(struct kunit *test, u32 *next)
{
	struct host *host = small(test);
	struct lc_store *store = &host->store;
	u32 cap = lc_dirty_cap(store->super.layout.reserve_blocks);
	u32 leaf, block = 96 * LEAF;

	for (leaf = 0; leaf < 96; leaf += 6) {
		write_leaves(host, leaf, leaf + 6, 0, 1000);
		KUNIT_ASSERT_EQ(test, lc_checkpoint(store), 0);
	}
	host->disk->backed = store->super.layout.data_start;
	KUNIT_ASSERT_EQ(test, zero_leaves(store, 76, 96), 96);
	KUNIT_ASSERT_EQ(test, host_flush(host), 0);
	KUNIT_ASSERT_EQ(test, lc_checkpoint(store), 0);
	host->disk->backed = 0;
	*next = zero_leaves(store, 0, cap - 6);
	KUNIT_ASSERT_EQ(test, *next, cap - 6);
	while (lc_space_known(store) > cap)
		KUNIT_ASSERT_EQ(test, host_write(host, block++, 1, 9), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_flush(host), 0);
	lc_scan_drop(store);
	KUNIT_ASSERT_GE(test, lc_space_known(store), cap);
	return host;
}

/*
 * Places above the high-water mark that the first try has taken are found again by a scan
 * only, and what is left is not enough for the second: that is no failure.
 */
static void p5_second_try_without_places_is_put_off(struct kunit *test)
{
	u32 leaf, next;
	struct host *host = just_enough_places(test, &next);
	struct lc_store *store = &host->store;

	host->disk->backed = 1;
	host->wrote = grow_for_the_second_try;
	KUNIT_EXPECT_EQ(test, lc_checkpoint(store), -ENOSPC);
	KUNIT_EXPECT_EQ(test, host->disk->backed, 0);
	KUNIT_EXPECT_FALSE(test, lc_failed(store));
	KUNIT_EXPECT_TRUE(test, READ_ONCE(store->checkpoint_due));
	KUNIT_EXPECT_EQ(test, lc_checkpoint(store), 0);
	KUNIT_EXPECT_EQ(test, store->map.charged, 0);
	host_close(host);
	walk_check(test, host->disk);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	for (leaf = 0; leaf < 96; leaf++)
		KUNIT_EXPECT_EQ(test, host_read(host, leaf * LEAF),
				leaf < next || leaf >= 76 ? 0 : 1000 + leaf);
	host_delete(host);
}

/*
 * Parts find places again and again, and a whole checkpoint never does: the journal's tail
 * stays where it is, and the next activation has to take in all that was named since.
 */
static void p2_journal_that_grows_while_there_is_no_space(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_store *store = &host->store;
	u32 cap = lc_dirty_cap(store->super.layout.reserve_blocks);
	u32 leaf, next, before, refused = 0;
	unsigned int i;

	for (leaf = 0; leaf < 250; leaf += 5) {
		write_leaves(host, leaf, leaf + 5, 0, 1000);
		KUNIT_ASSERT_EQ(test, lc_checkpoint(store), 0);
	}
	KUNIT_ASSERT_GT(test, 250, 5 * cap);
	next = zero_leaves(store, 0, cap - 5);
	KUNIT_ASSERT_EQ(test, next, cap - 5);
	KUNIT_ASSERT_EQ(test, host_flush(host), 0);
	for (i = 0; i < 7; i++) {
		host->owner = &next;
		host->wrote = dirty_meanwhile_all;
		host->disk->backed = 1;
		before = next;
		KUNIT_ASSERT_EQ(test, lc_checkpoint(store), -ENOSPC);
		host->wrote = NULL;
		refused += next == before;
		KUNIT_ASSERT_EQ(test, host_flush(host), 0);
		host->disk->backed = 0;
		KUNIT_ASSERT_EQ(test, lc_checkpoint_prepare(store), 0);
	}
	/* What came out of bounds waited: no page more until a whole one gets through. */
	KUNIT_EXPECT_GT(test, refused, 0);
	KUNIT_EXPECT_GT(test, next, 2 * cap);
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	for (leaf = 0; leaf < 250; leaf++)
		KUNIT_EXPECT_EQ(test, host_read(host, leaf * LEAF),
				leaf < next ? 0 : 1000 + leaf);

	/* And that one lets them go on. */
	KUNIT_EXPECT_EQ(test, lc_checkpoint(store), 0);
	KUNIT_EXPECT_GT(test, zero_leaves(store, next, 250), next);
	host_close(host);
	walk_check(test, host->disk);
	host_delete(host);
}

/* Ten leaves are dirty; then checkpoints are made, and a group names them after all. */
static void expect_counted(struct kunit *test, unsigned int checkpoints, bool under_way)
{
	struct host *host = small(test);
	struct lc_store *store = &host->store;
	struct host_wait wait = { .answered = false };
	u32 leaf, named;

	for (leaf = 0; leaf < 10; leaf++)
		KUNIT_ASSERT_EQ(test, host_zero(host, leaf * LEAF, 1), LC_TAKEN);
	if (under_way)
		lc_round_wait(store, &wait.core);
	while (checkpoints--)
		KUNIT_ASSERT_EQ(test, lc_checkpoint(store), 0);
	host_settle(host);
	KUNIT_ASSERT_EQ(test, host_flush(host), 0);
	named = store->map.named;
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, true), 0);
	KUNIT_EXPECT_GT(test, store->map.charged, 10);
	KUNIT_EXPECT_LE(test, store->map.charged, named);
	host_delete(host);
}

/* What a checkpoint has written, and a group behind its mark names, a replay makes dirty again. */
static void p2_pages_that_a_replay_makes_dirty_are_counted(struct kunit *test)
{
	expect_counted(test, 0, false);
	expect_counted(test, 1, false);
	/* The second finds the leaves clean, and what is above them. */
	expect_counted(test, 2, false);
	/* Gathered before the checkpoint, and durable after it. */
	expect_counted(test, 1, true);
	expect_counted(test, 2, true);
}

/* The journal is full, no checkpoint finds space, and whoever suspends does not wait for it. */
static void p1_round_without_room_is_given_up(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_store *store = &host->store;
	struct host_wait wait = { .answered = false }, later = { .answered = false };
	u32 journal = store->super.layout.journal_blocks;
	u32 block;

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 2 * journal, 1000), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_flush(host), 0);
	host->disk->backed = 1;
	for (block = 0; lc_journal_room(store); block++) {
		KUNIT_ASSERT_EQ(test, host_zero(host, block, 1), LC_TAKEN);
		KUNIT_ASSERT_EQ(test, host_flush(host), 0);
	}
	lc_round_give_up(store);
	KUNIT_ASSERT_EQ(test, host_zero(host, block, 1), LC_TAKEN);
	lc_round_wait(store, &wait.core);
	host_settle(host);
	KUNIT_EXPECT_EQ(test, store->round.state, LC_ROUND_IS_ROOM);
	lc_round_wait(store, &later.core);
	KUNIT_EXPECT_FALSE(test, wait.answered);
	KUNIT_EXPECT_TRUE(test, lc_below_full(store));

	lc_round_give_up(store);
	KUNIT_EXPECT_EQ(test, store->round.state, LC_ROUND_IS_IDLE);
	KUNIT_EXPECT_TRUE(test, wait.answered);
	KUNIT_EXPECT_EQ(test, wait.error, -ENOSPC);
	KUNIT_EXPECT_TRUE(test, later.answered);
	KUNIT_EXPECT_EQ(test, later.error, -ENOSPC);
	KUNIT_EXPECT_FALSE(test, lc_failed(store));

	/* What it was to make durable, the next one does. */
	host->disk->backed = 0;
	KUNIT_EXPECT_TRUE(test, lc_round_wanted(store));
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	KUNIT_EXPECT_FALSE(test, lc_below_full(store));
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, block), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, block + 1), 1000);
	host_close(host);
	walk_check(test, host->disk);
	host_delete(host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(p5_device_without_space_for_pages),
	KUNIT_CASE(p5_checkpoint_taken_back_is_made_in_parts),
	KUNIT_CASE(p5_checkpoint_tried_again_is_made_in_parts),
	KUNIT_CASE(p5_second_try_without_places_is_put_off),
	KUNIT_CASE(p2_journal_that_grows_while_there_is_no_space),
	KUNIT_CASE(p2_pages_that_a_replay_makes_dirty_are_counted),
	KUNIT_CASE(p1_round_without_room_is_given_up),
	{ }
};

static struct kunit_suite suite = {
	.name = "full_below",
	.test_cases = cases,
};
kunit_test_suite(suite);
