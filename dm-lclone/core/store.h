/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An active store: the one big object of the core, what it asks of its
 * environment, and how it is brought up and taken down.
 *
 * Contexts.  "Any" may be an interrupt.  "Process" may sleep.  No function of
 * the core calls the environment with @lock held, except kick(), leaf_put(),
 * node_put() and page_get(wait = false).
 */
#ifndef LCLONE_STORE_H
#define LCLONE_STORE_H

#include "alloc.h"
#include "journal.h"
#include "map.h"
#include "round.h"
#include "super.h"

/* Work that the core asks for; the environment calls back, in process context. */
enum lc_kick {
	LC_KICK_ROUND = 1 << 0,		/* lc_round_run() */
	LC_KICK_CHECKPOINT = 1 << 1,	/* lc_checkpoint() */
	LC_KICK_RECLAIM = 1 << 2,	/* lc_reclaim() */
	LC_KICK_SCAN = 1 << 3,		/* lc_scan() */
	LC_KICK_RETRY = 1 << 4,		/* what got LC_BUSY may try again */
	LC_KICK_SPACE = 1 << 5,		/* what got LC_FULL may try again */
	LC_KICK_EVENT = 1 << 6,		/* low water, full or failed: tell people */
	LC_KICK_DIRTY = 1 << 7,		/* the first dirt since the last round */
};

struct lc_ops {
	/* Process context, synchronous; 0 or a negative errno. */
	int (*read)(void *ctx, u32 block, void *page);
	int (*write)(void *ctx, const struct lc_vec *vec, unsigned int count,
		     bool fua);
	int (*flush)(void *ctx);
	/* Passes a discard down; blocks until it is done; failure is harmless. */
	void (*discard)(void *ctx, u32 block, u32 count);
	/*
	 * Process context.  Returns when all I/O that looked up the map before
	 * the call has completed.
	 */
	void (*drain)(void *ctx);
	/*
	 * Any context that is not a completion; starts one step of a round.
	 * Ends with one lc_round_io_done(), from any context.
	 */
	void (*round_io)(void *ctx, enum lc_round_io io,
			 const struct lc_vec *vec, unsigned int count);
	/* 4096 bytes.  With @wait it may sleep and does not fail. */
	void *(*page_get)(void *ctx, bool wait);
	void (*page_put)(void *ctx, void *page);
	/* Zeroed memory.  Process context; may sleep; NULL when there is none. */
	struct lc_leaf *(*leaf_get)(void *ctx);
	struct lc_node *(*root_get)(void *ctx);
	/*
	 * @count nodes, or none: false.  All at once: whoever waited with a part of
	 * them would keep others from theirs.
	 */
	bool (*nodes_get)(void *ctx, struct lc_node **node, u32 count);
	/* The same for a scan: its bitmap, and what it reads of the map. */
	void *(*bitmap_get)(void *ctx, size_t bytes);
	/* Any context.  Leaves and nodes go when lock-free readers are done. */
	void (*leaf_put)(void *ctx, struct lc_leaf *leaf);
	void (*node_put)(void *ctx, struct lc_node *node);
	void (*bitmap_put)(void *ctx, void *bitmap);
	/* Any context, with or without the lock. */
	void (*kick)(void *ctx, enum lc_kick what);
	/* Any context, without the lock: @wait got its round, or @error. */
	void (*answer)(void *ctx, struct lc_wait *wait, int error);
	/* Process context: a line for the log, "WHAT at store block BLOCK". */
	void (*report)(void *ctx, const char *what, u64 block);
};

struct lc_store {
	const struct lc_ops *ops;
	void *ctx;

	/*
	 * Protects all below that names no other rule: entries and dirty marks
	 * of leaves, the allocator, the lists.  Taken with interrupts off and
	 * held for the work of one leaf at most.  Lock order: scan_mutex,
	 * checkpoint_mutex, load_mutex, lock.
	 */
	spinlock_t lock;
	struct mutex scan_mutex;	/* one scan; growth of the store */
	struct mutex checkpoint_mutex;	/* one checkpoint; changes of @super */
	struct mutex load_mutex;	/* one page is being loaded */

	struct lc_super super;		/* as last written or read */
	struct lc_chain *chain;		/* the layers below; NULL: none */
	u64 blocks;			/* of the clone */
	bool read_only;			/* nothing may be written */
	bool failed;			/* latched; read with READ_ONCE */
	bool stop_scan;			/* a scan that runs gives up; READ_ONCE */
	bool checkpoint_due;		/* one was put off; READ_ONCE */
	const char *fail_reason;

	/* Rethin's: blocks that nobody may begin to overwrite; see lc_held(). */
	bool holding;			/* there are any */
	u64 held_first;
	u64 held_end;

	struct lc_map map;
	struct lc_alloc alloc;
	struct lc_journal journal;
	struct lc_round round;
};

/*
 * Whether one of @count blocks from @block on is held: who would overwrite it in
 * place waits for LC_KICK_RETRY.  Any context, in the drain counter, before the
 * look-up: what was looked up while it was held is stale once it is not.
 */
static inline bool lc_held(const struct lc_store *store, u64 block, u64 count)
{
	/* Pairs with the release in rethin.c. */
	return smp_load_acquire(&store->holding) &&
	       READ_ONCE(store->held_end) > block &&
	       READ_ONCE(store->held_first) < block + count;
}

/*
 * Reads header and superblocks, and decodes the newest whole copy into @super.
 * Process context; needs @ops->read and a page of scratch memory.
 * Returns NULL, or what is wrong, as a part of a sentence; @fault tells a
 * foreign device from a damaged store.  @stale is the copy (0 or 1) that is
 * older or damaged, or -1 when both are alike.
 */
const char *lc_super_load(const struct lc_ops *ops, void *ctx, void *page,
			  struct lc_super *super, enum lc_header_fault *fault,
			  int *stale);

/*
 * Sets @store up over @super, as lc_super_load() gave it.  No I/O.
 * Returns 0 or -ENOMEM.
 */
int lc_store_init(struct lc_store *store, const struct lc_ops *ops, void *ctx,
		  const struct lc_super *super, bool read_only);

/*
 * Brings the store up: makes the superblock copies equal, replays the journal
 * and, unless it is read-only, checkpoints under a new epoch with @store->super's
 * owner fields as its mark.  A frozen one is read-only and has nothing to replay;
 * its device is flushed.  @stale is the copy that is to be made equal first, or
 * -1.  Process context.  Returns 0 or a negative errno; what is wrong has been
 * reported.
 */
int lc_store_open(struct lc_store *store, int stale);

/*
 * Names the owner, for the next superblock: at most 63 bytes of @host, and
 * LC_UUID_BYTES of @boot.  Before lc_store_open().
 */
void lc_store_own(struct lc_store *store, const char *host, const u8 *boot);

/*
 * Brings everything to disk and clears the owner's mark, after which the store
 * is clean.  No I/O may be under way, and a round has run since the last.
 * Process context.  Returns 0 or a negative errno; after -ENOSPC and -ENOMEM, as
 * of lc_checkpoint(), the store is as a loss of power would leave it, with the
 * mark.  lc_store_resume() sets the mark again.
 *
 * lc_store_freeze() does so for the last time: the store is frozen, its content
 * is called @name, and nothing is ever written to it again.  When it fails the
 * store is in failed mode, and frozen on the disk or not.
 */
int lc_store_park(struct lc_store *store);
int lc_store_resume(struct lc_store *store, const char *host, const u8 *boot);
int lc_store_freeze(struct lc_store *store, const char *name);

/* Frees all memory.  No I/O, no work may be under way. */
void lc_store_destroy(struct lc_store *store);

/*
 * Takes a grown device into use, durably.  Process context.
 * Returns 0, also when there is nothing to grow, or a negative errno.
 */
int lc_store_extend(struct lc_store *store, u64 store_sectors);

/* Latches failed mode; @why is a constant.  Any context, without the lock. */
void lc_fail(struct lc_store *store, const char *why);

static inline bool lc_failed(const struct lc_store *store)
{
	return READ_ONCE(store->failed);
}

/*
 * Writes the images of all that is dirty; see checkpoint.c.  Process context.
 * Returns 0, also when the store is read-only; -ENOSPC when the device below has
 * no space, or -ENOMEM, and all is as it was, with @checkpoint_due set and a kick
 * for the tick, which is to try again; or another negative errno, and then the
 * store is in failed mode.  The second takes the mutex for granted.
 */
int lc_checkpoint(struct lc_store *store);
int lc_checkpoint_locked(struct lc_store *store);

/*
 * The same for a part of what is dirty, no more than the dirty cap; the journal
 * stays as it is.  Under the mutex.
 */
int lc_checkpoint_part(struct lc_store *store);

/*
 * Before lc_checkpoint_locked(), without the mutex: sees to it that all that is
 * dirty finds places.  Returns as lc_checkpoint().
 */
int lc_checkpoint_prepare(struct lc_store *store);

/* Whether a checkpoint has anything to do. */
bool lc_checkpoint_wanted(struct lc_store *store);

/* Whether the last one found no space in the device below.  Any context. */
static inline bool lc_below_full(const struct lc_store *store)
{
	return READ_ONCE(store->alloc.below_full);
}

/*
 * Finds the free blocks below the high-water mark; see scan.c.  Process context.
 * Returns 0, -EINTR when @stop_scan was set, or another negative errno.
 */
int lc_scan(struct lc_store *store);

/*
 * The same when a checkpoint might not find places for its pages otherwise;
 * does not stop for @stop_scan.
 */
int lc_scan_for_pages(struct lc_store *store);

/*
 * Gives the memory of the bitmap back, unless a checkpoint needs it; the next
 * need brings the next scan.  lc_scan_drop() does so in any case.
 */
void lc_scan_forget(struct lc_store *store);
void lc_scan_drop(struct lc_store *store);

/*
 * Puts blocks back into use whose release is durable: drains, passes discards
 * down, frees.  Process context; one at a time.
 */
void lc_reclaim(struct lc_store *store);

#endif
