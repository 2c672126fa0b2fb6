/* SPDX-License-Identifier: GPL-2.0 */
/* What a world is like, from its seed to its end; and its store when it is new. */
#ifndef LCLONE_SIM_SHAPE_H
#define LCLONE_SIM_SHAPE_H

#include <env.h>
#include "core/super.h"
#include "image.h"

struct world {
	u64 clone_sectors;
	u64 origin_sectors;
	u32 data_blocks;
	u32 watched;
	u64 hot_leaves;		/* leaves that hold watched blocks are below this */
	u64 leaves;
	bool big;		/* so that a walk takes long */
	bool combs;
	bool fails;
	bool grows;
	bool thin;		/* the device may have no space for a block */
	bool damages;
	bool hydrates;
	bool rethins;
	bool resizes;
	bool drops;		/* so little lies below that a clone may do without it */
	u32 depth;		/* layers at most; 0: none ever */
};

extern struct world world;

/* Chooses one, formats its store, and has the model watch some of its blocks. */
void shape_new(void);

/* The superblock of an empty store of the world's kind, with identities of its own. */
void shape_super(struct lc_super *super);

/*
 * Formats the medium, which is new, as @super says; the second writes header and superblocks
 * to @image, or to the medium where that is NULL.
 */
void shape_write(const struct lc_super *super);
void shape_write_to(struct image *image, const struct lc_super *super);

#endif
