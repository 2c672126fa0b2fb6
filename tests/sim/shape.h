/* SPDX-License-Identifier: GPL-2.0 */
/* What a world is like, from its seed to its end; and its store when it is new. */
#ifndef LCLONE_SIM_SHAPE_H
#define LCLONE_SIM_SHAPE_H

#include <env.h>
#include "core/geometry.h"

#define STORE_BLOCKS	LC_STORE_BLOCKS_MIN
#define GROWTH_MOST	400u

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
};

extern struct world world;

/* Chooses one, formats its store, and has the model watch some of its blocks. */
void shape_new(void);

#endif
