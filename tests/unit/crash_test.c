// SPDX-License-Identifier: GPL-2.0
/*
 * A small crash simulator: random use of a clone, a cut of the power at a random
 * write or flush, recovery (which may be cut as well), and a comparison of every
 * watched block with what the model allows.
 */

#include "clone.h"
#include "random.h"
#include "walk.h"

#define CRASHES		20	/* of one life */

struct life {
	u32 store_blocks;
	u32 more_blocks;	/* at most, beyond those */
	u64 clone_blocks;
	u64 origin_blocks;
	u32 clusters;
	u32 events;		/* of use between two crashes, at most */
	bool grows;
	bool fills;		/* and has to have met its end */
	bool failures;		/* of the device below, now and then */
};

/* Recovers, however often the power goes in the middle of it. */
static void recover(struct clone *clone)
{
	u32 tries = 0;
	int error;

	for (;;) {
		if (tries++ < 4 && random_chance(40))
			clone->host->disk->cut_in = 1 + random_below(40);
		error = clone_open(clone);
		clone->host->disk->cut_in = 0;
		if (!clone->host->disk->dead)
			break;
		clone_crash(clone);
	}
	KUNIT_ASSERT_EQ(clone->test, error, 0);
}

/* The tree and what the core says of it are the same, block for block. */
static void compare_walk(struct clone *clone)
{
	struct walk *walk = walk_disk(clone->test, clone->host->disk);
	struct lc_store *store = &clone->host->store;
	u32 i;

	KUNIT_EXPECT_EQ(clone->test, walk->data_blocks, store->map.data_blocks);
	KUNIT_EXPECT_EQ(clone->test, walk->zero_blocks, store->map.zero_blocks);
	KUNIT_EXPECT_EQ(clone->test, walk->data_blocks, store->alloc.used_blocks);
	KUNIT_EXPECT_EQ(clone->test, walk->pages, store->alloc.page_blocks);
	KUNIT_EXPECT_EQ(clone->test, store->alloc.promised_blocks, 0u);
	for (i = 0; i < clone->model->watched; i++) {
		u64 block = clone->model->history[i].block;
		struct lc_extent extent;
		u32 entry = walk->entry[block];

		host_lookup(clone->host, block, &extent);
		if (extent.kind == LC_DATA)
			KUNIT_EXPECT_EQ(clone->test, extent.store, entry);
		else
			KUNIT_EXPECT_EQ(clone->test, (int)extent.kind,
					entry == LC_ENTRY_ZERO ? (int)LC_ZERO :
								 (int)LC_BELOW);
	}
	walk_free(walk);
}

static void grow(struct clone *clone)
{
	struct disk *disk = clone->host->disk;

	disk_grow(disk, disk->blocks + 1 + random_below(100));
	lc_store_extend(&clone->host->store,
			(u64)disk->blocks * LC_BLOCK_SECTORS);
}

/* All that was begun ends; nobody is left to wait for what never comes. */
static void settle(struct clone *clone)
{
	bool full = !list_empty(&clone->part[PART_FULL]);

	clone_settle(clone);
	KUNIT_EXPECT_TRUE(clone->test, list_empty(&clone->part[PART_BUSY]));
	KUNIT_EXPECT_TRUE(clone->test, list_empty(&clone->part[PART_ROUND]));
	if (!full && lc_failed(&clone->host->store))
		KUNIT_EXPECT_EQ(clone->test, clone->parts, 0u);
}

static void use(struct clone *clone, const struct life *life)
{
	struct disk *disk = clone->host->disk;
	u32 events = 1 + random_below(life->events);

	clone->active = true;
	clone->error_if_no_space = random_chance(50);
	clone->host->scarce_percent = random_chance(30) ? 50 : 0;
	if (random_chance(85))
		disk->cut_in = 1 + random_below(life->events / 2);
	if (life->failures && random_chance(30))
		disk->fail_in[DISK_WRITE + random_below(2)] =
			1 + random_below(life->events / 2);
	if (life->grows && random_chance(20))
		grow(clone);
	while (events-- && !disk->dead)
		clone_event(clone);
	if (!disk->dead && random_chance(20))
		settle(clone);
	clone->active = false;
	if (!disk->fail_in[DISK_WRITE] && !disk->fail_in[DISK_FLUSH] && !disk->dead)
		KUNIT_EXPECT_TRUE(clone->test, life->failures ||
				  !lc_failed(&clone->host->store));
	disk->fail_in[DISK_WRITE] = 0;
	disk->fail_in[DISK_FLUSH] = 0;
}

/* Takes it down in good order, and has a look at what that left. */
static void close(struct clone *clone)
{
	struct host *host = clone->host;

	host->disk->cut_in = 0;
	host_close(host);
	walk_check(clone->test, host->disk);
	KUNIT_ASSERT_EQ(clone->test, clone_open(clone), 0);
	clone_verify(clone);
}

static void live(struct kunit *test, const struct life *life, u32 crashes)
{
	struct host_format format = {
		.store_blocks = life->store_blocks +
				(life->more_blocks ? random_below(life->more_blocks) : 0),
		.clone_sectors = life->clone_blocks * LC_BLOCK_SECTORS -
				 random_below(LC_BLOCK_SECTORS),
		.origin_sectors = life->origin_blocks * LC_BLOCK_SECTORS +
				  random_below(LC_BLOCK_SECTORS),
	};
	struct clone *clone = clone_new(test, &format, life->clusters);
	u32 crash;

	for (crash = 0; crash < crashes && test->status != KUNIT_FAILURE; crash++) {
		recover(clone);
		compare_walk(clone);
		clone_verify(clone);
		use(clone, life);
		if (!clone->host->disk->dead && !clone->parts &&
		    !lc_failed(&clone->host->store))
			close(clone);
		clone_crash(clone);
	}
	KUNIT_EXPECT_TRUE(test, clone->full || !life->fills || crashes < CRASHES);
	clone_delete(clone);
}

/*
 * As many crashes as in @lives lives; or less than one life has where that is too long,
 * with less between them, in fewer places.
 */
static void live_often(struct kunit *test, u32 lives, const struct life *life)
{
	u32 left = random_rounds(lives * CRASHES);
	struct life shorter = *life;
	u32 now;

	if (left < CRASHES) {
		shorter.events /= 5;
		shorter.clusters /= 5;
	}
	for (; left && test->status != KUNIT_FAILURE; left -= now) {
		now = min(left, (u32)CRASHES);
		live(test, &shorter, now);
	}
}

static void p1_p2_p4_one_leaf(struct kunit *test)
{
	live_often(test, 40, &(struct life) {
		.store_blocks = 2048, .clone_blocks = 600,
		.origin_blocks = 400, .clusters = 12,
		.events = 300,
	});
}

static void p1_p2_p4_many_leaves(struct kunit *test)
{
	live_often(test, 30, &(struct life) {
		.store_blocks = 2048, .clone_blocks = 100000,
		.origin_blocks = 90000, .clusters = 70,
		.events = 1000,
	});
}

static void p1_p2_p4_three_levels(struct kunit *test)
{
	live_often(test, 20, &(struct life) {
		.store_blocks = 2048, .more_blocks = 500,
		.clone_blocks = 300000,
		.origin_blocks = 400000, .clusters = 60,
		.events = 1000,
	});
}

static void p1_p2_p4_p5_full_store(struct kunit *test)
{
	live_often(test, 12, &(struct life) {
		.store_blocks = 2048, .clone_blocks = 100000,
		.origin_blocks = 90000, .clusters = 300,
		.events = 2000, .fills = true,
	});
}

static void p1_p2_p5_full_store_that_grows(struct kunit *test)
{
	live_often(test, 6, &(struct life) {
		.store_blocks = 2048, .clone_blocks = 50000,
		.origin_blocks = 0, .clusters = 300,
		.events = 2000, .grows = true,
	});
}

static void p1_device_that_fails(struct kunit *test)
{
	live_often(test, 20, &(struct life) {
		.store_blocks = 2048, .clone_blocks = 20000,
		.origin_blocks = 30000, .clusters = 40,
		.events = 600, .failures = true,
	});
}

static struct kunit_case cases[] = {
	KUNIT_CASE(p1_p2_p4_one_leaf),
	KUNIT_CASE(p1_p2_p4_many_leaves),
	KUNIT_CASE(p1_p2_p4_three_levels),
	KUNIT_CASE(p1_p2_p4_p5_full_store),
	KUNIT_CASE(p1_p2_p5_full_store_that_grows),
	KUNIT_CASE(p1_device_that_fails),
	{ }
};

static struct kunit_suite suite = {
	.name = "crash",
	.test_cases = cases,
};
kunit_test_suite(suite);
