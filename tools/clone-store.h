/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the store of a clone lies: a device, a file in a directory, a logical
 * volume.  Functions that return int return 0 or a negative errno, and have
 * reported what went wrong.
 */
#ifndef LCLONE_CLONE_STORE_H
#define LCLONE_CLONE_STORE_H

#include "catalog.h"
#include "store-file.h"

/*
 * The size of a store that holds a clone of @clone_bytes all of whose blocks
 * were written, with the metadata for it.
 */
u64 store_bytes_for(u64 clone_bytes);

/*
 * Makes the file (sparse, but for what metadata must never be short of) or the
 * volume, of @bytes; for a device of the user's there is nothing to make.  Notes in
 * @clone which directory it is in.
 */
int clone_store_make(struct clone *clone, u64 bytes);

/*
 * The opposite: the file or volume is removed, and a device of the user's is
 * made to be no store any more.
 */
int clone_store_unmake(const struct clone *clone);

/*
 * The block device of the store, brought up if need be; to be freed.  @made
 * tells whether detaching would undo it.
 */
int clone_store_attach(const struct clone *clone, char **device, bool *made);

/*
 * Keeps others from taking a store that is a file for themselves, until store_unshare():
 * for the time from before it is attached until device-mapper has it.  -EBUSY when
 * somebody has taken it.  @lock is -1 for other kinds.
 */
int clone_store_share(const struct clone *clone, int *lock);
int clone_store_detach(const struct clone *clone);

/* Has a logical volume appear; nothing to do for other kinds. */
int clone_store_up(const struct clone *clone);

/*
 * Whether a device may become a store: not even --force takes the store of a
 * clone that we know, a layer or an origin.
 */
int clone_device_check(const struct catalog *catalog, const char *device);

/*
 * The same, and that nobody uses it and that it holds nothing (or @force); tells its size
 * in bytes.  Nothing is written.
 */
int clone_device_check_empty(const struct catalog *catalog, const char *device, bool force,
			     u64 *bytes);

/* Says why the file of a store cannot be made. */
void clone_store_report_unmade(const char *path, int error);

/* Whether what the catalog names is to be seen: no answer to whether it is gone. */
bool clone_store_exists(const struct clone *clone);

/*
 * Whether clone_store_make() could make it: nothing has its name, and what it is to lie in
 * is there.  For a device of the user's there is clone_device_check_empty().
 */
int clone_store_check_new(const struct clone *clone);

enum store_presence {
	STORE_THERE,			/* a volume perhaps not active */
	STORE_GONE,			/* surely */
	STORE_UNSEEN,			/* what it is on may not be mounted, or not be up */
};

/*
 * A file is gone when its directory is the one in which it was made, or holds another
 * store of the clone; a volume when its group is there and lacks it; a device never.
 * Reports nothing.
 */
enum store_presence clone_store_presence(const struct clone *clone);

/* Whether a device of the user's is there, and holds no store any more. */
bool clone_store_wiped(const struct clone *clone);

/*
 * Whether what is at its place was made by us for it, though opening it failed with @error: a
 * file, or a volume that we made, but not another store.  Reports nothing.
 */
bool clone_store_surely_ours(const struct clone *clone, int error);

/* Says that a store cannot be seen, and what to do.  Returns -ENODEV. */
int clone_store_report_unseen(const struct clone *clone);

/* What tells the directory of a store at @path from others; 0: it is not there. */
u64 clone_store_directory(const char *path);

/*
 * Removes what nothing needs any more, brought up first, and overwritten if it is to be.
 * One that is gone already is no error, one that cannot be seen is.
 */
int clone_store_drop(const struct clone *clone);

/*
 * Whether @store, which is open and was found to be no store, is one that a run that was cut
 * short has begun to make for the clone: a file in whose head is nothing yet, or a volume that
 * we made.  Anything else of this name is somebody else's.  Reports nothing.
 */
bool clone_store_begun(const struct clone *clone, const struct store_file *store);

/*
 * Opens and loads the store at @path; -ESTALE when another store than the
 * clone's is there.
 */
int clone_store_open(const struct clone *clone, const char *path,
		     unsigned int flags, struct store_file *store);

/*
 * Whether the clone's store can be seen, and is whole as far as its head tells; then
 * @super is its superblock.  Reports nothing.
 */
bool clone_store_look(const struct clone *clone, struct lc_super *super);

/*
 * As clone_store_open(), and writes its superblock anew, with what @edit, which is given @data,
 * changes.  Nobody may have the store up, or it is suspended and at rest.
 */
int clone_store_edit(const struct clone *clone, const char *path,
		     unsigned int flags,
		     void (*edit)(struct lc_super *super, const void *data),
		     const void *data);

/* Overwrites all that the store holds with zeros, with a progress line. */
int clone_store_wipe(const struct clone *clone);

#endif
