/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is on a device.  Blocks are kept in full, but guest data is only looked at and
 * written where a sector begins: 8 bytes, its tag.  What nobody has written is content by
 * chance.
 */
#ifndef LCLONE_SIM_IMAGE_H
#define LCLONE_SIM_IMAGE_H

#include "core/geometry.h"

/* The smallest store there is, and what it may grow by. */
#define STORE_BLOCKS	LC_STORE_BLOCKS_MIN
#define GROWTH_MOST	400u
#define IMAGE_BLOCKS	(STORE_BLOCKS + GROWTH_MOST)

struct image {
	u8 *bytes;
	u8 *touched;		/* by block */
	u32 *list;		/* of those */
	u32 count;
	struct image *next;	/* of the free ones */
};

/* One that nobody has written to; what is given back is one again. */
struct image *image_get(void);
void image_put(struct image *image);

const void *image_at(const struct image *image, u32 block);
void image_tags(const struct image *image, u32 block, u64 *tags);

/* The block, to be written to. */
u8 *image_touch(struct image *image, u32 block);
void image_put_tag(struct image *image, u32 block, u32 sector, u64 tag);

/* What nobody wrote there. */
u64 image_garbage(u32 block, u32 sector);

#endif
