/* SPDX-License-Identifier: GPL-2.0 */
/* What there is to tell of a clone, active or not. */
#ifndef LCLONE_CLONE_STATE_H
#define LCLONE_CLONE_STATE_H

#include "catalog.h"
#include "dm.h"
#include "output.h"
#include "status-parse.h"

struct clone_state {
	/*
	 * "rw", "ro" and "failed" as the target says; "inactive"; "missing":
	 * its store is not there; "damaged": its store cannot be read; "lost":
	 * another table than ours stands in its place.
	 */
	const char *mode;
	const char *space;		/* "ok", "low", "full"; NULL: not known */
	struct dm_clone dm;		/* @dm.active: the device is there */
	bool has_status;
	struct clone_status status;	/* with @has_status */
	bool has_super;
	struct lc_super super;		/* with @has_super; of an active clone it may be old */
	u64 size_bytes;
	u64 store_bytes;		/* of the device or file */
	u64 room_bytes;			/* of it, what data and pages may use */
	u64 used_bytes;			/* of the room */
	u64 metadata_bytes;		/* of the used: pages of the map */
	u64 data_bytes;			/* of the used: blocks of data */
	u64 zero_bytes;			/* blocks known to be zero */
	u64 shared_bytes;		/* blocks still read from below */
	u64 allocated_bytes;		/* what a store in a file takes on the disk */
};

/*
 * Always fills @state in; a store that cannot be read is told by the mode.
 * Needs no lock.  clone_state_done() frees it.
 */
void clone_state_get(const struct clone *clone, struct clone_state *state);
void clone_state_done(struct clone_state *state);

/* "linked" or "independent". */
const char *clone_type_name(const struct clone_state *state);

/*
 * The document of 'lclone status --json', whose keys lclone-status(8) tells;
 * those of list and tree are a part of it.  To be put by the caller.
 */
struct json_object *clone_state_json(const struct catalog *catalog,
				     const struct clone *clone,
				     const struct clone_state *state);

#endif
