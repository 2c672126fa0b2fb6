/* SPDX-License-Identifier: GPL-2.0 */
/* Writing the metadata of a store from a dump. */
#ifndef LCLONE_RESTORE_H
#define LCLONE_RESTORE_H

#include "dump-read.h"

struct restore_result {
	struct lc_super super;
	u64 data_blocks;	/* expected to be in place */
	u64 zero_blocks;
	u64 page_blocks;
};

/*
 * Makes @store_path, a block device or a file, the store that @dump tells of.
 * The whole dump is checked before anything is written; data blocks are not
 * touched.  What the device holds is refused without @force.  A restore that is
 * cut short leaves no store.  Returns 0 or a negative errno, reported.
 */
int restore_store(struct dump_reader *dump, const char *store_path, bool force,
		  struct restore_result *result);

#endif
