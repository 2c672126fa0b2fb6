/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writing the tree of a map to free places of an inactive store, page by page,
 * with memory for one page of each level and no more.
 */
#ifndef LCLONE_TREE_BUILD_H
#define LCLONE_TREE_BUILD_H

#include "store-file.h"

/*
 * What the tree is to hold.  Asked for from the root down and from left to
 * right, so blocks only ever ascend within a level.
 */
struct tree_source {
	/*
	 * What is to be in @blocks blocks of the clone from @first on, which
	 * page @id covers: LC_REF_NONE or LC_REF_ZERO when they are all alike,
	 * or LC_REF_PAGE, and what lies below is asked for one by one.
	 */
	u8 (*look)(void *ctx, struct lc_page_id id, u64 first, u64 blocks);
	/* Sets the entries of a leaf for which look() said LC_REF_PAGE. */
	void (*leaf)(void *ctx, u64 index, u32 *entry);
	/*
	 * The ref by which the store has the very same already, or NULL.  Called
	 * when all below @id is known: @state, and for LC_REF_PAGE the entries
	 * of the leaf or the children of the node.  May be NULL.
	 */
	const struct lc_ref *(*same)(void *ctx, struct lc_page_id id, u8 state,
				     const u32 *entry,
				     const struct lc_ref *child);
};

struct tree_build {
	const struct store_file *store;
	const struct tree_source *source;
	void *ctx;
	/*
	 * A bit for each block of the store: no page may go there.  NULL: new
	 * pages get no place, and only the source learns something.
	 */
	const unsigned long *used;
	bool write;		/* or only tell what there would be */
	/*
	 * Must have layout, uuid, root_level and generation (of the new pages),
	 * and high_water behind the last data block.  root, page_blocks,
	 * reserve_map and high_water are set.
	 */
	struct lc_super *super;
	u32 new_pages;		/* set: pages that were not there before */
	u32 place;		/* where the search for a place goes on */
};

/*
 * Returns 0; -ENOSPC when there is no place for a page; -ECANCELED when the
 * tree counts more data than a store can have; another negative errno of
 * writing.  Reports nothing.  The caller syncs.
 */
int tree_build(struct tree_build *build);

#endif
