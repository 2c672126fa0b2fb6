// SPDX-License-Identifier: GPL-2.0
/* What a world is like, and its store when it is new. */

#include <stdlib.h>
#include "change.h"
#include "freeze.h"
#include "layer.h"
#include "medium.h"
#include "model.h"
#include "random.h"
#include "shape.h"
#include "world.h"

struct world world;
bool world_damage = true;

/* What the clone stands on, and how that changes. */
static void choose_changes(void)
{
	u32 most = CLUSTER_BLOCKS * LC_BLOCK_SECTORS;

	if (random_chance(20))
		world.depth = random_chance(80) ? 1 + random_below(4) : LAYERS_MOST;
	world.resizes = !world.combs && random_chance(world.depth ? 40 : 10);
	world.drops = !world.combs && random_chance(12);
	if (world.drops)
		world.origin_sectors = random_chance(50) ? 0 : 1 + random_below(most);
}

static void choose(void)
{
	static const u32 data_most[] = { 60, 120, 120, 300, 1400 };
	u32 kind = random_below(100);
	u64 blocks;

	memset(&world, 0, sizeof(world));
	blocks = kind < 40 ? 100 + random_below(900) :
		 kind < 70 ? 1008 * (2 + random_below(3)) - random_below(900) :
		 kind < 90 ? 1008ull * (34 + random_below(80)) :
			     1008ull * (127 + random_below(140));
	world.big = kind >= 70;
	world.combs = kind >= 80 && kind < 90;
	world.leaves = DIV_ROUND_UP(blocks, LC_LEAF_ENTRIES);
	world.hot_leaves = world.combs ? 1 + random_below(3) : world.leaves;
	world.clone_sectors = blocks * LC_BLOCK_SECTORS;
	if (random_chance(30))
		world.clone_sectors -= random_below(LC_BLOCK_SECTORS);
	if (!random_chance(20))
		world.origin_sectors = random_chance(50) ? world.clone_sectors :
				       1 + random_below((u32)world.clone_sectors * 2);
	world.data_blocks = 30 + random_below(data_most[random_below(5)] - 30);
	world.watched = world.big && !world.combs ? 200 + random_below(500) : 12 + random_below(150);
	world.fails = random_chance(20);
	world.grows = random_chance(25);
	world.hydrates = random_chance(40);
	world.rethins = random_chance(30);
	choose_changes();
	world.thin = random_chance(world.depth ? 30 : 15);
	world.damages = random_chance(15) && world_damage;
}

/* The smallest store, with a hole where its size would be too much. */
static void layout_init(struct lc_layout *layout)
{
	if (lc_layout_new((u64)STORE_BLOCKS * LC_BLOCK_SECTORS, layout))
		abort();
	layout->journal_start = layout->data_end - world.data_blocks -
				layout->reserve_blocks - layout->journal_blocks;
	layout->reserve_start = layout->journal_start + layout->journal_blocks;
	lc_layout_finish(layout);
	if (!lc_layout_valid(layout))
		abort();
}

void shape_super(struct lc_super *super)
{
	memset(super, 0, sizeof(*super));
	super->generation = 1;
	random_fill(super->store_uuid, LC_UUID_BYTES);
	random_fill(super->clone_uuid, LC_UUID_BYTES);
	random_fill(super->content_uuid, LC_UUID_BYTES);
	super->state = LC_STORE_WRITABLE;
	super->head_generation = 1;
	super->clone_sectors = world.clone_sectors;
	super->overlap_sectors = min(world.clone_sectors, world.origin_sectors);
	super->origin_kind = world.origin_sectors ? LC_ORIGIN_DEVICE : LC_ORIGIN_NONE;
	super->origin_sectors = world.origin_sectors;
	super->root_level = lc_root_level(lc_blocks_of(world.clone_sectors));
	super->replay_sequence = 1 + random_below(100);
	layout_init(&super->layout);
	super->replay_block = random_below(super->layout.journal_blocks);
	super->high_water = super->layout.data_start;
}

/* To @image, or to the medium. */
static void put_block(struct image *image, u32 block, const void *page)
{
	if (image)
		memcpy(image_touch(image, block), page, LC_BLOCK_SIZE);
	else
		medium_put(block, page);
}

/* Header and superblocks. */
void shape_write_to(struct image *image, const struct lc_super *super)
{
	struct lc_header header = { 0 };
	u8 page[LC_BLOCK_SIZE];
	u32 copy;

	for (copy = 0; copy < 2; copy++) {
		lc_super_encode(super, copy, page);
		put_block(image, lc_super_address(copy), page);
	}
	memcpy(header.store_uuid, super->store_uuid, LC_UUID_BYTES);
	lc_header_encode(&header, page);
	put_block(image, LC_HEADER_BLOCK, page);
}

void shape_write(const struct lc_super *super)
{
	shape_write_to(NULL, super);
	if (world.thin)
		medium_thin(random_below(60), super->layout.journal_start,
			    super->layout.data_start - super->layout.journal_start);
}

static void format(void)
{
	struct lc_super super;

	layers_drop();
	freeze_reset();
	change_reset();
	medium_new(STORE_BLOCKS);
	shape_super(&super);
	shape_write(&super);
	model_new(world.clone_sectors, lc_below_sectors(&super), world.origin_sectors);
}

static void watch(void)
{
	u64 blocks = lc_blocks_of(world.clone_sectors);
	u64 most = min(blocks, world.hot_leaves * LC_LEAF_ENTRIES);
	u32 tries = 1000;
	u64 block;

	if (world.drops)
		model_watch(0, CLUSTER_BLOCKS);
	while (tries-- && model.watched + CLUSTER_BLOCKS <= world.watched) {
		block = random_u64() % most;
		/* Often across the end of a leaf, or the end of the clone. */
		if (random_chance(20) && block >= LC_LEAF_ENTRIES)
			block -= lc_leaf_slot(block);
		else if (random_chance(5))
			block = most - 1;
		model_watch(block, world.watched);
	}
	if (!model.watched)
		model_watch(0, CLUSTER_BLOCKS);
}

void shape_new(void)
{
	choose();
	format();
	watch();
}
