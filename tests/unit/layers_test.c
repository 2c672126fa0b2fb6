// SPDX-License-Identifier: GPL-2.0
/* Chains of frozen layers, compared with a model that asks each layer in turn. */

#include <stdlib.h>
#include "core/layers.h"
#include "host.h"
#include "random.h"

#define LEAF		((u64)LC_LEAF_ENTRIES)
#define STORE_BLOCKS	2048
#define BLOCKS_MAX	(130 * LEAF)	/* a root of level 2 */
#define HOT_LEAVES	6
#define ALONE		70	/* a leaf where layer 1 alone has something */

enum what { NOTHING, ZERO, DATA };

/* One layer as the model knows it. */
struct level {
	struct host *host;
	u64 sectors;
	u64 overlap;
	u8 *what;			/* by block */
};

struct fixture {
	struct kunit *test;
	u32 count;			/* of layers; the head is level[count] */
	u64 origin_sectors;
	u64 hot[HOT_LEAVES];		/* leaves with something in them */
	struct level level[LC_LAYERS_MAX + 1];
	struct lc_chain chain;
	u32 index_out;			/* pages of the index given out */
	u32 asked;			/* for nodes of the index */
	void (*index)(struct fixture *f, u32 count);	/* of the test, or NULL */
};

/* Memory of the index -------------------------------------------------- */

static struct lc_merged *merged_get(void *ctx)
{
	((struct fixture *)ctx)->index_out++;
	return calloc(1, sizeof(struct lc_merged));
}

static struct lc_index_node *root_get(void *ctx)
{
	((struct fixture *)ctx)->index_out++;
	return calloc(1, sizeof(struct lc_index_node));
}

static bool index_get(void *ctx, struct lc_index_node **node, u32 count)
{
	struct fixture *f = ctx;
	u32 i;

	KUNIT_ASSERT_FALSE(f->test, spin_is_locked(&f->chain.lock));
	if (f->index)
		f->index(f, count);
	for (i = 0; i < count; i++)
		node[i] = root_get(ctx);
	return true;
}

static void merged_put(void *ctx, struct lc_merged *merged)
{
	((struct fixture *)ctx)->index_out--;
	free(merged);
}

static void index_put(void *ctx, struct lc_index_node *node)
{
	((struct fixture *)ctx)->index_out--;
	free(node);
}

static const struct lc_chain_ops chain_ops = {
	.merged_get = merged_get,
	.root_get = root_get,
	.index_get = index_get,
	.merged_put = merged_put,
	.index_put = index_put,
};

/* Making a chain ------------------------------------------------------- */

/* A size that is no multiple of anything. */
static u64 odd_sectors(u64 most)
{
	u64 least = most * 3 / 4;

	return least + random_u64() % (most - least) + 1;
}

static u64 hot_block(const struct fixture *f)
{
	u64 block = f->hot[random_below(HOT_LEAVES)] * LEAF;

	return block + random_below(LEAF);
}

static void write_run(struct level *level, u64 block, u32 count, bool zero)
{
	u64 end = lc_blocks_of(level->sectors);
	struct host *host = level->host;
	u32 i;

	if (block >= end)
		return;
	count = (u32)min_t(u64, count, end - block);
	if (zero)
		KUNIT_ASSERT_EQ(host->test, host_zero(host, block, count), LC_TAKEN);
	for (i = 0; i < count && !zero; i++)
		KUNIT_ASSERT_EQ(host->test, host_write(host, block + i, 1, block + i + 1),
				LC_TAKEN);
	/* Zeroing of what reads as zeros already leaves no trace. */
	for (; count--; block++) {
		struct lc_extent extent;

		host_lookup(host, block, &extent);
		level->what[block] = extent.kind == LC_DATA ? DATA :
				     extent.kind == LC_ZERO ? ZERO : NOTHING;
	}
}

static void fill(struct fixture *f, struct level *level)
{
	u32 runs = 2 + random_below(10);

	while (runs--)
		write_run(level, hot_block(f), 1 + random_below(60),
			  random_chance(30));
	/* A leaf all of which is zero has no page. */
	if (random_chance(25))
		write_run(level, f->hot[random_below(HOT_LEAVES)] * LEAF, LEAF, true);
}

static void freeze(struct level *level)
{
	struct host *host = level->host;

	host_settle(host);
	KUNIT_ASSERT_EQ(host->test, host_flush(host), 0);
	host_settle(host);
	KUNIT_ASSERT_EQ(host->test, lc_store_freeze(&host->store, "snap"), 0);
	KUNIT_EXPECT_TRUE(host->test, host->store.read_only);
	/* Half of them are met again from the disk. */
	if (random_chance(50)) {
		lc_store_destroy(&host->store);
		host->open = false;
		KUNIT_EXPECT_EQ(host->test, host->memory_out, 0u);
		KUNIT_ASSERT_EQ(host->test, host_open(host, false), 0);
		KUNIT_EXPECT_TRUE(host->test, host->store.read_only);
		KUNIT_EXPECT_STREQ(host->test, host->super.snapshot_name, "snap");
	}
}

static void make_level(struct fixture *f, struct level *level, u64 below)
{
	struct host_format format = { .store_blocks = STORE_BLOCKS };

	level->sectors = odd_sectors(BLOCKS_MAX * LC_BLOCK_SECTORS);
	level->overlap = min(level->sectors, below);
	if (random_chance(20))
		level->overlap = odd_sectors(level->overlap);
	format.clone_sectors = level->sectors;
	format.origin_sectors = f->origin_sectors;
	level->what = kunit_kzalloc(f->test, BLOCKS_MAX, GFP_KERNEL);
	level->host = host_new(f->test, &format);
	KUNIT_ASSERT_EQ(f->test, host_open(level->host, false), 0);
	level->host->store.super.overlap_sectors = level->overlap;
}

static struct fixture *make(struct kunit *test, u32 count)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	struct lc_store *layer[LC_LAYERS_MAX];
	u64 below;
	u32 i;

	f->test = test;
	f->count = count;
	f->origin_sectors = odd_sectors(BLOCKS_MAX * LC_BLOCK_SECTORS);
	below = f->origin_sectors;
	for (i = 0; i < HOT_LEAVES; i++)
		f->hot[i] = i < 2 ? 128 - i : random_below(ALONE);
	for (i = 0; i <= count; i++) {
		make_level(f, &f->level[i], below);
		fill(f, &f->level[i]);
		if (i == 1)
			write_run(&f->level[i], ALONE * LEAF + 7, 2, false);
		below = f->level[i].sectors;
		if (i == count)
			break;
		freeze(&f->level[i]);
		layer[i] = &f->level[i].host->store;
	}
	KUNIT_ASSERT_EQ(test, lc_chain_init(&f->chain, &chain_ops, f, layer, count), 0);
	f->level[count].host->store.chain = &f->chain;
	return f;
}

static void unmake(struct fixture *f)
{
	u32 i;

	lc_chain_destroy(&f->chain);
	KUNIT_EXPECT_EQ(f->test, f->index_out, 0u);
	for (i = 0; i <= f->count; i++)
		host_delete(f->level[i].host);
}

/* The model ------------------------------------------------------------ */

/* Whose data sector @sector shows, below the head: -1 the origin, -2 nobody's. */
static int model(const struct fixture *f, u64 sector)
{
	u64 block = sector / LC_BLOCK_SECTORS;
	u64 seen = f->level[f->count].overlap;
	u32 i;

	for (i = f->count; i--;) {
		const struct level *level = &f->level[i];

		if (sector >= seen || sector >= level->sectors)
			return -2;
		if (level->what[block] != NOTHING)
			return level->what[block] == DATA ? (int)i : -2;
		seen = min(seen, level->overlap);
	}
	return sector < seen && sector < f->origin_sectors ? -1 : -2;
}

static int shown(const struct fixture *f, const struct lc_extent *extent, u64 sector)
{
	if (extent->kind == LC_ZERO || sector >= extent->limit)
		return -2;
	KUNIT_ASSERT_NE(f->test, extent->kind, LC_UNLOADED);
	return extent->kind == LC_BELOW ? -1 : extent->layer;
}

static void look(struct fixture *f, u64 block, u64 most, struct lc_extent *extent)
{
	struct lc_store *head = &f->level[f->count].host->store;
	u32 tries = 0;

	lc_lookup_below(head, block, most, extent);
	while (extent->kind == LC_UNLOADED) {
		KUNIT_ASSERT_LT(f->test, tries++, 4u);
		KUNIT_ASSERT_EQ(f->test, lc_load_below(head, block), 0);
		lc_lookup_below(head, block, most, extent);
	}
	KUNIT_ASSERT_GE(f->test, extent->count, 1u);
	KUNIT_ASSERT_LE(f->test, extent->count, most);
}

static void check_data(struct fixture *f, const struct lc_extent *extent,
		       u64 block, u32 at)
{
	struct host *host = f->level[extent->layer].host;
	u8 page[LC_BLOCK_SIZE];
	u64 tag;

	KUNIT_ASSERT_EQ(f->test, disk_read(host->disk, extent->store + at, page), 0);
	memcpy(&tag, page, sizeof(tag));
	KUNIT_EXPECT_EQ(f->test, tag, block + 1);
}

static void compare(struct fixture *f, u64 block, u64 most)
{
	struct lc_extent extent;
	u64 i, sector;

	look(f, block, most, &extent);
	for (i = 0; i < extent.count && f->test->status != KUNIT_FAILURE; i++) {
		sector = (block + i) * LC_BLOCK_SECTORS;
		KUNIT_EXPECT_EQ(f->test, shown(f, &extent, sector), model(f, sector));
		KUNIT_EXPECT_EQ(f->test, shown(f, &extent, sector + 7),
				model(f, sector + 7));
		KUNIT_EXPECT_EQ(f->test, shown(f, &extent, sector + 3),
				model(f, sector + 3));
		if (extent.kind == LC_DATA)
			check_data(f, &extent, block + i, (u32)i);
	}
}

static void evict(struct fixture *f)
{
	u32 i;

	lc_chain_evict(&f->chain, random_below(20));
	for (i = 0; i < f->count; i++)
		if (random_chance(30))
			lc_map_evict(&f->level[i].host->store, random_below(8));
}

static void compare_all(struct fixture *f, u32 looks)
{
	u64 blocks = BLOCKS_MAX + LEAF;
	u32 i;

	for (i = 0; i < looks && f->test->status != KUNIT_FAILURE; i++) {
		compare(f, random_chance(90) ? hot_block(f) :
			random_u64() % blocks, 1 + random_below(3000));
		if (random_chance(3))
			evict(f);
	}
	for (i = 0; i < HOT_LEAVES && f->test->status != KUNIT_FAILURE; i++) {
		u64 block;

		for (block = 0; block < LEAF && f->test->status != KUNIT_FAILURE; block++)
			compare(f, f->hot[i] * LEAF + block, 1);
	}
}

/* Cases ---------------------------------------------------------------- */

static void lookup_agrees_with_the_model(struct kunit *test)
{
	u32 i;

	for (i = 0; i < random_rounds(12) && test->status != KUNIT_FAILURE; i++) {
		struct fixture *f = make(test, 1 + random_below(8));

		compare_all(f, 1500);
		unmake(f);
	}
}

static void lookup_agrees_with_the_model_through_64_layers(struct kunit *test)
{
	struct fixture *f = make(test, LC_LAYERS_MAX);

	compare_all(f, 3000);
	unmake(f);
}

/* Give all of it back; every page that goes is one that can be made again. */
static void eviction_gives_all_back(struct kunit *test)
{
	struct fixture *f = make(test, 5);

	compare_all(f, 500);
	KUNIT_EXPECT_GT(test, f->chain.pages_in_memory, 1u);
	while (f->chain.pages_in_memory)
		lc_chain_evict(&f->chain, 100);
	KUNIT_EXPECT_EQ(test, f->index_out, 1u);
	compare_all(f, 500);
	unmake(f);
}

/* Others wait as well: what is not pinned may be taken away. */
static void index_asked(struct fixture *f, u32 count)
{
	f->asked++;
	KUNIT_EXPECT_EQ(f->test, count, 2u);
	while (lc_chain_evict(&f->chain, 100))
		;
	KUNIT_EXPECT_EQ(f->test, f->chain.pages_in_memory, 0u);
}

/* Two that each had a part of their nodes could wait for each other. */
static void index_nodes_come_all_at_once_with_nothing_pinned(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	struct lc_store *layer[2];
	u32 i;

	f->test = test;
	f->index = index_asked;
	for (i = 0; i < 3; i++) {
		f->level[i].host = host_new_open(test, STORE_BLOCKS,
						 2 * LC_NODE_CHILDREN *
						 LC_NODE_CHILDREN * LEAF);
		if (i == 2)
			break;
		freeze(&f->level[i]);
		layer[i] = &f->level[i].host->store;
	}
	f->count = 2;
	KUNIT_ASSERT_EQ(test, lc_chain_init(&f->chain, &chain_ops, f, layer, 2), 0);
	f->level[2].host->store.chain = &f->chain;
	KUNIT_EXPECT_EQ(test, f->chain.root->page.level, 3);
	KUNIT_EXPECT_EQ(test, lc_load_below(&f->level[2].host->store, 0), 0);
	KUNIT_EXPECT_EQ(test, f->asked, 1u);
	KUNIT_EXPECT_EQ(test, f->chain.pages_in_memory, 2u);
	unmake(f);
}

/* A leaf where one layer alone has something costs no memory of the index. */
static void one_layer_alone_needs_no_merged_leaf(struct kunit *test)
{
	struct fixture *f = make(test, 3);
	struct lc_extent extent;
	u32 nodes = f->chain.root->page.level - 1u;

	look(f, ALONE * LEAF + 7, 9, &extent);
	KUNIT_EXPECT_EQ(test, extent.kind, LC_DATA);
	KUNIT_EXPECT_EQ(test, extent.layer, 1u);
	KUNIT_EXPECT_EQ(test, extent.count, 2u);
	look(f, (ALONE + 1) * LEAF, 1, &extent);
	KUNIT_EXPECT_NE(test, extent.kind, LC_DATA);
	KUNIT_EXPECT_EQ(test, f->chain.pages_in_memory, nodes);
	unmake(f);
}

static void p6_a_layer_that_cannot_be_read_gives_an_error(struct kunit *test)
{
	struct fixture *f = make(test, 2);
	struct host *host = f->level[1].host;
	u64 block = f->hot[0] * LEAF;

	while (f->chain.pages_in_memory)
		lc_chain_evict(&f->chain, 100);
	if (!host->store.super.root.address) {
		unmake(f);
		return;
	}
	lc_store_destroy(&host->store);
	host->open = false;
	KUNIT_ASSERT_EQ(test, host_open(host, true), 0);
	host->disk->fail_in[DISK_READ] = host->disk->count[DISK_READ] + 1;
	if (lc_load_below(&f->level[2].host->store, block))
		KUNIT_EXPECT_GT(test, host->reports, 0u);
	host->disk->fail_in[DISK_READ] = 0;
	KUNIT_EXPECT_EQ(test, lc_load_below(&f->level[2].host->store, block), 0);
	unmake(f);
}

static void a_frozen_store_takes_no_change(struct kunit *test)
{
	struct host *host = host_new_open(test, STORE_BLOCKS, 10 * LEAF);
	struct lc_ticket ticket;
	u64 count = 1;

	KUNIT_ASSERT_EQ(test, host_write(host, 5, 3, 9), LC_TAKEN);
	host_settle(host);
	KUNIT_ASSERT_EQ(test, host_flush(host), 0);
	KUNIT_ASSERT_EQ(test, lc_store_freeze(&host->store, "before"), 0);
	KUNIT_EXPECT_EQ(test, lc_ticket_take(&host->store, 7, 1, &ticket), LC_FAILED);
	KUNIT_EXPECT_EQ(test, lc_zero(&host->store, 5, &count), LC_FAILED);
	KUNIT_EXPECT_EQ(test, host_read(host, 5), 9);
	KUNIT_EXPECT_EQ(test, lc_checkpoint(&host->store), 0);
	host_delete(host);
}

/* At each write of the freeze the power goes: it is frozen with all, or it is not. */
static void p2_power_lost_in_a_freeze(struct kunit *test)
{
	u32 cut, frozen = 0, whole = 0;

	for (cut = 1; cut < 12 && test->status != KUNIT_FAILURE; cut++) {
		struct host *host = host_new_open(test, STORE_BLOCKS, 10 * LEAF);
		int error;

		KUNIT_ASSERT_EQ(test, host_write(host, 5, 300, 9), LC_TAKEN);
		KUNIT_ASSERT_EQ(test, host_flush(host), 0);
		host_settle(host);
		host->disk->cut_in = cut;
		error = lc_store_freeze(&host->store, "before");
		whole += !error;
		host_drop(host);
		host->disk->cut_in = 0;
		KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
		if (!error)
			KUNIT_EXPECT_EQ(test, host->super.state, LC_STORE_FROZEN);
		frozen += host->super.state == LC_STORE_FROZEN;
		KUNIT_EXPECT_EQ(test, host->store.read_only,
				host->super.state == LC_STORE_FROZEN);
		KUNIT_EXPECT_EQ(test, host_read(host, 5), 9);
		KUNIT_EXPECT_EQ(test, host_read(host, 304), 9);
		KUNIT_EXPECT_EQ(test, host_read(host, 305), HOST_BELOW);
		host_delete(host);
	}
	KUNIT_EXPECT_GT(test, whole, 0u);
	KUNIT_EXPECT_LT(test, whole, 11u);
	KUNIT_EXPECT_GE(test, frozen, whole);
}

/* It may have been frozen by a write that is in a cache only, and was told to have failed. */
static void p1_a_layer_is_flushed_before_anything_stands_on_it(struct kunit *test)
{
	struct host *host = host_new_open(test, STORE_BLOCKS, 10 * LEAF);
	u64 flushes;

	KUNIT_ASSERT_EQ(test, host_write(host, 5, 3, 9), LC_TAKEN);
	KUNIT_ASSERT_EQ(test, host_flush(host), 0);
	host_settle(host);
	KUNIT_ASSERT_EQ(test, lc_store_freeze(&host->store, "before"), 0);
	host_drop(host);
	flushes = host->disk->count[DISK_FLUSH];
	KUNIT_ASSERT_EQ(test, host_open(host, true), 0);
	KUNIT_EXPECT_EQ(test, host->disk->count[DISK_FLUSH], flushes + 1);
	/* A device that fails is read as long as it can be. */
	host_drop(host);
	host->disk->fail_in[DISK_FLUSH] = 1;
	KUNIT_ASSERT_EQ(test, host_open(host, true), 0);
	KUNIT_EXPECT_EQ(test, host_read(host, 5), 9);
	host_delete(host);
}

static void p8_a_chain_is_told_by_what_it_names(struct kunit *test)
{
	struct lc_super parent = {
		.state = LC_STORE_FROZEN, .content_uuid = "content",
		.clone_uuid = "clone", .head_generation = 3, .clone_sectors = 100,
		.origin_kind = LC_ORIGIN_DEVICE, .origin_sectors = 80, .layers = 1,
	};
	struct lc_super child = parent, other;

	memcpy(child.parent_uuid, parent.content_uuid, LC_UUID_BYTES);
	memset(child.content_uuid, 7, LC_UUID_BYTES);
	child.state = LC_STORE_WRITABLE;
	child.head_generation = 4;
	child.layers = 2;
	child.overlap_sectors = 100;
	KUNIT_EXPECT_NULL(test, lc_chain_fault(&child, &parent));

	other = parent;
	other.state = LC_STORE_WRITABLE;
	KUNIT_EXPECT_NOT_NULL(test, lc_chain_fault(&child, &other));
	KUNIT_EXPECT_NULL(test, lc_chain_fits(&child, &other));
	other = parent;
	other.content_uuid[3] ^= 1;
	KUNIT_EXPECT_NOT_NULL(test, lc_chain_fault(&child, &other));
	/* Layers below it may have become one since the child was made. */
	other = parent;
	other.layers = 0;
	KUNIT_EXPECT_NULL(test, lc_chain_fault(&child, &other));
	other = child;
	other.layers = 0;
	memset(other.parent_uuid, 0, LC_UUID_BYTES);
	memset(parent.content_uuid, 0, LC_UUID_BYTES);
	KUNIT_EXPECT_NOT_NULL(test, lc_chain_fault(&other, &parent));
	memcpy(parent.content_uuid, child.parent_uuid, LC_UUID_BYTES);
	other = parent;
	other.origin_sectors = 79;
	KUNIT_EXPECT_NOT_NULL(test, lc_chain_fault(&child, &other));
	other = parent;
	other.fingerprint[0] = 1;
	KUNIT_EXPECT_NOT_NULL(test, lc_chain_fault(&child, &other));
	other = parent;
	other.clone_sectors = 99;
	KUNIT_EXPECT_NOT_NULL(test, lc_chain_fault(&child, &other));
	other = parent;
	other.head_generation = 4;
	KUNIT_EXPECT_NOT_NULL(test, lc_chain_fault(&child, &other));
	/* A clone of a clone counts for itself. */
	memset(child.clone_uuid, 9, LC_UUID_BYTES);
	KUNIT_EXPECT_NULL(test, lc_chain_fault(&child, &other));
}

static struct kunit_case layers_cases[] = {
	KUNIT_CASE(lookup_agrees_with_the_model),
	KUNIT_CASE(lookup_agrees_with_the_model_through_64_layers),
	KUNIT_CASE(eviction_gives_all_back),
	KUNIT_CASE(index_nodes_come_all_at_once_with_nothing_pinned),
	KUNIT_CASE(one_layer_alone_needs_no_merged_leaf),
	KUNIT_CASE(p6_a_layer_that_cannot_be_read_gives_an_error),
	KUNIT_CASE(a_frozen_store_takes_no_change),
	KUNIT_CASE(p2_power_lost_in_a_freeze),
	KUNIT_CASE(p1_a_layer_is_flushed_before_anything_stands_on_it),
	KUNIT_CASE(p8_a_chain_is_told_by_what_it_names),
	{ 0 }
};

static struct kunit_suite layers_suite = {
	.name = "layers",
	.test_cases = layers_cases,
};

kunit_test_suite(layers_suite);
