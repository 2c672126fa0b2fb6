/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A store under another table: another size of the clone, another origin or
 * layers, or none any more.  What is to come is a struct lc_change; nothing of it
 * holds before lc_store_change(), which makes all of it durable in one write of
 * the superblock.
 */
#ifndef LCLONE_REBIND_H
#define LCLONE_REBIND_H

#include "store.h"

/* What of a superblock may change; see struct lc_disk_super for the fields. */
struct lc_change {
	u64 clone_sectors;
	u64 overlap_sectors;
	u32 layers;
	u32 origin_kind;
	u32 fingerprint_algorithm;
	u64 origin_sectors;
	u8 parent_uuid[LC_UUID_BYTES];
	u8 origin_uuid[LC_UUID_BYTES];
	u8 fingerprint[LC_FINGERPRINT_BYTES];
	char parent_name[LC_NAME_BYTES];
	char origin_name[LC_NAME_BYTES];
	char origin_path[LC_PATH_BYTES];
};

/* No change of @super; and @super as it is after @change.  Pure. */
void lc_change_none(const struct lc_super *super, struct lc_change *change);
void lc_change_apply(const struct lc_change *change, struct lc_super *super);

/*
 * What is wrong with @change for a store that is @super now, as a part of a
 * sentence; or NULL.  Pure.
 */
const char *lc_change_fault(const struct lc_super *super,
			    const struct lc_change *change);

/*
 * Whether nothing that the clone shows would be lost: -EBUSY when a block would no
 * longer be seen that only lies below now, or when data lies behind the new end.
 * That is certain only while the map does not change and has no dirty pages.
 * Process context; under the chain that the store has now.  Returns 0, -EBUSY, or
 * as lc_map_load().
 */
int lc_change_ready(struct lc_store *store, const struct lc_change *change);

/*
 * In the place of lc_store_resume(), which see: the store is the one of the next
 * table from here on.  Process context, device suspended, store parked.  Returns
 * 0, and then the store is in failed mode when that could not be made durable;
 * -EBUSY as above, -ENOSPC or -ENOMEM when there is no space or memory for a
 * higher tree, or another negative errno, and then all is as it was.
 */
int lc_store_change(struct lc_store *store, const struct lc_change *change,
		    const char *host, const u8 *boot);

#endif
