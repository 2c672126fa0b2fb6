// SPDX-License-Identifier: GPL-2.0
/* Header and superblock: both forms, two copies, damage, hostile fields. */

#include "host.h"
#include "random.h"

static const u8 uuid[LC_UUID_BYTES] = "0123456789abcdef";

static void sample(struct kunit *test, struct lc_super *super)
{
	memset(super, 0, sizeof(*super));
	super->generation = 7;
	memcpy(super->store_uuid, uuid, LC_UUID_BYTES);
	random_fill(super->clone_uuid, LC_UUID_BYTES);
	random_fill(super->content_uuid, LC_UUID_BYTES);
	random_fill(super->parent_uuid, LC_UUID_BYTES);
	random_fill(super->snapshot_set, LC_UUID_BYTES);
	random_fill(super->origin_uuid, LC_UUID_BYTES);
	random_fill(super->fingerprint, LC_FINGERPRINT_BYTES);
	random_fill(super->owner_boot, LC_UUID_BYTES);
	super->state = LC_STORE_FROZEN;
	super->layers = 3;
	super->head_generation = 5;
	super->clone_sectors = 1000001;
	super->overlap_sectors = 900001;
	KUNIT_ASSERT_EQ(test, lc_layout_new(5000 * 8, &super->layout), 0);
	super->high_water = super->layout.data_start + 55;
	super->page_blocks = 44;
	super->root_level = lc_root_level(lc_blocks_of(super->clone_sectors));
	super->root = (struct lc_ref) {
		.generation = 6, .zero_blocks = 12, .data_blocks = 34,
		.address = super->layout.reserve_start + 1, .csum = 99,
		.state = LC_REF_PAGE,
	};
	super->epoch = 21;
	super->replay_sequence = 4711;
	super->replay_block = 63;
	super->replay_csum = 0x1234;
	super->origin_kind = LC_ORIGIN_DEVICE;
	super->fingerprint_algorithm = LC_FINGERPRINT_SHA256_SAMPLED;
	super->origin_sectors = 950003;
	super->owner_epoch = 22;
	strcpy(super->owner_host, "host");
	strcpy(super->clone_name, "clone");
	strcpy(super->origin_name, "template");
	strcpy(super->origin_path, "/dev/vg/gold");
	strcpy(super->snapshot_name, "monday");
	strcpy(super->parent_name, "sunday");
	__set_bit(1, super->reserve_map);
	__set_bit(super->layout.reserve_blocks - 1, super->reserve_map);
}

static const char *decode(const u8 *page, struct lc_super *super)
{
	memset(super, 0, sizeof(*super));
	return lc_super_decode(page, uuid, 0, super);
}

static void super_goes_there_and_back(struct kunit *test)
{
	struct lc_super super, back;
	u8 page[LC_BLOCK_SIZE];

	sample(test, &super);
	lc_super_encode(&super, 0, page);
	KUNIT_EXPECT_NULL(test, decode(page, &back));
	KUNIT_EXPECT_EQ(test, memcmp(&super, &back, sizeof(back)), 0);
	KUNIT_EXPECT_EQ(test, lc_below_sectors(&super), 900001);
	super.origin_sectors = 5;
	/* What is below is as large as the clone was then, not as the origin. */
	KUNIT_EXPECT_EQ(test, lc_below_sectors(&super), 900001);
	super.layers = 0;
	KUNIT_EXPECT_EQ(test, lc_below_sectors(&super), 5);
	super.origin_kind = LC_ORIGIN_NONE;
	KUNIT_EXPECT_EQ(test, lc_below_sectors(&super), 0);
}

static void p6_copy_in_the_place_of_the_other_is_refused(struct kunit *test)
{
	struct lc_super super;
	u8 page[LC_BLOCK_SIZE];

	sample(test, &super);
	lc_super_encode(&super, 1, page);
	KUNIT_EXPECT_STREQ(test, decode(page, &super),
			   "is damaged (checksum does not match)");
}

/* Each changes a good superblock into one that must not be believed. */
static void bad_layout(struct lc_super *s) { s->layout.reserve_start++; }
static void bad_state(struct lc_super *s) { s->state = 0; }
static void bad_state_high(struct lc_super *s) { s->state = 4; }
static void bad_size(struct lc_super *s) { s->clone_sectors = 0; }
static void bad_overlap(struct lc_super *s) { s->overlap_sectors = s->clone_sectors + 1; }
static void bad_level_low(struct lc_super *s) { s->root_level--; }
static void bad_level_high(struct lc_super *s) { s->root_level = LC_MAX_HEIGHT + 1; }
static void bad_root(struct lc_super *s) { s->root.address = 3; }
static void bad_root_state(struct lc_super *s) { s->root.state = 9; }
static void bad_mark_low(struct lc_super *s) { s->high_water = s->layout.data_start - 1; }
static void bad_mark_high(struct lc_super *s) { s->high_water = s->layout.data_end + 1; }
static void bad_pages(struct lc_super *s) { s->page_blocks = s->layout.store_blocks; }
static void bad_replay(struct lc_super *s) { s->replay_block = s->layout.journal_blocks; }
static void bad_origin(struct lc_super *s) { s->origin_kind = 2; }
static void bad_origin_size(struct lc_super *s) { s->origin_sectors = 0; }
static void bad_host(struct lc_super *s) { memset(s->owner_host, 'x', LC_NAME_BYTES); }
static void bad_name(struct lc_super *s) { memset(s->clone_name, 'x', LC_NAME_BYTES); }
static void bad_origin_name(struct lc_super *s) { memset(s->origin_name, 'x', LC_NAME_BYTES); }
static void bad_path(struct lc_super *s) { memset(s->origin_path, 'x', LC_PATH_BYTES); }
static void bad_layers(struct lc_super *s) { s->layers = LC_LAYERS_MAX + 1; }
static void bad_no_layers(struct lc_super *s) { s->layers = 0; }
static void bad_no_parent(struct lc_super *s) { memset(s->parent_uuid, 0, LC_UUID_BYTES); }
static void bad_snapshot(struct lc_super *s) { memset(s->snapshot_name, 'x', LC_NAME_BYTES); }
static void bad_parent(struct lc_super *s) { memset(s->parent_name, 'x', LC_NAME_BYTES); }
static void bad_uuid(struct lc_super *s) { s->store_uuid[3]++; }
static void bad_reserve(struct lc_super *s)
{
	__set_bit(s->layout.reserve_blocks, s->reserve_map);
}

/* Its tree would be higher than any list of levels in memory. */
static void bad_huge(struct lc_super *s)
{
	s->clone_sectors = 1ull << 52;
	s->root_level = lc_root_level(lc_blocks_of(s->clone_sectors));
}

static void p6_every_field_has_bounds(struct kunit *test)
{
	static void (*const bad[])(struct lc_super *super) = {
		bad_layout, bad_state, bad_state_high, bad_size, bad_overlap,
		bad_level_low, bad_level_high, bad_root, bad_root_state, bad_mark_low,
		bad_mark_high, bad_pages, bad_replay, bad_origin,
		bad_origin_size, bad_host, bad_name, bad_origin_name,
		bad_path, bad_uuid, bad_reserve, bad_huge,
		bad_layers, bad_no_layers, bad_no_parent, bad_snapshot, bad_parent,
	};
	struct lc_disk_super *disk;
	struct lc_super super;
	u8 page[LC_BLOCK_SIZE];
	u32 i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sample(test, &super);
		bad[i](&super);
		lc_super_encode(&super, 0, page);
		disk = (struct lc_disk_super *)page;
		lc_seal(uuid, LC_SUPER_BLOCK_0, page, &disk->csum);
		KUNIT_EXPECT_TRUE_MSG(test, decode(page, &super),
				      "bad superblock %u was believed", i);
	}
}

/*
 * While a checkpoint runs, a block may be given up in a leaf whose image is
 * done, and used by one whose image is still to come: it is counted twice.
 */
static void p5_data_that_moved_during_a_checkpoint_may_be_counted_twice(struct kunit *test)
{
	struct lc_super super, back;
	u8 page[LC_BLOCK_SIZE];

	sample(test, &super);
	super.root.data_blocks = super.layout.store_blocks + 1000;
	lc_super_encode(&super, 0, page);
	KUNIT_EXPECT_NULL(test, decode(page, &back));
}

/* Random bytes under a good seal: refused, or of a kind that can do no harm. */
static void p6_mutated_superblocks_do_no_harm(struct kunit *test)
{
	struct lc_disk_super *disk;
	u8 page[LC_BLOCK_SIZE], good[LC_BLOCK_SIZE];
	struct lc_super super;
	u32 i, k, believed = 0;

	sample(test, &super);
	lc_super_encode(&super, 0, good);
	disk = (struct lc_disk_super *)page;
	for (i = 0; i < random_rounds(5000); i++) {
		memcpy(page, good, sizeof(page));
		for (k = random_below(3); k < 3; k++)
			page[random_below(random_chance(70) ? 256 : 1800)] =
				random_chance(50) ? (u8)random_u64() :
				random_chance(50) ? 0 : 0xff;
		lc_seal(uuid, LC_SUPER_BLOCK_0, page, &disk->csum);
		if (decode(page, &super))
			continue;
		believed++;
		KUNIT_EXPECT_TRUE(test, lc_layout_valid(&super.layout));
		KUNIT_EXPECT_TRUE(test, lc_ref_valid(&super.root, &super.layout));
		KUNIT_EXPECT_LE(test, super.root_level, LC_MAX_HEIGHT);
		KUNIT_EXPECT_LE(test, super.high_water, super.layout.data_end);
		KUNIT_EXPECT_LT(test, super.replay_block,
				super.layout.journal_blocks);
		KUNIT_EXPECT_LT(test, strlen(super.origin_path), LC_PATH_BYTES);
	}
	KUNIT_EXPECT_GT(test, believed, 0);
}

/* The header ---------------------------------------------------------- */

static const char *header(struct lc_header *into, enum lc_header_fault *fault,
			  size_t byte, u8 value, bool seal)
{
	struct lc_disk_header page;
	struct lc_header first = { .features_compat = 5 };

	memcpy(first.store_uuid, uuid, LC_UUID_BYTES);
	lc_header_encode(&first, &page);
	((u8 *)&page)[byte] = value;
	if (seal)
		lc_seal(page.store_uuid, LC_HEADER_BLOCK, &page, &page.csum);
	return lc_header_decode(&page, into, fault);
}

static void header_tells_foreign_from_damaged_from_unknown(struct kunit *test)
{
	enum lc_header_fault fault;
	struct lc_header into;

	KUNIT_EXPECT_NULL(test, header(&into, &fault, 0, 'd', false));
	KUNIT_EXPECT_EQ(test, fault, LC_HEADER_OK);
	KUNIT_EXPECT_EQ(test, into.features_compat, 5);
	KUNIT_EXPECT_NOT_NULL(test, header(&into, &fault, 0, 'x', true));
	KUNIT_EXPECT_EQ(test, fault, LC_HEADER_FOREIGN);
	KUNIT_EXPECT_NOT_NULL(test, header(&into, &fault, 20, 2, true));
	KUNIT_EXPECT_EQ(test, fault, LC_HEADER_UNKNOWN);
	KUNIT_EXPECT_NOT_NULL(test, header(&into, &fault, 24, 2, true));
	KUNIT_EXPECT_EQ(test, fault, LC_HEADER_UNKNOWN);
	KUNIT_EXPECT_NOT_NULL(test, header(&into, &fault, 30, 1, true));
	KUNIT_EXPECT_EQ(test, fault, LC_HEADER_UNKNOWN);
	KUNIT_EXPECT_NOT_NULL(test, header(&into, &fault, 48, 1, true));
	KUNIT_EXPECT_EQ(test, fault, LC_HEADER_UNKNOWN);
	KUNIT_EXPECT_NOT_NULL(test, header(&into, &fault, 300, 1, false));
	KUNIT_EXPECT_EQ(test, fault, LC_HEADER_DAMAGED);
	/* What a later version may add without harm. */
	KUNIT_EXPECT_NULL(test, header(&into, &fault, 32, 0xff, true));
	KUNIT_EXPECT_NULL(test, header(&into, &fault, 40, 1, true));
	KUNIT_EXPECT_EQ(test, into.features_ro_compat, 1);
}

/* Two copies ---------------------------------------------------------- */

static void set_generation(struct host *host, unsigned int copy, u64 generation)
{
	struct lc_super super = host->super;

	super.generation = generation;
	lc_super_encode(&super, copy,
			disk_medium(host->disk, lc_super_address(copy)));
}

static void damage(struct host *host, unsigned int copy)
{
	((u8 *)disk_medium(host->disk, lc_super_address(copy)))[777] ^= 4;
}

static struct host *fresh(struct kunit *test)
{
	struct host_format format = {
		.store_blocks = 2048, .clone_sectors = 80000,
	};

	return host_new(test, &format);
}

static void newest_whole_copy_holds(struct kunit *test)
{
	struct host *host;
	unsigned int newer, damaged;

	for (newer = 0; newer < 2; newer++) {
		host = fresh(test);
		set_generation(host, newer, 9);
		KUNIT_EXPECT_EQ(test, host_open(host, true), 0);
		KUNIT_EXPECT_EQ(test, host->super.generation, 9);
		host_delete(host);
	}
	for (damaged = 0; damaged < 2; damaged++) {
		host = fresh(test);
		set_generation(host, damaged, 9);
		damage(host, damaged);
		KUNIT_EXPECT_EQ(test, host_open(host, true), 0);
		KUNIT_EXPECT_EQ(test, host->super.generation, 1);
		host_delete(host);
	}
}

static void p6_two_damaged_copies_are_refused(struct kunit *test)
{
	struct host *host = fresh(test);

	damage(host, 0);
	damage(host, 1);
	KUNIT_EXPECT_EQ(test, host_open(host, true), -EINVAL);
	KUNIT_EXPECT_STREQ(test, host->report, "has no whole superblock");
	host_delete(host);
}

/* Trap 6: the power goes again while the copies are made equal. */
static void p1_stale_copy_is_made_equal_before_all_else(struct kunit *test)
{
	unsigned int stale, how;
	struct host *host;

	for (stale = 0; stale < 2; stale++) {
		for (how = 0; how < 2; how++) {
			host = fresh(test);
			set_generation(host, !stale, 2);
			if (how)
				damage(host, stale);
			host->disk->fail_in[DISK_WRITE] = 2;
			KUNIT_EXPECT_NE(test, host_open(host, false), 0);
			KUNIT_EXPECT_EQ(test, host->disk->count[DISK_WRITE], 2);
			host_drop(host);
			/* Now it does not matter which one is lost. */
			damage(host, !stale);
			KUNIT_EXPECT_EQ(test, host_open(host, false), 0);
			host_delete(host);
		}
	}
}

/* The newer copy may be in a cache only, and both would be torn by a loss of power. */
static void p1_newer_copy_is_durable_before_the_other_is_written(struct kunit *test)
{
	struct host *host = fresh(test);

	set_generation(host, 1, 2);
	host->disk->fail_in[DISK_FLUSH] = 1;
	KUNIT_EXPECT_NE(test, host_open(host, false), 0);
	KUNIT_EXPECT_EQ(test, host->disk->count[DISK_WRITE], 0);
	host_delete(host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(super_goes_there_and_back),
	KUNIT_CASE(p6_copy_in_the_place_of_the_other_is_refused),
	KUNIT_CASE(p6_every_field_has_bounds),
	KUNIT_CASE(p5_data_that_moved_during_a_checkpoint_may_be_counted_twice),
	KUNIT_CASE(p6_mutated_superblocks_do_no_harm),
	KUNIT_CASE(header_tells_foreign_from_damaged_from_unknown),
	KUNIT_CASE(newest_whole_copy_holds),
	KUNIT_CASE(p6_two_damaged_copies_are_refused),
	KUNIT_CASE(p1_stale_copy_is_made_equal_before_all_else),
	KUNIT_CASE(p1_newer_copy_is_durable_before_the_other_is_written),
	{ }
};

static struct kunit_suite suite = {
	.name = "super",
	.test_cases = cases,
};
kunit_test_suite(suite);
