/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The journal: a ring of blocks that hold the changes of the map since the last
 * checkpoint, in groups that count as a whole or not at all.
 */
#ifndef LCLONE_JOURNAL_H
#define LCLONE_JOURNAL_H

#include "page.h"

struct lc_store;

/* A page and the store block that it goes to. */
struct lc_vec {
	void *page;
	u32 block;
};

/* A place in the journal: the block that comes next there. */
struct lc_journal_mark {
	u64 sequence;
	u32 block;		/* in the ring */
	u32 csum;		/* of the block before, 0 for the first of an epoch */
};

struct lc_journal {
	u64 epoch;
	struct lc_journal_mark head;	/* the next block to write */
	struct lc_journal_mark durable;	/* behind the last durable group */
	struct lc_journal_mark tail;	/* where a replay would start */
};

#define LC_GROUP_BLOCKS	16

/* A group that is being put together. */
struct lc_group {
	struct lc_vec vec[LC_GROUP_BLOCKS];
	unsigned int blocks;		/* pages with runs in them */
	unsigned int most;		/* blocks that the ring has room for */
	unsigned int runs;		/* in the last page */
};

/* Blocks of the ring that can be written before its tail moves. */
u32 lc_journal_room(const struct lc_store *store);

/*
 * Leaves that one group may touch: with all nodes above them they fit under the
 * dirty cap, so that a replay never meets a group that it cannot take in.
 */
u32 lc_group_leaves(const struct lc_store *store);

/*
 * Adds a run to @group, joined to the run before where that fits.  @page_get
 * without waiting is called for each further page.  Returns false when the
 * group is full or there is no page; the run is not in it then.
 * Under the lock.
 */
bool lc_group_add(struct lc_store *store, struct lc_group *group, u64 first,
		  u32 count, u32 value);

/* Gives the group its place: numbers, chain, seals.  Moves the head. */
void lc_group_seal(struct lc_store *store, struct lc_group *group);

/* What was found in one block of the ring. */
struct lc_journal_block {
	bool sealed;		/* the rest is what was written here */
	u64 epoch;
	u64 sequence;
	u32 csum;
	u32 previous_csum;
	u32 position;
	u32 runs;
	bool closes;
};

struct lc_run {
	u64 first;
	u32 count;
	u32 value;		/* first store block, or LC_ENTRY_ZERO, LC_ENTRY_UNMAPPED */
};

/*
 * Decodes a block that was read from @address.  Returns NULL, or what is wrong
 * with it; blocks of another life of the device are wrong by their seal.  One
 * that is @sealed and wrong was written by another version, or in bad faith.
 */
const char *lc_journal_decode(const void *page, const u8 *uuid, u32 address,
			      struct lc_journal_block *block);

/* Run @i of such a block. */
void lc_journal_run(const void *page, u32 i, struct lc_run *run);

/* Whether a run makes sense for a clone of @blocks and a store of @layout. */
bool lc_run_valid(const struct lc_run *run, u64 blocks,
		  const struct lc_layout *layout);

/*
 * Applies all whole groups from the replay point on to the map, and leaves the
 * head behind the last.  Process context.  Returns 0; -EUCLEAN when the journal
 * is damaged; another negative errno.
 */
int lc_journal_replay(struct lc_store *store);

#endif
