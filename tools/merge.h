/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making one frozen store of several that stand on each other.  The result shows
 * what the newest of them shows, and has the identity of its content, so that it
 * can take its place.  Functions that return int return 0 or a negative errno,
 * and have reported what went wrong.
 */
#ifndef LCLONE_MERGE_H
#define LCLONE_MERGE_H

#include "levels.h"

struct merge {
	struct levels *levels;		/* all of them frozen, level 0 the newest */
	unsigned int count;		/* of them are merged */
	unsigned int layers;		/* below these */
	const char *name;		/* of the snapshot that it is; "": none */
	u64 rate_bytes;			/* to copy in a second; 0: as fast as it goes */
	/* Filled in by merge_measure(). */
	u64 data_blocks;
	u64 zero_blocks;
	u64 page_blocks;		/* no fewer than the map will have */
};

/* Reads the maps and sees what there is to copy. */
int merge_measure(struct merge *merge);

/* The size of a store that has room for it. */
u64 merge_store_bytes(const struct merge *merge);

/*
 * Writes it to @store, which is open for writing, exclusively, and holds nothing.
 * There is no store before all of it is durable.  @super is filled in.  -EINTR, not
 * reported: a signal was caught, see signals.h.
 */
int merge_write(struct merge *merge, struct store_file *store,
		struct lc_super *super);

#endif
