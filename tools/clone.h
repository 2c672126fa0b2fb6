/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A clone as a whole: making it, bringing it up and down, removing it.  Each
 * step that fails undoes those before it.  The catalog is open for changing.
 *
 * Functions that return int return 0 or a negative errno, and have reported
 * what went wrong.
 */
#ifndef LCLONE_CLONE_H
#define LCLONE_CLONE_H

#include "catalog.h"
#include "format-store.h"
#include "origin.h"

struct clone_request {
	const char *name;
	const struct template *template;	/* or NULL, with @from */
	const struct clone *from;	/* the layer that it is to stand on, or NULL */
	enum store_kind kind;
	const char *place;		/* the device, directory or volume group */
	u64 store_bytes;		/* 0: what the clone may need; not for a device */
	u64 clone_bytes;		/* 0: as large as the origin */
	bool force;			/* over what the device holds */
	bool error_if_no_space;
	bool activate;
	bool reserved;			/* clone_create_reserve() has made its store */
};

/*
 * Makes a clone, and enters it into the catalog, which is saved.  @made may be
 * NULL.  One that fails leaves nothing of it, not even what was reserved.
 */
int clone_create(struct catalog *catalog, struct origins *origins,
		 const struct clone_request *request,
		 struct format_result *made);

/*
 * Whether a clone could be made of what @request->from is now, which need not be frozen
 * yet: its name is free, and its place is there and has room for a store.  A device is
 * not changed; a file or volume is made, so that nobody else takes the room.
 */
int clone_create_reserve(const struct catalog *catalog, const struct clone_request *request);

/* Nothing will be made of it. */
void clone_create_unreserve(const struct clone_request *request);

/*
 * Makes /dev/mapper/NAME of a clone, unless it is there.  A snapshot that was cut
 * short is settled before.  @force takes the mark
 * of another host off the store.
 */
int clone_activate(struct catalog *catalog, struct clone *clone,
		   struct origins *origins, bool force);

/* -EBUSY when it is open.  That it is not active is no error. */
int clone_deactivate(const struct catalog *catalog, const struct clone *clone);

/*
 * -EBUSY when its store is active on another host, or was when that went down: what is to be
 * done would take from a guest there what it runs on.  'lclone @verb --force' is told of as
 * the way to do it all the same.  A store that cannot be read is no error.
 */
int clone_check_owner(const struct clone *clone, const char *verb);

enum clone_remove_flags {
	/* though it is open, active on another host, or its store is damaged */
	CLONE_REMOVE_FORCE = 1,
	CLONE_REMOVE_WIPE = 2,		/* overwrite its data first */
	CLONE_REMOVE_BEGUN = 4,		/* an earlier run was cut short */
};

/*
 * Deactivates it, removes its store and its snapshots, and saves the catalog
 * without it.  -EBUSY when other clones stand on its snapshots, or its store is active on
 * another host.  Before the first store goes the catalog has it that the clone is being
 * removed: from then on it cannot be activated before clone_settle_removal().
 */
int clone_remove(struct catalog *catalog, struct clone *clone,
		 unsigned int flags);

/*
 * After a removal that was cut short: undoes it when all of the clone is there, and
 * nothing was to be overwritten, or else goes on with it; says which.  With @removed
 * @clone is not in the catalog any more, unless this fails.
 */
int clone_settle_removal(struct catalog *catalog, struct clone *clone, bool *removed);

#endif
