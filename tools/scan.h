/* SPDX-License-Identifier: GPL-2.0 */
/* Finding the stores of this host. */
#ifndef LCLONE_SCAN_H
#define LCLONE_SCAN_H

#include "core/super.h"

struct catalog;

struct found_store {
	char *device;		/* block device, or NULL for a file without one */
	char *file;		/* regular file that holds it, or NULL */
	u64 bytes;
	struct lc_super super;	/* the newest whole copy */
};

struct found_stores {
	struct found_store *store;
	size_t count;
};

/*
 * Looks at each of @paths: a block device, a regular file, or a directory,
 * whose files are looked at but not its directories.  With no paths: at all
 * block devices of the host, and at files below loop devices.  A store that is
 * reachable as a file and as the loop device over it is listed once, with both.
 * Returns 0, or a negative errno when one of @paths could not be looked at,
 * which has been reported; @found holds the rest.
 */
int scan_stores(char *const *paths, size_t count, struct found_stores *found);
void scan_free(struct found_stores *found);

/*
 * In catalog-rebuild.c: makes @catalog, which was open for changes before anything was
 * looked at, agree with what was found, and saves it.  With @whole all devices of the
 * host were looked at, so clones that were not found (and whose file is gone) are
 * dropped; otherwise they are left alone.  Templates stay when their origin is still
 * there; those that a store names but that are unknown are taken in from its
 * origin_name, origin_uuid and origin_path.  Returns 0 or a negative errno, which has
 * been reported.
 */
int catalog_rebuild(struct catalog *catalog, const struct found_stores *found,
		    bool whole);

#endif
