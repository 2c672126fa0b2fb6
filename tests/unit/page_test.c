// SPDX-License-Identifier: GPL-2.0
/* Seals, and the pages of the tree in both forms. */

#include <kunit/test.h>
#include "core/page.h"
#include "random.h"

static const u8 uuid[LC_UUID_BYTES] = "0123456789abcdef";
static const u8 other_uuid[LC_UUID_BYTES] = "0123456789abcdeF";

static struct lc_layout layout_of(struct kunit *test)
{
	struct lc_layout layout;

	KUNIT_ASSERT_EQ(test, lc_layout_new(4096 * 8, &layout), 0);
	return layout;
}

static u32 some_address(const struct lc_layout *layout)
{
	return layout->data_start +
	       random_below(layout->data_end - layout->data_start);
}

static void crc32c_is_castagnoli(struct kunit *test)
{
	u8 bytes[32];

	/* RFC 3720, B.4 */
	memset(bytes, 0, sizeof(bytes));
	KUNIT_EXPECT_EQ(test, ~crc32c(~0u, bytes, 32), 0x8a9136aau);
	memset(bytes, 0xff, sizeof(bytes));
	KUNIT_EXPECT_EQ(test, ~crc32c(~0u, bytes, 32), 0x62a8ab43u);
	KUNIT_EXPECT_EQ(test, ~crc32c(~0u, "123456789", 9), 0xe3069283u);
}

static void p6_seal_is_of_store_address_and_every_bit(struct kunit *test)
{
	struct lc_disk_leaf page;
	__le32 *csum = &page.head.csum;
	u32 bit;

	random_fill(&page, sizeof(page));
	lc_seal(uuid, 500, &page, csum);
	KUNIT_EXPECT_TRUE(test, lc_sealed(uuid, 500, &page, csum));
	KUNIT_EXPECT_FALSE(test, lc_sealed(uuid, 501, &page, csum));
	KUNIT_EXPECT_FALSE(test, lc_sealed(other_uuid, 500, &page, csum));
	for (bit = 0; bit < LC_BLOCK_SIZE * 8; bit += 1 + random_below(64)) {
		((u8 *)&page)[bit / 8] ^= 1 << bit % 8;
		KUNIT_EXPECT_FALSE(test, lc_sealed(uuid, 500, &page, csum));
		((u8 *)&page)[bit / 8] ^= 1 << bit % 8;
	}
}

static void random_ref(const struct lc_layout *layout, struct lc_ref *ref)
{
	memset(ref, 0, sizeof(*ref));
	ref->generation = random_u64();
	ref->state = (u8)random_below(3);
	if (ref->state != LC_REF_NONE)
		ref->zero_blocks = random_below(1000000);
	if (ref->state == LC_REF_PAGE) {
		ref->data_blocks = random_below(1000);
		ref->address = some_address(layout);
		ref->csum = (u32)random_u64();
	}
}

static void ref_goes_there_and_back(struct kunit *test)
{
	struct lc_layout layout = layout_of(test);
	struct lc_disk_ref disk;
	struct lc_ref ref, back;
	u32 i;

	for (i = 0; i < random_rounds(1000); i++) {
		random_ref(&layout, &ref);
		KUNIT_EXPECT_TRUE(test, lc_ref_valid(&ref, &layout));
		lc_ref_encode(&ref, &disk);
		lc_ref_decode(&disk, &back);
		KUNIT_EXPECT_TRUE(test, lc_ref_equal(&ref, &back));
		((u8 *)&disk)[random_below(29)] ^= 1 << random_below(8);
		lc_ref_decode(&disk, &back);
		KUNIT_EXPECT_FALSE(test, lc_ref_equal(&ref, &back));
	}
}

static void p6_ref_that_makes_no_sense_is_refused(struct kunit *test)
{
	struct lc_layout layout = layout_of(test);
	struct lc_ref none = { .state = LC_REF_NONE };
	struct lc_ref zero = { .state = LC_REF_ZERO, .zero_blocks = 5 };
	struct lc_ref page = { .state = LC_REF_PAGE };

	KUNIT_EXPECT_TRUE(test, lc_ref_valid(&none, &layout));
	none.zero_blocks = 1;
	KUNIT_EXPECT_FALSE(test, lc_ref_valid(&none, &layout));
	KUNIT_EXPECT_TRUE(test, lc_ref_valid(&zero, &layout));
	zero.data_blocks = 1;
	KUNIT_EXPECT_FALSE(test, lc_ref_valid(&zero, &layout));
	zero.data_blocks = 0;
	zero.address = layout.data_start;
	KUNIT_EXPECT_FALSE(test, lc_ref_valid(&zero, &layout));

	page.address = layout.reserve_start;
	KUNIT_EXPECT_TRUE(test, lc_ref_valid(&page, &layout));
	page.address = layout.reserve_start - 1;
	KUNIT_EXPECT_FALSE(test, lc_ref_valid(&page, &layout));
	page.address = layout.data_end - 1;
	KUNIT_EXPECT_TRUE(test, lc_ref_valid(&page, &layout));
	page.address = layout.data_end;
	KUNIT_EXPECT_FALSE(test, lc_ref_valid(&page, &layout));
	page.address = layout.data_start;
	page.state = 3;
	KUNIT_EXPECT_FALSE(test, lc_ref_valid(&page, &layout));
}

struct sample {
	struct lc_layout layout;
	struct lc_page_id id;
	struct lc_ref ref;
	u32 entry[LC_LEAF_ENTRIES];
	struct lc_ref child[LC_NODE_CHILDREN];
	u8 page[LC_BLOCK_SIZE];
};

static struct sample *sample_leaf(struct kunit *test)
{
	struct sample *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	u32 i, data, zero;

	s->layout = layout_of(test);
	for (i = 0; i < LC_LEAF_ENTRIES; i++)
		s->entry[i] = random_chance(30) ? LC_ENTRY_ZERO :
			      random_chance(50) ? LC_ENTRY_UNMAPPED :
			      some_address(&s->layout);
	lc_leaf_count(s->entry, &data, &zero);
	s->id.index = random_u64();
	s->ref = (struct lc_ref) {
		.generation = random_u64(), .state = LC_REF_PAGE,
		.address = some_address(&s->layout),
		.data_blocks = data, .zero_blocks = zero,
	};
	lc_leaf_encode(s->entry, s->id, uuid, &s->ref, s->page);
	return s;
}

static struct sample *sample_node(struct kunit *test)
{
	struct sample *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	u64 data, zero;
	u32 i;

	s->layout = layout_of(test);
	for (i = 0; i < LC_NODE_CHILDREN; i++)
		random_ref(&s->layout, &s->child[i]);
	lc_node_count(s->child, &data, &zero);
	s->id.index = random_u64();
	s->id.level = (u8)(1 + random_below(LC_MAX_HEIGHT));
	s->ref = (struct lc_ref) {
		.generation = random_u64(), .state = LC_REF_PAGE,
		.address = some_address(&s->layout),
		.data_blocks = (u32)data, .zero_blocks = zero,
	};
	lc_node_encode(s->child, s->id, uuid, &s->ref, s->page);
	return s;
}

static const char *decode_leaf(const struct sample *s, u32 *entry)
{
	return lc_leaf_decode(s->page, s->id, uuid, &s->ref, &s->layout, entry);
}

static const char *decode_node(const struct sample *s, struct lc_ref *child)
{
	return lc_node_decode(s->page, s->id, uuid, &s->ref, &s->layout, child);
}

static void leaf_goes_there_and_back(struct kunit *test)
{
	struct sample *s = sample_leaf(test);
	u32 entry[LC_LEAF_ENTRIES];

	KUNIT_EXPECT_NULL(test, decode_leaf(s, entry));
	KUNIT_EXPECT_EQ(test, memcmp(entry, s->entry, sizeof(entry)), 0);
}

static void node_goes_there_and_back(struct kunit *test)
{
	struct lc_ref child[LC_NODE_CHILDREN];
	struct sample *s = sample_node(test);
	u32 i;

	KUNIT_EXPECT_NULL(test, decode_node(s, child));
	for (i = 0; i < LC_NODE_CHILDREN; i++)
		KUNIT_EXPECT_TRUE(test, lc_ref_equal(&child[i], &s->child[i]));
}

/* A whole page, and a parent who expects another one. */
static void p6_page_that_its_parent_does_not_name_is_refused(struct kunit *test)
{
	struct sample *s = sample_leaf(test);
	u32 entry[LC_LEAF_ENTRIES];
	struct sample good = *s;

	s->ref.generation++;
	KUNIT_EXPECT_STREQ(test, decode_leaf(s, entry),
			   "not the version that its parent names");
	*s = good;
	s->ref.csum++;
	KUNIT_EXPECT_STREQ(test, decode_leaf(s, entry),
			   "not the version that its parent names");
	*s = good;
	s->id.index++;
	KUNIT_EXPECT_STREQ(test, decode_leaf(s, entry), "belongs to another place");
	*s = good;
	s->ref.address++;
	KUNIT_EXPECT_STREQ(test, decode_leaf(s, entry), "checksum does not match");
	*s = good;
	s->ref.data_blocks++;
	KUNIT_EXPECT_STREQ(test, decode_leaf(s, entry),
			   "its counts are not what its parent says");
	*s = good;
	s->ref.zero_blocks++;
	KUNIT_EXPECT_STREQ(test, decode_leaf(s, entry),
			   "its counts are not what its parent says");
	s = sample_node(test);
	s->id.level = s->id.level % LC_MAX_HEIGHT + 1;
	KUNIT_EXPECT_STREQ(test, decode_node(s, s->child),
			   "belongs to another place");
	s = sample_node(test);
	KUNIT_EXPECT_STREQ(test, decode_leaf(s, entry), "wrong magic");
}

static void reseal(struct sample *s)
{
	struct lc_disk_page *head = (struct lc_disk_page *)s->page;

	s->ref.csum = lc_seal(uuid, s->ref.address, s->page, &head->csum);
}

static void p6_entry_outside_the_data_area_is_refused(struct kunit *test)
{
	struct sample *s = sample_leaf(test);
	struct lc_disk_leaf *leaf = (struct lc_disk_leaf *)s->page;
	u32 bad[] = { 1, s->layout.data_start - 1, s->layout.data_end,
		      LC_ENTRY_RESERVED, LC_ENTRY_ZERO - 1 };
	u32 entry[LC_LEAF_ENTRIES];
	u32 i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		leaf->entry[17] = cpu_to_le32(bad[i]);
		reseal(s);
		KUNIT_EXPECT_STREQ(test, decode_leaf(s, entry),
				   "an entry names a block outside the data area");
	}
}

/* Hostile pages: whatever is in them, what comes out makes sense. */
static void p6_mutated_leaves_do_no_harm(struct kunit *test)
{
	struct sample *s = sample_leaf(test);
	u32 entry[LC_LEAF_ENTRIES];
	u8 good[LC_BLOCK_SIZE];
	u32 i, k, data, zero;

	memcpy(good, s->page, sizeof(good));
	for (i = 0; i < random_rounds(4000); i++) {
		for (k = random_below(4); k < 4; k++)
			s->page[random_below(random_chance(50) ? 64 : 4096)] =
				(u8)random_u64();
		reseal(s);
		if (!decode_leaf(s, entry)) {
			lc_leaf_count(entry, &data, &zero);
			KUNIT_EXPECT_EQ(test, data, s->ref.data_blocks);
			KUNIT_EXPECT_EQ(test, zero, s->ref.zero_blocks);
			for (k = 0; k < LC_LEAF_ENTRIES; k++)
				KUNIT_EXPECT_TRUE(test, !entry[k] || !~entry[k] ||
						  lc_data_address_valid(entry[k], &s->layout));
		}
		memcpy(s->page, good, sizeof(good));
	}
}

static void p6_mutated_nodes_do_no_harm(struct kunit *test)
{
	struct lc_ref child[LC_NODE_CHILDREN];
	struct sample *s = sample_node(test);
	u8 good[LC_BLOCK_SIZE];
	u32 i, k;

	memcpy(good, s->page, sizeof(good));
	for (i = 0; i < random_rounds(4000); i++) {
		for (k = random_below(4); k < 4; k++)
			s->page[random_below(4096)] = (u8)random_u64();
		reseal(s);
		if (!decode_node(s, child))
			for (k = 0; k < LC_NODE_CHILDREN; k++)
				KUNIT_EXPECT_TRUE(test, lc_ref_valid(&child[k],
								     &s->layout));
		memcpy(s->page, good, sizeof(good));
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(crc32c_is_castagnoli),
	KUNIT_CASE(p6_seal_is_of_store_address_and_every_bit),
	KUNIT_CASE(ref_goes_there_and_back),
	KUNIT_CASE(p6_ref_that_makes_no_sense_is_refused),
	KUNIT_CASE(leaf_goes_there_and_back),
	KUNIT_CASE(node_goes_there_and_back),
	KUNIT_CASE(p6_page_that_its_parent_does_not_name_is_refused),
	KUNIT_CASE(p6_entry_outside_the_data_area_is_refused),
	KUNIT_CASE(p6_mutated_leaves_do_no_harm),
	KUNIT_CASE(p6_mutated_nodes_do_no_harm),
	{ }
};

static struct kunit_suite suite = {
	.name = "page",
	.test_cases = cases,
};
kunit_test_suite(suite);
