/* SPDX-License-Identifier: GPL-2.0 */
/* Writing an empty store. */
#ifndef LCLONE_FORMAT_STORE_H
#define LCLONE_FORMAT_STORE_H

#include "core/super.h"
#include "store-file.h"

struct format_request {
	const char *store_path;		/* a block device, or a file of its full size */
	const char *origin_path;	/* NULL: none */
	u64 clone_bytes;		/* 0: as large as the origin */
	const char *clone_name;		/* or NULL */
	const char *template_name;	/* or NULL */
	const u8 *template_uuid;	/* or NULL */
	const u8 *fingerprint;		/* quick; NULL: read from the origin */
	const struct lc_super *parent;	/* the layer that it stands on, or NULL */
	unsigned int layers;		/* with @parent: how many it stands on */
	const u8 *clone_uuid;		/* whose store it is; NULL: of a new clone */
	u64 head_generation;		/* 0: the first of its clone */
	const char *parent_name;	/* what the parent is, or will be, called; or NULL */
	const u8 *snapshot_set;		/* or NULL */
	bool force;			/* over what the device holds */
};

struct format_result {
	u8 store_uuid[LC_UUID_BYTES];
	u8 clone_uuid[LC_UUID_BYTES];
	u8 content_uuid[LC_UUID_BYTES];
	u64 store_bytes;
	u64 clone_bytes;
	u64 origin_bytes;		/* 0: none */
	u64 written_bytes;
};

/* Whether a store of that size could be what is requested.  Returns as format_store(). */
int format_check(const struct format_request *request, u64 store_bytes);

/*
 * Checks all that can be checked (content, use, stacking, sector sizes, sizes)
 * and writes the store durably.  Returns 0 or a negative errno; what is wrong
 * has been reported, and nothing was written unless it was the writing that
 * failed.  @result may be NULL.
 */
int format_store(const struct format_request *request,
		 struct format_result *result);

/*
 * The last step of it: writes the superblocks, and the header only when they are
 * durable.  The same returns.
 */
int format_write(struct store_file *store, const struct lc_super *super);

/* Notes where the origin was found: a path that stays, as far as there is one. */
void format_note_path(struct lc_super *super, const char *path);

#endif
