/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The map of a damaged store, as far as it can be known: from the tree of the
 * superblock, from that of the older copy where a page is lost, and from the
 * journal.  For repair*.c alone.
 */
#ifndef LCLONE_REPAIR_MAP_H
#define LCLONE_REPAIR_MAP_H

#include "journal-read.h"
#include "repair.h"
#include "tree-build.h"

enum repair_from { FROM_TREE, FROM_OLDER, FROM_NOWHERE };

/* The page that is at hand at one level. */
struct repair_level {
	enum repair_from from;
	struct lc_ref ref;		/* that leads to it */
	u64 held;			/* data blocks that a lost page had, at most */
	struct lc_ref child[LC_NODE_CHILDREN];
	u32 entry[LC_LEAF_ENTRIES];
};

enum repair_pass {
	REPAIR_COLLECT,		/* finds which store blocks are named, and how often */
	REPAIR_TELL,		/* notes what is lost */
	REPAIR_BUILD,
};

struct repair_map {
	const struct store_file *store;
	const struct lc_super *super;		/* that holds */
	const struct lc_super *older;		/* of the other copy; NULL: no use */
	const struct journal_contents *journal;	/* from super on */
	const struct journal_contents *older_journal;
	struct repair_report *report;
	enum repair_lost lost;
	enum repair_pass pass;
	u64 blocks;				/* of the clone */
	unsigned long *data;			/* store blocks that are mapped */
	unsigned long *clash;			/* those with more than one use */
	unsigned long *page;			/* pages that were read */
	unsigned long *avoid;			/* places of pages, whole or not */
	u32 high_water;				/* behind the last data block */
	struct repair_level level[LC_MAX_HEIGHT + 1];
};

extern const struct tree_source repair_source;	/* its ctx is a repair_map */

/* Sets what is fixed by the fields above @blocks; allocates the bitmaps. */
void repair_map_init(struct repair_map *map);
void repair_map_free(struct repair_map *map);

/* After the pass that collects: sets the clashes. */
void repair_map_clashes(struct repair_map *map);

#endif
