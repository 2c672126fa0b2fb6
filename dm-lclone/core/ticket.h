/* SPDX-License-Identifier: GPL-2.0 */
/*
 * First writes and zeroing: how entries change.
 *
 * A first write takes a ticket (store blocks, a claim on its leaf, space for
 * the pages that a checkpoint will have to write), sends its data there, and
 * publishes when that has completed.  Until then readers see the old content.
 */
#ifndef LCLONE_TICKET_H
#define LCLONE_TICKET_H

#include "store.h"

struct lc_ticket {
	struct lc_leaf *leaf;
	u32 slot;		/* first entry */
	u32 count;		/* blocks */
	u32 store;		/* first store block */
	u32 expected;		/* entry value that publishing replaces */
	u32 published;		/* blocks that were not lost, in the end */
};

enum lc_take {
	LC_TAKEN,
	LC_CHANGED,		/* the map says something else now: look up again */
	LC_LOAD,		/* lc_map_load() first, then again */
	LC_BUSY,		/* again after LC_KICK_RETRY */
	LC_FULL,		/* no space; again after LC_KICK_SPACE */
	LC_FAILED,		/* failed mode, or read-only */
};

/*
 * Takes a ticket for @block and up to @most blocks behind it that are in the
 * same state, as many as lie together in the store.  Any context.
 */
enum lc_take lc_ticket_take(struct lc_store *store, u64 block, u32 most,
			    struct lc_ticket *ticket);

/*
 * Publishes, when the data has reached the device.  Any context.
 * Returns false when a block was lost to another writer: the write has to start
 * again at the lookup.  The ticket is used up in any case.
 */
bool lc_ticket_publish(struct lc_store *store, struct lc_ticket *ticket);

/* Gives a ticket back whose data did not reach the device.  Any context. */
void lc_ticket_abort(struct lc_store *store, struct lc_ticket *ticket);

/*
 * Makes @block and up to *@count blocks behind it known to be zero, at most to
 * the end of their leaf; *@count is set to what was done.  Process context.
 * Returns as lc_ticket_take(); with LC_TAKEN it is done.
 */
enum lc_take lc_zero(struct lc_store *store, u64 block, u64 *count);

struct lc_swap;

/*
 * Does each of *@count @swap, for the blocks from @block on, whose entry is as it
 * expects; *@count is cut to the end of the leaf.  What the entries named is
 * freed, for which *@spare is used up where it has to be: see lc_freed_spare().
 * Any context.  Returns as lc_ticket_take(); with LC_TAKEN it is done.
 */
enum lc_take lc_replace(struct lc_store *store, u64 block, struct lc_swap *swap,
			u32 *count, struct lc_freed **spare);

#endif
