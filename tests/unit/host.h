/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core runs in here: struct lc_ops over a simulated disk, in a single
 * thread.  Kicks are bits that a little scheduler serves.  Where the real
 * environment would sleep, @pause is called, so that other things happen there.
 */
#ifndef LCLONE_UNIT_HOST_H
#define LCLONE_UNIT_HOST_H

#include "core/ticket.h"
#include "disk.h"

/* The I/O of a round that is under way. */
struct host_round {
	bool active;
	enum lc_round_io kind;
	u64 flush;			/* of disk_flush_begin() */
	unsigned int writes;
	struct disk_io *write[LC_GROUP_BLOCKS];
};

struct host {
	struct kunit *test;
	struct disk *disk;
	struct lc_super super;		/* as it was opened last */
	struct lc_store store;
	bool open;			/* @store has been set up */

	unsigned int kicks;		/* LC_KICK_*, not served yet */
	unsigned int kicked;		/* all there ever were */
	u32 retries;			/* how often LC_KICK_RETRY was */
	struct host_round round;
	bool step;			/* lc_round_step() is due */
	bool reclaiming;
	bool counted;			/* somebody is in the drain counter: no drain ends */
	unsigned int reports;		/* lines for the log */
	const char *report;		/* the last of them */
	u32 memory_out;			/* pages, leaves, nodes, bitmaps given out */
	u32 scarce_percent;		/* of the page_get()s that may fail, that do */
	bool no_memory;			/* leaf_get() and so on fail */
	bool no_leaves;			/* leaf_get() and those of nodes alone do */

	/* Of the test; may be NULL. */
	void (*pause)(struct host *host);
	void (*drain)(struct host *host);
	void (*discarded)(struct host *host, u32 block, u32 count);
	void (*wrote)(struct host *host, u32 block);	/* lc_ops' write */
	int (*read)(struct host *host, u32 block, void *page);
	void (*nodes)(struct host *host, u32 count);	/* lc_ops' nodes_get */
	void (*kick)(struct host *host, enum lc_kick what);
	void *owner;			/* of the test */
};

/* The kicks that the host serves; the others are the test's. */
#define HOST_WORK \
	(LC_KICK_ROUND | LC_KICK_CHECKPOINT | LC_KICK_RECLAIM | LC_KICK_SCAN)

/* A wait that remembers its answer. */
struct host_wait {
	struct lc_wait core;
	bool answered;
	int error;
	void (*done)(struct host *host, struct host_wait *wait);	/* or NULL */
};

/* What a store is formatted with. */
struct host_format {
	u32 store_blocks;
	u64 clone_sectors;
	u64 origin_sectors;		/* 0: none */
};

/* Makes a disk with an empty store.  The disk is freed by host_delete(). */
struct host *host_new(struct kunit *test, const struct host_format *format);
void host_delete(struct host *host);

/* Brings the store up, or down without a word as a loss of power does. */
int host_open(struct host *host, bool read_only);
void host_drop(struct host *host);

/* Settles, parks and takes it down. */
void host_close(struct host *host);

/* A store that is open, over a new disk.  The case ends when that fails. */
struct host *host_new_open(struct kunit *test, u32 store_blocks, u64 clone_blocks);

/* Serves one kick of HOST_WORK in @which, whichever comes; false: there is none. */
bool host_serve(struct host *host, unsigned int which);

/* Completes what the round has under way; false when there is nothing. */
bool host_round_io(struct host *host);

/* Serves all but LC_KICK_RETRY, LC_KICK_SPACE and LC_KICK_EVENT till all is quiet. */
void host_settle(struct host *host);

/* Takes what has been kicked of @which: true when any. */
bool host_take_kick(struct host *host, unsigned int which);

/* Runs a round from begin to end; returns its answer. */
int host_flush(struct host *host);

/*
 * The whole way of a first write of @count blocks from @block on, whose sectors
 * say @tag, or of an overwrite.  Returns LC_TAKEN when it was written.
 */
enum lc_take host_write(struct host *host, u64 block, u32 count, u64 tag);

/* Takes a ticket for that, loading what is needed. */
enum lc_take host_ticket(struct host *host, u64 block, u32 count,
			 struct lc_ticket *ticket);

/* Zeroes all of it.  Returns LC_TAKEN when it is done. */
enum lc_take host_zero(struct host *host, u64 block, u64 count);

/* Looks up one block, loading what is needed. */
void host_lookup(struct host *host, u64 block, struct lc_extent *extent);

/* The leaf of @block when it is in memory, or NULL. */
struct lc_leaf *host_leaf(struct host *host, u64 block);

/* The tag of a data block, or 0 for zeros, or HOST_BELOW. */
#define HOST_BELOW (~0ull)
u64 host_read(struct host *host, u64 block);

/* A page whose sectors begin with @tag. */
void host_page(u64 tag, void *page);

#endif
