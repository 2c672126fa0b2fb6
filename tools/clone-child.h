/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The next store of a clone, above a layer or above the origin.  Functions that
 * return int return 0 or a negative errno, and have reported what went wrong.
 */
#ifndef LCLONE_CLONE_CHILD_H
#define LCLONE_CLONE_CHILD_H

#include "catalog.h"

/* Where new stores go.  All zero: where the clone's own is. */
struct store_place {
	bool given;
	enum store_kind kind;
	const char *place;		/* the device, directory or volume group */
	u64 store_bytes;		/* 0: for the verb to choose */
	bool force;			/* over what the device holds */
};

struct child_request {
	const struct store_place *place;
	const struct lc_super *head;	/* of the clone's own store */
	const struct lc_super *parent;	/* the layer to stand on; NULL: the origin */
	const char *parent_name;	/* what that layer is called; or NULL */
	const u8 *snapshot_set;		/* or NULL */
};

/*
 * Makes and formats the next store of @clone, durably, of a generation that
 * comes after all others.  @child is what the catalog is to have as the clone
 * then; the caller frees it with clone_release(), or gives it to the catalog.
 */
int clone_child_make(const struct catalog *catalog, const struct clone *clone,
		     const struct child_request *request, struct clone *child);

/*
 * Where a store of @clone goes whose file or volume is told from its others by
 * @tag: sets kind, path, vg and lv of @child, whose name is the clone's.
 */
int clone_child_place(const struct catalog *catalog, const struct clone *clone,
		      const struct store_place *place, const char *tag,
		      struct clone *child);

/* Whether the catalog has a store at @path. */
bool clone_store_known(const struct catalog *catalog, const char *path);

/* Removes its store again, whatever it holds. */
void clone_child_unmake(const struct clone *child);

/*
 * Removes what a run that was cut short has left of the next store of @clone,
 * where it would be by itself.  Never fails: what cannot be told stays.
 */
void clone_child_sweep(const struct catalog *catalog, const struct clone *clone);

/* A copy of all that @clone points to; and the way back. */
void clone_copy(const struct clone *clone, struct clone *copy);
void clone_release(struct clone *clone);

#endif
