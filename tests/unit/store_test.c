// SPDX-License-Identifier: GPL-2.0
/* A store as a whole: up, down, read-only, grown, failed, damaged, hostile. */

#include "host.h"
#include "random.h"
#include "walk.h"

#define LEAF	((u64)LC_LEAF_ENTRIES)

static struct host *small(struct kunit *test)
{
	return host_new_open(test, 2048, 300 * LEAF);
}

static void p8_owner_is_named_while_it_is_active(struct kunit *test)
{
	static const u8 boot[LC_UUID_BYTES] = "another boot uid";
	struct host *host = small(test);
	struct walk *walk;
	u64 epoch;

	walk = walk_disk(test, host->disk);
	epoch = walk->super.epoch;
	KUNIT_EXPECT_STREQ(test, walk->super.owner_host, "unit");
	KUNIT_EXPECT_EQ(test, memcmp(walk->super.owner_boot, "unit test boot", 15), 0);
	KUNIT_EXPECT_EQ(test, walk->super.owner_epoch, epoch);
	walk_free(walk);
	KUNIT_EXPECT_EQ(test, lc_store_park(&host->store), 0);
	walk = walk_disk(test, host->disk);
	KUNIT_EXPECT_STREQ(test, walk->super.owner_host, "");
	KUNIT_EXPECT_TRUE(test, lc_uuid_is_null(walk->super.owner_boot));
	KUNIT_EXPECT_EQ(test, walk->super.owner_epoch, 0);
	walk_free(walk);
	KUNIT_EXPECT_EQ(test, lc_store_resume(&host->store, "other", boot), 0);
	walk = walk_disk(test, host->disk);
	KUNIT_EXPECT_STREQ(test, walk->super.owner_host, "other");
	KUNIT_EXPECT_EQ(test, memcmp(walk->super.owner_boot, boot, LC_UUID_BYTES), 0);
	KUNIT_EXPECT_EQ(test, walk->super.owner_epoch, epoch);
	walk_free(walk);
	KUNIT_EXPECT_EQ(test, host_write(host, 0, 1, 1), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	host_delete(host);
}

static void name_of_an_owner_is_cut_to_what_there_is_room_for(struct kunit *test)
{
	struct host *host = small(test);
	char name[200];

	memset(name, 'h', sizeof(name));
	name[199] = 0;
	lc_store_own(&host->store, name, host->super.store_uuid);
	KUNIT_EXPECT_EQ(test, strlen(host->store.super.owner_host), LC_NAME_BYTES - 1);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	walk_check(test, host->disk);
	host_delete(host);
}

static void p1_parked_store_needs_no_journal(struct kunit *test)
{
	struct host *host = small(test);
	u32 i;

	for (i = 0; i < 20; i++)
		KUNIT_ASSERT_EQ(test, host_write(host, i * LEAF, 3, i), LC_TAKEN);
	host_close(host);
	for (i = 0; i < host->super.layout.journal_blocks; i++)
		memset(disk_medium(host->disk, host->super.layout.journal_start + i),
		       0, LC_BLOCK_SIZE);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	for (i = 0; i < 20; i++)
		KUNIT_EXPECT_EQ(test, host_read(host, i * LEAF + 2), i);
	host_delete(host);
}

static void read_only_store_is_not_written(struct kunit *test)
{
	struct host *host = small(test);
	u64 count = 1;
	u32 i;

	for (i = 0; i < 25; i++)
		KUNIT_ASSERT_EQ(test, host_write(host, i * LEAF, 3, i), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	host_drop(host);
	/* A stale superblock and a journal: it sees them, and leaves them. */
	memset(disk_medium(host->disk, LC_SUPER_BLOCK_1), 0, LC_BLOCK_SIZE);
	memset(host->disk->count, 0, sizeof(host->disk->count));
	KUNIT_ASSERT_EQ(test, host_open(host, true), 0);
	for (i = 0; i < 25; i++)
		KUNIT_EXPECT_EQ(test, host_read(host, i * LEAF + 2), i);
	KUNIT_EXPECT_EQ(test, host_write(host, 500, 1, 1), LC_FAILED);
	KUNIT_EXPECT_EQ(test, lc_zero(&host->store, 0, &count), LC_FAILED);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	KUNIT_EXPECT_EQ(test, lc_scan(&host->store), 0);
	KUNIT_EXPECT_EQ(test, lc_store_extend(&host->store, 10000 * 8), 0);
	KUNIT_EXPECT_EQ(test, lc_store_park(&host->store), 0);
	KUNIT_EXPECT_EQ(test, host->disk->count[DISK_WRITE], 0);
	KUNIT_EXPECT_EQ(test, host->disk->count[DISK_FLUSH], 0);
	host_delete(host);
}

/*
 * However many checkpoints went by without a round: what one group and the next
 * hold is bounded, so that a read-only open finds room for it in memory.
 */
static void p9_leaves_that_wait_for_a_round_are_bounded(struct kunit *test)
{
	struct host *host = host_new_open(test, 2048, 300 * LEAF);
	u32 cap = lc_dirty_cap(host->super.layout.reserve_blocks);
	struct lc_ticket ticket;
	struct lc_leaf *leaf;
	enum lc_take take;
	u32 i, waiting = 0;

	for (i = 0; i < 280; i++) {
		take = host_ticket(host, i * LEAF, 1, &ticket);
		if (take == LC_BUSY) {
			if (!host_serve(host, LC_KICK_CHECKPOINT))
				break;
			take = host_ticket(host, i * LEAF, 1, &ticket);
		}
		if (take != LC_TAKEN)
			break;
		lc_ticket_publish(&host->store, &ticket);
	}
	list_for_each_entry(leaf, &host->store.map.journal, journal_link)
		waiting++;
	KUNIT_EXPECT_LE(test, waiting, cap);
	/* A round was asked for, and then it goes on. */
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_ROUND);
	host_settle(host);
	KUNIT_EXPECT_EQ(test, host_write(host, i * LEAF, 1, 4), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	host_drop(host);
	KUNIT_EXPECT_EQ(test, host_open(host, true), 0);
	host_delete(host);
}

/* Growth ---------------------------------------------------------------- */

static void grow(struct host *host, u32 blocks)
{
	disk_grow(host->disk, blocks);
	KUNIT_EXPECT_EQ(host->test, lc_store_extend(&host->store, blocks * 8ull), 0);
}

/* Each resume asks, and a full store would be scanned from end to end each time. */
static void extend_without_growth_does_nothing(struct kunit *test)
{
	struct host *host = small(test);
	struct lc_alloc *alloc = &host->store.alloc;
	u64 reads, writes;

	KUNIT_ASSERT_EQ(test, host_write(host, 0, 900, 1), LC_TAKEN);
	host_close(host);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	/* As if all had been given out once, and pages lay in all of the reserve. */
	alloc->high_water = alloc->data_end;
	alloc->reserve_used = host->super.layout.reserve_blocks;
	reads = host->disk->count[DISK_READ];
	writes = host->disk->count[DISK_WRITE];
	KUNIT_EXPECT_EQ(test, lc_store_extend(&host->store, 2048 * 8), 0);
	KUNIT_EXPECT_EQ(test, alloc->scan, LC_SCAN_NONE);
	KUNIT_EXPECT_EQ(test, host->disk->count[DISK_READ], reads);
	KUNIT_EXPECT_EQ(test, host->disk->count[DISK_WRITE], writes);
	host_delete(host);
}

static void p5_growth_releases_who_waits_for_space(struct kunit *test)
{
	struct host *host = small(test);
	u32 n = 0;

	while (host_write(host, n, 1, n) == LC_TAKEN)
		n++;
	KUNIT_EXPECT_TRUE(test, host->store.alloc.full);
	/* The bitmap that it knows itself full by is too small afterwards. */
	KUNIT_EXPECT_EQ(test, lc_scan(&host->store), 0);
	host_take_kick(host, ~0u);
	grow(host, 2048);	/* not at all */
	KUNIT_EXPECT_TRUE(test, host->store.alloc.full);
	grow(host, 2600);
	KUNIT_EXPECT_TRUE(test, host_take_kick(host, LC_KICK_SPACE));
	KUNIT_EXPECT_FALSE(test, host->store.alloc.full);
	KUNIT_EXPECT_EQ(test, host_write(host, n, 540, 5), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_write(host, n + 540, 60, 5), LC_FULL);
	host_close(host);
	walk_check(test, host->disk);
	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host->store.super.layout.store_blocks, 2600);
	KUNIT_EXPECT_EQ(test, host_read(host, n + 539), 5);
	host_delete(host);
}

static void look_for_the_size(struct host *host, u32 block)
{
	const struct lc_disk_super *disk = disk_medium(host->disk, LC_SUPER_BLOCK_0);

	if (block < LC_HEAD_BLOCKS)
		return;
	if (le32_to_cpu(disk->store_blocks) == 2048)
		KUNIT_EXPECT_LT(host->test, block, 2048 - LC_TAIL_BLOCKS);
}

/* Power is lost before or after: the size on disk covers all that is used. */
static void p1_growth_is_durable_before_it_is_used(struct kunit *test)
{
	struct host *host;
	u32 cut, i;

	for (cut = 0; cut < 8; cut++) {
		host = small(test);
		for (i = 0; host_write(host, i, 1, i) == LC_TAKEN; i++)
			;
		KUNIT_EXPECT_EQ(test, host_flush(host), 0);
		host->wrote = look_for_the_size;
		disk_grow(host->disk, 4000);
		host->disk->cut_in = cut;
		if (!lc_store_extend(&host->store, 4000 * 8)) {
			host->disk->cut_in = 0;
			KUNIT_EXPECT_EQ(test, host_write(host, i, 50, 1), LC_TAKEN);
			KUNIT_EXPECT_EQ(test, host_flush(host), 0);
			KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
		}
		host_drop(host);
		KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
		KUNIT_EXPECT_EQ(test, host_read(host, i - 1), i - 1);
		walk_check(test, host->disk);
		host_delete(host);
	}
}

static void growth_beyond_what_entries_can_name_is_cut(struct kunit *test)
{
	struct host *host = small(test);

	KUNIT_EXPECT_EQ(test, lc_store_extend(&host->store, ~0ull), 0);
	KUNIT_EXPECT_EQ(test, host->store.super.layout.store_blocks,
			LC_STORE_BLOCKS_MAX);
	KUNIT_EXPECT_TRUE(test, lc_layout_valid(&host->store.super.layout));
	host_delete(host);
}

/* Errors ---------------------------------------------------------------- */

static void failure_is_latched_once_and_tells(struct kunit *test)
{
	struct host *host = small(test);

	host_take_kick(host, ~0u);
	lc_fail(&host->store, "one");
	lc_fail(&host->store, "two");
	KUNIT_EXPECT_STREQ(test, host->store.fail_reason, "one");
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_EVENT);
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_RETRY);
	KUNIT_EXPECT_TRUE(test, host->kicks & LC_KICK_SPACE);
	KUNIT_EXPECT_EQ(test, lc_store_park(&host->store), -EIO);
	host_delete(host);
}

static void open_that_fails_leaves_no_memory_behind(struct kunit *test)
{
	struct host *host = small(test);
	u32 nth;
	u32 i;

	for (i = 0; i < 30; i++)
		KUNIT_ASSERT_EQ(test, host_write(host, i * 9 * LEAF, 1, i), LC_TAKEN);
	KUNIT_EXPECT_EQ(test, host_flush(host), 0);
	host_drop(host);
	host->no_memory = true;
	KUNIT_EXPECT_EQ(test, host_open(host, true), -ENOMEM);
	host_drop(host);
	host->no_memory = false;
	for (nth = 1; nth < 200 && !host->disk->fail_in[DISK_READ]; nth++) {
		host->disk->fail_in[DISK_READ] = nth;
		/* Of the superblock there are two. */
		if (!host_open(host, true) && host->disk->fail_in[DISK_READ] == 0)
			KUNIT_EXPECT_LE(test, nth, 3);
		if (host->open)
			host_drop(host);
	}
	KUNIT_EXPECT_GT(test, nth, 60);
	host_delete(host);
}

static void p6_unreadable_or_foreign_device_is_refused(struct kunit *test)
{
	struct host *host = small(test);

	host_drop(host);
	host->disk->fail_in[DISK_READ] = 1;
	KUNIT_EXPECT_EQ(test, host_open(host, true), -EINVAL);
	KUNIT_EXPECT_STREQ(test, host->report, "cannot be read");
	memset(disk_medium(host->disk, 0), 0, LC_BLOCK_SIZE);
	KUNIT_EXPECT_EQ(test, host_open(host, true), -EINVAL);
	KUNIT_EXPECT_STREQ(test, host->report, "is not an lclone store");
	disk_delete(host->disk);
}

/* Hostile stores -------------------------------------------------------- */

static void seal_again(struct host *host, u32 address)
{
	const u8 *uuid = host->super.store_uuid;
	void *page = disk_medium(host->disk, address);
	struct lc_disk_super *super = page;
	struct lc_disk_page *head = page;

	/* Both begin alike, and so does a journal block. */
	if (le32_to_cpu(super->magic) == LC_MAGIC_SUPER)
		lc_seal(uuid, address, page, &super->csum);
	else
		lc_seal(uuid, address, page, &head->csum);
}

/* Passes the new checksum of a page to who names it, as an attacker would. */
static void name_again(struct host *host)
{
	u32 end = host->disk->blocks;
	u32 at, ref, pass;

	/* A chain of names is no longer than that, unless it bites its tail. */
	for (pass = 0; pass < 4; pass++) {
		for (at = 1; at < end; at++) {
			u8 *page = disk_medium(host->disk, at);
			u32 magic = le32_to_cpu(*(__le32 *)page);
			struct lc_disk_ref *refs = (void *)(page + 64);
			u32 count = LC_NODE_CHILDREN;

			if (magic == LC_MAGIC_SUPER) {
				refs = &((struct lc_disk_super *)page)->root;
				count = 1;
			} else if (magic != LC_MAGIC_NODE) {
				continue;
			}
			for (ref = 0; ref < count; ref++) {
				u32 to = le32_to_cpu(refs[ref].address);
				if (!to || to >= end)
					continue;
				refs[ref].csum = ((struct lc_disk_page *)
					disk_medium(host->disk, to))->csum;
			}
			seal_again(host, at);
		}
	}
}

static void use_all(struct host *host)
{
	struct lc_ticket ticket;
	struct lc_extent extent;
	u64 block, count;

	for (block = 0; block < host->store.blocks; block += extent.count) {
		lc_lookup(&host->store, block, host->store.blocks - block, &extent);
		KUNIT_ASSERT_GE(host->test, extent.count, 1);
		if (extent.kind == LC_UNLOADED &&
		    !lc_map_load(&host->store, block))
			lc_lookup(&host->store, block, host->store.blocks - block,
				  &extent);
		if (extent.kind == LC_DATA)
			KUNIT_EXPECT_LT(host->test, extent.store + extent.count - 1,
					host->store.super.layout.data_end);
	}
	for (block = 0; block < host->store.blocks; block += 37 * LEAF) {
		if (lc_map_load(&host->store, block))
			continue;
		if (lc_ticket_take(&host->store, block + 5, 3, &ticket) == LC_TAKEN)
			lc_ticket_publish(&host->store, &ticket);
		count = 4;
		lc_zero(&host->store, block, &count);
		host_settle(host);
	}
	lc_scan(&host->store);
	host_flush(host);
	lc_checkpoint(&host->store);
}

static void p6_hostile_stores_do_no_harm(struct kunit *test)
{
	struct host *host = small(test);
	u32 tries = random_rounds(1500), opened = 0, i, k, pages = 0, page[600];
	size_t bytes;
	u8 *good;

	for (i = 0; i < 40; i++)
		KUNIT_ASSERT_EQ(test, host_write(host, i * 7 * LEAF, 3, i), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_zero(host, 5, LEAF), LC_TAKEN);
	host_close(host);
	bytes = host->disk->blocks * LC_BLOCK_SIZE;
	good = kunit_kzalloc(test, bytes, GFP_KERNEL);
	memcpy(good, host->disk->durable, bytes);
	for (i = 1; i < host->super.layout.data_end; i++) {
		u32 magic = le32_to_cpu(*(__le32 *)(good + i * LC_BLOCK_SIZE));

		if (magic == LC_MAGIC_SUPER || magic == LC_MAGIC_LEAF ||
		    magic == LC_MAGIC_NODE)
			page[pages++] = i;
	}
	for (i = 0; i < tries; i++) {
		memcpy(host->disk->durable, good, bytes);
		for (k = random_below(4); k < 4; k++) {
			u32 address = page[random_below(random_chance(40) ? 2 : pages)];
			u8 *at = disk_medium(host->disk, address);

			at += random_chance(60) ? 8 + random_below(240) :
						  8 + random_below(4088);
			*at = random_chance(50) ? (u8)random_u64() :
			      random_chance(50) ? 0 : *at + 1;
			seal_again(host, address);
		}
		name_again(host);
		if (!host_open(host, random_chance(30))) {
			opened++;
			use_all(host);
		}
		if (host->open)
			host_drop(host);
	}
	KUNIT_EXPECT_GE(test, opened, tries / 71);
	disk_delete(host->disk);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(p8_owner_is_named_while_it_is_active),
	KUNIT_CASE(name_of_an_owner_is_cut_to_what_there_is_room_for),
	KUNIT_CASE(p1_parked_store_needs_no_journal),
	KUNIT_CASE(read_only_store_is_not_written),
	KUNIT_CASE(p9_leaves_that_wait_for_a_round_are_bounded),
	KUNIT_CASE(extend_without_growth_does_nothing),
	KUNIT_CASE(p5_growth_releases_who_waits_for_space),
	KUNIT_CASE(p1_growth_is_durable_before_it_is_used),
	KUNIT_CASE(growth_beyond_what_entries_can_name_is_cut),
	KUNIT_CASE(failure_is_latched_once_and_tells),
	KUNIT_CASE(open_that_fails_leaves_no_memory_behind),
	KUNIT_CASE(p6_unreadable_or_foreign_device_is_refused),
	KUNIT_CASE(p6_hostile_stores_do_no_harm),
	{ }
};

static struct kunit_suite suite = {
	.name = "store",
	.test_cases = cases,
};
kunit_test_suite(suite);
