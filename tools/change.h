/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A clone that becomes larger or smaller, or stands on something else, while it
 * is in use.  Functions that return int return 0 or a negative errno, and have
 * reported what went wrong.
 */
#ifndef LCLONE_CHANGE_H
#define LCLONE_CHANGE_H

#include "catalog.h"
#include "origin.h"

/*
 * Gives @clone, which is active, the table of a store that is @next, and has the
 * store record it; the catalog is saved.  @next differs from @now, what the store
 * records, in what the message 'change' knows.  @pause_ns is how long the clone's
 * I/O was held.
 */
int change_run(struct catalog *catalog, struct origins *origins,
	       struct clone *clone, const struct lc_super *now,
	       const struct lc_super *next, u64 *pause_ns);

/*
 * What a run of the tool that was cut short has left of a change is ended: the
 * clone is then as it was, or as it was to be, and it is told which.
 */
int change_settle(struct catalog *catalog, struct origins *origins,
		  struct clone *clone);

/* What the store of @clone records. */
int change_super(const struct clone *clone, struct lc_super *super);

#endif
