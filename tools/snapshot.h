/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshots of clones, and the ways back.  The catalog is open for changing, and
 * is saved.  Functions that return int return 0 or a negative errno, and have
 * reported what went wrong.
 */
#ifndef LCLONE_SNAPSHOT_H
#define LCLONE_SNAPSHOT_H

#include "clone-child.h"
#include "origin.h"

struct snapshot_request {
	struct clone *const *clones;	/* in the catalog */
	size_t count;
	const char *name;		/* of the snapshot; "": none */
	const struct store_place *places;	/* one for each clone */
};

/*
 * Freezes the stores of all clones at one point in time; each goes on with a new
 * one.  @pause_ns is how long their I/O was held.  No clone may be added to the
 * catalog or dropped from it meanwhile.
 */
int snapshot_take(struct catalog *catalog, struct origins *origins,
		  const struct snapshot_request *request, u64 *pause_ns);

/*
 * Gives @clone a new store above @layer (NULL: the origin), and removes the one
 * it had, with all that it changed since.  -EBUSY when it is open, or active on another
 * host, unless @force.
 */
int snapshot_return(struct catalog *catalog, struct origins *origins,
		    struct clone *clone, struct clone *layer,
		    const struct store_place *place, bool force, u64 *pause_ns);

/*
 * A snapshot of @clone that a crash cut short is finished, when another clone of
 * the same set has it, or else undone; it is told which.
 */
int snapshot_settle(struct catalog *catalog, struct origins *origins,
		    struct clone *clone);

/*
 * The same for a rollback or reset: finished when the new store was live already
 * or the old one is gone, or else undone.
 */
int snapshot_settle_return(struct catalog *catalog, struct clone *clone);

/* For who only reads: -ESTALE when that would be undone, for the catalog names the new store. */
int snapshot_check_return(const struct catalog *catalog, const struct clone *clone);

/* Removes a snapshot on which nothing stands, overwritten if @wipe; else names what does. */
int snapshot_remove(struct catalog *catalog, struct clone *layer, bool wipe);

/*
 * Removes layers that have no name and on which nothing stands: those of @clone;
 * or from the one with this content down, whose ever they are.
 */
int snapshot_drop_unused(struct catalog *catalog, struct clone *clone);
int snapshot_drop_chain(struct catalog *catalog, const u8 *content_uuid);

/* The nearest snapshot of @clone itself that it stands on, or NULL. */
struct clone *snapshot_newest(const struct catalog *catalog,
			      const struct clone *clone);

/* The snapshot @name of @clone; reports that there is none. */
struct clone *snapshot_need(const struct catalog *catalog,
			    const struct clone *clone, const char *name);

#endif
