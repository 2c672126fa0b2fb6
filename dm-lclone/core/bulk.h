/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations that go over a range of blocks because somebody asks for it, and not
 * the guest: hydration, which copies what lies below into the store, and rethin,
 * which lets go what is the same below.  Both are synchronous and bounded, work
 * beside the guest's I/O, and may be given up between any two steps: each step
 * leaves a map that reads the same.
 *
 * One of them at a time for each store, process context, not in the drain
 * counter.  They wait for no space: that is for the caller to decide.
 */
#ifndef LCLONE_BULK_H
#define LCLONE_BULK_H

#include "ticket.h"

/* Blocks that one call may be asked for. */
#define LC_BULK_BLOCKS	1024u
/* Blocks, and pages of memory, that are under way at once. */
#define LC_BULK_PAGES	64u

/* What they ask of the environment; @ctx is that of struct lc_ops. */
struct lc_bulk_ops {
	/* Enters the drain counter, and leaves it. */
	int (*enter)(void *ctx);
	void (*leave)(void *ctx, int phase);
	/*
	 * Synchronous I/O of data, a page for each block; what lies below has
	 * zeros behind its end.  0, -EIO or another negative errno; -ENOSPC of
	 * the device of the store.
	 */
	int (*read_below)(void *ctx, u64 block, u8 *const *page, u32 count);
	int (*read_store)(void *ctx, u32 block, u8 *const *page, u32 count);
	int (*write_store)(void *ctx, u32 block, u8 *const *page, u32 count);
	/* 0 to go on; -EBUSY when the device is being suspended; -EINTR. */
	int (*go_on)(void *ctx);
	/* The number of LC_KICK_RETRY so far; waits for another, as go_on() lets. */
	u32 (*retries)(void *ctx);
	int (*wait)(void *ctx, u32 retries);
};

/* A block whose entry is to become @value if it is still @expected. */
struct lc_swap {
	u32 expected;
	u32 value;
	bool done;		/* it was */
};

struct lc_bulk {
	const struct lc_bulk_ops *ops;
	struct lc_store *store;
	u8 *page[LC_BULK_PAGES];
	u32 pages;		/* of memory: 2 at least */
	struct lc_swap swap[LC_BULK_PAGES];
};

struct lc_hydrated {
	u32 data;		/* blocks that the store holds now */
	u32 zero;		/* blocks that are known to be zero now */
};

/*
 * Sees to it that the store maps @count blocks from @first on, by what lies below
 * where the guest has written nothing; all zeros take no space.  The blocks are
 * of the clone.  Returns 0; -ENOSPC when the store or its device is full; -EIO
 * when something cannot be read or written, or in failed mode; what go_on() or
 * wait() said.  What has been done until then is done, and counted in @result.
 */
int lc_hydrate(struct lc_bulk *bulk, u64 first, u32 count,
	       struct lc_hydrated *result);

/*
 * Lets go of the blocks of that range which the store need not hold: what equals
 * what lies below is unmapped again, other zeros become known to be zero.  @freed
 * is the number of store blocks that are on their way back.  Overwrites of the
 * range wait meanwhile, where there is anything to do.  Returns as lc_hydrate().
 */
int lc_rethin(struct lc_bulk *bulk, u64 first, u32 count, u32 *freed);

/*
 * For the two: what @take, which is not LC_TAKEN or LC_CHANGED, asks for before
 * the next try at @block; @retries from before the last.  0 or a negative errno.
 */
int lc_bulk_again(struct lc_bulk *bulk, u64 block, enum lc_take take, u32 retries);

/* What the map says of @block and of those up to @most behind it that are alike. */
void lc_bulk_look(struct lc_bulk *bulk, u64 block, u64 most,
		  struct lc_extent *extent);

bool lc_page_is_zero(const u8 *page);

#endif
