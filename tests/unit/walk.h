/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A full walk of the tree on the disk, by its format alone: every page has to be
 * whole and in its place, no block may be named twice, all counts have to match.
 */
#ifndef LCLONE_UNIT_WALK_H
#define LCLONE_UNIT_WALK_H

#include <kunit/test.h>
#include "core/super.h"

/* Reads a block of @device into @page; 0 or a negative errno. */
typedef int (*walk_read)(void *device, u32 block, void *page);

struct walk {
	struct kunit *test;
	walk_read read;
	void *device;
	struct lc_super super;
	u64 blocks;		/* of the clone */
	u32 *entry;		/* by block of the clone */
	u8 *used;		/* by store block */
	u32 pages;
	u32 high;		/* behind the highest block that is named */
	u64 data_blocks;
	u64 zero_blocks;
};

/*
 * Walks the tree of the superblock, which has to be alike in both copies.  The
 * journal is not looked at: it has to be empty for @entry to be the truth.
 */
struct walk *walk_device(struct kunit *test, walk_read read, void *device);
void walk_free(struct walk *walk);

#endif
