/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rounds: how mappings get durable.  A round gathers what changed in the map
 * since the last, flushes the store, so that the data named is durable, and
 * writes the closing block of a journal group with FUA.  When there is nothing
 * to gather the flush alone is the round.
 *
 * One round at a time.  A wait is answered by a round that began after it came.
 */
#ifndef LCLONE_ROUND_H
#define LCLONE_ROUND_H

#include "journal.h"

/* Somebody who waits for a round; lies in the environment's own object. */
struct lc_wait {
	struct list_head link;
};

enum lc_round_io {
	LC_ROUND_BODY,		/* write @vec, no flush, no FUA */
	LC_ROUND_FLUSH,		/* an empty flush of the store */
	LC_ROUND_CLOSE,		/* write the one block of @vec with FUA */
};

/*
 * IDLE -> GATHER -> BODY -> FLUSH -> CLOSE -> GATHER (more leaves) or IDLE
 *         GATHER ---------> FLUSH -> CLOSE	one block
 *         GATHER ---------> FLUSH ---------> IDLE	nothing to gather
 *         GATHER -> ROOM -> GATHER		the ring is full
 * Failure of any I/O leads to IDLE, in failed mode.
 */
enum lc_round_state {
	LC_ROUND_IS_IDLE,
	LC_ROUND_IS_GATHER,
	LC_ROUND_IS_ROOM,	/* waits for a checkpoint to move the tail */
	LC_ROUND_IS_BODY,
	LC_ROUND_IS_FLUSH,
	LC_ROUND_IS_CLOSE,
};

struct lc_round {
	enum lc_round_state state;
	bool wanted;			/* freed blocks wait for the next round */
	u64 started;			/* number of the last round that began */
	u64 durable;			/* number of the last that ended well */
	struct list_head arrived;	/* waits for the next round */
	struct list_head waiting;	/* waits that this round answers */
	struct list_head leaves;	/* still to be gathered by this round */
	struct lc_group group;		/* the round's own while not IDLE */
	u32 gathered;			/* leaves in @group */
	void *page;			/* kept for the first page of a group */
};

/*
 * Adds @wait, and starts a round when none is running.  Process context (it may
 * submit I/O).  The answer comes through ops->answer().
 */
void lc_round_wait(struct lc_store *store, struct lc_wait *wait);

/*
 * The same from a completion: asks by LC_KICK_ROUND for a context that may.  Once
 * @wait can be answered, it touches neither @wait nor @store any more.
 */
void lc_round_wait_later(struct lc_store *store, struct lc_wait *wait);

/*
 * Starts a round when none is running and somebody waits or, with @always, in
 * any case; goes on with one that had to wait for room in the ring.  Process
 * context.
 */
void lc_round_run(struct lc_store *store, bool always);

/*
 * Ends a round that waits for room in the ring: all who wait for it are told -ENOSPC,
 * and the next one gathers what this one has not.  For a suspend while checkpoints find
 * no space.  Any context.
 */
void lc_round_give_up(struct lc_store *store);

/*
 * The I/O that ops->round_io() was given has completed.  Any context.
 * Returns true when the round needs lc_round_step() next, from a context that
 * may submit I/O; all else has been done.
 */
bool lc_round_io_done(struct lc_store *store, int error);
void lc_round_step(struct lc_store *store);

/* Whether the map has changes that no round has gathered.  Any context. */
bool lc_round_wanted(struct lc_store *store);

int lc_round_init(struct lc_store *store);
void lc_round_destroy(struct lc_store *store);

#endif
