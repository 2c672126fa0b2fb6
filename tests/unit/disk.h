/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A store device with a volatile cache, as the worst of them behave: a write
 * that has completed is in the cache only; a flush persists the writes that had
 * completed when it was submitted; a FUA write persists itself.  A crash keeps,
 * drops or tears (at 512 bytes) each write that is not persistent, in any order,
 * and those under way as well.
 */
#ifndef LCLONE_UNIT_DISK_H
#define LCLONE_UNIT_DISK_H

#include <kunit/test.h>
#include "core/geometry.h"

enum disk_kind {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,
	DISK_KINDS,
};

/* A write on its way, or in the cache. */
struct disk_io {
	struct list_head link;
	u64 completed;		/* number of the event, 0 when under way */
	u32 block;
	u8 sectors;		/* bits: those that it writes, all at first */
	bool fua;
	bool lost;		/* by a flush that failed: it can be read until a crash */
	u8 page[LC_BLOCK_SIZE];
};

struct disk {
	struct kunit *test;
	u32 blocks;
	u8 *durable;		/* by way of disk_medium() */
	bool *begun;		/* for each block: whether @durable has its garbage */
	struct list_head under_way;	/* of struct disk_io */
	struct list_head cache;		/* the same, oldest first */
	u64 clock;			/* counts events */
	bool dead;			/* no power: everything fails */
	u64 cut_in;			/* writes and flushes until the power goes; 0: never */
	u64 fail_in[DISK_KINDS];	/* operations until one fails; 0: never */
	u32 bad_block;			/* reads of it fail; 0: none */
	u32 backed;			/* writes of blocks from here on get ENOSPC; 0: none does */
	u64 count[DISK_KINDS];		/* operations so far */
};

/* Its blocks hold garbage: nobody may read what was not written. */
struct disk *disk_new(struct kunit *test, u32 blocks);
void disk_delete(struct disk *disk);

/* A larger device, with the same content. */
void disk_grow(struct disk *disk, u32 blocks);

/*
 * All return 0 or -EIO, also beyond the end.  disk_write() submits and completes
 * in one; it may return -ENOSPC.
 */
int disk_read(struct disk *disk, u32 block, void *page);
int disk_write(struct disk *disk, u32 block, const void *page, bool fua);
int disk_flush(struct disk *disk);

/* A write that others may overtake.  disk_complete() frees @io. */
struct disk_io *disk_submit(struct disk *disk, u32 block, const void *page,
			    bool fua);
int disk_complete(struct disk *disk, struct disk_io *io);

/* A flush that takes its time: what completes in between is not part of it. */
u64 disk_flush_begin(struct disk *disk);
int disk_flush_end(struct disk *disk, u64 begun);

/* The content is anything from now on. */
void disk_discard(struct disk *disk, u32 block, u32 count);

/* Cuts the power; disk_power_on() comes back with what has survived. */
void disk_cut(struct disk *disk);
void disk_power_on(struct disk *disk);

/* walk_device() of it; the second when nothing but its checks are of interest. */
struct walk *walk_disk(struct kunit *test, struct disk *disk);
void walk_check(struct kunit *test, struct disk *disk);

/* The block as it lies on the medium, to damage it or to look at it. */
void *disk_medium(struct disk *disk, u32 block);

#endif
