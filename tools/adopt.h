/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device of device-mapper in use becomes a clone: what it was is the origin, and
 * what is written from then on goes to a store.  It keeps its name and its uuid.
 * And the way back.  Functions that return int return 0 or a negative errno, and
 * have reported what went wrong.
 */
#ifndef LCLONE_ADOPT_H
#define LCLONE_ADOPT_H

#include "clone-child.h"
#include "origin.h"

struct adopt_request {
	const char *device;		/* in /dev */
	const char *name;		/* of the clone */
	struct store_place place;
};

/* @pause_ns is how long the device's I/O was held. */
int adopt(const struct adopt_request *request, u64 *pause_ns);

struct return_request {
	const char *name;
	bool drop_snapshots;		/* though it has some */
	struct store_place place;	/* of stores that are needed meanwhile */
	u64 rate_bytes;			/* to copy in a second; 0: no limit */
};

struct return_result {
	u64 copied_bytes;
	unsigned int rounds;		/* of copying while it ran */
	u64 pause_ns;			/* of the longest pause */
};

/*
 * Writes what has changed into the device that was adopted, which gets its table
 * back, and removes the clone.  It may be cut short and called again.
 */
int adopt_return(const struct return_request *request,
		 struct return_result *result);

/*
 * Gives the device its table of the target again, after a boot.  -EBUSY when it is
 * in use as it was before it was adopted.
 */
int adopt_activate(struct catalog *catalog, struct clone *clone,
		   struct origins *origins);

/* Takes the device away, and the origin behind it; not as it was before. */
int adopt_deactivate(const struct catalog *catalog, const struct clone *clone);

/*
 * Lets the device go on as it always was, if a command that was cut short has left
 * it suspended before it got the table of the clone.
 */
int adopt_release(const struct clone *clone);

/*
 * Whether there is a clone to go on with, whose store is @super: -ESTALE when its
 * adoption was cut short, or when it has been put back.
 */
int adopt_check_store(const struct clone *clone, const struct lc_super *super);

/*
 * Whether lvm2 may activate the device @name by itself; nothing happens when it is
 * no volume.  What it would bring up lacks what the store has.
 */
int adopt_lvm_skip(const char *name, bool skip);

#endif
