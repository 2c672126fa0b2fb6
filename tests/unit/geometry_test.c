// SPDX-License-Identifier: GPL-2.0
/* Arithmetic of blocks, leaves and nodes; layouts. */

#include <kunit/test.h>
#include "core/geometry.h"
#include "random.h"

static void blocks_of_sectors(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, lc_blocks_of(0), 0);
	KUNIT_EXPECT_EQ(test, lc_blocks_of(1), 1);
	KUNIT_EXPECT_EQ(test, lc_blocks_of(8), 1);
	KUNIT_EXPECT_EQ(test, lc_blocks_of(9), 2);
	KUNIT_EXPECT_EQ(test, lc_blocks_of(LC_CLONE_SECTORS_MAX),
			LC_CLONE_SECTORS_MAX / 8);
	KUNIT_EXPECT_EQ(test, lc_leaf_index(1007), 0);
	KUNIT_EXPECT_EQ(test, lc_leaf_index(1008), 1);
	KUNIT_EXPECT_EQ(test, lc_leaf_slot(1008 * 5 + 7), 7);
}

static void root_is_as_low_as_can_be(struct kunit *test)
{
	u64 covered = LC_LEAF_ENTRIES;
	unsigned int level;

	for (level = 1; level <= LC_MAX_HEIGHT; level++) {
		KUNIT_EXPECT_EQ(test, lc_child_leaves(level),
				covered / LC_LEAF_ENTRIES);
		KUNIT_EXPECT_EQ(test, lc_root_level(covered), max(1u, level - 1));
		covered *= LC_NODE_CHILDREN;
		KUNIT_EXPECT_EQ(test, lc_root_level(covered), level);
	}
	KUNIT_EXPECT_EQ(test, lc_root_level(1), 1);
}

/* Or lists by level would be written past their end. */
static void root_of_the_largest_clone_is_no_higher_than_the_highest(struct kunit *test)
{
	KUNIT_EXPECT_LE(test, lc_root_level(lc_blocks_of(LC_CLONE_SECTORS_MAX)),
			LC_MAX_HEIGHT);
}

static void layout_of_a_new_store_is_valid(struct kunit *test)
{
	u64 sectors = LC_STORE_BLOCKS_MIN * 8ull;
	struct lc_layout layout;

	for (; sectors < 1ull << 40; sectors += sectors / 7 + 3) {
		KUNIT_ASSERT_EQ(test, lc_layout_new(sectors, &layout), 0);
		KUNIT_EXPECT_TRUE(test, lc_layout_valid(&layout));
		KUNIT_EXPECT_LE(test, layout.store_blocks, sectors / 8);
		KUNIT_EXPECT_EQ(test, layout.journal_start, LC_HEAD_BLOCKS);
		KUNIT_EXPECT_EQ(test, layout.data_end,
				layout.store_blocks - LC_TAIL_BLOCKS);
		KUNIT_EXPECT_LT(test, layout.data_start, layout.data_end);
		KUNIT_EXPECT_LE(test, layout.reserve_blocks, LC_RESERVE_MAX);
	}
}

static void store_of_less_than_8_mib_is_refused(struct kunit *test)
{
	struct lc_layout layout;

	KUNIT_EXPECT_EQ(test, lc_layout_new(0, &layout), -ENOSPC);
	KUNIT_EXPECT_EQ(test, lc_layout_new(2048 * 8 - 1, &layout), -ENOSPC);
	KUNIT_EXPECT_EQ(test, lc_layout_new(2048 * 8, &layout), 0);
}

static void store_beyond_16_tib_is_used_up_to_that(struct kunit *test)
{
	struct lc_layout layout;

	KUNIT_ASSERT_EQ(test, lc_layout_new(~0ull, &layout), 0);
	KUNIT_EXPECT_EQ(test, layout.store_blocks, LC_STORE_BLOCKS_MAX);
	KUNIT_EXPECT_TRUE(test, lc_layout_valid(&layout));
	KUNIT_EXPECT_LT(test, layout.data_end, LC_ENTRY_RESERVED);
}

/* What the validity promises, said in another way. */
static bool sane(const struct lc_layout *layout)
{
	u64 at = layout->journal_start;

	if (at < 256 || !layout->journal_blocks || !layout->reserve_blocks)
		return false;
	at += layout->journal_blocks;
	if (at != layout->reserve_start)
		return false;
	at += layout->reserve_blocks;
	return at < (u64)layout->store_blocks - 256 &&
	       layout->store_blocks >= 2048 &&
	       layout->store_blocks <= LC_STORE_BLOCKS_MAX &&
	       layout->reserve_blocks <= LC_RESERVE_MAX;
}

static void hostile_layouts_are_refused(struct kunit *test)
{
	struct lc_layout layout;
	u32 *field[] = { &layout.store_blocks, &layout.journal_start,
			 &layout.journal_blocks, &layout.reserve_start,
			 &layout.reserve_blocks };
	u32 i, valid = 0;

	for (i = 0; i < random_rounds(100000); i++) {
		KUNIT_ASSERT_EQ(test, lc_layout_new(2048 * 8 + random_below(1 << 20),
						    &layout), 0);
		*field[random_below(5)] += random_chance(50) ?
			random_below(5) - 2 : (u32)random_u64();
		if (random_chance(30))
			*field[random_below(5)] = (u32)random_u64();
		lc_layout_finish(&layout);
		if (!lc_layout_valid(&layout))
			continue;
		valid++;
		KUNIT_EXPECT_TRUE(test, sane(&layout));
	}
	KUNIT_EXPECT_GT(test, valid, 0);
	KUNIT_EXPECT_LT(test, valid, 50000);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(blocks_of_sectors),
	KUNIT_CASE(root_is_as_low_as_can_be),
	KUNIT_CASE(root_of_the_largest_clone_is_no_higher_than_the_highest),
	KUNIT_CASE(layout_of_a_new_store_is_valid),
	KUNIT_CASE(store_of_less_than_8_mib_is_refused),
	KUNIT_CASE(store_beyond_16_tib_is_used_up_to_that),
	KUNIT_CASE(hostile_layouts_are_refused),
	{ }
};

static struct kunit_suite suite = {
	.name = "geometry",
	.test_cases = cases,
};
kunit_test_suite(suite);
