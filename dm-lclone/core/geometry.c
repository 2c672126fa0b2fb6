// SPDX-License-Identifier: GPL-2.0
/* Arithmetic of blocks, leaves and nodes, and where a store keeps what. */

#include "geometry.h"

/* A journal of 4 MiB holds a quarter of a million runs; 64 blocks will do. */
#define JOURNAL_BLOCKS_MIN	64u
#define JOURNAL_BLOCKS_MAX	1024u
#define RESERVE_BLOCKS_MIN	64u

u64 lc_child_leaves(unsigned int level)
{
	u64 leaves = 1;

	while (--level)
		leaves *= LC_NODE_CHILDREN;
	return leaves;
}

unsigned int lc_root_level(u64 blocks)
{
	u64 leaves = DIV_ROUND_UP(blocks, (u64)LC_LEAF_ENTRIES);
	unsigned int level = 1;

	while (lc_child_leaves(level) * LC_NODE_CHILDREN < leaves)
		level++;
	return level;
}

void lc_layout_finish(struct lc_layout *layout)
{
	layout->data_start = layout->reserve_start + layout->reserve_blocks;
	layout->data_end = layout->store_blocks - LC_TAIL_BLOCKS;
}

int lc_layout_new(u64 store_sectors, struct lc_layout *layout)
{
	u64 blocks = min_t(u64, store_sectors / LC_BLOCK_SECTORS,
			   LC_STORE_BLOCKS_MAX);

	if (blocks < LC_STORE_BLOCKS_MIN)
		return -ENOSPC;
	layout->store_blocks = (u32)blocks;
	layout->journal_start = LC_HEAD_BLOCKS;
	layout->journal_blocks = clamp_t(u32, blocks / 64, JOURNAL_BLOCKS_MIN,
					 JOURNAL_BLOCKS_MAX);
	layout->reserve_start = layout->journal_start + layout->journal_blocks;
	layout->reserve_blocks = clamp_t(u32, blocks / 256, RESERVE_BLOCKS_MIN,
					 LC_RESERVE_MAX);
	lc_layout_finish(layout);
	return 0;
}

bool lc_layout_valid(const struct lc_layout *layout)
{
	u64 journal_end = (u64)layout->journal_start + layout->journal_blocks;
	u64 reserve_end = (u64)layout->reserve_start + layout->reserve_blocks;

	return layout->store_blocks >= LC_STORE_BLOCKS_MIN &&
	       layout->store_blocks <= LC_STORE_BLOCKS_MAX &&
	       layout->journal_start >= LC_HEAD_BLOCKS &&
	       layout->journal_blocks >= JOURNAL_BLOCKS_MIN &&
	       layout->journal_blocks <= JOURNAL_BLOCKS_MAX &&
	       layout->reserve_start == journal_end &&
	       layout->reserve_blocks >= RESERVE_BLOCKS_MIN &&
	       layout->reserve_blocks <= LC_RESERVE_MAX &&
	       reserve_end < layout->store_blocks - LC_TAIL_BLOCKS;
}
