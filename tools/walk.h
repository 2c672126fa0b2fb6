/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Walking the map of a store from its pages on disk, with the journal laid over
 * it.  Pages of a store that is active may be written over meanwhile: each that was is
 * met as one that is not whole.
 */
#ifndef LCLONE_WALK_H
#define LCLONE_WALK_H

#include "overlay.h"
#include "store-file.h"

/* One page of the tree, as it was met. */
struct walk_page {
	const struct lc_ref *ref;
	const struct lc_ref *parent;	/* NULL for the root */
	struct lc_page_id id;
	u64 first;			/* blocks of the clone that it covers */
	u64 blocks;
	const char *why;		/* NULL, or what is wrong: not entered */
	const u32 *entry;		/* of a whole leaf, else NULL */
};

struct walk;

struct walk_ops {
	/*
	 * Each page, before those below it; also (with ref->state other than
	 * LC_REF_PAGE) each ref that stands for a page.  May be NULL.
	 */
	void (*page)(void *ctx, const struct walk_page *page);
	/*
	 * The map with the journal applied, from the clone's first block to its
	 * last: runs of known zeros (@value LC_ENTRY_ZERO) and of data (first
	 * store block), as long as they can be.
	 */
	void (*run)(void *ctx, u64 first, u64 count, u32 value);
	/*
	 * Asked before all else: whether what @page covers is known already.  Then
	 * it has been told by walk_give(), in ascending order, and the page is neither
	 * read nor told.  May be NULL.
	 */
	bool (*known)(void *ctx, struct walk *walk, const struct walk_page *page);
};

/* A run of the map below the journal, as a page would have it.  For ops->known(). */
void walk_give(struct walk *walk, u64 first, u64 count, u32 value);

/* Calls @ops until all is seen. */
void walk_map(const struct store_file *store, const struct lc_super *super,
	      const struct overlay *overlay, const struct walk_ops *ops,
	      void *ctx);

#endif
