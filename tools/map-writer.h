/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writing data and map of a new store from its first block to its last.  No
 * superblock names any of it before the caller writes one.
 */
#ifndef LCLONE_MAP_WRITER_H
#define LCLONE_MAP_WRITER_H

#include "store-file.h"

struct map_writer {
	struct store_file *store;
	struct lc_super *super;
	u32 next_reserve;	/* the reserve first, then the data area */
	/* The page of each level that is being filled; leaves are level 0. */
	u64 index[LC_MAX_HEIGHT + 1];
	bool open[LC_MAX_HEIGHT + 1];
	u32 entry[LC_LEAF_ENTRIES];
	struct lc_ref child[LC_MAX_HEIGHT + 1][LC_NODE_CHILDREN];
};

/* @super has identity, layout and sizes, and an empty map. */
void map_writer_init(struct map_writer *writer, struct store_file *store,
		     struct lc_super *super);

/*
 * Adds blocks behind those that were added before: data that is written, or zeros.
 * These return 0 or a negative errno, and report nothing; -ENOSPC: the store is
 * too small.
 */
int map_writer_data(struct map_writer *writer, u64 first, u32 count,
		    const void *data);
int map_writer_zero(struct map_writer *writer, u64 first, u64 count);

/* Writes what is left, and enters the map into the superblock; syncs nothing. */
int map_writer_finish(struct map_writer *writer);

#endif
