// SPDX-License-Identifier: GPL-2.0
/* The scan for free blocks. */

#include "random.h"
#include "space.h"
#include "walk.h"

#define LEAF	((u64)LC_LEAF_ENTRIES)

static void scan_of_a_quiet_store_finds_what_is_used(struct kunit *test)
{
	struct space *space = space_new(test, 4096, 40);
	u32 i, k;

	for (i = 0; i < 4 && test->status != KUNIT_FAILURE; i++) {
		for (k = 0; k < 3000; k++)
			space_step(space);
		space_reopen(space);
		KUNIT_EXPECT_EQ(test, lc_scan(&space->host->store), 0);
		KUNIT_EXPECT_EQ(test, space->host->store.alloc.scan, LC_SCAN_DONE);
		space_compare(space);
	}
	space_delete(space);
}

/* Everything goes on where the scan sleeps: reads of pages, the drain. */
static void scan_finds_what_is_used_while_it_changes(struct kunit *test)
{
	struct space *space = space_new(test, 4096, 60);
	u32 i, k;

	space->zero_percent = 40;
	for (i = 0; i < 25 && test->status != KUNIT_FAILURE; i++) {
		for (k = 0; k < 500; k++)
			space_step(space);
		if (space->host->store.alloc.scan == LC_SCAN_NONE)
			KUNIT_EXPECT_EQ(test, lc_scan(&space->host->store), 0);
		space_compare(space);
		if (random_chance(30))
			space_reopen(space);
		else
			lc_scan_forget(&space->host->store);
		lc_map_evict(&space->host->store, 60);
		lc_map_evict(&space->host->store, 60);
	}
	space_delete(space);
}

static struct host *used(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 100 * LEAF);

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 200, 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_write(host, 5 * LEAF, 900, 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_write(host, 7 * LEAF, 100, 1), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_zero(host, 5 * LEAF, 500), LC_TAKEN);
	host_close(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	return host;
}

static void scan_is_asked_for_when_the_space_above_runs_low(struct kunit *test)
{
	struct host *host = used(test);

	host_take_kick(host, ~0u);
	KUNIT_EXPECT_EQ(test, host->store.alloc.scan, LC_SCAN_NONE);
	KUNIT_ASSERT_EQ(test, host_write(host, 20 * LEAF, 150, 1), LC_TAKEN);
	KUNIT_EXPECT_FALSE(test, host->kicks & LC_KICK_SCAN);
	KUNIT_ASSERT_EQ(test, host_write(host, 21 * LEAF, 40, 1), LC_TAKEN);
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_SCAN);
	host_settle(host);
	KUNIT_EXPECT_EQ(test, host->store.alloc.scan, LC_SCAN_DONE);
	/* Now the holes are used as well. */
	KUNIT_EXPECT_EQ(test, host_write(host, 30 * LEAF, 450, 1), LC_TAKEN);
	host_delete(host);
}

static void p6_damage_ends_the_scan_and_full_is_full(struct kunit *test)
{
	struct host *host = used(test);
	struct lc_leaf *leaf;
	u64 block = 20 * LEAF;
	enum lc_take take;

	KUNIT_ASSERT_EQ(test, lc_map_load(&host->store, 7 * LEAF), 0);
	leaf = host_leaf(host, 7 * LEAF);
	host->disk->bad_block = lc_page_ref(&host->store, &leaf->page)->address;
	lc_map_evict(&host->store, 10);
	lc_map_evict(&host->store, 10);
	KUNIT_EXPECT_EQ(test, lc_scan(&host->store), -EIO);
	KUNIT_EXPECT_EQ(test, host->store.alloc.scan, LC_SCAN_FAILED);
	while ((take = host_write(host, block, 1, 1)) == LC_TAKEN)
		block++;
	KUNIT_EXPECT_EQ(test, take, LC_FULL);
	KUNIT_EXPECT_EQ(test, host_write(host, 3, 1, 2), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	host_delete(host);
}

/* As a superblock does that says less than there is: the counts have room, the bitmap has none. */
static void p6_counts_that_lie_let_no_write_wait(struct kunit *test)
{
	struct host *host = used(test);
	struct lc_alloc *alloc = &host->store.alloc;
	u64 block = 20 * LEAF;
	enum lc_take take;

	alloc->used_blocks -= 500;
	while ((take = host_write(host, block, 1, 1)) == LC_TAKEN)
		block++;
	KUNIT_EXPECT_EQ(test, alloc->scan, LC_SCAN_DONE);
	KUNIT_EXPECT_GT(test, lc_space_available(&host->store), 0u);
	KUNIT_EXPECT_EQ(test, take, LC_FULL);
	/* What is freed is found, and then it is full again. */
	KUNIT_ASSERT_EQ(test, host_zero(host, 0, 3), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	host_settle(host);
	KUNIT_EXPECT_EQ(test, host_write(host, block, 3, 1), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_write(host, block + 3, 1, 1), LC_FULL);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	host_delete(host);
}

/* The counts are ahead of the bitmap while a checkpoint has pages in two places. */
static void p5_pages_that_a_checkpoint_will_free_are_waited_for(struct kunit *test)
{
	struct host *host = used(test);
	struct lc_alloc *alloc = &host->store.alloc;
	struct lc_ticket ticket;
	u64 block = 20 * LEAF;

	alloc->used_blocks -= 500;
	while (host_write(host, block, 1, 1) == LC_TAKEN)
		block++;
	KUNIT_EXPECT_EQ(test, host_ticket(host, block, 1, &ticket), LC_FULL);
	alloc->replaced_pages++;
	KUNIT_EXPECT_EQ(test, host_ticket(host, block, 1, &ticket), LC_BUSY);
	alloc->replaced_pages--;
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_EQ(test, alloc->replaced_pages, 0u);
	host_delete(host);
}

static void stop_in_the_middle(struct host *host)
{
	WRITE_ONCE(host->store.stop_scan, true);
}

static void scan_that_is_stopped_can_be_done_again(struct kunit *test)
{
	struct host *host = used(test);

	host->drain = stop_in_the_middle;
	KUNIT_EXPECT_EQ(test, lc_scan(&host->store), -EINTR);
	KUNIT_EXPECT_EQ(test, host->store.alloc.scan, LC_SCAN_NONE);
	KUNIT_EXPECT_NULL(test, host->store.alloc.bitmap);
	host->drain = NULL;
	host->store.stop_scan = false;
	host->no_memory = true;
	KUNIT_EXPECT_EQ(test, lc_scan(&host->store), -ENOMEM);
	host->no_memory = false;
	KUNIT_EXPECT_EQ(test, lc_scan(&host->store), 0);
	lc_scan_forget(&host->store);
	KUNIT_EXPECT_EQ(test, host->store.alloc.scan, LC_SCAN_NONE);
	KUNIT_EXPECT_NULL(test, host->store.alloc.bitmap);
	host_delete(host);
}

/* All used blocks, and no others, are marked. */
static void compare_bitmap(struct host *host)
{
	struct lc_alloc *alloc = &host->store.alloc;
	u32 start = host->super.layout.data_start;
	u32 used = alloc->used_blocks + alloc->page_blocks - alloc->reserve_used;
	u32 at, marked = 0;

	KUNIT_ASSERT_EQ(host->test, alloc->scan, LC_SCAN_DONE);
	for (at = start; at < alloc->data_end; at++)
		marked += test_bit(at, alloc->bitmap);
	KUNIT_EXPECT_EQ(host->test, marked, used);
}

/* A store of two leaves for each node of the lowest level, and none in memory. */
static struct host *deep(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 300 * LC_NODE_CHILDREN * LEAF);
	u64 node;

	for (node = 0; node < 300; node += 13) {
		KUNIT_ASSERT_EQ(test, host_write(host, node * LC_NODE_CHILDREN * LEAF,
						 3, 1), LC_TAKEN);
		KUNIT_ASSERT_EQ(test, host_write(host, (node * LC_NODE_CHILDREN + 99) *
						 LEAF, 2, 1), LC_TAKEN);
	}
	host_close(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	return host;
}

/*
 * A checkpoint may depend on the scan, and on the checkpoint whoever has the
 * memory that there is for maps.
 */
static void scan_needs_no_memory_for_the_map(struct kunit *test)
{
	struct host *host = deep(test);
	struct lc_map *map = &host->store.map;

	KUNIT_EXPECT_EQ(test, host->store.super.root_level, 3);
	host->no_leaves = true;
	KUNIT_EXPECT_EQ(test, lc_scan(&host->store), 0);
	KUNIT_EXPECT_EQ(test, map->leaves_in_memory, 0);
	KUNIT_EXPECT_EQ(test, map->nodes_in_memory, 1);
	compare_bitmap(host);
	host->no_leaves = false;
	/* The same with a part of it in memory, of which some is dirty. */
	lc_scan_drop(&host->store);
	KUNIT_ASSERT_EQ(test, lc_map_load(&host->store, 0), 0);
	KUNIT_ASSERT_EQ(test, host_write(host, 26 * LC_NODE_CHILDREN * LEAF + 9, 1, 2),
			LC_TAKEN);
	host->no_leaves = true;
	KUNIT_EXPECT_EQ(test, lc_scan(&host->store), 0);
	KUNIT_EXPECT_EQ(test, map->leaves_in_memory, 2);
	compare_bitmap(host);
	host_delete(host);
}

/* The scan reads a leaf; before it is marked, it is elsewhere and its old place used. */
static int read_too_late(struct host *host, u32 block, void *page)
{
	u64 *block_of_clone = host->owner;

	host->read = NULL;
	KUNIT_EXPECT_EQ(host->test, host_write(host, *block_of_clone, 1, 5), LC_TAKEN);
	KUNIT_EXPECT_EQ(host->test, host_flush(host), 0);
	mutex_lock(&host->store.checkpoint_mutex);
	KUNIT_EXPECT_EQ(host->test, lc_checkpoint_locked(&host->store), 0);
	mutex_unlock(&host->store.checkpoint_mutex);
	memset(disk_medium(host->disk, block), 0x5a, LC_BLOCK_SIZE);
	return disk_read(host->disk, block, page);
}

static void page_that_moves_while_it_is_scanned_is_no_damage(struct kunit *test)
{
	struct host *host = host_new_open(test, 4096, 20 * LEAF);
	u64 block = 11 * LEAF;

	KUNIT_ASSERT_EQ(test, host_write(host, block + 7, 200, 1), LC_TAKEN);
	host_close(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	host->owner = &block;
	host->read = read_too_late;
	KUNIT_EXPECT_EQ(test, lc_scan(&host->store), 0);
	KUNIT_EXPECT_NULL(test, host->read);
	KUNIT_EXPECT_EQ(test, host->reports, 0);
	compare_bitmap(host);
	host_close(host);
	host_delete(host);
}

static void scan_does_not_fill_memory(struct kunit *test)
{
	struct host *host = host_new_open(test, 9000, 800 * LEAF);
	u32 i;

	for (i = 0; i < 800; i++)
		KUNIT_ASSERT_EQ(test, host_write(host, i * LEAF, 1, 1), LC_TAKEN);
	host_close(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, lc_scan(&host->store), 0);
	KUNIT_EXPECT_EQ(test, host->store.map.leaves_in_memory, 0);
	host_delete(host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(scan_of_a_quiet_store_finds_what_is_used),
	KUNIT_CASE(scan_finds_what_is_used_while_it_changes),
	KUNIT_CASE(scan_is_asked_for_when_the_space_above_runs_low),
	KUNIT_CASE(p6_damage_ends_the_scan_and_full_is_full),
	KUNIT_CASE(p6_counts_that_lie_let_no_write_wait),
	KUNIT_CASE(p5_pages_that_a_checkpoint_will_free_are_waited_for),
	KUNIT_CASE(scan_that_is_stopped_can_be_done_again),
	KUNIT_CASE(scan_needs_no_memory_for_the_map),
	KUNIT_CASE(page_that_moves_while_it_is_scanned_is_no_damage),
	KUNIT_CASE(scan_does_not_fill_memory),
	{ }
};

static struct kunit_suite suite = {
	.name = "scan",
	.test_cases = cases,
};
kunit_test_suite(suite);
