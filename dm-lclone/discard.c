// SPDX-License-Identifier: GPL-2.0
/*
 * Discards and zeroing.  Whole blocks become known to be zero, leaf by leaf.  A
 * part of a block is left alone by a discard, and overwritten with zeros by
 * WRITE_ZEROES.  Writes of the kernel's zero page come here as well: that is
 * what BLKZEROOUT sends when dm has withdrawn WRITE_ZEROES.
 */

#include "lclone.h"

bool lclone_writes_zero_page(struct bio *bio)
{
	struct bvec_iter iter;
	struct bio_vec vec;

	if (bio_sectors(bio) < LC_BLOCK_SECTORS)
		return false;
	bio_for_each_segment(vec, bio, iter)
		if (vec.bv_page != ZERO_PAGE(0))
			return false;
	return true;
}

static sector_t block_sector(u64 block)
{
	return (sector_t)block * LC_BLOCK_SECTORS;
}

static void part_done(struct bio *bio, u64 sectors)
{
	lclone_io_of(bio)->bytes = (unsigned int)(sectors << SECTOR_SHIFT);
	lclone_io_part_done(bio, BLK_STS_OK);
}

/*
 * LC_LOAD: loads, with @below what lies below too, and returns true; what waits
 * or fails has been seen to.
 */
static bool try_again(struct lclone_store *store, struct bio *bio, u64 block,
		      enum lc_take result, struct lclone_seen seen, bool below)
{
	struct lclone_io *io = lclone_io_of(bio);
	int error;

	lclone_leave(store, io);
	switch (result) {
	case LC_CHANGED:
		return true;
	case LC_LOAD:
		error = lc_map_load(&store->core, block);
		if (!error && below)
			error = lc_load_below(&store->core, block);
		lclone_loaded(store);
		if (!error)
			return true;
		break;
	case LC_BUSY:
	case LC_FULL:
		lclone_park(store, bio, result, seen);
		return false;
	default:
		break;
	}
	lclone_io_end(bio, BLK_STS_IOERR);
	return false;
}

static void zero_blocks(struct lclone_store *store, struct bio *bio, u64 most)
{
	struct lclone_io *io = lclone_io_of(bio);
	u64 block = io->rest.bi_sector / LC_BLOCK_SECTORS;
	struct lclone_seen seen;
	enum lc_take result;
	u64 count;

	do {
		count = most;
		seen = lclone_seen(store);
		result = lc_zero(&store->core, block, &count);
		if (result == LC_TAKEN) {
			part_done(bio, min_t(u64, count * LC_BLOCK_SECTORS,
					     io->rest.bi_size >> SECTOR_SHIFT));
			return;
		}
	} while (try_again(store, bio, block, result, seen, false));
}

/* One try at zeroing a part of @block; LC_TAKEN when it is under way. */
static enum lc_take zero_part_once(struct lclone_store *store, struct bio *bio,
				   u64 block, unsigned int sectors)
{
	struct lclone_io *io = lclone_io_of(bio);
	unsigned int skip = io->rest.bi_sector % LC_BLOCK_SECTORS;
	struct lclone_place place = { };
	struct lc_extent extent;
	enum lc_take result;
	bool held;

	lclone_enter(store, io);
	held = lc_held(&store->core, block, 1);
	rcu_read_lock();
	lc_lookup(&store->core, block, 1, &extent);
	rcu_read_unlock();

	io->bytes = sectors << SECTOR_SHIFT;
	if (extent.kind == LC_UNLOADED)
		return LC_LOAD;
	if (extent.kind == LC_DATA) {
		if (held)
			return LC_BUSY;
		io->stage = LCLONE_AT_BELOW;
		lclone_copy_zeros(store, bio,
				  block_sector(extent.store) + skip,
				  sectors);
		return LC_TAKEN;
	}
	if (extent.kind == LC_BELOW &&
	    !lclone_find_below(store, block_sector(block), LC_BLOCK_SECTORS, &place))
		return LC_LOAD;
	if (!place.bdev || skip >= place.sectors) {
		part_done(bio, sectors);
		return LC_TAKEN;
	}
	result = lc_ticket_take(&store->core, block, 1, &io->ticket);
	if (result == LC_TAKEN) {
		io->stage = LCLONE_AT_FIRST;
		lclone_copy(store, bio, &place);
	}
	return result;
}

static void zero_part(struct lclone_store *store, struct bio *bio,
		      unsigned int sectors)
{
	u64 block = lclone_io_of(bio)->rest.bi_sector / LC_BLOCK_SECTORS;
	struct lclone_seen seen;
	enum lc_take result;

	do {
		seen = lclone_seen(store);
		result = zero_part_once(store, bio, block, sectors);
	} while (result != LC_TAKEN &&
		 try_again(store, bio, block, result, seen, true));
}

void lclone_discard(struct lclone_store *store, struct bio *bio)
{
	struct lclone_io *io = lclone_io_of(bio);
	sector_t sector = io->rest.bi_sector;
	unsigned int skip = sector % LC_BLOCK_SECTORS;
	unsigned int sectors = io->rest.bi_size >> SECTOR_SHIFT;
	unsigned int part = min_t(unsigned int, sectors, LC_BLOCK_SECTORS - skip);

	if (bio->bi_opf & REQ_FUA) {
		bio->bi_opf &= ~REQ_FUA;
		io->after_round = true;
	}
	/* The last block of the clone may be short, and is whole all the same. */
	if (!skip && (sectors >= LC_BLOCK_SECTORS ||
		      sector + sectors == store->core.super.clone_sectors))
		zero_blocks(store, bio, max(sectors / LC_BLOCK_SECTORS, 1u));
	else if (bio_op(bio) == REQ_OP_DISCARD)
		part_done(bio, part);
	else
		zero_part(store, bio, part);
}
