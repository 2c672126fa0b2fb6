// SPDX-License-Identifier: GPL-2.0
/* Replay: whole groups, the ring, other lives, damage, forgery. */

#include "host.h"
#include "random.h"

#define LEAF	((u64)LC_LEAF_ENTRIES)

static struct host *small(struct kunit *test)
{
	return host_new_open(test, 2048, 100 * LEAF);
}

/* The medium's block of the ring that is @ahead of the replay point. */
static u8 *ring_block(struct host *host, u32 ahead)
{
	struct lc_super *super = &host->store.super;
	u32 at = (super->replay_block + ahead) % super->layout.journal_blocks;

	return disk_medium(host->disk, super->layout.journal_start + at);
}

static u32 ring_address(const struct lc_super *super, u32 ahead)
{
	return super->layout.journal_start +
	       (super->replay_block + ahead) % super->layout.journal_blocks;
}

/* @groups rounds with one write each, to blocks 0, 10, 20, ... */
static void rounds(struct host *host, u32 groups)
{
	u32 i;

	for (i = 0; i < groups; i++) {
		KUNIT_ASSERT_EQ(host->test, host_write(host, 10 * i, 1, 100 + i),
				LC_TAKEN);
		KUNIT_ASSERT_EQ(host->test, host_flush(host), 0);
	}
}

static void p1_groups_are_replayed_round_the_end_of_the_ring(struct kunit *test)
{
	struct host *host = small(test);
	u32 i;

	for (i = 0; i < random_rounds(300) && test->status != KUNIT_FAILURE; i++) {
		KUNIT_ASSERT_EQ(test, host_write(host, i * 5 % 2000, 1 + i % 3, i),
				LC_TAKEN);
		KUNIT_ASSERT_EQ(test, host_flush(host), 0);
		if (i % 7)
			continue;
		host_drop(host);
		KUNIT_ASSERT_EQ(test, host_open(host, i % 2), 0);
		KUNIT_EXPECT_EQ(test, host_read(host, i * 5 % 2000 + i % 3), i);
		if (!(i % 2))
			continue;
		/* What was read only has not moved anything. */
		host_drop(host);
		KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	}
	host_delete(host);
}

static void p2_group_that_is_not_whole_does_not_count(struct kunit *test)
{
	struct host *host = small(test);

	rounds(host, 5);
	ring_block(host, 4)[3000] ^= 1;
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 30), 103);
	KUNIT_EXPECT_EQ(test, host_read(host, 40), HOST_BELOW);
	KUNIT_EXPECT_EQ(test, host->reports, 0);
	host_delete(host);
}

static void p6_damage_before_the_end_of_the_journal_is_found(struct kunit *test)
{
	u32 which;

	for (which = 0; which < 4; which++) {
		struct host *host = small(test);

		rounds(host, 5);
		ring_block(host, which)[3000] ^= 1;
		host_drop(host);
		KUNIT_EXPECT_EQ(test, host_open(host, which % 2), -EUCLEAN);
		KUNIT_EXPECT_STREQ(test, host->report,
				   "the journal is damaged before its end");
		host_delete(host);
	}
}

/* A group of three blocks: any of the first two is damage, since it is closed. */
static void p6_damage_in_a_closed_group_is_found(struct kunit *test)
{
	u32 which, i;

	for (which = 0; which < 3; which++) {
		struct host *host = small(test);

		for (i = 0; i < 600; i++)
			KUNIT_ASSERT_EQ(test, host_write(host, 2 * i, 1, i), LC_TAKEN);
		KUNIT_ASSERT_EQ(test, host_flush(host), 0);
		ring_block(host, which)[100] ^= 1;
		host_drop(host);
		KUNIT_EXPECT_EQ(test, host_open(host, false),
				which < 2 ? -EUCLEAN : 0);
		if (which == 2)
			KUNIT_EXPECT_EQ(test, host->store.map.data_blocks, 0);
		host_delete(host);
	}
}

/* Trap 1: what an earlier life left in the ring is of another epoch. */
static void p2_blocks_of_an_earlier_life_do_not_count(struct kunit *test)
{
	struct host *host = small(test);
	u8 *stale = kunit_kzalloc(test, 8 * LC_BLOCK_SIZE, GFP_KERNEL);
	u32 i;

	/* A life that wrote eight groups, and was not there in the end. */
	rounds(host, 8);
	for (i = 0; i < 8; i++)
		memcpy(stale + i * LC_BLOCK_SIZE, ring_block(host, i), LC_BLOCK_SIZE);
	for (i = 1; i < 8; i++)
		memset(ring_block(host, i), 0, LC_BLOCK_SIZE);
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 10), HOST_BELOW);
	/* Its sequence numbers are used again, and its blocks turn up. */
	for (i = 0; i < 7; i++)
		memcpy(ring_block(host, i), stale + (i + 1) * LC_BLOCK_SIZE,
		       LC_BLOCK_SIZE);
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 0), 100);
	KUNIT_EXPECT_EQ(test, host_read(host, 10), HOST_BELOW);
	host_delete(host);
}

static void every_life_has_an_epoch_of_its_own(struct kunit *test)
{
	struct host *host = small(test);
	u64 epoch = host->store.journal.epoch;
	u32 i;

	for (i = 1; i < 5; i++) {
		if (i % 2)
			host_close(host);
		else
			host_drop(host);
		KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
		KUNIT_EXPECT_EQ(test, host->store.journal.epoch, epoch + i);
		KUNIT_EXPECT_EQ(test, host->store.super.epoch, epoch + i);
		KUNIT_EXPECT_EQ(test, host->store.journal.head.csum, 0);
	}
	host_delete(host);
}

/* Forgery: a good seal says nothing of what is in it ---------------------- */

static struct lc_disk_journal *forged(struct host *host)
{
	struct lc_super *super = &host->store.super;
	struct lc_disk_journal *disk = (void *)ring_block(host, 0);

	memset(disk, 0, sizeof(*disk));
	disk->magic = cpu_to_le32(LC_MAGIC_JOURNAL);
	disk->epoch = cpu_to_le64(super->epoch);
	disk->sequence = cpu_to_le64(super->replay_sequence);
	disk->previous_csum = cpu_to_le32(super->replay_csum);
	disk->runs = cpu_to_le16(1);
	disk->flags = cpu_to_le32(LC_JOURNAL_CLOSES);
	disk->run[0].first = cpu_to_le64(7);
	disk->run[0].count = cpu_to_le32(1);
	disk->run[0].store = cpu_to_le32(super->layout.data_start);
	return disk;
}

static int open_forged(struct host *host, struct lc_disk_journal *disk,
		       bool read_only)
{
	struct lc_super super = host->store.super;
	u32 address = ring_address(&super, 0);

	lc_seal(super.store_uuid, address, disk, &disk->csum);
	host_drop(host);
	return host_open(host, read_only);
}

static void forged_block_that_is_like_ours_is_replayed(struct kunit *test)
{
	struct host *host = small(test);

	KUNIT_EXPECT_EQ(test, open_forged(host, forged(host), false), 0);
	KUNIT_EXPECT_EQ(test, host->store.map.data_blocks, 1);
	host_delete(host);
}

static void run_that_unmaps_needs_its_flag(struct kunit *test)
{
	struct lc_disk_journal *disk;
	struct host *host = small(test);

	disk = forged(host);
	disk->run[0].store = cpu_to_le32(LC_ENTRY_UNMAPPED);
	KUNIT_EXPECT_EQ(test, open_forged(host, disk, false), -EUCLEAN);
	host_delete(host);
	host = small(test);
	disk = forged(host);
	disk->flags = cpu_to_le32(LC_JOURNAL_CLOSES | LC_JOURNAL_UNMAPS);
	disk->runs = cpu_to_le16(2);
	disk->run[0].count = cpu_to_le32(5);
	disk->run[1] = disk->run[0];
	disk->run[1].count = cpu_to_le32(3);
	disk->run[1].store = cpu_to_le32(LC_ENTRY_UNMAPPED);
	KUNIT_EXPECT_EQ(test, open_forged(host, disk, false), 0);
	KUNIT_EXPECT_EQ(test, host->store.map.data_blocks, 2);
	KUNIT_EXPECT_EQ(test, host_read(host, 9), HOST_BELOW);
	host_delete(host);
}

struct bad_run {
	u64 first;
	u32 count;
	u32 store;
};

static void p6_impossible_runs_are_refused(struct kunit *test)
{
	struct host *host = small(test);
	u64 blocks = host->store.blocks;
	u32 start = host->super.layout.data_start;
	u32 end = host->super.layout.data_end;
	const struct bad_run bad[] = {
		{ 0, 0, start }, { blocks, 1, start }, { blocks - 1, 2, start },
		{ ~0ull, 1, start }, { ~0ull, 2, LC_ENTRY_ZERO },
		{ 5, ~0u, LC_ENTRY_ZERO }, { 0, 1, 0 }, { 0, 1, start - 1 },
		{ 0, 1, end }, { 0, 2, end - 1 }, { 0, 1, LC_ENTRY_RESERVED },
		{ 0, ~0u, start }, { 0, ~0u - start + 2, start },
		{ 0, (u32)blocks, LC_ENTRY_ZERO },	/* too many leaves */
	};
	u32 i;

	host_delete(host);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct lc_disk_journal *disk;

		host = small(test);
		disk = forged(host);
		disk->run[0].first = cpu_to_le64(bad[i].first);
		disk->run[0].count = cpu_to_le32(bad[i].count);
		disk->run[0].store = cpu_to_le32(bad[i].store);
		KUNIT_EXPECT_TRUE_MSG(test, open_forged(host, disk, i % 2) == -EUCLEAN,
				      "bad run %u was replayed", i);
		host_delete(host);
	}
}

static void p6_what_this_version_does_not_know_is_refused(struct kunit *test)
{
	struct lc_disk_journal *disk;
	struct host *host = small(test);

	disk = forged(host);
	disk->flags = cpu_to_le32(LC_JOURNAL_CLOSES | 4);
	KUNIT_EXPECT_EQ(test, open_forged(host, disk, false), -EUCLEAN);
	host_delete(host);
	host = small(test);
	disk = forged(host);
	disk->runs = cpu_to_le16(LC_JOURNAL_RUNS + 1);
	KUNIT_EXPECT_EQ(test, open_forged(host, disk, false), -EUCLEAN);
	host_delete(host);
	host = small(test);
	disk = forged(host);
	disk->runs = 0;
	KUNIT_EXPECT_EQ(test, open_forged(host, disk, true), -EUCLEAN);
	host_delete(host);
}

static void p2_block_that_does_not_follow_is_the_end(struct kunit *test)
{
	struct lc_disk_journal *disk;
	struct host *host;
	u32 i;

	for (i = 0; i < 3; i++) {
		host = small(test);
		disk = forged(host);
		if (i == 0)
			disk->epoch = cpu_to_le64(host->store.super.epoch - 1);
		if (i == 1)
			disk->sequence = cpu_to_le64(host->store.super.replay_sequence - 1);
		if (i == 2)
			disk->magic = 0;
		KUNIT_EXPECT_EQ(test, open_forged(host, disk, false), 0);
		KUNIT_EXPECT_EQ(test, host->store.map.data_blocks, 0);
		host_delete(host);
	}
	/* It closes a group, and what is before it is not there. */
	for (i = 0; i < 2; i++) {
		host = small(test);
		disk = forged(host);
		if (i == 0)
			disk->previous_csum = cpu_to_le32(1);
		if (i == 1)
			disk->position = cpu_to_le16(1);
		KUNIT_EXPECT_EQ(test, open_forged(host, disk, false), -EUCLEAN);
		host_delete(host);
	}
}

static int reads_of_ring;
static struct lc_run read_later;

/* The second time the block is another, with a good seal. */
static int read_twice(struct host *host, u32 block, void *page)
{
	struct lc_disk_journal *disk = page;
	int error = disk_read(host->disk, block, page);

	if (block == ring_address(&host->store.super, 0) && reads_of_ring++) {
		disk->run[0].first = cpu_to_le64(read_later.first);
		disk->run[0].count = cpu_to_le32(read_later.count);
		disk->run[0].store = cpu_to_le32(read_later.value);
		lc_seal(host->super.store_uuid, block, page, &disk->csum);
	}
	return error;
}

static void p6_block_that_changes_between_two_reads_does_no_harm(struct kunit *test)
{
	/* What is impossible, what is more than a group may have, and what could have been. */
	static const struct lc_run later[3] = {
		{ .first = 1ull << 60, .count = 1, .value = LC_ENTRY_ZERO },
		{ .first = 0, .count = 90 * LC_LEAF_ENTRIES, .value = LC_ENTRY_ZERO },
		{ .first = 7, .count = 1, .value = LC_ENTRY_ZERO },
	};
	u32 groups, i;

	for (groups = 1; groups <= 2; groups++) {
		for (i = 0; i < 3; i++) {
			struct host *host = small(test);

			rounds(host, groups);
			host_drop(host);
			reads_of_ring = 0;
			read_later = later[i];
			host->read = read_twice;
			KUNIT_EXPECT_EQ(test, host_open(host, false), -EUCLEAN);
			KUNIT_EXPECT_STREQ(test, host->report,
					   "a journal block reads differently each time");
			host->read = NULL;
			host_delete(host);
		}
	}
}

/* Random bytes under a good seal, in a journal of some groups. */
static void p6_mutated_journals_do_no_harm(struct kunit *test)
{
	struct host *host = small(test);
	u32 tries = random_rounds(1500), opened = 0, refused = 0, i, k;
	struct lc_super super;
	u8 *good;

	rounds(host, 6);
	super = host->store.super;
	good = kunit_kzalloc(test, 1024 * LC_BLOCK_SIZE, GFP_KERNEL);
	for (k = 0; k < 1024; k++)
		memcpy(good + k * LC_BLOCK_SIZE, disk_medium(host->disk, k), LC_BLOCK_SIZE);
	host_drop(host);
	for (i = 0; i < tries; i++) {
		u32 address = ring_address(&super, random_below(6));
		struct lc_disk_journal *disk;

		for (k = 0; k < 1024; k++)
			memcpy(disk_medium(host->disk, k), good + k * LC_BLOCK_SIZE, LC_BLOCK_SIZE);
		disk = disk_medium(host->disk, address);
		for (k = random_below(3); k < 3; k++)
			((u8 *)disk)[random_chance(80) ? 8 + random_below(80) :
				     random_below(4096)] = random_chance(50) ?
				     (u8)random_u64() : 0xff;
		lc_seal(super.store_uuid, address, disk, &disk->csum);
		if (host_open(host, random_chance(50)))
			refused++;
		else
			opened++;
		host_drop(host);
	}
	KUNIT_EXPECT_GE(test, opened, tries / 29);
	KUNIT_EXPECT_GE(test, refused, tries / 29);
	disk_delete(host->disk);
}

/* In the middle of a checkpoint: more is written, and durable; then the power goes. */
static void write_and_cut(struct host *host)
{
	u32 i;

	if (!mutex_is_locked(&host->store.checkpoint_mutex))
		return;
	host->pause = NULL;
	for (i = 20; i < 45; i++)
		KUNIT_ASSERT_EQ(host->test,
				host_write(host, i * LEAF + 1, 1, 1000 + i), LC_TAKEN);
	KUNIT_EXPECT_EQ(host->test, host_flush(host), 0);
	KUNIT_ASSERT_EQ(host->test, host_write(host, 2, 1, 7), LC_TAKEN);
	KUNIT_EXPECT_EQ(host->test, host_flush(host), 0);
	disk_cut(host->disk);
}

/* A journal of five groups, which make more pages dirty than a checkpoint takes. */
static struct host *long_journal(struct kunit *test)
{
	struct host *host = small(test);
	u32 i;

	/* So many pages that new ones go to the data area. */
	for (i = 0; i < 60; i++)
		KUNIT_ASSERT_EQ(test, host_write(host, i * LEAF, 1, i), LC_TAKEN);
	host_flush(host);
	KUNIT_ASSERT_EQ(test, lc_checkpoint(&host->store), 0);
	for (i = 0; i < 20; i++)
		KUNIT_ASSERT_EQ(test, host_write(host, i * LEAF + 1, 1, 1000 + i), LC_TAKEN);
	host_flush(host);
	host->pause = write_and_cut;
	KUNIT_EXPECT_NE(test, lc_checkpoint(&host->store), 0);
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, true), 0);
	return host;
}

/*
 * More has got dirty than one checkpoint takes: the replay needs several, and
 * none may put its pages where later groups have their data.
 */
static void p1_checkpoint_of_a_replay_keeps_what_is_named_ahead(struct kunit *test)
{
	struct host *host = long_journal(test);
	u64 generation;
	u32 i;

	generation = host->store.super.generation;
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_GT(test, host->store.super.generation, generation + 1);
	for (i = 0; i < 45; i++)
		KUNIT_EXPECT_EQ(test, host_read(host, i * LEAF + 1), 1000 + i);
	host_delete(host);
}

static void count_writes(struct host *host, u32 block)
{
	(void)block;
	++*(u32 *)host->owner;
}

/* Or pages would go where the groups behind the damage have their data. */
static void p6_nothing_is_written_over_a_damaged_journal(struct kunit *test)
{
	struct host *host = long_journal(test);
	u32 writes = 0;
	u32 i;

	ring_block(host, 3)[100] ^= 1;
	host_drop(host);
	host->owner = &writes;
	host->wrote = count_writes;
	KUNIT_EXPECT_EQ(test, host_open(host, false), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, writes, 0);
	host->wrote = NULL;
	ring_block(host, 3)[100] ^= 1;
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	for (i = 0; i < 45; i++)
		KUNIT_EXPECT_EQ(test, host_read(host, i * LEAF + 1), 1000 + i);
	host_delete(host);
}

/*
 * Fills it, so that pages which are written anew go to the reserve; what is kept
 * free for them is then among the data.
 */
static void fill_to_the_last(struct host *host)
{
	u32 i;

	for (i = 0; i < 70; i++)
		KUNIT_ASSERT_EQ(host->test, host_write(host, i * LEAF, 1, i), LC_TAKEN);
	for (i = 0; host_write(host, 80 * LEAF + i, 1, 7) == LC_TAKEN; i++)
		;
	KUNIT_EXPECT_EQ(host->test, host_flush(host), 0);
	KUNIT_ASSERT_EQ(host->test, lc_checkpoint(&host->store), 0);
	KUNIT_ASSERT_EQ(host->test, lc_scan(&host->store), 0);
	for (i = 41; i < 70; i++)
		KUNIT_ASSERT_EQ(host->test, host_zero(host, i * LEAF + 1, 1), LC_TAKEN);
	KUNIT_EXPECT_EQ(host->test, host_flush(host), 0);
	KUNIT_ASSERT_EQ(host->test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_GT(host->test, host->store.alloc.reserve_used, 50);
}

static void zero_leaves(struct host *host, u32 first, u32 end)
{
	for (; first < end; first++)
		KUNIT_ASSERT_EQ(host->test, host_zero(host, first * LEAF, 1), LC_TAKEN);
	KUNIT_EXPECT_EQ(host->test, host_flush(host), 0);
}

/* The groups that follow name all that is free between them, one after the other. */
static void move_and_cut(struct host *host)
{
	u32 i;

	if (!mutex_is_locked(&host->store.checkpoint_mutex))
		return;
	host->pause = NULL;
	zero_leaves(host, 15, 40);
	for (i = 0; host_write(host, 81 * LEAF + i, 1, 8) == LC_TAKEN; i++)
		;
	for (i = 0; i < 24; i++) {
		KUNIT_ASSERT_EQ(host->test, host_zero(host, 80 * LEAF + 2 * i, 2),
				LC_TAKEN);
		KUNIT_EXPECT_EQ(host->test, host_flush(host), 0);
		KUNIT_ASSERT_EQ(host->test, host_write(host, 1 + 2 * i, 2, 1000 + i),
				LC_TAKEN);
		KUNIT_EXPECT_EQ(host->test, host_flush(host), 0);
	}
	disk_cut(host->disk);
}

/* A replay makes more pages dirty than there are places for at any time. */
static void p5_full_store_with_a_long_journal_is_replayed(struct kunit *test)
{
	struct host *host = small(test);
	u32 i;

	fill_to_the_last(host);
	zero_leaves(host, 0, 15);
	host->pause = move_and_cut;
	KUNIT_EXPECT_NE(test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_NULL(test, host->pause);
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	for (i = 0; i < 40; i++)
		KUNIT_EXPECT_EQ(test, host_read(host, i * LEAF), 0);
	for (i = 0; i < 24; i++) {
		KUNIT_EXPECT_EQ(test, host_read(host, 80 * LEAF + 2 * i), 0);
		KUNIT_EXPECT_EQ(test, host_read(host, 2 + 2 * i), 1000 + i);
	}
	walk_check(test, host->disk);
	host_delete(host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(p1_groups_are_replayed_round_the_end_of_the_ring),
	KUNIT_CASE(p2_group_that_is_not_whole_does_not_count),
	KUNIT_CASE(p6_damage_before_the_end_of_the_journal_is_found),
	KUNIT_CASE(p6_damage_in_a_closed_group_is_found),
	KUNIT_CASE(p2_blocks_of_an_earlier_life_do_not_count),
	KUNIT_CASE(every_life_has_an_epoch_of_its_own),
	KUNIT_CASE(forged_block_that_is_like_ours_is_replayed),
	KUNIT_CASE(run_that_unmaps_needs_its_flag),
	KUNIT_CASE(p6_impossible_runs_are_refused),
	KUNIT_CASE(p6_what_this_version_does_not_know_is_refused),
	KUNIT_CASE(p2_block_that_does_not_follow_is_the_end),
	KUNIT_CASE(p6_block_that_changes_between_two_reads_does_no_harm),
	KUNIT_CASE(p6_mutated_journals_do_no_harm),
	KUNIT_CASE(p1_checkpoint_of_a_replay_keeps_what_is_named_ahead),
	KUNIT_CASE(p6_nothing_is_written_over_a_damaged_journal),
	KUNIT_CASE(p5_full_store_with_a_long_journal_is_replayed),
	{ }
};

static struct kunit_suite suite = {
	.name = "replay",
	.test_cases = cases,
};
kunit_test_suite(suite);
