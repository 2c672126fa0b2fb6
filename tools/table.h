/* SPDX-License-Identifier: GPL-2.0 */
/* The device-mapper table of a store, from what the store records. */
#ifndef LCLONE_TABLE_H
#define LCLONE_TABLE_H

#include "output.h"
#include "core/super.h"

struct table_request {
	const char *store_path;		/* a block device */
	const char *origin_path;	/* NULL: by the path that the store records */
	const char *const *layers;	/* oldest first, to a NULL; NULL: found by a scan */
	const char *const *features;	/* NULL, or names that end in a NULL */
};

struct table_line {
	u64 sectors;			/* length of the clone */
	char *params;			/* "ORIGIN|- STORE N LAYER... [...]", paths */
	char *line;			/* "0 SECTORS lclone " and params */
	char *origin_path;		/* found and compared; NULL: none */
	char name[LC_NAME_BYTES];	/* of the clone, or "" */
	char dm_uuid[sizeof("LCLONE-") + UUID_TEXT_BYTES];
	u8 clone_uuid[LC_UUID_BYTES];
	u8 store_uuid[LC_UUID_BYTES];
};

/*
 * Loads the store, finds its origin and compares size and quick fingerprint
 * with what the store records.  Returns 0 or a negative errno, -ESTALE for an
 * origin that is not the one recorded; what is wrong has been reported.
 */
int table_for_store(const struct table_request *request,
		    struct table_line *table);
void table_free(struct table_line *table);

/*
 * Compares the origin at @path with what @super records.  Returns 0 or a
 * negative errno as above, reported with @store_path as the thing that failed.
 */
int origin_matches(const char *store_path, const struct lc_super *super,
		   const char *path);

/*
 * The block device at @path, or the loop device over the file there, by a name
 * that a table can hold; to be freed.  @what it is to be is for the report.
 * NULL: reported.
 */
char *table_device(const char *path, const char *what);

#endif
