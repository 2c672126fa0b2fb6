/* SPDX-License-Identifier: GPL-2.0 */
/* Between bio.c, which has the bios and where they wait, and bio-io.c, which has their I/O. */
#ifndef LCLONE_SIM_BIO_IO_H
#define LCLONE_SIM_BIO_IO_H

#include "bio.h"

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

/* bio.c ------------------------------------------------------------------------ */

void bio_set_state(struct bio *bio, enum bio_state state);

/* Leaves the drain counter. */
void bio_leave(struct bio *bio);

/* Cuts the bio to @sectors; dm sends the rest in the next. */
void bio_cut(struct bio *bio, u32 sectors);

/* From here on in a completion, until the bio is deferred again. */
int bio_wait_io(struct bio *bio, struct batch *batch);

struct seen bio_seen_now(void);

/* The part is done; returns true when there is more. */
bool bio_part_done(struct bio *bio, int error, bool again);

/* From here on in the worker. */
void bio_defer(struct bio *bio);

/* The next return true to look up again; false: the bio has its error. */
bool bio_fail(struct bio *bio, int error);

/* Loads the leaf that the bio needs, or what lies below it. */
bool bio_load(struct bio *bio, bool below);

/* What a ticket that was not given leads to. */
bool bio_no_ticket(struct bio *bio, enum lc_take result, struct seen seen);

/* bio-io.c --------------------------------------------------------------------- */

/* One step of a read or a write, and of a discard or zeroing; true: there is more. */
bool bio_map_step(struct bio *bio);
bool bio_zero_step(struct bio *bio);

#endif
