// SPDX-License-Identifier: GPL-2.0
/* Space of the store, against a model of who has which block. */

#include "random.h"
#include "space.h"

#define LEAF	((u64)LC_LEAF_ENTRIES)

static void no_block_is_given_out_twice(struct kunit *test)
{
	struct space *space = space_new(test, 4096, 12);
	u32 i;

	for (i = 0; i < random_rounds(20000) && test->status != KUNIT_FAILURE; i++)
		space_step(space);
	space_compare(space);
	space_reopen(space);
	space_delete(space);
}

static void p4_p5_no_block_is_given_out_twice_when_space_is_short(struct kunit *test)
{
	struct space *space = space_new(test, 2048, 3);
	u32 i, k;

	space->zero_percent = 45;
	for (i = 0; i < 6 && test->status != KUNIT_FAILURE; i++) {
		space_fill(space);
		for (k = 0; k < random_rounds(6000) && test->status != KUNIT_FAILURE; k++)
			space_step(space);
		space_compare(space);
		space_reopen(space);
	}
	space_delete(space);
}

static void blocks_come_in_order_from_the_mark(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);
	u32 mark = host->store.alloc.high_water;
	struct lc_ticket ticket;

	KUNIT_EXPECT_EQ(test, mark, host->super.layout.data_start);
	KUNIT_ASSERT_EQ(test, host_ticket(host, 0, 100, &ticket), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, ticket.store, mark);
	KUNIT_EXPECT_EQ(test, ticket.count, 100);
	lc_ticket_publish(&host->store, &ticket);
	KUNIT_ASSERT_EQ(test, host_ticket(host, 3 * LEAF, 5, &ticket), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, ticket.store, mark + 100);
	lc_ticket_abort(&host->store, &ticket);
	host_flush(host);
	lc_checkpoint(&host->store);
	/* Pages went to the reserve. */
	KUNIT_EXPECT_EQ(test, host->store.alloc.high_water, mark + 105);
	KUNIT_EXPECT_EQ(test, host->store.alloc.reserve_used, 2);
	host_delete(host);
}

/* One entry in each of @leaves leaves, made durable in a tree of as many pages. */
static void plant(struct host *host, u32 leaves)
{
	u32 i;

	for (i = 0; i < leaves; i++)
		KUNIT_ASSERT_EQ(host->test, host_write(host, i * LEAF, 1, i + 1),
				LC_TAKEN);
	KUNIT_EXPECT_EQ(host->test, host_flush(host), 0);
	KUNIT_EXPECT_EQ(host->test, lc_checkpoint(&host->store), 0);
}

static void half_of_the_reserve_is_for_when_there_is_nothing_else(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);
	u32 half = host->super.layout.reserve_blocks / 2;

	plant(host, 60);
	KUNIT_EXPECT_EQ(test, host->store.alloc.page_blocks, 61);
	KUNIT_EXPECT_LE(test, host->store.alloc.reserve_used, half);
	KUNIT_EXPECT_GE(test, host->store.alloc.high_water -
			host->super.layout.data_start, 60 + 61 - half);
	host_delete(host);
}

/* Writes one block after the other until there is no space; returns the number. */
static u32 fill(struct host *host, u64 block)
{
	enum lc_take take;
	u32 n = 0;

	while ((take = host_write(host, block + n, 1, 1000 + n)) == LC_TAKEN)
		n++;
	KUNIT_EXPECT_EQ(host->test, take, LC_FULL);
	return n;
}

/* What data may use is used, and then nobody waits for what does not come. */
static void p5_full_is_full_and_not_busy_for_ever(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);
	const struct lc_layout *layout = &host->super.layout;
	u32 room = layout->data_end - layout->data_start;
	u32 n = fill(host, 0);

	KUNIT_EXPECT_LE(test, n, room);
	KUNIT_EXPECT_GE(test, n, room - lc_dirty_cap(layout->reserve_blocks));
	KUNIT_EXPECT_TRUE(test, host_take_kick(host, LC_KICK_EVENT));
	KUNIT_EXPECT_FALSE(test, lc_failed(&host->store));
	host_close(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_LE(test, fill(host, 50 * LEAF), 3);
	host_delete(host);
}

/* The store is full of @leaves leaves with something in each, then used. */
static void p5_full_is_not_dead(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 200 * LEAF);
	u32 leaves = 150, i, k, n;

	plant(host, leaves);
	n = fill(host, 160 * LEAF);
	for (k = 0; k < 6; k++) {
		/* No bitmap: what pages let go is not known to be free. */
		host_close(host);
		KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
		KUNIT_EXPECT_NE(test, host->store.alloc.scan, LC_SCAN_DONE);
		KUNIT_EXPECT_EQ(test, host_read(host, 160 * LEAF + n - 1), 1000 + n - 1);
		KUNIT_EXPECT_EQ(test, host_write(host, 160 * LEAF, 1, 1000), LC_TAKEN);
		/* Discards go on, and so do checkpoints, one after the other. */
		for (i = k; i < leaves; i += 6) {
			KUNIT_EXPECT_EQ(test, host_zero(host, i * LEAF, 1), LC_TAKEN);
			if (i % 4)
				continue;
			KUNIT_EXPECT_EQ(test, host_flush(host), 0);
			KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
		}
		KUNIT_EXPECT_FALSE(test, lc_failed(&host->store));
	}
	for (i = 0; i < leaves; i++)
		KUNIT_EXPECT_EQ(test, host_read(host, i * LEAF), 0);
	/* And there is space again. */
	KUNIT_EXPECT_EQ(test, host_write(host, 190 * LEAF, 20, 5), LC_TAKEN);
	host_delete(host);
}

/* Checkpoints of a full store that lost its bitmap, with random use in between. */
static void p5_full_store_checkpoints_whatever_it_knows(struct kunit *test)
{
	struct space *space = space_new(test, 2048, 90);
	u32 i, k;

	space->zero_percent = 50;
	for (i = 0; i < 5 && test->status != KUNIT_FAILURE; i++) {
		space_fill(space);
		space_reopen(space);
		for (k = 0; k < random_rounds(2000) && test->status != KUNIT_FAILURE; k++) {
			space_step(space);
			if (random_chance(2))
				lc_scan_forget(&space->host->store);
			if (random_chance(2))
				lc_round_run(&space->host->store, true);
			if (random_chance(3) && !mutex_is_locked(&space->host->store.scan_mutex))
				KUNIT_EXPECT_EQ(test, lc_checkpoint(&space->host->store), 0);
		}
		KUNIT_EXPECT_FALSE(test, lc_failed(&space->host->store));
	}
	space_compare(space);
	space_delete(space);
}

static void p4_space_comes_back_when_the_round_is_durable(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);
	u32 n = fill(host, 0), used;
	struct lc_ticket ticket;

	host_take_kick(host, ~0u);
	used = host->store.alloc.used_blocks;
	KUNIT_EXPECT_EQ(test, host_zero(host, 10, 20), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host->store.alloc.used_blocks, used);
	/* Worth waiting for, and that asks for a round. */
	KUNIT_EXPECT_EQ(test, host_ticket(host, n, 1, &ticket), LC_BUSY);
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_ROUND);
	host_take_kick(host, LC_KICK_RETRY | LC_KICK_SPACE);
	host_settle(host);
	KUNIT_EXPECT_EQ(test, host->store.alloc.used_blocks, used - 20);
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_RETRY);
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_SPACE);
	KUNIT_EXPECT_EQ(test, host_write(host, n, 20, 3), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_write(host, n + 20, 1, 3), LC_FULL);
	host_delete(host);
}

/* Trap 5: the checkpoint's image has the discard, the journal has not. */
static void p2_checkpoint_alone_frees_nothing(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);

	KUNIT_EXPECT_EQ(test, host_write(host, 0, 10, 3), LC_TAKEN);
	host_flush(host);
	KUNIT_EXPECT_EQ(test, host_zero(host, 0, 10), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	lc_reclaim(&host->store);
	KUNIT_EXPECT_EQ(test, host->store.alloc.used_blocks, 10);
	KUNIT_EXPECT_EQ(test, host->store.alloc.freeing_blocks, 10);
	host_flush(host);
	host_settle(host);
	KUNIT_EXPECT_EQ(test, host->store.alloc.used_blocks, 0);
	host_delete(host);
}

static u32 drained_used;

static void look_while_draining(struct host *host)
{
	drained_used = host->store.alloc.used_blocks;
}

/* Trap 4: a read that looked the block up is still under way. */
static void p2_block_is_not_free_before_the_drain(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);

	KUNIT_EXPECT_EQ(test, host_write(host, 0, 10, 3), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_zero(host, 0, 10), LC_TAKEN);
	host->drain = look_while_draining;
	drained_used = 0;
	host_flush(host);
	host_settle(host);
	KUNIT_EXPECT_EQ(test, drained_used, 10);
	KUNIT_EXPECT_EQ(test, host->store.alloc.used_blocks, 0);
	host_delete(host);
}

static void p5_low_water_is_told_once(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);
	u32 space = lc_space_free(&host->store);
	u32 n = space - host->store.alloc.low_water - 10;

	KUNIT_EXPECT_EQ(test, host_write(host, 0, n, 3), LC_TAKEN);
	KUNIT_EXPECT_FALSE(test, host_take_kick(host, LC_KICK_EVENT));
	KUNIT_EXPECT_EQ(test, host_write(host, n, 20, 3), LC_TAKEN);
	KUNIT_EXPECT_TRUE(test, host_take_kick(host, LC_KICK_EVENT));
	KUNIT_EXPECT_EQ(test, host_write(host, n + 20, 5, 3), LC_TAKEN);
	KUNIT_EXPECT_FALSE(test, host_take_kick(host, LC_KICK_EVENT));
	/* And again when it has not been so for a while. */
	KUNIT_EXPECT_EQ(test, host_zero(host, 0, 40), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	KUNIT_EXPECT_FALSE(test, host->store.alloc.low);
	KUNIT_EXPECT_FALSE(test, host_take_kick(host, LC_KICK_EVENT));
	KUNIT_EXPECT_EQ(test, host_write(host, 0, 40, 3), LC_TAKEN);
	KUNIT_EXPECT_TRUE(test, host_take_kick(host, LC_KICK_EVENT));
	host_delete(host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(no_block_is_given_out_twice),
	KUNIT_CASE(p4_p5_no_block_is_given_out_twice_when_space_is_short),
	KUNIT_CASE(blocks_come_in_order_from_the_mark),
	KUNIT_CASE(half_of_the_reserve_is_for_when_there_is_nothing_else),
	KUNIT_CASE(p5_full_is_full_and_not_busy_for_ever),
	KUNIT_CASE(p5_full_is_not_dead),
	KUNIT_CASE(p5_full_store_checkpoints_whatever_it_knows),
	KUNIT_CASE(p4_space_comes_back_when_the_round_is_durable),
	KUNIT_CASE(p2_checkpoint_alone_frees_nothing),
	KUNIT_CASE(p2_block_is_not_free_before_the_drain),
	KUNIT_CASE(p5_low_water_is_told_once),
	{ }
};

static struct kunit_suite suite = {
	.name = "alloc",
	.test_cases = cases,
};
kunit_test_suite(suite);
