/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The store's device, as the block layer promises it and no better.
 *
 * A write that has completed is in a volatile cache.  A flush that succeeds has
 * made durable what had completed when it was submitted; a FUA write that
 * succeeds has made itself durable.  A loss of power keeps, drops or tears (at
 * 512 bytes) every other write, and those under way, in any order that the cache
 * allows.  Requests complete in any order.  A discard makes its blocks anything,
 * at any time until it completes.
 *
 * A flush that fails may have lost what it should have made durable.  From there
 * until the host has taken notice every flush fails: the block layer promises
 * that one which succeeds has done its work, whatever came before.
 */
#ifndef LCLONE_SIM_MEDIUM_H
#define LCLONE_SIM_MEDIUM_H

#include "image.h"

#define ALL_SECTORS 0xff

/* Requests that somebody waits for together. */
struct batch {
	u32 pending;
	int error;
	void (*done)(struct batch *batch);	/* or NULL: batch_wait() */
};

struct medium {
	u32 blocks;		/* size of the device */
	u32 fail;		/* of 65536 requests, those that fail */
	u32 fail_super;		/* percent of the writes of a superblock that fail */
	bool fail_all;		/* for now */
	u64 failures;		/* that there were since it was set to 0 */
	bool lost;		/* a flush that failed has lost something */
	const bool *noticed;	/* whether the host knows */
	bool thin;		/* blocks take their space when they are first written */
	u32 room;		/* blocks of space that are left then */
	u64 no_spaces;		/* writes that found none */
	u32 under_way;		/* requests */
	u32 writes_cached;
};

extern struct medium medium;

/* An empty device of @blocks that may grow up to IMAGE_BLOCKS; content by chance. */
void medium_new(u32 blocks);

/*
 * The same in the place of the one that there was, on which nothing is under way.
 * What was not flushed is lost at once; the rest is returned, for image_put().
 */
struct image *medium_replace(u32 blocks);

/* Makes it thin, with @room; @count blocks from @block on have their space. */
void medium_thin(u32 room, u32 block, u32 count);

/* From now on @fail of 65536 requests fail, and @super percent of the writes of a superblock. */
void medium_fail(u32 fail, u32 super);

/* Requests; @batch gets one more that is pending. */
void medium_write_tags(u32 block, const u64 *tags, u8 sectors, bool fua,
		       struct batch *batch);
void medium_write_page(u32 block, const void *page, bool fua, struct batch *batch);
void medium_read_tags(u32 block, u64 *tags, struct batch *batch);
void medium_read_page(u32 block, void *page, struct batch *batch);
void medium_flush(struct batch *batch);
void medium_discard(u32 block, u32 count, struct batch *batch);
/* Of another device, which never changes. */
void medium_read_other_tags(const struct image *image, u32 block, u64 *tags,
			    struct batch *batch);
void medium_read_other_page(const struct image *image, u32 block, void *page,
			    struct batch *batch);
/* Some other device answers. */
void medium_other(struct batch *batch);

/* The running thread waits for all of @batch; returns its error. */
int batch_wait(struct batch *batch);

/* A flush that does its work at once. */
void medium_sync(void);

/* Completes one of the requests that are under way. */
void medium_step(void);

/* The power goes and comes back. */
void medium_cut(void);

/* What a read would see, at once. */
const struct image *medium_seen(void);
const void *medium_now(u32 block);
void medium_tags_now(u32 block, u64 *tags);

/* Puts @page on the medium behind everybody's back: formats, damages. */
void medium_put(u32 block, const void *page);

#endif
