/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Space of the store.  Nothing of it is on disk but the high-water mark, two
 * counts and the bitmap of the metadata reserve: the map is the only truth.
 *
 * How much is free follows from the counts at any time.  Where it is: above the
 * high-water mark; below it only once a scan has built the bitmap.  Until then
 * freed blocks are counted, and found again by the scan.
 */
#ifndef LCLONE_ALLOC_H
#define LCLONE_ALLOC_H

#include "geometry.h"

struct lc_store;

enum lc_scan_state {
	LC_SCAN_NONE,		/* no bitmap */
	LC_SCAN_RUNNING,	/* the bitmap is being filled; not used yet */
	LC_SCAN_DONE,
	LC_SCAN_FAILED,		/* damage: what is below the mark stays unknown */
};

/* All under the store's lock. */
struct lc_alloc {
	u32 high_water;		/* blocks from here on were never given out */
	u32 data_end;		/* none at or behind this is given out */
	u32 cursor;		/* where the search of the bitmap goes on */
	u32 misses;		/* searches for nothing since a bit was cleared */
	u32 used_blocks;	/* data: mapped, in tickets or waiting to be freed */
	u32 page_blocks;	/* pages of the tree */
	u32 replaced_pages;	/* that a checkpoint will free when it ends */
	u32 promised_blocks;	/* pages that the next checkpoints will add */
	u32 freeing_blocks;	/* part of used_blocks that will be free soon */
	u32 reserve_used;	/* bits set in reserve_map */
	u32 low_water;		/* free blocks at which to raise an event */
	bool low;		/* and whether that has been done */
	bool full;		/* a write found no space */
	bool below_full;	/* the device has no space for new pages */
	enum lc_scan_state scan;
	unsigned long *bitmap;	/* a bit for each store block: in use */
	DECLARE_BITMAP(reserve_map, LC_RESERVE_MAX);

	/* Freed blocks on their way back; lists of struct lc_freed. */
	struct list_head freed_open;	/* to be journaled by the next round */
	struct list_head freed_round;	/* in the round that is under way */
	struct list_head freed_durable;	/* to be drained */
	struct list_head freed_draining;	/* in lc_reclaim() */
	u32 freed_pages;		/* in the four lists */
};

struct lc_freed_run {
	u32 store;
	u32 count;
};

#define LC_FREED_RUNS	508

/* Blocks that the map no longer names.  One page of memory. */
struct lc_freed {
	struct list_head link;
	u32 runs;
	struct lc_freed_run run[LC_FREED_RUNS];
};

/* Pages of freed blocks that one store may have out. */
#define LC_FREED_PAGES_MAX	64

void lc_alloc_init(struct lc_store *store);

/* The mark follows from the size: a tenth, 1 GiB at most.  Under the lock. */
void lc_low_water_set(struct lc_store *store);

void lc_alloc_destroy(struct lc_store *store);

/* Blocks that data and pages may use in all, and those that are free. */
u32 lc_space_total(const struct lc_store *store);
u32 lc_space_free(const struct lc_store *store);

/*
 * Free blocks that data may take: what one checkpoint needs is kept back, so
 * that a full store can still note what happens to it.
 */
u32 lc_space_available(const struct lc_store *store);

/* Places for pages that can be found without the bitmap. */
u32 lc_space_known(const struct lc_store *store);

/*
 * Takes a run of up to @most data blocks.  Under the lock.
 * Returns their number, 0 when none can be found for now (a scan has been asked
 * for).  The caller has checked lc_space_available().
 */
u32 lc_alloc_data(struct lc_store *store, u32 most, u32 *start);

/*
 * Whether that finds none although the counts have room, and no event that is under way
 * will change it: the counts are wrong, or the scan has failed, as only damage makes
 * them.  Under the lock.
 */
bool lc_alloc_in_vain(const struct lc_store *store);

/* Puts data blocks back that nothing names and no I/O can reach.  Under the lock. */
void lc_free_data(struct lc_store *store, u32 start, u32 count);

/* Marks blocks as used in the bitmap, where there is one.  Under the lock. */
void lc_mark_used(struct lc_store *store, u32 start, u32 count);

/*
 * Takes a block for a page, from the reserve or the rest.  Under the lock.
 * Returns 0 when there is none.
 */
u32 lc_alloc_page(struct lc_store *store);
void lc_free_page(struct lc_store *store, u32 address);

/*
 * Notes that the map has just stopped to name a block.  Under the lock.
 * @freed is a page with room: the last of freed_open, or new.
 */
void lc_freed_add(struct lc_store *store, struct lc_freed *freed, u32 block);

/*
 * A page for freed blocks, to be at hand when the last of freed_open has no room;
 * NULL when there is none, or are too many out already.  Process context, not in
 * the drain counter.  lc_freed_return() takes back what was not used, or NULL.
 */
struct lc_freed *lc_freed_spare(struct lc_store *store);
void lc_freed_return(struct lc_store *store, struct lc_freed *spare);

/*
 * Whether there is room for @runs more, in freed_open or in @spare.  If not,
 * asks for a round, which brings some back.  Under the lock.
 */
bool lc_freed_room(struct lc_store *store, u32 runs, const struct lc_freed *spare);

/* The page that has it; *@spare is NULL if that is it.  Under the lock. */
struct lc_freed *lc_freed_open(struct lc_store *store, u32 runs,
			       struct lc_freed **spare);

/* Looks whether the low-water mark was crossed, and says so.  Under the lock. */
void lc_space_watch(struct lc_store *store);

#endif
