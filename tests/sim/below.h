/* SPDX-License-Identifier: GPL-2.0 */
/* What lies below the store, found and read as below.c of the module does. */
#ifndef LCLONE_SIM_BELOW_H
#define LCLONE_SIM_BELOW_H

#include "edge.h"

#define BELOW_BLOCKS	66u	/* that one read may touch */

struct below {
	u64 sector;		/* of the clone */
	u32 sectors;		/* that lie together */
	enum { BELOW_ZEROS, BELOW_ORIGIN, BELOW_LAYER } kind;
	u8 layer;
	u32 block;		/* of the layer, the first */
	u64 tags[BELOW_BLOCKS][LC_BLOCK_SECTORS];
};

/*
 * Where up to @sectors sectors from @sector on are, as many as lie together.  False:
 * below_load() has to be called first.
 */
bool below_find(u64 sector, u32 sectors, struct below *below);
int below_load(u64 block);

/* Reads them; @batch may get more that is pending.  below_tag() when it is done. */
void below_read(struct below *below, struct batch *batch);

/* What sector @sector of the clone is, which was read. */
u64 below_tag(const struct below *below, u64 sector);

/* The whole of a block, at once, in a thread. */
void below_block(u64 block, u64 *tags);

#endif
