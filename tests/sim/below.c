// SPDX-License-Identifier: GPL-2.0
/* What lies below the store. */

#include "below.h"
#include "layer.h"
#include "model.h"
#include "report.h"

bool below_find(u64 sector, u32 sectors, struct below *below)
{
	u32 skip = sector % LC_BLOCK_SECTORS;
	u64 block = sector / LC_BLOCK_SECTORS;
	u64 blocks = DIV_ROUND_UP(skip + sectors, LC_BLOCK_SECTORS);
	struct lc_extent extent;

	edge_read_lock();
	lc_lookup_below(edge.store, block, blocks, &extent);
	edge_read_unlock();
	if (extent.count < 1 || extent.count > blocks)
		violation("a look-up below of %llu blocks returns %llu",
			  (unsigned long long)blocks, (unsigned long long)extent.count);
	trace(TRACE_BELOW, block, extent.kind, extent.layer, extent.store);
	if (extent.kind == LC_UNLOADED)
		return false;
	below->sector = sector;
	below->sectors = (u32)min_t(u64, sectors, extent.count * LC_BLOCK_SECTORS - skip);
	below->kind = BELOW_ZEROS;
	if (extent.kind == LC_ZERO || sector >= extent.limit)
		return true;
	below->sectors = (u32)min_t(u64, below->sectors, extent.limit - sector);
	below->kind = BELOW_ORIGIN;
	if (extent.kind == LC_DATA) {
		below->kind = BELOW_LAYER;
		below->layer = extent.layer;
		below->block = extent.store;
	}
	return true;
}

int below_load(u64 block)
{
	int error;

	edge.loads_below++;
	error = lc_load_below(edge.store, block);
	edge.loads_below--;
	return error;
}

/* The blocks that it touches. */
static u32 blocks_of(const struct below *below)
{
	return DIV_ROUND_UP(below->sector % LC_BLOCK_SECTORS + below->sectors,
			    LC_BLOCK_SECTORS);
}

void below_read(struct below *below, struct batch *batch)
{
	u32 i;

	if (blocks_of(below) > BELOW_BLOCKS)
		violation("a read of %u sectors from below", below->sectors);
	if (below->kind == BELOW_ORIGIN)
		medium_other(batch);
	if (below->kind != BELOW_LAYER)
		return;
	for (i = 0; i < blocks_of(below); i++)
		medium_read_other_tags(layer_image(below->layer), below->block + i,
				       below->tags[i], batch);
}

u64 below_tag(const struct below *below, u64 sector)
{
	u64 block = sector / LC_BLOCK_SECTORS - below->sector / LC_BLOCK_SECTORS;

	if (sector < below->sector || sector >= below->sector + below->sectors)
		violation("sector %llu was not read from below",
			  (unsigned long long)sector);
	if (below->kind == BELOW_ZEROS)
		return 0;
	return below->kind == BELOW_ORIGIN ? model_origin(sector) :
	       below->tags[block][sector % LC_BLOCK_SECTORS];
}

static void find_loaded(u64 sector, u32 sectors, struct below *below)
{
	while (!below_find(sector, sectors, below))
		if (below_load(sector / LC_BLOCK_SECTORS))
			violation("what lies below sector %llu cannot be loaded",
				  (unsigned long long)sector);
}

void below_block(u64 block, u64 *tags)
{
	u64 at = block * LC_BLOCK_SECTORS, end = at + LC_BLOCK_SECTORS, first = at;
	struct below below;

	while (at < end) {
		find_loaded(at, (u32)(end - at), &below);
		if (below.kind == BELOW_LAYER)
			image_tags(layer_image(below.layer), below.block, below.tags[0]);
		for (; below.sectors; below.sectors--, below.sector++, at++)
			tags[at - first] = below.kind == BELOW_ZEROS ? 0 :
					   below.kind == BELOW_ORIGIN ? model_origin(at) :
					   below.tags[0][at % LC_BLOCK_SECTORS];
	}
}
