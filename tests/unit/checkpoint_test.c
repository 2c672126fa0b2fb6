// SPDX-License-Identifier: GPL-2.0
/* Checkpoints: order, what they write, power cut at each step, failure. */

#include "host.h"
#include "random.h"
#include "walk.h"

#define LEAF	((u64)LC_LEAF_ENTRIES)

static struct host *small(struct kunit *test)
{
	return host_new_open(test, 2048, 300 * LEAF);
}

static void checkpoint_empties_journal_and_dirty_lists(struct kunit *test)
{
	struct host *host = small(test);

	KUNIT_EXPECT_FALSE(test, lc_checkpoint_wanted(&host->store));
	KUNIT_ASSERT_EQ(test, host_write(host, 0, 5, 1), LC_TAKEN);
	KUNIT_EXPECT_TRUE(test, lc_checkpoint_wanted(&host->store));
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_FALSE(test, lc_checkpoint_wanted(&host->store));
	KUNIT_EXPECT_EQ(test, host->store.map.charged, 0);
	KUNIT_EXPECT_EQ(test, host->store.alloc.promised_blocks, 0);
	KUNIT_EXPECT_EQ(test, host->store.journal.tail.sequence,
			host->store.journal.head.sequence);
	walk_check(test, host->disk);
	host_delete(host);
}

/* The order in which a checkpoint writes. */
struct order {
	u32 pages;
	u32 supers;
	u64 flushes;		/* when the first superblock came */
};

static void note_order(struct host *host, u32 block)
{
	struct order *order = host->owner;

	if (block < LC_HEAD_BLOCKS) {
		if (!order->supers++)
			order->flushes = host->disk->count[DISK_FLUSH];
	} else {
		KUNIT_EXPECT_EQ(host->test, order->supers, 0);
		order->pages++;
	}
}

static void p1_superblocks_come_after_the_flush_of_the_pages(struct kunit *test)
{
	struct host *host = small(test);
	struct order order = { 0 };
	u64 flushes;

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 5, 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_write(host, 200 * LEAF, 5, 1), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	flushes = host->disk->count[DISK_FLUSH];
	host->owner = &order;
	host->wrote = note_order;
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_EQ(test, order.pages, 5);	/* 2 leaves, 2 nodes, the root */
	KUNIT_EXPECT_EQ(test, order.supers, 2);
	KUNIT_EXPECT_EQ(test, order.flushes, flushes + 1);
	host_delete(host);
}

static void old_pages_are_free_only_when_both_copies_are_written(struct kunit *test)
{
	struct host *host = small(test);
	u32 before, i;

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 1, 1), LC_TAKEN);
	host_flush(host);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	before = host->store.alloc.reserve_used;
	KUNIT_EXPECT_EQ(test, before, 3);
	for (i = 0; i < 10; i++) {
		KUNIT_ASSERT_EQ(test, host_write(host, 2 + i, 1, 1), LC_TAKEN);
		host_flush(host);
		KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
		KUNIT_EXPECT_EQ(test, host->store.alloc.reserve_used, before);
	}
	host_delete(host);
}

/* What is durable, what is not yet, and what a checkpoint is to bring to disk. */
static void prepare(struct host *host)
{
	u32 i;

	for (i = 0; i < 8; i++)
		KUNIT_ASSERT_EQ(host->test, host_write(host, i * 40 * LEAF, 3, i + 1),
				LC_TAKEN);
	KUNIT_ASSERT_EQ(host->test, host_flush(host), 0);
	KUNIT_ASSERT_EQ(host->test, lc_checkpoint(&host->store), 0);
	for (i = 0; i < 8; i += 2)
		KUNIT_ASSERT_EQ(host->test, host_zero(host, i * 40 * LEAF + 1, 1),
				LC_TAKEN);
	for (i = 1; i < 8; i += 2)
		KUNIT_ASSERT_EQ(host->test, host_write(host, i * 40 * LEAF + 3, 2,
						       i + 100), LC_TAKEN);
	KUNIT_ASSERT_EQ(host->test, host_flush(host), 0);
	/* And this may be there or not. */
	KUNIT_ASSERT_EQ(host->test, host_write(host, 7, 1, 77), LC_TAKEN);
}

static void check_prepared(struct host *host)
{
	struct kunit *test = host->test;
	u64 tag;
	u32 i;

	for (i = 0; i < 8; i++) {
		KUNIT_EXPECT_EQ(test, host_read(host, i * 40 * LEAF), i + 1);
		KUNIT_EXPECT_EQ(test, host_read(host, i * 40 * LEAF + 1),
				i % 2 ? i + 1 : 0);
		KUNIT_EXPECT_EQ(test, host_read(host, i * 40 * LEAF + 4),
				i % 2 ? i + 100 : HOST_BELOW);
	}
	tag = host_read(host, 7);
	KUNIT_EXPECT_TRUE(test, tag == 77 || tag == HOST_BELOW);
}

/* The power goes at each write and flush of a checkpoint, and again in recovery. */
static void p1_power_cut_at_every_step_of_a_checkpoint(struct kunit *test)
{
	u32 step, again;
	bool ended = false;

	for (step = 1; !ended && step < 100; step++) {
		for (again = 0; again < 20; again += 1 + random_below(3)) {
			struct host *host = small(test);

			prepare(host);
			host->disk->cut_in = step;
			ended = !lc_checkpoint(&host->store);
			host_drop(host);
			host->disk->cut_in = again;
			if (host_open(host, false)) {
				host_drop(host);
				KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
			}
			check_prepared(host);
			walk_check(test, host->disk);
			host_delete(host);
			if (test->status == KUNIT_FAILURE)
				return;
		}
	}
	KUNIT_EXPECT_TRUE(test, ended);
	KUNIT_EXPECT_GT(test, step, 10);
}

static void p1_failure_at_every_step_of_a_checkpoint_is_latched(struct kunit *test)
{
	struct host_wait wait = { .error = 0 };
	struct host *host;
	u32 step;

	for (step = 1; step < 100; step++) {
		host = small(test);
		prepare(host);
		host->disk->fail_in[DISK_WRITE] = step;
		if (!lc_checkpoint(&host->store)) {
			host_delete(host);
			break;
		}
		KUNIT_EXPECT_TRUE(test, lc_failed(&host->store));
		KUNIT_EXPECT_EQ(test, host_write(host, 9, 1, 1), LC_FAILED);
		wait = (struct host_wait) { .error = 0 };
		lc_round_wait(&host->store, &wait.core);
		KUNIT_EXPECT_EQ(test, wait.error, -EIO);
		check_prepared(host);		/* reads go on */
		host_drop(host);
		KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
		check_prepared(host);
		host_delete(host);
	}
	KUNIT_EXPECT_GT(test, step, 10);
	host = small(test);
	prepare(host);
	host->disk->fail_in[DISK_FLUSH] = 1;
	KUNIT_EXPECT_NE(test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_STREQ(test, host->store.fail_reason, "a flush of the store failed");
	host_delete(host);
}

static void all_zero_leaves_and_nodes_take_no_page(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 126 * LEAF);
	struct walk *walk;

	KUNIT_ASSERT_EQ(test, host_write(host, 3 * LEAF, 100, 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_zero(host, 0, 3 * LEAF), LC_TAKEN);
	host_flush(host);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_EQ(test, host->store.alloc.page_blocks, 2);
	KUNIT_ASSERT_EQ(test, host_zero(host, 0, 126 * LEAF), LC_TAKEN);
	host_flush(host);
	host_close(host);
	walk = walk_disk(test, host->disk);
	KUNIT_EXPECT_EQ(test, walk->super.root.state, LC_REF_ZERO);
	KUNIT_EXPECT_EQ(test, walk->pages, 0);
	KUNIT_EXPECT_EQ(test, walk->zero_blocks, 126 * LEAF);
	walk_free(walk);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host->store.map.zero_blocks, 126 * LEAF);
	KUNIT_EXPECT_EQ(test, host_read(host, 125 * LEAF), 0);
	/* And a zero leaf that is written to is a page again. */
	KUNIT_ASSERT_EQ(test, host_write(host, 77 * LEAF + 3, 1, 9), LC_TAKEN);
	host_close(host);
	walk_check(test, host->disk);
	KUNIT_ASSERT_EQ(test, host_open(host, true), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 77 * LEAF + 3), 9);
	KUNIT_EXPECT_EQ(test, host_read(host, 77 * LEAF + 4), 0);
	host_delete(host);
}

static struct lc_ticket late;

static void abort_late(struct host *host)
{
	/* When the leaf has been looked at, and its image is being written. */
	if (!mutex_is_locked(&host->store.checkpoint_mutex) || !late.leaf ||
	    lc_page_ref(&host->store, &late.leaf->page)->state != LC_REF_ZERO)
		return;
	lc_ticket_abort(&host->store, &late);
	late.leaf = NULL;
}

/* The space that is set aside for pages does not leak. */
static void p5_promise_ends_with_the_last_claim_also_in_a_checkpoint(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);

	KUNIT_ASSERT_EQ(test, host_zero(host, 0, LEAF), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_flush(host), 0);
	KUNIT_ASSERT_EQ(test, host_ticket(host, 0, 1, &late), LC_TAKEN);
	host->pause = abort_late;
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	host->pause = NULL;
	KUNIT_EXPECT_NULL(test, late.leaf);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_EQ(test, host->store.alloc.promised_blocks, 0);
	KUNIT_EXPECT_EQ(test, host->store.map.charged, 0);
	host_delete(host);
}

/* Trap 5: an image that is newer than its mark, and the crash comes then. */
static void p1_image_that_is_newer_than_its_mark_loses_nothing(struct kunit *test)
{
	struct host *host = small(test);

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 2, 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_flush(host), 0);
	KUNIT_ASSERT_EQ(test, host_zero(host, 0, 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_write(host, 10, 1, 3), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 0), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 1), 1);
	KUNIT_EXPECT_EQ(test, host_read(host, 10), 3);
	walk_check(test, host->disk);
	host_delete(host);
}

static void move_twice(struct host *host)
{
	static bool once;
	u32 i;

	/* Only when the image of the first leaf is done, and that of the last not. */
	if (!mutex_is_locked(&host->store.checkpoint_mutex) || once ||
	    host_leaf(host, 0)->page.old.address == 0)
		return;
	once = true;
	host->pause = NULL;
	KUNIT_ASSERT_EQ(host->test, host_zero(host, 0, 700), LC_TAKEN);
	KUNIT_ASSERT_EQ(host->test, host_flush(host), 0);
	for (i = 0; i < 700; i++)
		KUNIT_ASSERT_EQ(host->test, host_write(host, LEAF + 200 + i, 1, 4),
				LC_TAKEN);
}

/*
 * The tree on disk names a block twice, until the journal has been replayed: in
 * the image of the leaf that let it go afterwards, and in the one that has it now.
 */
static void p5_blocks_that_move_during_a_checkpoint_of_a_full_store(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);
	u32 n;

	KUNIT_ASSERT_EQ(test, host_write(host, LEAF, 100, 2), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_write(host, 0, 700, 1), LC_TAKEN);
	for (n = 0; host_write(host, 3 * LEAF + n, 1, 3) == LC_TAKEN; n++)
		;
	KUNIT_ASSERT_EQ(test, host_flush(host), 0);
	KUNIT_ASSERT_EQ(test, lc_checkpoint(&host->store), 0);
	KUNIT_ASSERT_EQ(test, lc_scan(&host->store), 0);
	/* Leaf 0 first: pages are written in the order in which they got dirty. */
	KUNIT_ASSERT_EQ(test, host_zero(host, 800, 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_zero(host, LEAF + 1000, 1), LC_TAKEN);
	host->pause = move_twice;
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_NULL(test, host->pause);
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	walk_check(test, host->disk);
	KUNIT_EXPECT_EQ(test, host_read(host, 699), 0);
	host_delete(host);
}

static void pages_are_on_their_way(struct host *host, u32 block)
{
	if (block >= LC_HEAD_BLOCKS)
		*(bool *)host->owner = true;
}

static void fail_a_round(struct host *host)
{
	struct host_wait wait = { .answered = false };

	if (!*(bool *)host->owner)
		return;
	host->pause = NULL;
	host->disk->fail_in[DISK_FLUSH] = 1;
	lc_round_wait(&host->store, &wait.core);
	host_round_io(host);
	KUNIT_EXPECT_EQ(host->test, wait.error, -EIO);
}

/*
 * The flush of a round fails, and with it the device loses pages that a
 * checkpoint has just written.  The flush of the checkpoint does not fail.
 */
static void p1_superblock_never_names_pages_that_a_failed_flush_lost(struct kunit *test)
{
	struct host *host = small(test);
	bool pages = false;

	prepare(host);
	host->owner = &pages;
	host->wrote = pages_are_on_their_way;
	host->pause = fail_a_round;
	KUNIT_EXPECT_NE(test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_NULL(test, host->pause);
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	check_prepared(host);
	host_delete(host);
}

static struct host_wait waiting;

static void start_a_round(struct host *host)
{
	if (!mutex_is_locked(&host->store.checkpoint_mutex))
		return;
	host->pause = NULL;
	KUNIT_ASSERT_EQ(host->test, host_write(host, 5 * LEAF, 1, 5), LC_TAKEN);
	lc_round_wait(&host->store, &waiting.core);
	KUNIT_EXPECT_EQ(host->test, host->store.round.state, LC_ROUND_IS_ROOM);
	KUNIT_EXPECT_FALSE(host->test, host->round.active);
}

/* The ring is full, and stays so until the superblocks say where it begins now. */
static void p1_tail_moves_only_when_both_copies_are_written(struct kunit *test)
{
	struct host *host = small(test);
	u32 i;

	for (i = 0; lc_journal_room(&host->store); i++) {
		struct host_wait each = { .answered = false };

		KUNIT_ASSERT_EQ(test, host_write(host, 2 * i, 1, i), LC_TAKEN);
		lc_round_wait(&host->store, &each.core);
		while (!each.answered) {
			host_round_io(host);
			if (host->step)
				lc_round_step(&host->store);
			host->step = false;
		}
	}
	waiting = (struct host_wait) { .answered = false };
	host->pause = start_a_round;
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_FALSE(test, waiting.answered);
	host_settle(host);
	KUNIT_EXPECT_TRUE(test, waiting.answered);
	KUNIT_EXPECT_EQ(test, waiting.error, 0);
	host_delete(host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(checkpoint_empties_journal_and_dirty_lists),
	KUNIT_CASE(p1_superblocks_come_after_the_flush_of_the_pages),
	KUNIT_CASE(old_pages_are_free_only_when_both_copies_are_written),
	KUNIT_CASE(p1_power_cut_at_every_step_of_a_checkpoint),
	KUNIT_CASE(p1_failure_at_every_step_of_a_checkpoint_is_latched),
	KUNIT_CASE(all_zero_leaves_and_nodes_take_no_page),
	KUNIT_CASE(p5_promise_ends_with_the_last_claim_also_in_a_checkpoint),
	KUNIT_CASE(p1_image_that_is_newer_than_its_mark_loses_nothing),
	KUNIT_CASE(p5_blocks_that_move_during_a_checkpoint_of_a_full_store),
	KUNIT_CASE(p1_superblock_never_names_pages_that_a_failed_flush_lost),
	KUNIT_CASE(p1_tail_moves_only_when_both_copies_are_written),
	{ }
};

static struct kunit_suite suite = {
	.name = "checkpoint",
	.test_cases = cases,
};
kunit_test_suite(suite);
