/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From one table of a clone's device to the next, with its I/O held as shortly
 * as can be.  Functions that return int return 0 or a negative errno, and have
 * reported what went wrong.
 */
#ifndef LCLONE_HANDOVER_H
#define LCLONE_HANDOVER_H

#include "catalog.h"
#include "origin.h"

struct handover {
	char *name;			/* of the device; NULL: nothing was loaded */
	u8 uuid[LC_UUID_BYTES];		/* of the clone */
	bool suspended;
};

/*
 * Whether the device that was found is the clone.  One that was adopted may be there as it
 * was before, which is not up.
 */
struct dm_clone;
bool handover_is_up(const struct clone *clone, const struct dm_clone *dm);

/* Activates @clone if it is not; @activated tells.  -EBUSY: not fit for a change. */
int handover_need_active(struct catalog *catalog, struct origins *origins,
			 struct clone *clone, bool *activated);

/*
 * Loads the table that @clone, as the catalog has it, is to get.  With @follows
 * its newest layer is the store that is live now.
 */
int handover_load(const struct catalog *catalog, struct origins *origins,
		  const struct clone *clone, bool follows,
		  struct handover *handover);

/* The same for a store that will be @super, which the target has been told. */
int handover_load_as(const struct catalog *catalog, struct origins *origins,
		     const struct clone *clone, const struct lc_super *super,
		     struct handover *handover);

/*
 * Whether writes of a clone wait for space, or may at any moment: they would fail in a
 * suspend that flushes.  Reports nothing.
 */
bool handover_short_of_space(const u8 *clone_uuid);

/*
 * Suspends all, of which there is one at least, then resumes all.  -EUCLEAN: some have the new table, or are in
 * failed mode; with any other error all go on as they were.
 */
int handover_run(struct handover *const *all, size_t count, u64 *pause_ns);

/* The same for one, with handover_undo() of it if it fails: no signal comes in between. */
int handover_run_one(struct handover *handover, u64 *pause_ns);

/* Takes the new table out, and resumes what is suspended. */
void handover_undo(struct handover *handover);
void handover_done(struct handover *handover);

/* What an earlier run of the tool has left of one. */
enum handover_left {
	HANDOVER_INACTIVE,	/* there is no device */
	HANDOVER_SUSPENDED,	/* with the new table ready */
	HANDOVER_RUNNING,	/* or suspended without one */
};

int handover_left(const struct clone *clone, enum handover_left *left);

/* Goes on with the new table; or forgets it, and goes on with the old one. */
int handover_resume(const struct clone *clone);
int handover_reset(const struct clone *clone);

#endif
