/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A store, or what may become one, as a file: a block device or a regular file,
 * read and written by 4 KiB blocks, through the page cache but with STORE_DIRECT.
 *
 * Functions that return int return 0 or a negative errno and have reported what
 * went wrong, unless it says otherwise.
 */
#ifndef LCLONE_STORE_FILE_H
#define LCLONE_STORE_FILE_H

#include <sys/types.h>
#include "core/super.h"

struct store_file {
	int fd;
	char *path;			/* as it was given */
	bool writable;
	bool direct;			/* reads have to be aligned */
	bool block_device;		/* or a regular file */
	dev_t device;			/* a block device's own number, or 0 */
	u64 bytes;
	unsigned int sector_bytes;	/* logical; 512 for a regular file */

	/* Filled in by store_load(). */
	struct lc_header header;
	struct lc_super super[2];
	const char *super_fault[2];	/* NULL, or what is wrong with the copy */
	int newest;			/* the copy that holds, or -1 */
};

enum store_open_flags {
	STORE_READ = 0,
	STORE_WRITE = 1,
	/*
	 * A block device is opened O_EXCL (refused when it is mounted or held
	 * by device-mapper), a regular file locked.
	 */
	STORE_EXCLUSIVE = 2,
	STORE_QUIET = 4,	/* a failure is not reported */
	/*
	 * Reads go past the page cache, which knows nothing of what the target
	 * writes.  A file whose filesystem has no such reads is in the cache only.
	 */
	STORE_DIRECT = 8,
};

/*
 * Opens a block device or regular file; reads nothing of it.  @flags is
 * a sum of STORE_*.
 */
int store_open(const char *path, unsigned int flags, struct store_file *store);
/* Also after a store_open() that failed; @store may be closed twice. */
void store_close(struct store_file *store);

/*
 * Until store_unshare() nobody can open the regular file @path with STORE_EXCLUSIVE;
 * -EBUSY when somebody has.  For who makes a loop device of it: the loop device of a
 * file that is locked can be opened by all.
 */
int store_share(const char *path, int *lock);
/* @lock may be -1. */
void store_unshare(int lock);

/*
 * Reads and decodes header and both superblocks.  -EMEDIUMTYPE: not a store at
 * all; -EPROTONOSUPPORT: of an unknown version or feature, or opened for writing
 * with a feature that allows reading only; -EUCLEAN: damaged.
 * A superblock copy that is damaged is no error as long as the other is whole.
 */
int store_load(struct store_file *store);

/* The hint for a store that could not be loaded because of @error. */
void store_load_hint(const struct store_file *store, int error);

/* Why a store whose header is loaded may only be read, a part of a sentence; or NULL. */
const char *store_not_to_be_written(const struct store_file *store);

/* The same as store_load(), but prints nothing: @why is set to a part of a sentence. */
int store_load_quietly(struct store_file *store, const char **why);

/*
 * The superblocks alone, for store->header.store_uuid.  Returns 0 or -EUCLEAN
 * and sets @why; store->newest is -1 when no copy is whole.
 */
int store_load_supers(struct store_file *store, const char **why);

/* Both in one: open and load. */
int store_open_load(const char *path, unsigned int flags,
		    struct store_file *store);

/* The superblock that holds, after store_load(). */
const struct lc_super *store_super(const struct store_file *store);

/*
 * Whether a store was made and no more: never brought up, and nothing in its map.
 * One that was restored from a dump was not up either, but has a map.
 */
bool store_is_unused(const struct lc_super *super);

/*
 * Reads (writes) @count blocks of 4096 bytes.  Report nothing.
 * -ENODATA when the file ends before.
 */
int store_read(const struct store_file *store, u64 block, void *data, u32 count);
int store_write(const struct store_file *store, u64 block, const void *data,
		u32 count);
/* Makes all that was written durable.  Reports nothing. */
int store_sync(const struct store_file *store);

/*
 * Writes @super as copy 0 and 1, each made durable before the next step.  For
 * verbs that change an inactive store; @super->generation has been raised.
 */
int store_write_supers(struct store_file *store, const struct lc_super *super);

/*
 * Opens a block device or regular file for reading and tells its size in
 * bytes; for origins.  Returns the descriptor or a negative errno.
 */
int origin_open(const char *path, u64 *bytes, unsigned int *sector_bytes);

#endif
