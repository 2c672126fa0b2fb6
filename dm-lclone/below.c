// SPDX-License-Identifier: GPL-2.0
/*
 * What lies below a store: the origin and the frozen layers.  They are read, and
 * nothing is ever written to them (P3): lclone_remap_below() is the one place
 * that points a bio to them.
 */

#include "lclone.h"

bool lclone_find_below(struct lclone_store *store, sector_t sector,
		       unsigned int sectors, struct lclone_place *place)
{
	unsigned int skip = sector % LC_BLOCK_SECTORS;
	u64 block = sector / LC_BLOCK_SECTORS;
	struct lc_extent extent;
	struct lc_chain *chain = store->core.chain;

	rcu_read_lock();
	lc_lookup_below(&store->core, block,
			DIV_ROUND_UP(skip + sectors, LC_BLOCK_SECTORS), &extent);
	rcu_read_unlock();

	if (extent.kind == LC_UNLOADED)
		return false;
	place->bdev = NULL;
	place->sectors = min_t(u64, sectors, extent.count * LC_BLOCK_SECTORS - skip);
	if (extent.kind == LC_ZERO || sector >= extent.limit)
		return true;
	place->sectors = min_t(u64, place->sectors, extent.limit - sector);
	place->sector = sector;
	place->bdev = store->origin;
	if (extent.kind == LC_DATA) {
		place->bdev = container_of(chain->layer[extent.layer],
					   struct lclone_store, core)->bdev;
		place->sector = (sector_t)extent.store * LC_BLOCK_SECTORS + skip;
	}
	return true;
}

bool lclone_remap_below(struct bio *bio, const struct lclone_place *place)
{
	if (WARN_ON_ONCE(bio_op(bio) != REQ_OP_READ || !place->bdev))
		return false;
	bio_set_dev(bio, place->bdev);
	bio->bi_iter.bi_sector = place->sector;
	return true;
}
