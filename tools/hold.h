/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A clone on which a verb works for long: it is kept active, and the catalog is
 * locked only between hold_open() and hold_close(), so that others can go on.
 * Meanwhile the clone may be given another store, or be removed; but no two such
 * verbs work on it at a time.
 *
 * Functions that return int return 0 or a negative errno, and have reported what
 * went wrong.
 */
#ifndef LCLONE_HOLD_H
#define LCLONE_HOLD_H

#include "catalog.h"
#include "origin.h"

struct hold {
	const char *name;
	u8 clone_uuid[LC_UUID_BYTES];	/* after hold_activate() */
	bool activated;			/* only for this */
	int lock;			/* descriptor; 0: none */
	struct catalog catalog;		/* between open and close, as the next two */
	struct origins origins;
	struct clone *clone;
};

/* Locks the catalog and finds the clone.  hold_close() also when it fails. */
int hold_open(struct hold *hold);
void hold_close(struct hold *hold);

/*
 * Settles what was cut short, activates the clone if it is not, and reads what its
 * store records.  -EBUSY when another such verb works on it.
 */
int hold_activate(struct hold *hold, struct lc_super *super);

/*
 * Lets go of it, and deactivates it if it was activated for this, and for nobody
 * else since.  Opens and closes itself.
 */
void hold_release(struct hold *hold);

#endif
