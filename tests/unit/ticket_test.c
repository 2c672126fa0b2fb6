// SPDX-License-Identifier: GPL-2.0
/* First writes and zeroing, one by one; random use is in map_test.c. */

#include "host.h"
#include "random.h"

#define LEAF	((u64)LC_LEAF_ENTRIES)

static struct host *small(struct kunit *test)
{
	return host_new_open(test, 2048, 100 * LEAF);
}

/* The data of @ticket reaches the device. */
static void data(struct host *host, const struct lc_ticket *ticket, u64 tag)
{
	u8 page[LC_BLOCK_SIZE];
	u32 i;

	host_page(tag, page);
	for (i = 0; i < ticket->count; i++)
		KUNIT_EXPECT_EQ(host->test,
				disk_write(host->disk, ticket->store + i, page,
					   false), 0);
}

static void ticket_is_for_blocks_in_one_state_of_one_leaf(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_ticket ticket;

	KUNIT_EXPECT_EQ(test, lc_ticket_take(&host->store, 0, 1, &ticket), LC_LOAD);
	KUNIT_ASSERT_EQ(test, host_ticket(host, LEAF - 3, 10, &ticket), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, ticket.count, 3);
	lc_ticket_abort(&host->store, &ticket);
	KUNIT_ASSERT_EQ(test, host_write(host, 5, 1, 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_zero(host, 3, 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_ticket(host, 0, 10, &ticket), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, ticket.count, 3);
	KUNIT_EXPECT_EQ(test, ticket.expected, LC_ENTRY_UNMAPPED);
	lc_ticket_abort(&host->store, &ticket);
	KUNIT_ASSERT_EQ(test, host_ticket(host, 3, 10, &ticket), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, ticket.count, 1);
	KUNIT_EXPECT_EQ(test, ticket.expected, LC_ENTRY_ZERO);
	lc_ticket_abort(&host->store, &ticket);
	KUNIT_EXPECT_EQ(test, host_ticket(host, 5, 1, &ticket), LC_CHANGED);
	host_delete(host);
}

static void readers_see_the_old_content_until_the_data_is_there(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_ticket ticket;

	KUNIT_ASSERT_EQ(test, host_ticket(host, 9, 1, &ticket), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_read(host, 9), HOST_BELOW);
	data(host, &ticket, 12);
	KUNIT_EXPECT_EQ(test, host_read(host, 9), HOST_BELOW);
	KUNIT_EXPECT_TRUE(test, lc_ticket_publish(&host->store, &ticket));
	KUNIT_EXPECT_EQ(test, host_read(host, 9), 12);
	host_delete(host);
}

static void abort_gives_everything_back(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_alloc *alloc = &host->store.alloc;
	u32 space = lc_space_free(&host->store);
	struct lc_ticket ticket;

	KUNIT_ASSERT_EQ(test, host_ticket(host, 0, 10, &ticket), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, alloc->promised_blocks, 2);	/* leaf and root */
	KUNIT_EXPECT_EQ(test, lc_space_free(&host->store), space - 12);
	lc_ticket_abort(&host->store, &ticket);
	KUNIT_EXPECT_EQ(test, alloc->promised_blocks, 0);
	KUNIT_EXPECT_EQ(test, lc_space_free(&host->store), space);
	KUNIT_EXPECT_EQ(test, host->store.map.charged, 0);
	KUNIT_EXPECT_FALSE(test, lc_round_wanted(&host->store));
	host_delete(host);
}

static void second_writer_of_a_block_loses_and_starts_again(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_ticket one, two;

	KUNIT_ASSERT_EQ(test, host_ticket(host, 0, 4, &one), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_ticket(host, 2, 4, &two), LC_TAKEN);
	KUNIT_EXPECT_TRUE(test, lc_ticket_publish(&host->store, &one));
	KUNIT_EXPECT_FALSE(test, lc_ticket_publish(&host->store, &two));
	/* What it did not lose is published, what it lost is free. */
	KUNIT_EXPECT_EQ(test, host->store.map.data_blocks, 6);
	KUNIT_EXPECT_EQ(test, host->store.alloc.used_blocks, 6);
	KUNIT_EXPECT_EQ(test, host_ticket(host, 2, 1, &two), LC_CHANGED);
	host_delete(host);
}

/* Trap 8: what the loser expected is not there any more. */
static void winner_that_is_discarded_still_wins(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_ticket one, two;

	KUNIT_ASSERT_EQ(test, host_ticket(host, 7, 1, &one), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_ticket(host, 7, 1, &two), LC_TAKEN);
	KUNIT_EXPECT_TRUE(test, lc_ticket_publish(&host->store, &one));
	KUNIT_EXPECT_EQ(test, host_zero(host, 7, 1), LC_TAKEN);
	KUNIT_EXPECT_FALSE(test, lc_ticket_publish(&host->store, &two));
	KUNIT_EXPECT_EQ(test, host_read(host, 7), 0);
	/* The second half of a block is merged with zeros now, not with what is below. */
	KUNIT_EXPECT_EQ(test, host_ticket(host, 7, 1, &two), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, two.expected, LC_ENTRY_ZERO);
	lc_ticket_abort(&host->store, &two);
	host_delete(host);
}

static void p4_zeroed_block_does_not_show_the_origin_again(struct kunit *test)
{
	struct host *host = small(test);

	KUNIT_EXPECT_EQ(test, host_write(host, 50, 2, 4), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_zero(host, 49, 4), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 48), HOST_BELOW);
	KUNIT_EXPECT_EQ(test, host_read(host, 49), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 51), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 52), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 53), HOST_BELOW);
	host_delete(host);
}

static void zeroing_what_is_zero_costs_nothing(struct kunit *test)
{
	struct host_format format = {
		.store_blocks = 2048, .clone_sectors = 1000 * LEAF * 8,
		.origin_sectors = 8 * 500 + 1,
	};
	struct host *host = host_new(test, &format);
	u64 count = 1000 * LEAF - 501;

	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	/* Behind the end of the origin, however partial its last block. */
	KUNIT_EXPECT_EQ(test, lc_zero(&host->store, 501, &count), LC_TAKEN);
	KUNIT_EXPECT_GE(test, count, LEAF);
	KUNIT_EXPECT_FALSE(test, lc_round_wanted(&host->store));
	count = 1;
	KUNIT_EXPECT_EQ(test, lc_zero(&host->store, 500, &count), LC_LOAD);
	KUNIT_EXPECT_EQ(test, host_zero(host, 500, 1), LC_TAKEN);
	KUNIT_EXPECT_TRUE(test, lc_round_wanted(&host->store));
	host_flush(host);
	KUNIT_EXPECT_EQ(test, host_zero(host, 500, 1), LC_TAKEN);
	KUNIT_EXPECT_FALSE(test, lc_round_wanted(&host->store));
	host_delete(host);
}

static void zeroing_does_its_work_leaf_by_leaf(struct kunit *test)
{
	struct host *host = small(test);
	u64 count = 5 * LEAF;

	KUNIT_EXPECT_EQ(test, lc_map_load(&host->store, 10), 0);
	KUNIT_EXPECT_EQ(test, lc_zero(&host->store, 10, &count), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, count, LEAF - 10);
	/* The leaf and the root will need a place each. */
	KUNIT_EXPECT_EQ(test, host->store.alloc.promised_blocks, 2);
	host_delete(host);
}

/* More data blocks, none next to another, than one page of freed runs has room for. */
static void zeroing_of_scattered_blocks_is_noted_in_full(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 100 * LEAF);
	u64 block;

	for (block = 0; block < LEAF; block += 2)
		KUNIT_ASSERT_EQ(test, host_write(host, LEAF - 2 - block, 1, 5), LC_TAKEN);
	for (block = 1; block < LEAF; block += 2)
		KUNIT_ASSERT_EQ(test, host_write(host, block, 1, 6), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_zero(host, 0, LEAF), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host->store.alloc.freeing_blocks, LEAF);
	host_flush(host);
	host_settle(host);
	KUNIT_EXPECT_EQ(test, host->store.alloc.freeing_blocks, 0);
	KUNIT_EXPECT_EQ(test, host->store.alloc.used_blocks, 0);
	KUNIT_EXPECT_EQ(test, host->store.alloc.freed_pages, 0);
	host_delete(host);
}

static void p9_freed_blocks_on_their_way_back_are_bounded(struct kunit *test)
{
	struct host *host = host_new_open(test, 60000, 100 * LEAF);
	u64 block, count;
	enum lc_take take = LC_TAKEN;

	for (block = 0; block < 45000; block++)
		KUNIT_ASSERT_EQ(test, host_write(host, block * 7919 % 90000, 1, 5), LC_TAKEN);
	for (block = 0; block < 90000 && take == LC_TAKEN; block += count) {
		count = 90000 - block;
		take = lc_zero(&host->store, block, &count);
		while (take == LC_LOAD || (take == LC_BUSY &&
		       host_serve(host, LC_KICK_CHECKPOINT))) {
			lc_map_load(&host->store, block);
			count = 90000 - block;
			take = lc_zero(&host->store, block, &count);
		}
	}
	KUNIT_EXPECT_EQ(test, take, LC_BUSY);
	KUNIT_EXPECT_LE(test, host->store.alloc.freed_pages, LC_FREED_PAGES_MAX);
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_ROUND);
	/* A round, and it goes on. */
	KUNIT_EXPECT_EQ(test, host_zero(host, 0, 90000), LC_TAKEN);
	host_delete(host);
}

static void dirty_pages_are_capped(struct kunit *test)
{
	struct host *host = small(test);
	u32 cap = lc_dirty_cap(host->super.layout.reserve_blocks);
	struct lc_ticket ticket[64];
	enum lc_take take;
	u32 n = 0;

	while ((take = host_ticket(host, n * LEAF, 1, &ticket[n])) == LC_TAKEN)
		n++;
	KUNIT_EXPECT_EQ(test, take, LC_BUSY);
	KUNIT_EXPECT_EQ(test, n, cap - 1);	/* and the root */
	KUNIT_EXPECT_EQ(test, host->store.map.charged, cap);
	/* On what is claimed already there is room. */
	KUNIT_EXPECT_EQ(test, host_ticket(host, 1, 1, &ticket[n]), LC_TAKEN);
	host_take_kick(host, ~0u);
	lc_ticket_abort(&host->store, &ticket[n]);
	while (n--)
		lc_ticket_publish(&host->store, &ticket[n]);
	/* Whoever was turned away is told. */
	host_settle(host);
	KUNIT_EXPECT_TRUE(test, host_take_kick(host, LC_KICK_RETRY));
	/* Clean, and nothing left for a round to gather. */
	lc_checkpoint(&host->store);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	KUNIT_EXPECT_EQ(test, host->store.map.charged, 0);
	host_delete(host);
}

/* Or two who wait for different things would wake each other all the time. */
static void ticket_that_is_refused_wakes_nobody(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_ticket ticket[64], refused;
	u32 n = 0;

	while (host_ticket(host, n * LEAF, 1, &ticket[n]) == LC_TAKEN)
		n++;
	KUNIT_EXPECT_TRUE(test, host->store.map.starved);
	host_take_kick(host, ~0u);
	/* On a leaf that has been charged already, but there is no space. */
	host->store.alloc.used_blocks += 5000;
	KUNIT_EXPECT_EQ(test, host_ticket(host, 3, 1, &refused), LC_FULL);
	host->store.alloc.used_blocks -= 5000;
	KUNIT_EXPECT_FALSE(test, host->kicks & LC_KICK_RETRY);
	/* A page that nobody claims any more is another matter. */
	lc_ticket_abort(&host->store, &ticket[--n]);
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_RETRY);
	while (n--)
		lc_ticket_abort(&host->store, &ticket[n]);
	host_delete(host);
}

static void ticket_pins_its_leaf(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_ticket ticket;
	u32 i;

	KUNIT_ASSERT_EQ(test, host_ticket(host, 0, 1, &ticket), LC_TAKEN);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, lc_map_evict(&host->store, 10), 0);
	KUNIT_EXPECT_TRUE(test, lc_ticket_publish(&host->store, &ticket));
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, lc_map_evict(&host->store, 10), 0);
	host_delete(host);
}

static void p1_nothing_is_changed_in_failed_mode(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_ticket ticket;
	u64 count = 5;

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 1, 8), LC_TAKEN);
	lc_fail(&host->store, "for a test");
	KUNIT_EXPECT_EQ(test, host_ticket(host, 1, 1, &ticket), LC_FAILED);
	KUNIT_EXPECT_EQ(test, lc_zero(&host->store, 0, &count), LC_FAILED);
	KUNIT_EXPECT_EQ(test, host_read(host, 0), 8);
	host_delete(host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(ticket_is_for_blocks_in_one_state_of_one_leaf),
	KUNIT_CASE(readers_see_the_old_content_until_the_data_is_there),
	KUNIT_CASE(abort_gives_everything_back),
	KUNIT_CASE(second_writer_of_a_block_loses_and_starts_again),
	KUNIT_CASE(winner_that_is_discarded_still_wins),
	KUNIT_CASE(p4_zeroed_block_does_not_show_the_origin_again),
	KUNIT_CASE(zeroing_what_is_zero_costs_nothing),
	KUNIT_CASE(zeroing_does_its_work_leaf_by_leaf),
	KUNIT_CASE(zeroing_of_scattered_blocks_is_noted_in_full),
	KUNIT_CASE(p9_freed_blocks_on_their_way_back_are_bounded),
	KUNIT_CASE(dirty_pages_are_capped),
	KUNIT_CASE(ticket_that_is_refused_wakes_nobody),
	KUNIT_CASE(ticket_pins_its_leaf),
	KUNIT_CASE(p1_nothing_is_changed_in_failed_mode),
	{ }
};

static struct kunit_suite suite = {
	.name = "ticket",
	.test_cases = cases,
};
kunit_test_suite(suite);
