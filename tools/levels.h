/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stores that one state of a clone consists of, and what is seen through
 * them.  A level is a store; level 0 is the newest, below the last one is the
 * origin.
 *
 * A frozen store is read as it is, also when clones stand on it.  One that is
 * not frozen is read while nobody has it active, and is held until levels_free();
 * its journal is applied, as an activation would.  levels_open_live() takes one that
 * is active as well, and reads the map that its target writes out for that.
 *
 * The runs of all levels are held in memory: 24 bytes for each.
 */
#ifndef LCLONE_LEVELS_H
#define LCLONE_LEVELS_H

#include "run-list.h"
#include "store-file.h"

struct level {
	struct store_file store;
	bool live;		/* a clone writes to it */
	struct run_list map;	/* after levels_load() */
	size_t next;		/* for levels_see() */
};

struct levels {
	unsigned int count;
	struct level level[LC_LAYERS_MAX + 1];
};

/*
 * Opens the stores of @what: the name of a clone (its present), CLONE@SNAP, or
 * a block device or file that holds a store.  Layers are looked for among
 * @layers (paths, in any order, to a NULL), in the catalog, and on the devices
 * of this host.  With @base, stores below the one with this content are not
 * needed and not opened.  Returns 0 or a negative errno, which has been reported;
 * *@levels is to be freed in both cases.
 */
int levels_open(const char *what, const char *const *layers, const u8 *base,
		struct levels **levels);

/*
 * The same, but the newest may be active.  Its blocks of data may be written over at any time,
 * so this is for its map only, which has at least what had ended when this was called.
 */
int levels_open_live(const char *what, const char *const *layers, const u8 *base,
		     struct levels **levels);

/* The same, but opens the newest level only. */
int levels_open_newest(const char *what, struct levels **levels);

/*
 * The same, but opens the store with the content @content_uuid only; @what needs
 * it.
 */
int levels_open_content(const char *what, const char *const *layers,
			const u8 *content_uuid, struct levels **levels);

/*
 * Reads the maps of the first @count levels.  Returns 0 or a negative errno,
 * reported: -EUCLEAN when one is damaged.  A level that is live is then as of a checkpoint
 * after it was opened.
 */
int levels_load(struct levels *levels, unsigned int count);

void levels_free(struct levels *levels);

/* The superblock of level @n. */
const struct lc_super *level_super(const struct levels *levels, unsigned int n);

/* "CLONE@SNAP", "CLONE", or the path of the store when it has no name; to be freed. */
char *level_name(const struct levels *levels, unsigned int n);

/* The level with this content; levels->count when there is none. */
unsigned int levels_find(const struct levels *levels, const u8 *content_uuid);

enum seen_type {
	SEEN_DATA,		/* in a store */
	SEEN_ZERO,		/* a store says that it is zero */
	SEEN_BELOW,		/* what lies below the levels that were looked at */
	SEEN_BEYOND,		/* zero: no further down than the levels reach */
};

/* A run of the clone, in sectors of 512 bytes. */
struct seen {
	enum seen_type type;
	u64 sector;
	u64 sectors;
	unsigned int level;	/* of SEEN_DATA and SEEN_ZERO */
	u64 store_sector;	/* of SEEN_DATA */
};

/* Sectors of what lies below the first @count levels that are seen through them. */
u64 levels_below(const struct levels *levels, unsigned int count);

/*
 * Tells @run, in ascending order and without gaps, what the first @count levels
 * show of the clone, until it returns something else than 0, which is returned.
 * Runs of SEEN_DATA and SEEN_ZERO begin at a whole block.
 */
int levels_see(struct levels *levels, unsigned int count,
	       int (*run)(void *ctx, const struct seen *seen), void *ctx);

#endif
