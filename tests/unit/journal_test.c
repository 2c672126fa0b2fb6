// SPDX-License-Identifier: GPL-2.0
/* The journal: runs into groups, and groups into blocks; replay_test.c reads them. */

#include "host.h"

#define LEAF	((u64)LC_LEAF_ENTRIES)

static struct host *small(struct kunit *test)
{
	return host_new_open(test, 2048, 100 * LEAF);
}

static void runs_that_go_on_are_joined(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_group group = { .most = 2 };
	struct lc_run run;

	KUNIT_EXPECT_TRUE(test, lc_group_add(&host->store, &group, 10, 5, 700));
	KUNIT_EXPECT_TRUE(test, lc_group_add(&host->store, &group, 15, 5, 705));
	KUNIT_EXPECT_EQ(test, group.runs, 1);
	KUNIT_EXPECT_TRUE(test, lc_group_add(&host->store, &group, 20, 1, 711));
	KUNIT_EXPECT_TRUE(test, lc_group_add(&host->store, &group, 22, 1, 712));
	KUNIT_EXPECT_EQ(test, group.runs, 3);
	KUNIT_EXPECT_TRUE(test, lc_group_add(&host->store, &group, 23, 2, LC_ENTRY_ZERO));
	KUNIT_EXPECT_TRUE(test, lc_group_add(&host->store, &group, 25, 3, LC_ENTRY_ZERO));
	KUNIT_EXPECT_EQ(test, group.runs, 4);
	KUNIT_EXPECT_TRUE(test, lc_group_add(&host->store, &group, 28, 1, 4));
	KUNIT_EXPECT_EQ(test, group.runs, 5);
	lc_journal_run(group.vec[0].page, 0, &run);
	KUNIT_EXPECT_EQ(test, run.first, 10);
	KUNIT_EXPECT_EQ(test, run.count, 10);
	KUNIT_EXPECT_EQ(test, run.value, 700);
	lc_journal_run(group.vec[0].page, 3, &run);
	KUNIT_EXPECT_EQ(test, run.count, 5);
	KUNIT_EXPECT_EQ(test, run.value, LC_ENTRY_ZERO);
	host_delete(host);
}

static void count_of_a_joined_run_does_not_wrap(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_group group = { .most = 1 };

	KUNIT_EXPECT_TRUE(test, lc_group_add(&host->store, &group, 0, ~0u - 1,
					     LC_ENTRY_ZERO));
	KUNIT_EXPECT_TRUE(test, lc_group_add(&host->store, &group, ~0u - 1ull, 5,
					     LC_ENTRY_ZERO));
	KUNIT_EXPECT_EQ(test, group.runs, 2);
	host_delete(host);
}

static void group_takes_no_more_than_there_is_room_for(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_group group = { .most = 3 };
	u32 n = 0;

	while (lc_group_add(&host->store, &group, 2 * n, 1, 500))
		n++;
	KUNIT_EXPECT_EQ(test, n, 3 * LC_JOURNAL_RUNS);
	KUNIT_EXPECT_EQ(test, group.blocks, 3);
	lc_group_seal(&host->store, &group);
	while (group.blocks-- > 1)
		host->store.ops->page_put(host, group.vec[group.blocks].page);
	host_delete(host);
}

static void group_goes_there_and_back(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_journal_mark begin = host->store.journal.head;
	struct lc_group group = { .most = 4 };
	struct lc_journal_block block;
	struct lc_run run;
	u32 i, n = 600, csum = begin.csum;

	for (i = 0; i < n; i++)
		KUNIT_ASSERT_TRUE(test, lc_group_add(&host->store, &group, 3 * i,
						     1 + i % 2, 900 + i));
	lc_group_seal(&host->store, &group);
	for (i = 0; i < n; i++) {
		lc_journal_run(group.vec[i / LC_JOURNAL_RUNS].page,
			       i % LC_JOURNAL_RUNS, &run);
		KUNIT_EXPECT_EQ(test, run.first, 3 * i);
		KUNIT_EXPECT_EQ(test, run.count, 1 + i % 2);
		KUNIT_EXPECT_EQ(test, run.value, 900 + i);
	}
	for (i = 0; i < group.blocks; i++) {
		KUNIT_EXPECT_NULL(test, lc_journal_decode(group.vec[i].page,
				  host->super.store_uuid, group.vec[i].block, &block));
		KUNIT_EXPECT_EQ(test, block.epoch, host->store.journal.epoch);
		KUNIT_EXPECT_EQ(test, block.sequence, begin.sequence + i);
		KUNIT_EXPECT_EQ(test, block.position, i);
		KUNIT_EXPECT_EQ(test, block.previous_csum, csum);
		KUNIT_EXPECT_EQ(test, block.closes, i == group.blocks - 1);
		KUNIT_EXPECT_EQ(test, block.runs, min(n - i * LC_JOURNAL_RUNS,
						      LC_JOURNAL_RUNS));
		csum = block.csum;
	}
	KUNIT_EXPECT_EQ(test, host->store.journal.head.sequence,
			begin.sequence + group.blocks);
	while (group.blocks-- > 1)
		host->store.ops->page_put(host, group.vec[group.blocks].page);
	host_delete(host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(runs_that_go_on_are_joined),
	KUNIT_CASE(count_of_a_joined_run_does_not_wrap),
	KUNIT_CASE(group_takes_no_more_than_there_is_room_for),
	KUNIT_CASE(group_goes_there_and_back),
	{ }
};

static struct kunit_suite suite = {
	.name = "journal",
	.test_cases = cases,
};
kunit_test_suite(suite);
