/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Seals of metadata blocks, and the pages of the tree between disk and core
 * form.  All functions here are pure and may be called from any context.
 */
#ifndef LCLONE_PAGE_H
#define LCLONE_PAGE_H

#include "geometry.h"

/* What a parent knows of a page; struct lc_disk_ref in core form. */
struct lc_ref {
	u64 generation;
	u64 zero_blocks;
	u32 data_blocks;
	u32 address;
	u32 csum;
	u8 state;		/* LC_REF_* */
};

/* Identity of a page, sealed into it. */
struct lc_page_id {
	u64 index;
	u8 level;
};

/*
 * Seals the 4096 bytes at @page, whose __le32 checksum lies at @csum, for
 * @address of the store @uuid.  Returns the checksum.
 */
u32 lc_seal(const u8 *uuid, u32 address, void *page, __le32 *csum);

/* Whether that seal is whole. */
bool lc_sealed(const u8 *uuid, u32 address, const void *page, const __le32 *csum);

void lc_ref_encode(const struct lc_ref *ref, struct lc_disk_ref *disk);
void lc_ref_decode(const struct lc_disk_ref *disk, struct lc_ref *ref);

/* Whether both refs say the same. */
bool lc_ref_equal(const struct lc_ref *a, const struct lc_ref *b);

/*
 * Whether a ref read from a device makes sense within @layout: a known state,
 * an address only where there is a page, and that in a place for pages.
 */
bool lc_ref_valid(const struct lc_ref *ref, const struct lc_layout *layout);

/* Where a data block, or a page, may lie. */
bool lc_data_address_valid(u32 address, const struct lc_layout *layout);
bool lc_page_address_valid(u32 address, const struct lc_layout *layout);

/*
 * Encodes and seals a leaf of LC_LEAF_ENTRIES entries, or a node of
 * LC_NODE_CHILDREN refs, into @page.  @ref gives address and generation; its
 * checksum is filled in.
 */
void lc_leaf_encode(const u32 *entry, struct lc_page_id id, const u8 *uuid,
		    struct lc_ref *ref, void *page);
void lc_node_encode(const struct lc_ref *child, struct lc_page_id id,
		    const u8 *uuid, struct lc_ref *ref, void *page);

/*
 * Checks a page that was read from @ref->address against its seal, against
 * what its parent says (@ref) and against @layout, and decodes it.
 * Returns NULL, or what is wrong.
 */
const char *lc_leaf_decode(const void *page, struct lc_page_id id,
			   const u8 *uuid, const struct lc_ref *ref,
			   const struct lc_layout *layout, u32 *entry);
const char *lc_node_decode(const void *page, struct lc_page_id id,
			   const u8 *uuid, const struct lc_ref *ref,
			   const struct lc_layout *layout, struct lc_ref *child);

/* Counts the data and the known-zero entries of a leaf. */
void lc_leaf_count(const u32 *entry, u32 *data_blocks, u32 *zero_blocks);

/* Sums the counts of the children of a node. */
void lc_node_count(const struct lc_ref *child, u64 *data_blocks,
		   u64 *zero_blocks);

#endif
