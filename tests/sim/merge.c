// SPDX-License-Identifier: GPL-2.0
/*
 * Layers that are made one.  Each level is looked up by itself, by the core's map of it, and
 * the newest entry of a block counts: what the index over layers makes of them is not asked.
 */

#include "edge.h"
#include "layer.h"
#include "memory.h"
#include "merge.h"
#include "power.h"
#include "random.h"
#include "report.h"
#include "run.h"
#include "shape.h"

#define LEAVES_MOST	400u

/* One of the layers, newest first, open beside the clone. */
struct level {
	const struct image *image;
	struct lc_store store;
	u64 limit;		/* sectors of it that are seen */
};

struct merge {
	struct level level[LAYERS_MOST];
	u32 levels;
	u64 below;		/* sectors of what lies below them that are seen */
	u64 blocks_below;	/* that may show something */
	struct image *image;
	struct lc_super super;
	u32 next;		/* block of the image */
	struct lc_ref ref[LEAVES_MOST];	/* of the leaves, then of the nodes of a level */
};

/* The levels ----------------------------------------------------------------------- */

static int op_read(void *ctx, u32 block, void *page)
{
	const struct level *level = ctx;

	memcpy(page, image_at(level->image, block), LC_BLOCK_SIZE);
	return 0;
}

static int op_flush(void *ctx)
{
	(void)ctx;
	return 0;
}

static void op_kick(void *ctx, enum lc_kick what)
{
	(void)ctx, (void)what;
}

static void open_level(struct level *level, const struct image *image)
{
	static struct lc_ops ops;
	struct lc_super super;

	ops = edge_ops;
	ops.read = op_read;
	ops.flush = op_flush;
	ops.kick = op_kick;
	level->image = image;
	if (!layer_super(image, &super) ||
	    lc_store_init(&level->store, &ops, level, &super, true) ||
	    lc_store_open(&level->store, -1))
		violation("a layer cannot be opened to be merged");
}

/* How far each is seen; they are newest first. */
static void find_limits(struct merge *merge, u64 sectors_below)
{
	const struct lc_super *super;
	u64 seen = ~0ull;
	u32 i;

	for (i = 0; i < merge->levels; i++) {
		super = &merge->level[i].store.super;
		if (edge.faults & FAULT_MERGE_HIDDEN)
			seen = super->clone_sectors;
		merge->level[i].limit = min(seen, super->clone_sectors);
		seen = min(merge->level[i].limit, lc_below_sectors(super));
	}
	merge->below = min(seen, sectors_below);
	merge->blocks_below = lc_blocks_of(merge->below);
}

static u32 entry_of(struct level *level, u64 block)
{
	struct lc_extent extent;

	lc_lookup(&level->store, block, 1, &extent);
	if (extent.kind == LC_UNLOADED) {
		if (lc_map_load(&level->store, block))
			violation("a layer cannot be read to be merged");
		lc_lookup(&level->store, block, 1, &extent);
	}
	return extent.kind == LC_DATA ? extent.store :
	       extent.kind == LC_ZERO ? LC_ENTRY_ZERO : LC_ENTRY_UNMAPPED;
}

/* What is to be written ------------------------------------------------------------ */

static u32 new_block(struct merge *merge)
{
	return merge->next < merge->super.layout.data_end ? merge->next++ : 0;
}

/* Zeros behind what is seen of it. */
static u32 copy_data(struct merge *merge, const struct level *level, u64 block, u32 from)
{
	u32 to = new_block(merge), sector;
	u64 tags[LC_BLOCK_SECTORS];

	if (!to)
		return 0;
	image_tags(level->image, from, tags);
	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++)
		image_put_tag(merge->image, to, sector,
			      block * LC_BLOCK_SECTORS + sector < level->limit ?
			      tags[sector] : 0);
	return to;
}

static bool shows_through(u32 value)
{
	return value == LC_ENTRY_UNMAPPED ||
	       (value == LC_ENTRY_ZERO && (edge.faults & FAULT_MERGE_ZEROS));
}

/* False: there is no space for it. */
static bool merge_block(struct merge *merge, u64 block, u32 *entry)
{
	bool older = edge.faults & FAULT_MERGE_OLDER;
	u32 i, value;

	*entry = LC_ENTRY_UNMAPPED;
	for (i = 0; i < merge->levels; i++) {
		struct level *level = &merge->level[older ? merge->levels - 1 - i : i];

		if (block * LC_BLOCK_SECTORS >= level->limit)
			return true;
		value = entry_of(level, block);
		if (shows_through(value))
			continue;
		if (lc_entry_is_data(value))
			*entry = copy_data(merge, level, block, value);
		else if (block < merge->blocks_below)
			*entry = LC_ENTRY_ZERO;
		return !lc_entry_is_data(value) || *entry;
	}
	return true;
}

static bool touched(struct merge *merge, u64 first)
{
	u32 levels = edge.faults & FAULT_MERGE_UNTOUCHED ? 1 : merge->levels;
	u8 state = LC_REF_NONE;
	u32 i;

	for (i = 0; i < levels && state == LC_REF_NONE; i++) {
		if (first * LC_BLOCK_SECTORS >= merge->level[i].limit)
			return false;
		if (lc_map_leaf_state(&merge->level[i].store, first, &state))
			violation("a layer cannot be read to be merged");
	}
	return state != LC_REF_NONE;
}

static bool merge_leaf(struct merge *merge, u32 index)
{
	struct lc_ref *ref = &merge->ref[index];
	u64 first = (u64)index * LC_LEAF_ENTRIES;
	u32 entry[LC_LEAF_ENTRIES];
	u32 i, zero_blocks;

	*ref = (struct lc_ref) { .state = LC_REF_NONE };
	if (!touched(merge, first))
		return true;
	for (i = 0; i < LC_LEAF_ENTRIES; i++)
		if (!merge_block(merge, first + i, &entry[i]))
			return false;
	lc_leaf_count(entry, &ref->data_blocks, &zero_blocks);
	ref->zero_blocks = zero_blocks;
	if (!ref->data_blocks && !zero_blocks)
		return true;
	ref->state = LC_REF_ZERO;
	if (zero_blocks == LC_LEAF_ENTRIES)
		return true;
	ref->state = LC_REF_PAGE;
	ref->generation = 1;
	ref->address = new_block(merge);
	if (!ref->address)
		return false;
	lc_leaf_encode(entry, (struct lc_page_id) { index, 0 }, merge->super.store_uuid,
		       ref, image_touch(merge->image, ref->address));
	merge->super.page_blocks++;
	return true;
}

/* Node @index of @level over merge->ref[], of which there are @count. */
static bool merge_node(struct merge *merge, u32 index, u8 level, u32 count,
		       struct lc_ref *ref)
{
	struct lc_ref child[LC_NODE_CHILDREN] = { { .state = LC_REF_NONE } };
	u32 first = index * LC_NODE_CHILDREN, i;
	u64 data_blocks;
	bool any = false;

	for (i = 0; i < LC_NODE_CHILDREN && first + i < count; i++) {
		child[i] = merge->ref[first + i];
		any |= child[i].state != LC_REF_NONE;
	}
	*ref = (struct lc_ref) { .state = LC_REF_NONE };
	if (!any)
		return true;
	lc_node_count(child, &data_blocks, &ref->zero_blocks);
	ref->data_blocks = (u32)data_blocks;
	ref->state = LC_REF_PAGE;
	ref->generation = 1;
	ref->address = new_block(merge);
	if (!ref->address)
		return false;
	lc_node_encode(child, (struct lc_page_id) { index, level }, merge->super.store_uuid,
		       ref, image_touch(merge->image, ref->address));
	merge->super.page_blocks++;
	return true;
}

static bool merge_tree(struct merge *merge)
{
	u64 blocks = lc_blocks_of(merge->super.clone_sectors);
	u32 count = (u32)DIV_ROUND_UP(blocks, LC_LEAF_ENTRIES), i;
	u8 level;

	if (count > LEAVES_MOST)
		return false;
	for (i = 0; i < count; i++)
		if (!merge_leaf(merge, i))
			return false;
	for (level = 1; level <= merge->super.root_level; level++) {
		for (i = 0; i < DIV_ROUND_UP(count, LC_NODE_CHILDREN); i++) {
			struct lc_ref ref;

			if (!merge_node(merge, i, level, count, &ref))
				return false;
			merge->ref[i] = ref;
		}
		count = i;
	}
	merge->super.root = merge->ref[0];
	return true;
}

/* compose() of tools/merge.c: the content of the newest, on what the oldest stands on. */
static void compose(struct merge *merge, u32 below)
{
	const struct lc_super *top = &merge->level[0].store.super;
	const struct lc_super *bottom = &merge->level[merge->levels - 1].store.super;
	struct lc_super *super = &merge->super;

	*super = *top;
	super->generation = 1;
	random_fill(super->store_uuid, LC_UUID_BYTES);
	memcpy(super->parent_uuid, bottom->parent_uuid, LC_UUID_BYTES);
	memcpy(super->parent_name, bottom->parent_name, LC_NAME_BYTES);
	super->layers = below;
	if (!(edge.faults & FAULT_MERGE_BELOW))
		super->overlap_sectors = merge->below;
	super->root_level = lc_root_level(lc_blocks_of(top->clone_sectors));
	super->page_blocks = 0;
	super->epoch = 0;
	super->replay_sequence = 1;
	super->replay_block = 0;
	super->replay_csum = 0;
	memset(super->reserve_map, 0, sizeof(super->reserve_map));
	if (lc_layout_new((u64)IMAGE_BLOCKS * LC_BLOCK_SECTORS, &super->layout))
		violation("no layout for a merged layer");
	merge->next = super->layout.data_start;
}

static u64 sectors_of(const struct image *image)
{
	struct lc_super super;

	if (!layer_super(image, &super))
		violation("a layer has no superblock");
	return super.clone_sectors;
}

struct image *merge_layers(u32 first, u32 count)
{
	static struct merge merge;
	struct image *image = NULL;
	u32 i;

	merge.levels = count;
	for (i = 0; i < count; i++)
		open_level(&merge.level[i], layers.layer[first + count - 1 - i].image);
	find_limits(&merge, first ? sectors_of(layers.layer[first - 1].image) : ~0ull);
	compose(&merge, first);
	merge.image = image_get();
	if (merge_tree(&merge)) {
		image = merge.image;
		merge.super.high_water = merge.next;
		shape_write_to(image, &merge.super);
	} else {
		image_put(merge.image);
	}
	for (i = 0; i < count; i++)
		lc_store_destroy(&merge.level[i].store);
	edge_grace();
	return image;
}

/* The clone gets it ------------------------------------------------------------------ */

/* A new table over other layers, and take_over() of store.c.  In a thread. */
static void swap_task(void *arg)
{
	(void)arg;
	task.why = layers_open(&edge.store->super);
	if (task.why && !medium.failures)
		violation("over merged layers, the store %s", task.why);
	edge.store->chain = &layers.chain;
	if (!task.why)
		task.error = edge_resume();
	task.done = true;
}

bool merge_take(void)
{
	u32 count = 2 + random_below(layers.count - 1);
	u32 first = random_below(layers.count - count + 1);
	struct image *image = merge_layers(first, count);
	u32 steps = random_chance(50) ? random_below(100) : STEPS_MOST;

	trace(TRACE_MERGE, first, count, !image, 0);
	if (!image)
		steps = STEPS_MOST;
	else
		layers_replace(first, count, image);
	if (image && world.fails && random_chance(10))
		medium_fail(500 + random_below(6000), 30);
	if (run_task("swap of layers", swap_task, steps, false) && !task.why) {
		medium_fail(0, 0);
		if (image)
			cover(COVER_MERGED);
		if (task.error && !medium.failures)
			violation("a resume over merged layers failed: %d", task.error);
		return true;
	}
	medium_fail(0, 0);
	cover(COVER_SWAP);
	power_cover();
	power_cut();
	return false;
}
