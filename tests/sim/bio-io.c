// SPDX-License-Identifier: GPL-2.0
/* The I/O of a bio.  Each function follows the one of the module that it names. */

#include "below.h"
#include "bio.h"
#include "bio-io.h"
#include "model.h"
#include "report.h"

static void fill(const struct op *op, u64 sector, u32 sectors, u64 *tags)
{
	for (; sectors--; sector++)
		tags[sector % LC_BLOCK_SECTORS] = model_tag(op_content(op), sector);
}

/* Sectors that the bio has in the block where @sector lies. */
static u32 in_block(const struct bio *bio, u64 sector)
{
	u64 end = bio->sector + bio->part;

	return (u32)min_t(u64, LC_BLOCK_SECTORS - sector % LC_BLOCK_SECTORS,
			  end - sector);
}

static u8 mask(u64 sector, u32 sectors)
{
	return (u8)(((1u << sectors) - 1) << sector % LC_BLOCK_SECTORS);
}

static void submit_write(struct bio *bio, u32 store, bool fua, struct batch *batch)
{
	u64 sector = bio->sector, end = bio->sector + bio->part;
	u64 tags[LC_BLOCK_SECTORS] = { 0 };

	for (; sector < end; store++) {
		u32 sectors = in_block(bio, sector);

		fill(bio->op, sector, sectors, tags);
		trace(TRACE_SUBMIT, store, fua, 0, bio->op->number);
		medium_write_tags(store, tags, mask(sector, sectors), fua, batch);
		sector += sectors;
	}
}

/* Writes --------------------------------------------------------------- */

static bool overwrite(struct bio *bio, const struct lc_extent *extent, u32 sectors)
{
	struct batch batch = { 0 };
	bool fua;

	bio_cut(bio, sectors);
	if (bio->fua && !extent->durable) {
		bio->fua = false;
		bio->after_round = true;
	}
	fua = bio->fua;
	submit_write(bio, extent->store, fua, &batch);
	return bio_part_done(bio, bio_wait_io(bio, &batch), false);
}

/* lclone_copy(): what lies below, @below, with the guest's part over it. */
static int copy(struct bio *bio, struct below *below, struct batch *batch)
{
	u64 tags[LC_BLOCK_SECTORS] = { 0 };
	struct batch read = { 0 };
	u32 i;

	bio_set_state(bio, BIO_COPIES);
	if (bio->ticket.expected == LC_ENTRY_UNMAPPED && below->kind != BELOW_ZEROS) {
		below_read(below, &read);
		if (bio_wait_io(bio, &read))
			return -EIO;
		for (i = 0; i < below->sectors; i++)
			tags[i] = below_tag(below, below->sector + i);
	}
	fill(bio->op, bio->sector, bio->part, tags);
	bio_set_state(bio, BIO_TICKET);
	trace(TRACE_SUBMIT, bio->ticket.store, 0, 0, bio->op->number);
	medium_write_tags(bio->ticket.store, tags, ALL_SECTORS, false, batch);
	return 0;
}

/* The ticket is used up: published, or given back. */
static bool end_ticket(struct bio *bio, int error)
{
	bool won = true;

	if (error)
		lc_ticket_abort(edge.store, &bio->ticket);
	else
		won = lc_ticket_publish(edge.store, &bio->ticket);
	trace(TRACE_PUBLISH, bio->op->number, (u64)-error, won, bio->ticket.store);
	return won;
}

/* @below is what lies there, for a part of a block. */
static bool with_ticket(struct bio *bio, struct below *below)
{
	struct batch batch = { 0 };
	bool early = edge.faults & FAULT_PUBLISH_EARLY;
	bool won = true;
	int error = 0;

	if (bio->fua) {
		bio->fua = false;
		bio->after_round = true;
	}
	bio_set_state(bio, BIO_TICKET);
	if (below)
		error = copy(bio, below, &batch);
	else
		submit_write(bio, bio->ticket.store, false, &batch);
	if (early)
		won = end_ticket(bio, error);
	if (!error)
		error = bio_wait_io(bio, &batch);
	if (!early)
		won = end_ticket(bio, error);
	return bio_part_done(bio, error, !won);
}

/* first_write() of io.c. */
static bool first_write(struct bio *bio, const struct lc_extent *extent)
{
	u32 skip = bio->sector % LC_BLOCK_SECTORS;
	u32 whole = skip ? 0 : bio->sectors / LC_BLOCK_SECTORS;
	u32 most = (u32)min_t(u64, extent->count, max(whole, 1u));
	u64 block = bio->sector / LC_BLOCK_SECTORS;
	struct below below = { .kind = BELOW_ZEROS };
	struct seen seen = bio_seen_now();
	enum lc_take result;

	if (!whole && !bio->deferred) {
		bio_defer(bio);
		return true;
	}
	if (!whole && extent->kind == LC_BELOW &&
	    !below_find(bio->sector - skip, LC_BLOCK_SECTORS, &below))
		return bio_load(bio, true);
	result = lc_ticket_take(edge.store, block, most, &bio->ticket);
	trace(TRACE_TICKET, block, result, bio->ticket.store, bio->ticket.count);
	if (result != LC_TAKEN)
		return bio_no_ticket(bio, result, seen);
	bio_cut(bio, whole ? bio->ticket.count * LC_BLOCK_SECTORS :
		 min(bio->sectors, LC_BLOCK_SECTORS - skip));
	return with_ticket(bio, whole ? NULL : &below);
}

/* Reads ---------------------------------------------------------------- */

/* What a read has found, where @tags has a row for each block. */
static void check_read(struct bio *bio, u64 (*tags)[LC_BLOCK_SECTORS])
{
	u64 at = bio->sector, end = at + bio->part;

	for (; at < end; at += in_block(bio, at), tags++)
		model_read(at / LC_BLOCK_SECTORS, mask(at, in_block(bio, at)),
			   bio->op->submitted, *tags);
}

static bool read_store(struct bio *bio, const struct lc_extent *extent, u32 sectors)
{
	u64 tags[CLUSTER_BLOCKS + 2][LC_BLOCK_SECTORS] = { 0 };
	struct batch batch = { 0 };
	u32 store = extent->store, n = 0;
	u64 at, end;
	int error = 0;

	bio_cut(bio, sectors);
	end = bio->sector + bio->part;
	for (at = bio->sector; extent->kind == LC_DATA && at < end;
	     at += in_block(bio, at))
		medium_read_tags(store++, tags[n++], &batch);
	if (batch.pending)
		error = bio_wait_io(bio, &batch);
	if (!error)
		check_read(bio, tags);
	return bio_part_done(bio, error, false);
}

static bool read_below(struct bio *bio, u32 sectors)
{
	u64 tags[CLUSTER_BLOCKS + 2][LC_BLOCK_SECTORS];
	struct batch batch = { 0 };
	struct below below;
	u64 at, first;
	int error = 0;

	if (!below_find(bio->sector, sectors, &below))
		return bio_load(bio, true);
	bio_cut(bio, below.sectors);
	below_read(&below, &batch);
	if (batch.pending)
		error = bio_wait_io(bio, &batch);
	first = bio->sector / LC_BLOCK_SECTORS;
	for (at = bio->sector; at < bio->sector + bio->part; at++)
		tags[at / LC_BLOCK_SECTORS - first][at % LC_BLOCK_SECTORS] =
			below_tag(&below, at);
	if (!error)
		check_read(bio, tags);
	return bio_part_done(bio, error, false);
}

/* look_up() of io.c. */
bool bio_map_step(struct bio *bio)
{
	u64 block = bio->sector / LC_BLOCK_SECTORS;
	u32 skip = bio->sector % LC_BLOCK_SECTORS;
	u64 blocks = DIV_ROUND_UP(skip + bio->sectors, LC_BLOCK_SECTORS);
	struct lc_extent extent;
	struct seen seen;
	u32 sectors;
	bool held;

	if (bio->phase < 0)
		bio->phase = edge_drain_enter();
	seen = bio_seen_now();
	held = bio->op->kind == OP_WRITE && lc_held(edge.store, block, blocks);
	edge_read_lock();
	lc_lookup(edge.store, block, blocks, &extent);
	edge_read_unlock();
	if (edge.faults & FAULT_HELD_LATE)
		held = bio->op->kind == OP_WRITE &&
		       lc_held(edge.store, block, blocks);
	if (extent.count < 1 || extent.count > blocks)
		violation("a look-up of %llu blocks returns %llu",
			  (unsigned long long)blocks,
			  (unsigned long long)extent.count);
	trace(TRACE_LOOKUP, block, extent.kind, extent.store,
	      extent.count << 1 | extent.durable);
	sectors = (u32)min_t(u64, bio->sectors,
			     extent.count * LC_BLOCK_SECTORS - skip);
	if (extent.kind == LC_UNLOADED)
		return bio_load(bio, false);
	if (bio->op->kind == OP_READ)
		return extent.kind == LC_BELOW ? read_below(bio, sectors) :
						 read_store(bio, &extent, sectors);
	if (extent.kind == LC_DATA && held)
		return bio_no_ticket(bio, LC_BUSY, seen);
	if (extent.kind == LC_DATA)
		return overwrite(bio, &extent, sectors);
	return first_write(bio, &extent);
}

/* Zeroing -------------------------------------------------------------- */

static bool zero_blocks(struct bio *bio, u64 most)
{
	u64 block = bio->sector / LC_BLOCK_SECTORS;
	struct seen seen = bio_seen_now();
	u64 count = most;
	enum lc_take result = lc_zero(edge.store, block, &count);

	trace(TRACE_ZERO, block, count, result, most);
	if (result != LC_TAKEN)
		return bio_no_ticket(bio, result, seen);
	bio->part = (u32)min_t(u64, count * LC_BLOCK_SECTORS, bio->sectors);
	return bio_part_done(bio, 0, false);
}

/* zero_part_once() of discard.c. */
static bool zero_part(struct bio *bio, u32 sectors)
{
	u64 block = bio->sector / LC_BLOCK_SECTORS;
	struct seen seen = bio_seen_now();
	struct below below = { .kind = BELOW_ZEROS };
	struct lc_extent extent;
	enum lc_take result;
	bool held;

	if (bio->phase < 0)
		bio->phase = edge_drain_enter();
	held = lc_held(edge.store, block, 1);
	edge_read_lock();
	lc_lookup(edge.store, block, 1, &extent);
	edge_read_unlock();
	bio->part = sectors;
	if (extent.kind == LC_UNLOADED)
		return bio_load(bio, false);
	if (extent.kind == LC_DATA) {
		struct batch batch = { 0 };

		if (held)
			return bio_no_ticket(bio, LC_BUSY, seen);
		submit_write(bio, extent.store, false, &batch);
		return bio_part_done(bio, bio_wait_io(bio, &batch), false);
	}
	if (extent.kind == LC_BELOW &&
	    !below_find(block * LC_BLOCK_SECTORS, LC_BLOCK_SECTORS, &below))
		return bio_load(bio, true);
	if (below.kind == BELOW_ZEROS || bio->sector % LC_BLOCK_SECTORS >= below.sectors)
		return bio_part_done(bio, 0, false);
	result = lc_ticket_take(edge.store, block, 1, &bio->ticket);
	trace(TRACE_TICKET, block, result, bio->ticket.store, bio->ticket.count);
	if (result != LC_TAKEN)
		return bio_no_ticket(bio, result, seen);
	return with_ticket(bio, &below);
}

/* lclone_discard(). */
bool bio_zero_step(struct bio *bio)
{
	u32 skip = bio->sector % LC_BLOCK_SECTORS;
	u32 part = min(bio->sectors, LC_BLOCK_SECTORS - skip);

	if (!bio->deferred)
		bio_defer(bio);
	if (bio->fua) {
		bio->fua = false;
		bio->after_round = true;
	}
	if (!skip && (bio->sectors >= LC_BLOCK_SECTORS ||
		      bio->sector + bio->sectors == model.sectors))
		return zero_blocks(bio, max(bio->sectors / LC_BLOCK_SECTORS, 1u));
	if (bio->op->kind == OP_WRITE_ZEROES)
		return zero_part(bio, part);
	bio->part = part;
	return bio_part_done(bio, 0, false);
}
