// SPDX-License-Identifier: GPL-2.0
/* The way of a bio.  Each function follows the one of the module that it names. */

#include "bio.h"
#include "model.h"
#include "random.h"
#include "report.h"

#define BIOS_MAX	400

struct bio {
	struct op *op;
	u64 sector;		/* what is still to be done */
	u32 sectors;
	u32 part;		/* of it, under way now */
	bool used;
	bool deferred;		/* dm cannot cut it any more */
	bool working;		/* has the worker */
	bool fua;
	bool after_round;
	int phase;		/* of the drain, or -1 */
	int error;
	enum bio_state state;
	struct lc_ticket ticket;
	struct edge_wait wait;
};

struct seen {
	u32 retries;
	u32 spaces;
};

struct bios bios;

static struct bio bio_pool[BIOS_MAX];

void bio_reset(void)
{
	u32 i;

	memset(&bios, 0, sizeof(bios));
	op_reset();
	for (i = 0; i < BIOS_MAX; i++)
		bio_pool[i].used = false;
}

static void set_state(struct bio *bio, enum bio_state state)
{
	bios.state[bio->state]--;
	bios.state[state]++;
	bio->state = state;
}

static void leave(struct bio *bio)
{
	if (bio->phase >= 0)
		edge_drain_leave(bio->phase);
	bio->phase = -1;
}

static void stop_working(struct bio *bio)
{
	if (bio->working)
		mutex_unlock(&bios.worker);
	bio->working = false;
}

static void bio_end(struct bio *bio)
{
	struct op *op = bio->op;

	leave(bio);
	stop_working(bio);
	if (bio->error)
		op->error = bio->error;
	bios.state[bio->state]--;
	bio->used = false;
	if (!--op->bios)
		op_end(op);
}

/* Parts --------------------------------------------------------------- */

static void bio_thread(void *arg);

static struct bio *bio_new(struct op *op, u64 sector, u32 sectors)
{
	struct bio *bio = NULL;
	u32 i;

	for (i = 0; i < BIOS_MAX && !bio; i++)
		if (!bio_pool[i].used)
			bio = &bio_pool[i];
	if (!bio)
		violation("more than %u bios", BIOS_MAX);
	memset(bio, 0, sizeof(*bio));
	bio->used = true;
	bio->op = op;
	bio->sector = sector;
	bio->sectors = sectors;
	bio->fua = op->fua;
	bio->phase = -1;
	bios.state[BIO_RUNS]++;
	op->bios++;
	co_start("bio", bio_thread, bio);
	return bio;
}

/* Cuts the bio to @sectors; dm sends the rest in the next. */
static void cut(struct bio *bio, u32 sectors)
{
	bio->part = sectors;
	if (sectors == bio->sectors || bio->deferred)
		return;
	bio_new(bio->op, bio->sector + sectors, bio->sectors - sectors);
	bio->sectors = sectors;
}

/* From here on in a completion, until the bio is deferred again. */
static int wait_io(struct bio *bio, struct batch *batch)
{
	int error;

	stop_working(bio);
	co_current->atomic = false;
	error = batch_wait(batch);
	co_current->atomic = true;
	return error;
}

static struct seen seen_now(void)
{
	struct seen seen = { edge.retries, edge.spaces };

	return seen;
}

/* Returns false when it has ended instead; see lclone_park(). */
static bool park(struct bio *bio, enum lc_take result, struct seen seen)
{
	bool full = result == LC_FULL;

	leave(bio);
	stop_working(bio);
	trace(TRACE_PARK, bio->op->number, result, 0, 0);
	set_state(bio, full ? BIO_FULL : BIO_BUSY);
	if (full && edge.suspending) {
		bio->error = -EIO;
	} else if (full && edge.error_if_no_space) {
		bio->error = -ENOSPC;
	} else {
		/* A suspend wakes those that wait for space as well. */
		if (full ? seen.spaces == edge.spaces : seen.retries == edge.retries)
			co_block(full ? &edge.spaces : &edge.retries);
		bio->deferred = true;
	}
	co_current->atomic = false;
	set_state(bio, BIO_RUNS);
	return !bio->error;
}

/* The part is done; returns true when there is more. */
static bool part_done(struct bio *bio, int error, bool again)
{
	leave(bio);
	set_state(bio, BIO_RUNS);
	if (error == -ENOSPC) {
		struct seen seen = seen_now();

		edge_below_full();
		return park(bio, LC_FULL, seen);
	}
	if (error) {
		bio->error = error;
		return false;
	}
	if (!again) {
		bio->sector += bio->part;
		bio->sectors -= bio->part;
	}
	bio->deferred = true;
	co_current->atomic = false;
	return bio->sectors;
}

static bool bio_fail(struct bio *bio, int error)
{
	leave(bio);
	bio->error = error;
	return false;
}

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

/* Waiting -------------------------------------------------------------- */

static void defer(struct bio *bio)
{
	leave(bio);
	bio->deferred = true;
	co_current->atomic = false;
	if (bios.one_worker && !bio->working) {
		mutex_lock(&bios.worker);
		bio->working = true;
	}
}

static bool load(struct bio *bio)
{
	u64 block = bio->sector / LC_BLOCK_SECTORS;
	int error;

	defer(bio);
	set_state(bio, BIO_LOADS);
	edge.tick_armed = true;
	error = lc_map_load(&edge.store, block);
	set_state(bio, BIO_RUNS);
	return !error || bio_fail(bio, -EIO);
}

/* What a ticket that was not given leads to; returns true to look up again. */
static bool no_ticket(struct bio *bio, enum lc_take result, struct seen seen)
{
	switch (result) {
	case LC_CHANGED:
		return true;
	case LC_LOAD:
		return load(bio);
	case LC_BUSY:
	case LC_FULL:
		return park(bio, result, seen);
	default:
		return bio_fail(bio, -EIO);
	}
}

/* Writes --------------------------------------------------------------- */

static bool overwrite(struct bio *bio, const struct lc_extent *extent, u32 sectors)
{
	struct batch batch = { 0 };
	bool fua;

	cut(bio, sectors);
	if (bio->fua && !extent->durable) {
		bio->fua = false;
		bio->after_round = true;
	}
	fua = bio->fua;
	submit_write(bio, extent->store, fua, &batch);
	return part_done(bio, wait_io(bio, &batch), false);
}

/* lclone_copy(): what lies below, with the guest's part over it. */
static int copy(struct bio *bio, struct batch *batch)
{
	u64 first = bio->sector - bio->sector % LC_BLOCK_SECTORS;
	u64 tags[LC_BLOCK_SECTORS] = { 0 };
	struct batch below = { 0 };
	u32 i;

	set_state(bio, BIO_COPIES);
	if (bio->ticket.expected == LC_ENTRY_UNMAPPED && first < model.below) {
		medium_other(&below);
		if (wait_io(bio, &below))
			return -EIO;
		for (i = 0; i < LC_BLOCK_SECTORS; i++)
			tags[i] = model_tag(CONTENT_BELOW, first + i);
	}
	fill(bio->op, bio->sector, bio->part, tags);
	set_state(bio, BIO_TICKET);
	trace(TRACE_SUBMIT, bio->ticket.store, 0, 0, bio->op->number);
	medium_write_tags(bio->ticket.store, tags, ALL_SECTORS, false, batch);
	return 0;
}

/* The ticket is used up: published, or given back. */
static bool end_ticket(struct bio *bio, int error)
{
	bool won = true;

	if (error)
		lc_ticket_abort(&edge.store, &bio->ticket);
	else
		won = lc_ticket_publish(&edge.store, &bio->ticket);
	trace(TRACE_PUBLISH, bio->op->number, (u64)-error, won, bio->ticket.store);
	return won;
}

static bool with_ticket(struct bio *bio, bool whole)
{
	struct batch batch = { 0 };
	bool early = edge.faults & FAULT_PUBLISH_EARLY;
	bool won = true;
	int error = 0;

	if (bio->fua) {
		bio->fua = false;
		bio->after_round = true;
	}
	set_state(bio, BIO_TICKET);
	if (whole)
		submit_write(bio, bio->ticket.store, false, &batch);
	else
		error = copy(bio, &batch);
	if (early)
		won = end_ticket(bio, error);
	if (!error)
		error = wait_io(bio, &batch);
	if (!early)
		won = end_ticket(bio, error);
	return part_done(bio, error, !won);
}

/* first_write() of io.c. */
static bool first_write(struct bio *bio, u64 count)
{
	u32 skip = bio->sector % LC_BLOCK_SECTORS;
	u32 whole = skip ? 0 : bio->sectors / LC_BLOCK_SECTORS;
	u32 most = (u32)min_t(u64, count, max(whole, 1u));
	u64 block = bio->sector / LC_BLOCK_SECTORS;
	struct seen seen = seen_now();
	enum lc_take result;

	if (!whole && !bio->deferred) {
		defer(bio);
		return true;
	}
	result = lc_ticket_take(&edge.store, block, most, &bio->ticket);
	trace(TRACE_TICKET, block, result, bio->ticket.store, bio->ticket.count);
	if (result != LC_TAKEN)
		return no_ticket(bio, result, seen);
	cut(bio, whole ? bio->ticket.count * LC_BLOCK_SECTORS :
		 min(bio->sectors, LC_BLOCK_SECTORS - skip));
	return with_ticket(bio, whole);
}

/* Reads ---------------------------------------------------------------- */

static bool read_part(struct bio *bio, const struct lc_extent *extent, u32 sectors)
{
	u64 tags[CLUSTER_BLOCKS + 2][LC_BLOCK_SECTORS];
	u64 sector, end, at;
	struct batch batch = { 0 };
	u32 store = extent->store, n = 0, i;
	int error = 0;

	cut(bio, sectors);
	sector = bio->sector;
	end = sector + bio->part;
	for (at = sector; at < end; at += in_block(bio, at), n++) {
		if (extent->kind == LC_DATA)
			medium_read_tags(store++, tags[n], &batch);
		for (i = 0; extent->kind != LC_DATA && i < LC_BLOCK_SECTORS; i++)
			tags[n][i] = extent->kind == LC_ZERO ? 0 :
				     model_tag(CONTENT_BELOW,
					       at - at % LC_BLOCK_SECTORS + i);
	}
	if (extent->kind == LC_BELOW && sector < model.below)
		medium_other(&batch);
	if (batch.pending)
		error = wait_io(bio, &batch);
	for (at = sector, n = 0; !error && at < end; at += in_block(bio, at), n++)
		model_read(at / LC_BLOCK_SECTORS, mask(at, in_block(bio, at)),
			   bio->op->submitted, tags[n]);
	return part_done(bio, error, false);
}

/* look_up() of io.c. */
static bool map_step(struct bio *bio)
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
	seen = seen_now();
	held = bio->op->kind == OP_WRITE && lc_held(&edge.store, block, blocks);
	edge_read_lock();
	lc_lookup(&edge.store, block, blocks, &extent);
	edge_read_unlock();
	if (edge.faults & FAULT_HELD_LATE)
		held = bio->op->kind == OP_WRITE &&
		       lc_held(&edge.store, block, blocks);
	if (extent.count < 1 || extent.count > blocks)
		violation("a look-up of %llu blocks returns %llu",
			  (unsigned long long)blocks,
			  (unsigned long long)extent.count);
	trace(TRACE_LOOKUP, block, extent.kind, extent.store,
	      extent.count << 1 | extent.durable);
	sectors = (u32)min_t(u64, bio->sectors,
			     extent.count * LC_BLOCK_SECTORS - skip);
	if (extent.kind == LC_UNLOADED)
		return load(bio);
	if (bio->op->kind == OP_READ)
		return read_part(bio, &extent, sectors);
	if (extent.kind == LC_DATA && held)
		return no_ticket(bio, LC_BUSY, seen);
	if (extent.kind == LC_DATA)
		return overwrite(bio, &extent, sectors);
	return first_write(bio, extent.count);
}

/* Zeroing -------------------------------------------------------------- */

static bool zero_blocks(struct bio *bio, u64 most)
{
	u64 block = bio->sector / LC_BLOCK_SECTORS;
	struct seen seen = seen_now();
	u64 count = most;
	enum lc_take result = lc_zero(&edge.store, block, &count);

	trace(TRACE_ZERO, block, count, result, most);
	if (result != LC_TAKEN)
		return no_ticket(bio, result, seen);
	bio->part = (u32)min_t(u64, count * LC_BLOCK_SECTORS, bio->sectors);
	return part_done(bio, 0, false);
}

/* zero_part_once() of discard.c. */
static bool zero_part(struct bio *bio, u32 sectors)
{
	u64 block = bio->sector / LC_BLOCK_SECTORS;
	struct seen seen = seen_now();
	struct lc_extent extent;
	enum lc_take result;
	bool held;

	if (bio->phase < 0)
		bio->phase = edge_drain_enter();
	held = lc_held(&edge.store, block, 1);
	edge_read_lock();
	lc_lookup(&edge.store, block, 1, &extent);
	edge_read_unlock();
	bio->part = sectors;
	if (extent.kind == LC_UNLOADED)
		return load(bio);
	if (extent.kind == LC_DATA) {
		struct batch batch = { 0 };

		if (held)
			return no_ticket(bio, LC_BUSY, seen);
		submit_write(bio, extent.store, false, &batch);
		return part_done(bio, wait_io(bio, &batch), false);
	}
	if (extent.kind == LC_ZERO || bio->sector >= model.below)
		return part_done(bio, 0, false);
	result = lc_ticket_take(&edge.store, block, 1, &bio->ticket);
	trace(TRACE_TICKET, block, result, bio->ticket.store, bio->ticket.count);
	if (result != LC_TAKEN)
		return no_ticket(bio, result, seen);
	return with_ticket(bio, false);
}

/* lclone_discard(). */
static bool zero_step(struct bio *bio)
{
	u32 skip = bio->sector % LC_BLOCK_SECTORS;
	u32 part = min(bio->sectors, LC_BLOCK_SECTORS - skip);

	if (!bio->deferred)
		defer(bio);
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
	return part_done(bio, 0, false);
}

static void comb(struct bio *bio)
{
	u64 sector = bio->sector;
	u64 end = sector + bio->sectors;

	for (; sector < end && !bio->error; sector += 2 * LC_BLOCK_SECTORS) {
		bio->sector = sector;
		bio->sectors = LC_BLOCK_SECTORS;
		while (zero_step(bio))
			;
	}
}

/* A bio ---------------------------------------------------------------- */

static bool step(struct bio *bio)
{
	if (bio->op->kind != OP_READ && lc_failed(&edge.store))
		return bio_fail(bio, -EIO);
	if (bio->op->kind == OP_READ || bio->op->kind == OP_WRITE)
		return map_step(bio);
	return zero_step(bio);
}

static void wait_round(struct bio *bio, bool later)
{
	set_state(bio, BIO_ROUND);
	bio->wait.answered = false;
	if (later)
		lc_round_wait_later(&edge.store, &bio->wait.core);
	else
		lc_round_wait(&edge.store, &bio->wait.core);
	bio->error = edge_wait_answer(&bio->wait);
}

static void bio_thread(void *arg)
{
	struct bio *bio = arg;

	if (bio->op->kind == OP_FLUSH) {
		wait_round(bio, false);
	} else if (bio->op->kind == OP_COMB) {
		comb(bio);
	} else {
		while (step(bio))
			;
		stop_working(bio);
		if (bio->after_round && !bio->error)
			wait_round(bio, true);
	}
	bio_end(bio);
}

void bio_start(struct op *op, u64 sector, u32 sectors)
{
	bio_new(op, sector, sectors);
}

/* Those that wait ------------------------------------------------------- */

/* P5: with the space that one block and its pages may take, nobody waits. */
static void check_waiter(const struct bio *bio)
{
	u32 enough = 1 + edge.store.super.root_level + 1;

	if (bio->state != BIO_FULL)
		violation("operation %u waits for ever (state %d)", bio->op->number,
			  bio->state);
	/* A scan that could not read a leaf does not know where the space is. */
	if (lc_space_available(&edge.store) >= enough &&
	    edge.store.alloc.scan != LC_SCAN_FAILED)
		violation("operation %u waits for space, and %u blocks are there",
			  bio->op->number, lc_space_available(&edge.store));
	if (lc_failed(&edge.store))
		violation("operation %u waits for space in failed mode",
			  bio->op->number);
}

void bio_check_waiters(void)
{
	u32 i;

	for (i = 0; i < BIOS_MAX; i++)
		if (bio_pool[i].used)
			check_waiter(&bio_pool[i]);
}
