// SPDX-License-Identifier: GPL-2.0
/* The journal: runs into groups, and groups into blocks; replay_test.c reads them. */

#include "host.h"
#include "random.h"

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

/*
 * Random groups against a list of what was appended --------------------------
 *
 * In each of LEAVES leaves the first SLOTS entries are used.  Entry i of them may
 * name two places, data_start + i and that many further on, so that no run can
 * name what another one does.
 */
#define LEAVES	3
#define SLOTS	200
#define ENTRIES	(LEAVES * SLOTS)
#define RUNS	2000		/* that groups of one life have at most */

struct appended {
	u32 first;		/* of the entries */
	u32 count;
	u32 value;
};

struct list {
	struct host *host;
	u32 entry[ENTRIES];	/* what the groups so far say */
	struct appended run[RUNS];
	u32 runs;		/* of the group that is being put together */
	u32 groups, lost, round_the_end;
};

static u64 block_of(u32 entry)
{
	return entry / SLOTS * LEAF + entry % SLOTS;
}

static u32 random_value(struct list *list, u32 first)
{
	u32 kind = random_below(10);

	if (kind == 0)
		return LC_ENTRY_UNMAPPED;
	if (kind < 3)
		return LC_ENTRY_ZERO;
	return list->host->super.layout.data_start + first +
	       (kind < 6 ? ENTRIES : 0);
}

/* Runs of one leaf after the other, as a round gathers them, until there is no room. */
static void append_runs(struct list *list, struct lc_group *group)
{
	u32 leaf, n, most = random_chance(20) ? 600 : 1 + random_below(40);
	struct appended run;

	for (leaf = 0; leaf < LEAVES; leaf++)
		for (n = random_below(most); n; n--) {
			run.first = random_below(SLOTS);
			run.count = 1 + random_below(min(SLOTS - run.first, 30u));
			run.first += leaf * SLOTS;
			run.value = random_value(list, run.first);
			if (!lc_group_add(&list->host->store, group,
					  block_of(run.first), run.count, run.value))
				return;
			list->run[list->runs++] = run;
		}
}

/* The naive replay: one run after the other, one entry after the other. */
static void apply(struct list *list)
{
	u32 i, k;

	for (i = 0; i < list->runs; i++)
		for (k = 0; k < list->run[i].count; k++)
			list->entry[list->run[i].first + k] =
				lc_entry_behind(list->run[i].value, k);
}

/* As a round does it, up to the @steps'th of its I/Os: all but the last block, flush, the last with FUA. */
static void write_group(struct disk *disk, struct lc_group *group, u32 steps)
{
	u32 last = group->blocks - 1, i;

	for (i = 0; i < last; i++)
		disk_write(disk, group->vec[i].block, group->vec[i].page, false);
	if (steps > 0)
		disk_flush(disk);
	if (steps > 1)
		disk_write(disk, group->vec[last].block, group->vec[last].page,
			   steps > 2);
}

/* Whether the closing block has come through the loss of power. */
static bool closed(struct disk *disk, const struct lc_vec *last, const u8 *page)
{
	return !memcmp(disk_medium(disk, last->block), page, LC_BLOCK_SIZE);
}

/*
 * Appends a group; with @steps less than 3 the power goes while it is written,
 * and it counts when its last block is whole all the same.
 */
static void append_group(struct list *list, u32 steps)
{
	struct host *host = list->host;
	struct lc_group group = {
		.most = min_t(u32, lc_journal_room(&host->store), LC_GROUP_BLOCKS),
	};
	u32 block = host->store.journal.head.block;
	u8 page[LC_BLOCK_SIZE];
	struct lc_vec last;

	list->runs = 0;
	append_runs(list, &group);
	if (group.blocks) {
		lc_group_seal(&host->store, &group);
		write_group(host->disk, &group, steps);
		last = group.vec[group.blocks - 1];
		memcpy(page, last.page, LC_BLOCK_SIZE);
		while (group.blocks-- > 1)
			host->store.ops->page_put(host, group.vec[group.blocks].page);
		list->round_the_end += host->store.journal.head.block < block;
	}
	if (steps < 3) {
		disk_cut(host->disk);
		host_drop(host);
	}
	if (list->runs && (steps == 3 || closed(host->disk, &last, page))) {
		apply(list);
		list->groups++;
	} else if (list->runs) {
		list->lost++;
	}
}

static void compare(struct list *list)
{
	struct lc_extent extent;
	u32 i, value;

	for (i = 0; i < ENTRIES; i++) {
		host_lookup(list->host, block_of(i), &extent);
		value = extent.kind == LC_DATA ? extent.store :
			extent.kind == LC_ZERO ? LC_ENTRY_ZERO : LC_ENTRY_UNMAPPED;
		KUNIT_ASSERT_EQ(list->host->test, value, list->entry[i]);
	}
}

/* Some groups, the last of which may be cut short; what is replayed is the list. */
static void one_life(struct list *list)
{
	struct host *host = list->host;
	u32 n;

	for (n = random_below(8); n && lc_journal_room(&host->store); n--)
		append_group(list, 3);
	append_group(list, random_below(3));
	if (random_chance(20)) {
		KUNIT_ASSERT_EQ(host->test, host_open(host, true), 0);
		compare(list);
		host_drop(host);
	}
	KUNIT_ASSERT_EQ(host->test, host_open(host, false), 0);
	compare(list);
}

static void p1_p2_replay_is_what_a_list_of_the_groups_says(struct kunit *test)
{
	struct list *list = kunit_kzalloc(test, sizeof(*list), GFP_KERNEL);
	u32 lives = random_rounds(1500), i;

	list->host = small(test);
	for (i = 0; i < ENTRIES; i++)
		list->entry[i] = LC_ENTRY_UNMAPPED;
	for (i = 0; i < lives && test->status != KUNIT_FAILURE; i++)
		one_life(list);
	if (lives == 1500) {
		KUNIT_EXPECT_GT(test, list->groups, 3000);
		KUNIT_EXPECT_GT(test, list->lost, 300);
		KUNIT_EXPECT_GT(test, list->round_the_end, 100);
	}
	host_delete(list->host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(runs_that_go_on_are_joined),
	KUNIT_CASE(count_of_a_joined_run_does_not_wrap),
	KUNIT_CASE(group_takes_no_more_than_there_is_room_for),
	KUNIT_CASE(group_goes_there_and_back),
	KUNIT_CASE(p1_p2_replay_is_what_a_list_of_the_groups_says),
	{ }
};

static struct kunit_suite suite = {
	.name = "journal",
	.test_cases = cases,
};
kunit_test_suite(suite);
