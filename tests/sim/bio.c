// SPDX-License-Identifier: GPL-2.0
/* A bio from its begin to its end, and where it waits. */

#include "below.h"
#include "bio.h"
#include "bio-io.h"
#include "report.h"

#define BIOS_MAX	400

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

void bio_set_state(struct bio *bio, enum bio_state state)
{
	bios.state[bio->state]--;
	bios.state[state]++;
	bio->state = state;
}

void bio_leave(struct bio *bio)
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

	bio_leave(bio);
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
void bio_cut(struct bio *bio, u32 sectors)
{
	bio->part = sectors;
	if (sectors == bio->sectors || bio->deferred)
		return;
	bio_new(bio->op, bio->sector + sectors, bio->sectors - sectors);
	bio->sectors = sectors;
}

/* From here on in a completion, until the bio is deferred again. */
int bio_wait_io(struct bio *bio, struct batch *batch)
{
	int error;

	stop_working(bio);
	co_current->atomic = false;
	error = batch_wait(batch);
	co_current->atomic = true;
	return error;
}

struct seen bio_seen_now(void)
{
	struct seen seen = { edge.retries, edge.spaces };

	return seen;
}

/* Returns false when it has ended instead; see lclone_park(). */
bool bio_park(struct bio *bio, enum lc_take result, struct seen seen)
{
	bool full = result == LC_FULL;

	bio_leave(bio);
	stop_working(bio);
	trace(TRACE_PARK, bio->op->number, result, 0, 0);
	bio_set_state(bio, full ? BIO_FULL : BIO_BUSY);
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
	bio_set_state(bio, BIO_RUNS);
	return !bio->error;
}

/* The part is done; returns true when there is more. */
bool bio_part_done(struct bio *bio, int error, bool again)
{
	bio_leave(bio);
	bio_set_state(bio, BIO_RUNS);
	if (error == -ENOSPC) {
		struct seen seen = bio_seen_now();

		edge_below_full();
		return bio_park(bio, LC_FULL, seen);
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

bool bio_fail(struct bio *bio, int error)
{
	bio_leave(bio);
	bio->error = error;
	return false;
}

/* Waiting -------------------------------------------------------------- */

void bio_defer(struct bio *bio)
{
	bio_leave(bio);
	bio->deferred = true;
	co_current->atomic = false;
	if (bios.one_worker && !bio->working) {
		mutex_lock(&bios.worker);
		bio->working = true;
	}
}

bool bio_load(struct bio *bio, bool below)
{
	u64 block = bio->sector / LC_BLOCK_SECTORS;
	int error;

	bio_defer(bio);
	bio_set_state(bio, BIO_LOADS);
	edge.tick_armed = true;
	error = below ? below_load(block) : lc_map_load(edge.store, block);
	bio_set_state(bio, BIO_RUNS);
	return !error || bio_fail(bio, -EIO);
}

/* What a ticket that was not given leads to; returns true to look up again. */
bool bio_no_ticket(struct bio *bio, enum lc_take result, struct seen seen)
{
	switch (result) {
	case LC_CHANGED:
		return true;
	case LC_LOAD:
		return bio_load(bio, false);
	case LC_BUSY:
	case LC_FULL:
		return bio_park(bio, result, seen);
	default:
		return bio_fail(bio, -EIO);
	}
}

/* A bio ---------------------------------------------------------------- */

static bool step(struct bio *bio)
{
	if (bio->op->kind != OP_READ && lc_failed(edge.store))
		return bio_fail(bio, -EIO);
	if (bio->op->kind == OP_READ || bio->op->kind == OP_WRITE)
		return bio_map_step(bio);
	return bio_zero_step(bio);
}

static void comb(struct bio *bio)
{
	u64 sector = bio->sector;
	u64 end = sector + bio->sectors;

	for (; sector < end && !bio->error; sector += 2 * LC_BLOCK_SECTORS) {
		bio->sector = sector;
		bio->sectors = LC_BLOCK_SECTORS;
		while (bio_zero_step(bio))
			;
	}
}

static void wait_round(struct bio *bio, bool later)
{
	bio_set_state(bio, BIO_ROUND);
	bio->wait.answered = false;
	if (later)
		lc_round_wait_later(edge.store, &bio->wait.core);
	else
		lc_round_wait(edge.store, &bio->wait.core);
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
	u32 enough = 1 + edge.store->super.root_level + 1;

	if (bio->state != BIO_FULL)
		violation("operation %u waits for ever (state %d)", bio->op->number,
			  bio->state);
	/* A scan that could not read a leaf does not know where the space is. */
	if (lc_space_available(edge.store) >= enough &&
	    edge.store->alloc.scan != LC_SCAN_FAILED)
		violation("operation %u waits for space, and %u blocks are there",
			  bio->op->number, lc_space_available(edge.store));
	if (lc_failed(edge.store))
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
