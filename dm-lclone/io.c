// SPDX-License-Identifier: GPL-2.0
/*
 * The way of one bio: looked up, sent to where its blocks are, and published
 * when it was a first write.
 *
 * A bio is cut to one extent in .map (dm sends the rest in the next bio).  One
 * that was deferred cannot be cut any more: it carries out its extents one after
 * the other, with io->rest as the place it has reached.
 */

#include "lclone.h"

/* What comes next for a bio; those that are not dm's own start here. */
enum next {
	NEXT_SUBMIT = DM_MAPIO_REMAPPED,	/* it has been pointed to a device */
	NEXT_GONE = DM_MAPIO_SUBMITTED,		/* somebody else has it */
	NEXT_KILL = DM_MAPIO_KILL,
	NEXT_ENDED = 100,			/* its part is done */
	NEXT_DEFER,				/* process context is needed */
	NEXT_LOAD_BELOW,			/* the same, for what lies below */
	NEXT_AGAIN,				/* the map has changed */
};

struct step {
	struct lclone_store *store;
	struct bio *bio;
	struct lclone_io *io;
	bool deferred;		/* in process context, and cannot be cut by dm */
};

static sector_t block_sector(u64 block)
{
	return (sector_t)block * LC_BLOCK_SECTORS;
}

/* Whether the bio may be made to wait: or it is ended with EAGAIN. */
static bool may_wait(const struct step *step)
{
	return step->deferred || !(step->bio->bi_opf & REQ_NOWAIT);
}

/* Cuts the bio to @sectors.  Returns false when it must not be. */
static bool cut(const struct step *step, unsigned int sectors)
{
	struct bio *bio = step->bio;

	if (sectors < bio_sectors(bio)) {
		if (!may_wait(step))
			return false;
		if (step->deferred)
			bio->bi_iter.bi_size = sectors << SECTOR_SHIFT;
		else
			dm_accept_partial_bio(bio, sectors);
	}
	step->io->bytes = bio->bi_iter.bi_size;
	if (!step->deferred)
		step->io->rest = bio->bi_iter;
	return true;
}

static void remap_store(const struct step *step, u64 store_block, unsigned int skip)
{
	bio_set_dev(step->bio, step->store->bdev);
	step->bio->bi_iter.bi_sector = block_sector(store_block) + skip;
}

static enum next read_zeros(const struct step *step, unsigned int sectors)
{
	if (!cut(step, sectors))
		return NEXT_DEFER;
	zero_fill_bio(step->bio);
	return NEXT_ENDED;
}

static enum next read_below(const struct step *step, unsigned int sectors)
{
	struct lclone_place place;

	if (!lclone_find_below(step->store, step->bio->bi_iter.bi_sector, sectors,
			       &place))
		return NEXT_LOAD_BELOW;
	if (!place.bdev)
		return read_zeros(step, place.sectors);
	if (!cut(step, place.sectors))
		return NEXT_DEFER;
	if (!lclone_remap_below(step->bio, &place))
		return NEXT_KILL;
	step->io->stage = LCLONE_AT_BELOW;
	return NEXT_SUBMIT;
}

/*
 * Overwrites go in place.  FUA is passed down only when the mapping has reached
 * the disk: otherwise the data would be durable, and not to be found.
 */
static enum next use_data(const struct step *step, const struct lc_extent *extent,
			  unsigned int skip, unsigned int sectors)
{
	struct bio *bio = step->bio;

	if (!cut(step, sectors))
		return NEXT_DEFER;
	if ((bio->bi_opf & REQ_FUA) && !extent->durable) {
		bio->bi_opf &= ~REQ_FUA;
		step->io->after_round = true;
	}
	remap_store(step, extent->store, skip);
	step->io->stage = LCLONE_AT_BELOW;
	return NEXT_SUBMIT;
}

/* What a ticket that was not given leads to, or LC_BUSY for another reason. */
static enum next no_ticket(const struct step *step, enum lc_take result,
			   struct lclone_seen seen)
{
	switch (result) {
	case LC_CHANGED:
		return NEXT_AGAIN;
	case LC_LOAD:
		return NEXT_DEFER;
	case LC_BUSY:
	case LC_FULL:
		if (!may_wait(step))
			return NEXT_DEFER;
		lclone_leave(step->store, step->io);
		lclone_park(step->store, step->bio, result, seen);
		return NEXT_GONE;
	default:
		return NEXT_KILL;
	}
}

/*
 * A first write.  Whole blocks go straight to new places.  A part of a block has
 * to be merged with the rest of it, which takes memory and a read from below
 * unless the block is known to be zero.
 */
static enum next first_write(const struct step *step,
			     const struct lc_extent *extent, unsigned int skip,
			     struct lclone_seen seen)
{
	struct lclone_store *store = step->store;
	struct lclone_io *io = step->io;
	struct bio *bio = step->bio;
	unsigned int whole = skip ? 0 : bio_sectors(bio) / LC_BLOCK_SECTORS;
	u32 most = (u32)min_t(u64, extent->count, max(whole, 1u));
	struct lclone_place place = { };
	enum lc_take result;

	if (!whole && !step->deferred)
		return NEXT_DEFER;
	if (!whole && extent->kind == LC_BELOW &&
	    !lclone_find_below(store, bio->bi_iter.bi_sector - skip,
			       LC_BLOCK_SECTORS, &place))
		return NEXT_LOAD_BELOW;
	result = lc_ticket_take(&store->core,
				bio->bi_iter.bi_sector / LC_BLOCK_SECTORS, most,
				&io->ticket);
	if (result != LC_TAKEN)
		return no_ticket(step, result, seen);
	if (!cut(step, whole ? io->ticket.count * LC_BLOCK_SECTORS :
		       min(bio_sectors(bio), LC_BLOCK_SECTORS - skip))) {
		lc_ticket_abort(&store->core, &io->ticket);
		return NEXT_DEFER;
	}
	if (bio->bi_opf & REQ_FUA) {
		bio->bi_opf &= ~REQ_FUA;
		io->after_round = true;
	}
	io->stage = LCLONE_AT_FIRST;
	if (!whole) {
		lclone_copy(store, bio, &place);
		return NEXT_GONE;
	}
	remap_store(step, io->ticket.store, 0);
	return NEXT_SUBMIT;
}

/* Looks up where the bio begins, and acts for as much of it as is alike. */
static enum next look_up(const struct step *step)
{
	struct lclone_store *store = step->store;
	struct bio *bio = step->bio;
	sector_t sector = bio->bi_iter.bi_sector;
	u64 block = sector / LC_BLOCK_SECTORS;
	unsigned int skip = sector % LC_BLOCK_SECTORS;
	unsigned int blocks = DIV_ROUND_UP(skip + bio_sectors(bio),
					   LC_BLOCK_SECTORS);
	bool write = bio_op(bio) == REQ_OP_WRITE;
	struct lclone_seen seen = { };
	struct lc_extent extent;
	unsigned int sectors;
	bool held = false;

	/* Before the look-up: until it has left, no block is reused under it. */
	lclone_enter(store, step->io);
	if (write) {
		seen = lclone_seen(store);
		held = lc_held(&store->core, block, blocks);
	}
	rcu_read_lock();
	lc_lookup(&store->core, block, blocks, &extent);
	rcu_read_unlock();

	sectors = min_t(u64, bio_sectors(bio),
			extent.count * LC_BLOCK_SECTORS - skip);
	switch (extent.kind) {
	case LC_DATA:
		if (held)
			return no_ticket(step, LC_BUSY, seen);
		return use_data(step, &extent, skip, sectors);
	case LC_UNLOADED:
		return NEXT_DEFER;
	case LC_ZERO:
	case LC_BELOW:
		if (write)
			return first_write(step, &extent, skip, seen);
		return extent.kind == LC_ZERO ? read_zeros(step, sectors) :
						read_below(step, sectors);
	}
	return NEXT_KILL;
}

/* Failed mode and read-only tables: reads go on. */
static bool refused(const struct lclone_store *store, const struct bio *bio)
{
	return bio_op(bio) != REQ_OP_READ &&
	       (lc_failed(&store->core) || store->core.read_only);
}

static void flush_done(struct lclone_wait *wait, int error)
{
	struct lclone_io *io = container_of(wait, struct lclone_io, wait);
	/* Given up for a suspend: as for a write that waits for space. */
	blk_status_t status = error == -ENOSPC ? BLK_STS_DM_REQUEUE :
						 errno_to_blk_status(error);

	lclone_io_end(lclone_bio_of(io), status);
}

static int map_flush(struct lclone_store *store, struct lclone_io *io)
{
	io->stage = LCLONE_AT_ROUND;
	io->wait.done = flush_done;
	lc_round_wait(&store->core, &io->wait.core);
	return DM_MAPIO_SUBMITTED;
}

static int map_nowait_failed(struct bio *bio, struct lclone_io *io)
{
	io->stage = LCLONE_AT_END;
	bio_wouldblock_error(bio);
	return DM_MAPIO_SUBMITTED;
}

/* .map: flush, discard or zeroing, all else by the look-up. */
int lclone_map(struct dm_target *ti, struct bio *bio)
{
	struct lclone *lc = ti->private;
	struct lclone_io *io = lclone_io_of(bio);
	struct step step = { .store = lc->store, .bio = bio, .io = io };
	enum next next;

	memset(io, 0, sizeof(*io));
	io->store = lc->store;
	io->phase = -1;
	io->rest = bio->bi_iter;

	if (bio->bi_opf & REQ_PREFLUSH)
		return map_flush(lc->store, io);
	if (refused(lc->store, bio))
		return DM_MAPIO_KILL;
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		break;
	case REQ_OP_WRITE:
		io->zeroes = lclone_writes_zero_page(bio);
		break;
	case REQ_OP_DISCARD:
	case REQ_OP_WRITE_ZEROES:
		io->zeroes = true;
		break;
	default:
		return DM_MAPIO_KILL;
	}

	do {
		next = io->zeroes ? NEXT_DEFER : look_up(&step);
	} while (next == NEXT_AGAIN);
	if (next == NEXT_SUBMIT || next == NEXT_GONE)
		return next;

	lclone_leave(lc->store, io);
	if (next == NEXT_KILL)
		return DM_MAPIO_KILL;
	if (next != NEXT_ENDED && !may_wait(&step))
		return map_nowait_failed(bio, io);
	if (next != NEXT_ENDED)
		lclone_defer(lc->store, bio);
	else
		lclone_io_end(bio, BLK_STS_OK);
	return DM_MAPIO_SUBMITTED;
}

/* The leaf that the bio needs is read; the loader has logged what went wrong. */
static bool load(struct lclone_store *store, struct bio *bio, bool below)
{
	u64 block = bio->bi_iter.bi_sector / LC_BLOCK_SECTORS;
	int error = below ? lc_load_below(&store->core, block) :
			    lc_map_load(&store->core, block);

	lclone_loaded(store);
	return !error;
}

void lclone_io_resume(struct lclone_store *store, struct bio *bio)
{
	struct lclone_io *io = lclone_io_of(bio);
	struct step step = {
		.store = store, .bio = bio, .io = io, .deferred = true,
	};
	enum next next;

	lclone_bio_rearm(bio);
	bio->bi_opf &= ~(REQ_NOWAIT | REQ_POLLED);
	bio->bi_iter = io->rest;
	io->stage = LCLONE_AT_MAP;
	if (refused(store, bio)) {
		lclone_io_end(bio, BLK_STS_IOERR);
		return;
	}
	if (io->zeroes) {
		lclone_discard(store, bio);
		return;
	}
	for (;;) {
		next = look_up(&step);
		if (next == NEXT_SUBMIT) {
			submit_bio_noacct(bio);
			return;
		}
		if (next == NEXT_GONE)
			return;
		lclone_leave(store, io);
		if (next == NEXT_ENDED) {
			lclone_io_part_done(bio, BLK_STS_OK);
			return;
		}
		if (next == NEXT_KILL ||
		    (next != NEXT_AGAIN &&
		     !load(store, bio, next == NEXT_LOAD_BELOW))) {
			lclone_io_end(bio, BLK_STS_IOERR);
			return;
		}
		cond_resched();
	}
}

void lclone_io_end(struct bio *bio, blk_status_t status)
{
	struct lclone_io *io = lclone_io_of(bio);

	lclone_leave(io->store, io);
	io->stage = LCLONE_AT_END;
	bio->bi_status = status;
	bio_endio(bio);
}

/* A write for which the device below has no space waits as for ours. */
static void park_below_full(struct lclone_store *store, struct bio *bio)
{
	struct lclone_seen seen = lclone_seen(store);

	lclone_below_full(store);
	lclone_park(store, bio, LC_FULL, seen);
}

/*
 * What was under way of @bio is done.  Returns true when the bio is done with
 * *@status, false when it has been handed on.
 */
static bool part_done(struct bio *bio, blk_status_t *status)
{
	struct lclone_io *io = lclone_io_of(bio);
	struct lclone_store *store = io->store;
	bool again = false;

	if (io->stage == LCLONE_AT_FIRST) {
		if (*status)
			lc_ticket_abort(&store->core, &io->ticket);
		else
			again = !lc_ticket_publish(&store->core, &io->ticket);
	}
	io->stage = LCLONE_AT_MAP;
	lclone_leave(store, io);
	if (*status == BLK_STS_NOSPC && bio_op(bio) != REQ_OP_READ) {
		park_below_full(store, bio);
		return false;
	}
	if (*status)
		return true;

	/* Who lost a block to another writer starts again at the look-up. */
	if (!again) {
		io->rest.bi_sector += io->bytes >> SECTOR_SHIFT;
		if (io->zeroes)
			io->rest.bi_size -= io->bytes;
		else
			bvec_iter_advance(bio->bi_io_vec, &io->rest, io->bytes);
	}
	if (io->rest.bi_size) {
		lclone_defer(store, bio);
		return false;
	}
	if (io->after_round) {
		io->stage = LCLONE_AT_ROUND;
		io->wait.done = flush_done;
		lc_round_wait_later(&store->core, &io->wait.core);
		return false;
	}
	return true;
}

void lclone_io_part_done(struct bio *bio, blk_status_t status)
{
	if (part_done(bio, &status))
		lclone_io_end(bio, status);
}

int lclone_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	struct lclone_io *io = lclone_io_of(bio);

	if (io->stage == LCLONE_AT_END)
		return DM_ENDIO_DONE;
	return part_done(bio, error) ? DM_ENDIO_DONE : DM_ENDIO_INCOMPLETE;
}
