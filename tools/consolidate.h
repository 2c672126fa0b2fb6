/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making fewer of the layers of a clone while it is in use: several that stand on
 * each other become one, which takes the place of the newest of them.  Functions
 * that return int return 0 or a negative errno, and have reported what went wrong.
 */
#ifndef LCLONE_CONSOLIDATE_H
#define LCLONE_CONSOLIDATE_H

#include "clone-child.h"
#include "origin.h"

struct consolidate_request {
	const char *clone;
	const char *snapshot;		/* the one that is to go; NULL: all layers become one */
	bool drop_snapshots;		/* though snapshots between would go */
	bool wipe;			/* overwrite the stores that go */
	struct store_place place;	/* of the new layer; all zero: where the newest is */
	u64 rate_bytes;			/* to copy in a second; 0: no limit */
};

struct consolidate_result {
	unsigned int merged;		/* layers that became one; 0: there was nothing to do */
	unsigned int removed;		/* stores that are gone */
	u64 data_bytes;			/* that were copied */
	char *path;			/* of the new layer, or NULL; to be freed */
	u64 pause_ns;			/* for which I/O was held, of the clone with the longest */
};

/*
 * Opens the catalog, but not while it copies.  Each clone above the layers gets a
 * new table when it is active.  A layer on which something else stands stays, and
 * so does a snapshot of another clone.  A snapshot that is to go may have one
 * thing standing on it.
 */
int consolidate(const struct consolidate_request *request,
		struct consolidate_result *result);

/*
 * Ends what a run that was cut short has left: gives the clones their new tables,
 * and removes the stores that were replaced.
 */
int consolidate_settle(struct catalog *catalog, struct origins *origins);

/*
 * Removes what runs that were killed while they wrote a layer of the clone called @name
 * have left in the directory or volume group of @beside, a store of that clone; if @wipe
 * it is overwritten before.  Never fails: what cannot be told, or overwritten, stays.
 */
void consolidate_sweep(const struct catalog *catalog, const struct clone *beside,
		       const char *name, bool wipe);

#endif
