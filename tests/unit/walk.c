// SPDX-License-Identifier: GPL-2.0
/* A full walk of the tree on the disk. */

#include <stdlib.h>
#include "walk.h"

static void read_block(struct walk *walk, u32 block, void *page)
{
	KUNIT_ASSERT_EQ(walk->test, walk->read(walk->device, block, page), 0);
}

static void use(struct walk *walk, u32 block)
{
	KUNIT_ASSERT_LT(walk->test, block, walk->super.layout.data_end);
	KUNIT_EXPECT_TRUE_MSG(walk->test, !walk->used[block],
			      "store block %u is named twice", block);
	walk->used[block] = 1;
	if (block >= walk->high)
		walk->high = block + 1;
}

static void read_super(struct walk *walk)
{
	struct lc_header header;
	enum lc_header_fault fault;
	struct lc_super other;
	u8 page[LC_BLOCK_SIZE];
	const char *why;

	read_block(walk, LC_HEADER_BLOCK, page);
	why = lc_header_decode(page, &header, &fault);
	KUNIT_ASSERT_NULL(walk->test, why);
	memset(&walk->super, 0, sizeof(walk->super));
	memset(&other, 0, sizeof(other));
	read_block(walk, LC_SUPER_BLOCK_0, page);
	why = lc_super_decode(page, header.store_uuid, 0, &walk->super);
	KUNIT_ASSERT_NULL(walk->test, why);
	read_block(walk, LC_SUPER_BLOCK_1, page);
	why = lc_super_decode(page, header.store_uuid, 1, &other);
	KUNIT_ASSERT_NULL(walk->test, why);
	KUNIT_EXPECT_EQ(walk->test, memcmp(&walk->super, &other, sizeof(other)), 0);
}

static void see_entry(struct walk *walk, u64 block, u32 entry)
{
	if (entry == LC_ENTRY_UNMAPPED)
		return;
	/* A clone that was cut has discarded what lay there. */
	if (entry == LC_ENTRY_ZERO && block >= walk->blocks) {
		walk->zero_blocks++;
		return;
	}
	KUNIT_ASSERT_LT(walk->test, block, walk->blocks);
	walk->entry[block] = entry;
	if (entry == LC_ENTRY_ZERO) {
		walk->zero_blocks++;
		return;
	}
	KUNIT_EXPECT_GE(walk->test, entry, walk->super.layout.data_start);
	walk->data_blocks++;
	use(walk, entry);
}

static u64 leaves_below(unsigned int level)
{
	u64 leaves = 1;

	while (level--)
		leaves *= LC_NODE_CHILDREN;
	return leaves;
}

static void *zeroed(struct kunit *test, size_t bytes)
{
	void *memory = calloc(1, bytes);

	KUNIT_ASSERT_NOT_NULL(test, memory);
	return memory;
}

/* A page and what is in it, not on the stack: the walk is a recursion. */
struct walk_page {
	u8 page[LC_BLOCK_SIZE];
	u32 entry[LC_LEAF_ENTRIES];
	struct lc_ref child[LC_NODE_CHILDREN];
};

static void walk_ref(struct walk *walk, const struct lc_ref *ref,
		     unsigned int level, u64 index);

static void walk_page(struct walk *walk, const struct lc_ref *ref,
		      unsigned int level, u64 index)
{
	const struct lc_layout *layout = &walk->super.layout;
	u64 first = index * leaves_below(level) * LC_LEAF_ENTRIES;
	struct walk_page *at = zeroed(walk->test, sizeof(*at));
	struct lc_page_id id = { index, (u8)level };
	const char *why;
	u32 i;

	read_block(walk, ref->address, at->page);
	walk->pages++;
	use(walk, ref->address);
	if (level)
		why = lc_node_decode(at->page, id, walk->super.store_uuid, ref,
				     layout, at->child);
	else
		why = lc_leaf_decode(at->page, id, walk->super.store_uuid, ref,
				     layout, at->entry);
	KUNIT_EXPECT_STREQ(walk->test, why ? why : "whole", "whole");
	for (i = 0; !why && level && i < LC_NODE_CHILDREN; i++)
		walk_ref(walk, &at->child[i], level - 1,
			 index * LC_NODE_CHILDREN + i);
	for (i = 0; !why && !level && i < LC_LEAF_ENTRIES; i++)
		see_entry(walk, first + i, at->entry[i]);
	free(at);
}

static void walk_ref(struct walk *walk, const struct lc_ref *ref,
		     unsigned int level, u64 index)
{
	u64 first = index * leaves_below(level) * LC_LEAF_ENTRIES;
	u64 data_before = walk->data_blocks, zero_before = walk->zero_blocks;
	u64 i;

	if (ref->state == LC_REF_ZERO)
		for (i = 0; i < leaves_below(level) * LC_LEAF_ENTRIES; i++)
			see_entry(walk, first + i, LC_ENTRY_ZERO);
	if (ref->state == LC_REF_PAGE)
		walk_page(walk, ref, level, index);
	KUNIT_EXPECT_EQ(walk->test, walk->data_blocks - data_before,
			ref->data_blocks);
	KUNIT_EXPECT_EQ(walk->test, walk->zero_blocks - zero_before,
			ref->zero_blocks);
}

/* The accounts of the superblock. */
static void check_accounts(struct walk *walk)
{
	const struct lc_layout *layout = &walk->super.layout;
	u32 i;

	KUNIT_EXPECT_EQ(walk->test, walk->pages, walk->super.page_blocks);
	KUNIT_EXPECT_LE(walk->test, walk->high, max(walk->super.high_water,
						    layout->data_start));
	for (i = 0; i < layout->reserve_blocks; i++)
		KUNIT_EXPECT_EQ(walk->test,
				(int)test_bit(i, walk->super.reserve_map),
				(int)walk->used[layout->reserve_start + i]);
}

struct walk *walk_device(struct kunit *test, walk_read read, void *device)
{
	struct walk *walk = zeroed(test, sizeof(*walk));

	walk->test = test;
	walk->read = read;
	walk->device = device;
	read_super(walk);
	walk->blocks = lc_blocks_of(walk->super.clone_sectors);
	walk->entry = zeroed(test, walk->blocks * sizeof(u32));
	walk->used = zeroed(test, walk->super.layout.store_blocks);
	walk_ref(walk, &walk->super.root, walk->super.root_level, 0);
	check_accounts(walk);
	return walk;
}

void walk_free(struct walk *walk)
{
	free(walk->entry);
	free(walk->used);
	free(walk);
}
