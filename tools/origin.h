/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Origins: finding them again, keeping writers out, and bringing them up.
 * Functions that return int return 0 or a negative errno, and have reported
 * what went wrong.
 */
#ifndef LCLONE_ORIGIN_H
#define LCLONE_ORIGIN_H

#include "catalog.h"

/*
 * A path of the block device or file @path that will still name it after the
 * next boot, as far as there is one; to be freed.
 */
char *origin_stable_path(const char *path);

/*
 * -EBUSY when something writes, or may write, to @path: it is mounted, held by
 * a device that is no clone, open for writing, or below a writable loop device.
 */
int origin_check_quiet(const char *path);

/*
 * Makes it durable, then read-only: a block device by BLKROSET, a file by its
 * mode.  @was_writable tells what origin_make_writable() has to undo.
 */
int origin_make_read_only(const char *path, bool *was_writable);
int origin_make_writable(const char *path);

/*
 * Makes the block device of a template read-only again, which it is not any
 * more after a boot; nothing to do for a file.  Only for one that was compared:
 * the path may come from a store that anybody made.
 */
int origin_guard(const char *path);

/* Detaches the loop device again when nothing stands on it.  Reports nothing. */
void origin_down(const char *path);

/* Origins that have been looked at, once for all clones of one command. */
struct origin {
	char *path;		/* a block device or a file */
	char *device;		/* NULL until origin_up() */
	u64 bytes;		/* a multiple of 512 */
	u8 quick[LC_FINGERPRINT_BYTES];
};

struct origins {
	struct origin *origin;
	size_t count;
};

/*
 * Takes the quick fingerprint of the origin at @path, or finds it in @cache.
 * @found is valid until the next call.
 */
int origins_look(struct origins *cache, const char *path,
		 struct origin **found);

/* Makes sure of its block device: @path itself, or a read-only loop device. */
int origin_up(struct origin *origin);

/* Also detaches loop devices that nothing stands on. */
void origins_done(struct origins *cache);

#endif
