/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who has which block of the store: the naive model of the allocator.  Random
 * first writes and zeroing run over it, also while the core sleeps, and every
 * step of a block's life is checked.
 */
#ifndef LCLONE_UNIT_SPACE_H
#define LCLONE_UNIT_SPACE_H

#include "host.h"

#define SPACE_TICKETS	32

enum space_owner {
	SPACE_FREE,
	SPACE_TICKET,
	SPACE_MAPPED,
	SPACE_FREEING,		/* the map has let it go */
};

struct space_block {
	enum space_owner owner;
	u64 round;		/* SPACE_FREEING: the round that makes it durable */
	u64 drains;		/* and the drains that had begun */
};

struct space {
	struct kunit *test;
	struct host *host;
	u64 blocks;		/* of the clone */
	u32 *entry;
	struct space_block *block;	/* by store block */
	u32 tickets;
	struct lc_ticket ticket[SPACE_TICKETS];
	u64 ticket_at[SPACE_TICKETS];
	u32 hot;		/* leaves that are written to */
	u32 zero_percent;	/* of the changes */
	u64 drains_begun;
	u64 drains_done;
	u64 full;		/* tickets refused for want of space */
	unsigned int depth;
};

struct space *space_new(struct kunit *test, u32 store_blocks, u32 leaves);
void space_delete(struct space *space);

/* Ends all tickets, takes the store down, checks the disk, brings it up again. */
void space_reopen(struct space *space);

/* One event, by chance. */
void space_step(struct space *space);

/* Takes tickets, and publishes them, until there is no space. */
void space_fill(struct space *space);

/* Blocks that have @owner. */
u32 space_count(const struct space *space, enum space_owner owner);

/* Compares the accounts, and the bitmap where there is one.  Nothing may be under way. */
void space_compare(struct space *space);

#endif
