// SPDX-License-Identifier: GPL-2.0
/* Rounds, step by step. */

#include "host.h"
#include "random.h"

#define LEAF	((u64)LC_LEAF_ENTRIES)

static struct host *small(struct kunit *test)
{
	return host_new_open(test, 4096, 100 * LEAF);
}

/* Lets the round go on by one I/O. */
static void advance(struct host *host)
{
	KUNIT_ASSERT_TRUE(host->test, host_round_io(host));
	if (host->step)
		lc_round_step(&host->store);
	host->step = false;
}

static void nothing_to_gather_is_one_flush(struct kunit *test)
{
	struct host *host = small(test);
	u64 writes = host->disk->count[DISK_WRITE];
	u64 flushes = host->disk->count[DISK_FLUSH];

	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	KUNIT_EXPECT_EQ(test, host->disk->count[DISK_WRITE], writes);
	KUNIT_EXPECT_EQ(test, host->disk->count[DISK_FLUSH], flushes + 1);
	host_delete(host);
}

static void first_write_is_one_flush_and_one_block(struct kunit *test)
{
	struct host *host = small(test);
	u64 writes, flushes;

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 50, 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_zero(host, 3 * LEAF, 1), LC_TAKEN);
	writes = host->disk->count[DISK_WRITE];
	flushes = host->disk->count[DISK_FLUSH];
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	KUNIT_EXPECT_EQ(test, host->disk->count[DISK_WRITE], writes + 1);
	KUNIT_EXPECT_EQ(test, host->disk->count[DISK_FLUSH], flushes + 1);
	host_delete(host);
}

/* Where the lock is not held, another processor ends the round, and all else. */
static void answer_at_once(struct host *host, enum lc_kick what)
{
	struct host_wait *wait = host->owner;

	if (what != LC_KICK_ROUND || spin_is_locked(&host->store.lock))
		return;
	host->kick = NULL;
	KUNIT_EXPECT_EQ(host->test, host_flush(host), 0);
	KUNIT_EXPECT_FALSE(host->test, wait->answered);
}

/* A completion that waits for a round has nothing left to do with the store. */
static void wait_of_a_completion_is_told_before_it_can_be_answered(struct kunit *test)
{
	struct host *host = small(test);
	struct host_wait wait = { .answered = false };

	host->owner = &wait;
	host->kick = answer_at_once;
	lc_round_wait_later(&host->store, &wait.core);
	host->kick = NULL;
	KUNIT_EXPECT_FALSE(test, wait.answered);
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_ROUND);
	host_settle(host);
	KUNIT_EXPECT_TRUE(test, wait.answered);
	host_delete(host);
}

/* Trap 2: a flush that is under way does not answer who comes after it. */
static void p1_flush_is_answered_by_a_round_that_began_after_it(struct kunit *test)
{
	struct host *host = small(test);
	struct host_wait first = { .error = 0 }, second = { .error = 0 };
	struct host_wait third = { .error = 0 };

	lc_round_wait(&host->store, &first.core);
	KUNIT_EXPECT_TRUE(test, host->round.active);
	lc_round_wait(&host->store, &second.core);
	lc_round_wait_later(&host->store, &third.core);
	advance(host);
	KUNIT_EXPECT_TRUE(test, first.answered);
	KUNIT_EXPECT_FALSE(test, second.answered);
	KUNIT_EXPECT_FALSE(test, third.answered);
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_ROUND);
	host_serve(host, LC_KICK_ROUND);
	advance(host);
	/* All that came during a round share the next. */
	KUNIT_EXPECT_TRUE(test, second.answered);
	KUNIT_EXPECT_TRUE(test, third.answered);
	KUNIT_EXPECT_EQ(test, host->store.round.durable, 2);
	host_delete(host);
}

static void p1_block_is_closed_only_after_the_flush(struct kunit *test)
{
	struct host *host = small(test);
	struct host_wait wait = { .error = 0 };

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 1, 1), LC_TAKEN);
	lc_round_wait(&host->store, &wait.core);
	KUNIT_EXPECT_EQ(test, host->round.kind, LC_ROUND_FLUSH);
	advance(host);
	KUNIT_EXPECT_FALSE(test, wait.answered);
	KUNIT_EXPECT_EQ(test, host->round.kind, LC_ROUND_CLOSE);
	advance(host);
	KUNIT_EXPECT_TRUE(test, wait.answered);
	KUNIT_EXPECT_FALSE(test, host->round.active);
	host_delete(host);
}

/* Blocks that are not next to each other: one run each. */
static void scatter(struct host *host, u64 first, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		KUNIT_ASSERT_EQ(host->test,
				host_write(host, first + 2 * i, 1, i), LC_TAKEN);
}

static void p1_group_of_several_blocks_is_whole_before_it_is_closed(struct kunit *test)
{
	struct host *host = small(test);
	struct host_wait wait = { .error = 0 };

	scatter(host, 0, LC_JOURNAL_RUNS + 3);
	lc_round_wait(&host->store, &wait.core);
	KUNIT_EXPECT_EQ(test, host->round.kind, LC_ROUND_BODY);
	KUNIT_EXPECT_EQ(test, host->round.writes, 1);
	advance(host);
	KUNIT_EXPECT_EQ(test, host->round.kind, LC_ROUND_FLUSH);
	advance(host);
	KUNIT_EXPECT_EQ(test, host->round.kind, LC_ROUND_CLOSE);
	KUNIT_EXPECT_EQ(test, host->round.writes, 1);
	KUNIT_EXPECT_FALSE(test, wait.answered);
	advance(host);
	KUNIT_EXPECT_TRUE(test, wait.answered);
	host_delete(host);
}

/* A round has more to note than a group holds: the answer is for all of it. */
static void p1_round_of_several_groups_is_answered_at_its_end(struct kunit *test)
{
	struct host *host = host_new_open(test, 30000, 100 * LEAF);
	struct host_wait wait = { .error = 0 };
	u32 closed = 0, i;

	for (i = 0; i < 10; i++)
		scatter(host, i * LEAF, 500);
	lc_round_wait(&host->store, &wait.core);
	while (!wait.answered) {
		closed += host->round.kind == LC_ROUND_CLOSE;
		advance(host);
	}
	KUNIT_EXPECT_GE(test, closed, 2);
	KUNIT_EXPECT_EQ(test, host->store.round.durable, 1);
	KUNIT_EXPECT_FALSE(test, lc_round_wanted(&host->store));
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host->store.map.data_blocks, 5000);
	host_delete(host);
}

static void scarce_pages_make_groups_small_and_nothing_else(struct kunit *test)
{
	struct host *host = small(test);

	host->scarce_percent = 100;
	scatter(host, 0, 480);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	KUNIT_EXPECT_EQ(test, host->store.journal.head.sequence -
			host->store.journal.tail.sequence, 2);
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host->store.map.data_blocks, 480);
	host_delete(host);
}

static void mapping_is_durable_with_the_round_that_has_it(struct kunit *test)
{
	struct host *host = small(test);
	struct host_wait first = { .error = 0 };
	struct lc_extent extent;

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 1, 1), LC_TAKEN);
	lc_round_wait(&host->store, &first.core);
	/* After the round has gathered: not part of it. */
	KUNIT_ASSERT_EQ(test, host_write(host, LEAF, 1, 2), LC_TAKEN);
	advance(host);
	host_lookup(host, 0, &extent);
	KUNIT_EXPECT_FALSE(test, extent.durable);
	advance(host);
	KUNIT_EXPECT_TRUE(test, first.answered);
	host_lookup(host, 0, &extent);
	KUNIT_EXPECT_TRUE(test, extent.durable);
	host_lookup(host, LEAF, &extent);
	KUNIT_EXPECT_FALSE(test, extent.durable);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	host_lookup(host, LEAF, &extent);
	KUNIT_EXPECT_TRUE(test, extent.durable);
	host_delete(host);
}

static void must_be_latched(struct host *host, struct host_wait *wait)
{
	KUNIT_EXPECT_TRUE(host->test, lc_failed(&host->store));
	KUNIT_EXPECT_EQ(host->test, wait->error, -EIO);
}

/* Fails the @nth write or flush of a round with two blocks. */
static void fail_one(struct kunit *test, enum disk_kind kind, u32 nth,
		     const char *reason)
{
	struct host *host = small(test);
	struct host_wait wait = { .done = must_be_latched };
	struct host_wait later = { .done = must_be_latched };

	scatter(host, 0, 300);
	host->disk->fail_in[kind] = nth;
	lc_round_wait(&host->store, &wait.core);
	lc_round_wait(&host->store, &later.core);
	host_settle(host);
	KUNIT_EXPECT_TRUE(test, wait.answered);
	KUNIT_EXPECT_TRUE(test, later.answered);
	KUNIT_EXPECT_STREQ(test, host->store.fail_reason, reason);
	KUNIT_EXPECT_TRUE(test, host_take_kick(host, LC_KICK_EVENT));
	KUNIT_EXPECT_EQ(test, host_flush(host), -EIO);
	/* Reads go on. */
	KUNIT_EXPECT_EQ(test, host_read(host, 4), 2);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), -EIO);
	host_delete(host);
}

static void p1_failure_is_latched_before_anything_is_answered(struct kunit *test)
{
	fail_one(test, DISK_FLUSH, 1, "a flush of the store failed");
	fail_one(test, DISK_WRITE, 1, "a write to the journal failed");
	fail_one(test, DISK_WRITE, 2, "a write to the journal failed");
}

/*
 * The flush of a checkpoint fails while the flush of a round is under way: what
 * the device has lost may be what the round is for.
 */
static void p1_round_under_way_does_not_succeed_in_failed_mode(struct kunit *test)
{
	struct host *host = small(test);
	struct host_wait wait = { .done = must_be_latched };

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 1, 1), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	lc_round_wait(&host->store, &wait.core);
	KUNIT_EXPECT_EQ(test, host->round.kind, LC_ROUND_FLUSH);
	host->disk->fail_in[DISK_FLUSH] = 1;
	KUNIT_EXPECT_NE(test, lc_checkpoint(&host->store), 0);
	advance(host);
	KUNIT_EXPECT_TRUE(test, wait.answered);
	host_delete(host);
}

static void full_ring_waits_for_a_checkpoint(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);
	u32 ring = host->super.layout.journal_blocks, i;
	struct host_wait wait = { .error = 0 };

	for (i = 0; i < ring - 1; i++) {
		struct host_wait each = { .error = 0 };

		KUNIT_ASSERT_EQ(test, host_write(host, 2 * i, 1, i), LC_TAKEN);
		lc_round_wait(&host->store, &each.core);
		advance(host);
		advance(host);
		KUNIT_ASSERT_TRUE(test, each.answered);
	}
	/* It was asked for when the ring was half full, but nobody came. */
	KUNIT_EXPECT_TRUE(test, host_take_kick(host, LC_KICK_CHECKPOINT));
	KUNIT_EXPECT_EQ(test, lc_journal_room(&host->store), 0);
	KUNIT_ASSERT_EQ(test, host_write(host, 5 * LEAF, 1, 5), LC_TAKEN);
	lc_round_wait(&host->store, &wait.core);
	KUNIT_EXPECT_FALSE(test, host->round.active);
	KUNIT_EXPECT_EQ(test, host->store.round.state, LC_ROUND_IS_ROOM);
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_CHECKPOINT);
	lc_round_run(&host->store, true);
	KUNIT_EXPECT_FALSE(test, host->round.active);
	host_settle(host);
	KUNIT_EXPECT_TRUE(test, wait.answered);
	KUNIT_EXPECT_EQ(test, wait.error, 0);
	host_drop(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host->store.map.data_blocks, ring);
	host_delete(host);
}

/* A group of two blocks, and a ring that has room for one: two groups of one. */
static void group_is_no_larger_than_the_room_in_the_ring(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);
	struct host_wait wait = { .error = 0 };

	host->store.journal.tail.sequence -= host->super.layout.journal_blocks - 2;
	KUNIT_EXPECT_EQ(test, lc_journal_room(&host->store), 1);
	scatter(host, 0, LC_JOURNAL_RUNS + 3);
	lc_round_wait(&host->store, &wait.core);
	KUNIT_EXPECT_EQ(test, host->round.kind, LC_ROUND_FLUSH);
	advance(host);
	KUNIT_EXPECT_EQ(test, host->round.kind, LC_ROUND_CLOSE);
	advance(host);
	KUNIT_EXPECT_EQ(test, host->store.round.state, LC_ROUND_IS_ROOM);
	KUNIT_EXPECT_FALSE(test, wait.answered);
	host_settle(host);
	KUNIT_EXPECT_TRUE(test, wait.answered);
	host_delete(host);
}

static void round_that_waits_for_room_ends_in_failed_mode(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);
	struct host_wait wait = { .done = must_be_latched };

	host->store.journal.tail.sequence -= host->super.layout.journal_blocks - 1;
	KUNIT_ASSERT_EQ(test, host_write(host, 0, 1, 5), LC_TAKEN);
	lc_round_wait(&host->store, &wait.core);
	KUNIT_EXPECT_EQ(test, host->store.round.state, LC_ROUND_IS_ROOM);
	host->disk->fail_in[DISK_FLUSH] = 1;
	host_settle(host);
	KUNIT_EXPECT_TRUE(test, wait.answered);
	host_delete(host);
}

static void read_only_store_has_nothing_to_flush(struct kunit *test)
{
	struct host *host = small(test);
	u64 flushes;

	host_close(host);
	KUNIT_ASSERT_EQ(test, host_open(host, true), 0);
	flushes = host->disk->count[DISK_FLUSH];
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	KUNIT_EXPECT_EQ(test, host->disk->count[DISK_FLUSH], flushes);
	host_delete(host);
}

/*
 * Random waits and rounds against the naive rule -----------------------------
 *
 * A wait is answered by the first round that begins when it is there, and by no
 * other; then all that was written before it came is durable.  Each step does
 * one thing, so a round that begins in it begins behind what came in it.
 */
#define WAITS	64
#define BLOCKS	40	/* every other block of the clone's first */

struct flush {
	struct host_wait wait;
	bool there;		/* came, and was not looked at since its answer */
	bool covered;		/* the round that is under way began after it came */
};

struct rule {
	struct host *host;
	struct flush flush[WAITS];
	u64 started, durable;	/* rounds, as they were after the last step */
	u64 tag;
	u64 now[BLOCKS];	/* what was written last, 0: nothing */
	u64 at_begin[BLOCKS];	/* what was when the last round began */
	u64 safe[BLOCKS];	/* what has to be there after a loss of power */
	u32 answered, shared;
};

static void come(struct rule *rule)
{
	u32 i = random_below(WAITS);
	struct flush *flush = &rule->flush[i];

	if (flush->there)
		return;
	memset(flush, 0, sizeof(*flush));
	flush->there = true;
	if (random_chance(50))
		lc_round_wait(&rule->host->store, &flush->wait.core);
	else
		lc_round_wait_later(&rule->host->store, &flush->wait.core);
}

static void change_block(struct rule *rule)
{
	u32 i = random_below(BLOCKS);

	rule->tag += BLOCKS;
	if (host_write(rule->host, 2 * i, 1, rule->tag + i) == LC_TAKEN)
		rule->now[i] = rule->tag + i;
}

static void step_on(struct rule *rule)
{
	struct host *host = rule->host;

	if (host->step) {
		host->step = false;
		lc_round_step(&host->store);
	} else if (!host_round_io(host)) {
		host_serve(host, HOST_WORK);
	}
}

static void one_step(struct rule *rule)
{
	u32 what = random_below(100);

	if (what < 20)
		come(rule);
	else if (what < 35)
		change_block(rule);
	else if (what < 40)
		lc_round_run(&rule->host->store, random_chance(50));
	else if (what < 50)
		host_serve(rule->host, LC_KICK_ROUND);
	else
		step_on(rule);
}

/* A round has ended well: whom it covered has an answer, and nobody else. */
static void ended(struct rule *rule)
{
	struct kunit *test = rule->host->test;
	u32 i, answers = 0;

	for (i = 0; i < WAITS; i++) {
		struct flush *flush = &rule->flush[i];

		if (!flush->there)
			continue;
		KUNIT_EXPECT_EQ(test, flush->wait.answered, flush->covered);
		if (!flush->wait.answered)
			continue;
		KUNIT_EXPECT_EQ(test, flush->wait.error, 0);
		flush->there = false;
		answers++;
	}
	memcpy(rule->safe, rule->at_begin, sizeof(rule->safe));
	rule->answered += answers;
	rule->shared += answers > 1;
}

static void began(struct rule *rule)
{
	u32 i;

	for (i = 0; i < WAITS; i++)
		rule->flush[i].covered = rule->flush[i].there;
	memcpy(rule->at_begin, rule->now, sizeof(rule->at_begin));
}

/* What the step has done to rounds; where it was more than one, the end came first. */
static void look(struct rule *rule)
{
	const struct lc_round *round = &rule->host->store.round;
	u32 i;

	KUNIT_ASSERT_LE(rule->host->test, round->started, rule->started + 1);
	if (round->durable != rule->durable) {
		KUNIT_ASSERT_EQ(rule->host->test, round->durable, rule->started);
		ended(rule);
	}
	if (round->started != rule->started)
		began(rule);
	rule->durable = round->durable;
	rule->started = round->started;
	for (i = 0; i < WAITS; i++)
		KUNIT_ASSERT_FALSE(rule->host->test, rule->flush[i].there &&
				   rule->flush[i].wait.answered);
}

/* Of each block at least what is safe, and never what it was not given. */
static void cut_and_compare(struct rule *rule)
{
	struct host *host = rule->host;
	u64 tag;
	u32 i;

	disk_cut(host->disk);
	host_drop(host);
	KUNIT_ASSERT_EQ(host->test, host_open(host, false), 0);
	for (i = 0; i < BLOCKS; i++) {
		tag = host_read(host, 2 * i);
		if (tag == HOST_BELOW)
			tag = 0;
		KUNIT_EXPECT_GE(host->test, tag, rule->safe[i]);
		KUNIT_EXPECT_LE(host->test, tag, rule->now[i]);
		KUNIT_EXPECT_TRUE(host->test, !tag || tag % BLOCKS == i);
		rule->now[i] = tag;
		rule->safe[i] = tag;
		rule->at_begin[i] = tag;
	}
	memset(rule->flush, 0, sizeof(rule->flush));
	rule->started = host->store.round.started;
	rule->durable = host->store.round.durable;
}

static void p1_waits_are_answered_by_the_naive_rule(struct kunit *test)
{
	struct rule *rule = kunit_kzalloc(test, sizeof(*rule), GFP_KERNEL);
	u32 lives = random_rounds(300), i, steps;

	rule->host = small(test);
	for (i = 0; i < lives && test->status != KUNIT_FAILURE; i++) {
		for (steps = 1 + random_below(400); steps; steps--) {
			one_step(rule);
			look(rule);
		}
		cut_and_compare(rule);
	}
	if (lives == 300) {
		KUNIT_EXPECT_GT(test, rule->answered, 3000);
		KUNIT_EXPECT_GT(test, rule->shared, 500);
	}
	host_delete(rule->host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(nothing_to_gather_is_one_flush),
	KUNIT_CASE(first_write_is_one_flush_and_one_block),
	KUNIT_CASE(wait_of_a_completion_is_told_before_it_can_be_answered),
	KUNIT_CASE(p1_flush_is_answered_by_a_round_that_began_after_it),
	KUNIT_CASE(p1_block_is_closed_only_after_the_flush),
	KUNIT_CASE(p1_group_of_several_blocks_is_whole_before_it_is_closed),
	KUNIT_CASE(p1_round_of_several_groups_is_answered_at_its_end),
	KUNIT_CASE(scarce_pages_make_groups_small_and_nothing_else),
	KUNIT_CASE(mapping_is_durable_with_the_round_that_has_it),
	KUNIT_CASE(p1_failure_is_latched_before_anything_is_answered),
	KUNIT_CASE(p1_round_under_way_does_not_succeed_in_failed_mode),
	KUNIT_CASE(full_ring_waits_for_a_checkpoint),
	KUNIT_CASE(group_is_no_larger_than_the_room_in_the_ring),
	KUNIT_CASE(round_that_waits_for_room_ends_in_failed_mode),
	KUNIT_CASE(read_only_store_has_nothing_to_flush),
	KUNIT_CASE(p1_waits_are_answered_by_the_naive_rule),
	{ }
};

static struct kunit_suite suite = {
	.name = "round",
	.test_cases = cases,
};
kunit_test_suite(suite);
