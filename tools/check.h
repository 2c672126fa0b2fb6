/* SPDX-License-Identifier: GPL-2.0 */
/* The checker: is all of an inactive store's metadata what it should be? */
#ifndef LCLONE_CHECK_H
#define LCLONE_CHECK_H

#include "store-file.h"

#define CHECK_NO_BLOCK	(~0ull)
/* Findings that are kept and printed; the rest are only counted. */
#define CHECK_FINDINGS_MAX	1000u

struct check_finding {
	const char *part;	/* "header", "superblock", "tree", "map", "space", "journal" */
	u64 block;		/* store block, or CHECK_NO_BLOCK */
	char *text;
};

struct check_report {
	struct check_finding *finding;
	size_t findings;	/* all; at most CHECK_FINDINGS_MAX are in @finding */
	bool whole_map;		/* every page could be read, so counts mean something */
	u64 data_blocks;	/* with the journal applied */
	u64 zero_blocks;
	u64 page_blocks;
	u64 journal_groups;
	struct lc_super super;	/* that holds */
	bool active;		/* marked as in use by super.owner_host */
};

/*
 * Checks @store, which has been opened but not loaded.  Returns 0, whether or
 * not there are findings; a negative errno, reported, when it is no store, is
 * of an unknown version, or cannot be read at all.
 */
int check_store(struct store_file *store, struct check_report *report);

/*
 * Checks tree, journal and space alone, as @super has them, whether or not that
 * is on @store.  Returns 0 or a negative errno, reported.
 */
int check_super(const struct store_file *store, const struct lc_super *super,
		struct check_report *report);

void check_free(struct check_report *report);

#endif
