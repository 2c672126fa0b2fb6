/* SPDX-License-Identifier: GPL-2.0 */
/* Where the metadata of a whole store lies, for those who want to damage it. */
#ifndef LCLONE_STORE_BLOCKS_H
#define LCLONE_STORE_BLOCKS_H

#include "store-file.h"

struct store_blocks {
	u32 *block;
	u32 count;
};

/*
 * The blocks of one type in the order of the map (journal: of the ring, from the
 * replay point on): "header", "super", "leaf", "node", "page", "new-page" (written
 * by the last checkpoint) or "journal".  @store has been loaded.
 */
void store_blocks(const struct store_file *store, const char *type,
		  struct store_blocks *all);
void store_blocks_free(struct store_blocks *all);

#endif
