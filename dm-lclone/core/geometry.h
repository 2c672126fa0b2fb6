/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arithmetic of blocks, leaves and nodes, and where a store keeps what.
 *
 * "block" is a 4 KiB block of the clone (u64) unless it is called a store
 * block (u32).  Sizes in sectors are of 512 bytes.
 */
#ifndef LCLONE_GEOMETRY_H
#define LCLONE_GEOMETRY_H

#include <env.h>
#include "../format.h"

/* A store of fewer blocks is not worth its metadata: 8 MiB. */
#define LC_STORE_BLOCKS_MIN	2048u
/* Entries at and above LC_ENTRY_RESERVED do not name blocks. */
#define LC_STORE_BLOCKS_MAX	LC_ENTRY_RESERVED
/* The largest clone: 64 PiB.  A root of LC_MAX_HEIGHT covers it. */
#define LC_CLONE_SECTORS_MAX	0x800000000000ull

/* Whether an entry of the map names a store block. */
static inline bool lc_entry_is_data(u32 entry)
{
	return entry != LC_ENTRY_UNMAPPED && entry != LC_ENTRY_ZERO;
}

/* The entry of the block that is @step behind one with @entry, in one run. */
static inline u32 lc_entry_behind(u32 entry, u32 step)
{
	return lc_entry_is_data(entry) ? entry + step : entry;
}

/* Blocks that hold @sectors; the last may be partial. */
static inline u64 lc_blocks_of(u64 sectors)
{
	return DIV_ROUND_UP(sectors, (u64)LC_BLOCK_SECTORS);
}

static inline u64 lc_leaf_index(u64 block)
{
	return block / LC_LEAF_ENTRIES;
}

static inline u32 lc_leaf_slot(u64 block)
{
	return (u32)(block % LC_LEAF_ENTRIES);
}

/* Leaves below one child of a node of @level (1 and up). */
u64 lc_child_leaves(unsigned int level);

/* Level of the root of a clone of @blocks blocks: at least 1. */
unsigned int lc_root_level(u64 blocks);

/* Where the fixed parts of a store lie.  All in store blocks. */
struct lc_layout {
	u32 store_blocks;
	u32 journal_start;
	u32 journal_blocks;
	u32 reserve_start;
	u32 reserve_blocks;
	u32 data_start;		/* first block of no fixed part */
	u32 data_end;		/* behind the last such block */
};

/*
 * The layout of a new store on a device of @store_sectors.
 * Returns 0, or -ENOSPC when the device is smaller than LC_STORE_BLOCKS_MIN.
 * A device larger than LC_STORE_BLOCKS_MAX is used up to that.
 */
int lc_layout_new(u64 store_sectors, struct lc_layout *layout);

/* Fills in @data_start and @data_end from the rest. */
void lc_layout_finish(struct lc_layout *layout);

/*
 * Whether the parts of @layout lie within the store and apart from each
 * other.  Every layout read from a device goes through here.
 */
bool lc_layout_valid(const struct lc_layout *layout);

/* Pages that may be dirty at once: what one checkpoint may have to write. */
static inline u32 lc_dirty_cap(u32 reserve_blocks)
{
	return reserve_blocks / 2;
}

#endif
