/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Header and superblock, between disk and core form.  All functions here are
 * pure and may be called from any context.  Those that return a string return
 * NULL for success, or what is wrong, as a part of a sentence.
 */
#ifndef LCLONE_SUPER_H
#define LCLONE_SUPER_H

#include "page.h"

struct lc_header {
	u64 features_compat;
	u64 features_ro_compat;
	u64 features_incompat;
	u8 store_uuid[LC_UUID_BYTES];
};

/* struct lc_disk_super in core form; see there for the fields. */
struct lc_super {
	u64 generation;
	u8 store_uuid[LC_UUID_BYTES];
	u8 clone_uuid[LC_UUID_BYTES];
	u8 content_uuid[LC_UUID_BYTES];
	u8 parent_uuid[LC_UUID_BYTES];
	u8 snapshot_set[LC_UUID_BYTES];
	u32 state;
	u32 layers;
	u64 head_generation;
	u64 clone_sectors;
	u64 overlap_sectors;
	struct lc_layout layout;
	u32 high_water;
	u32 page_blocks;
	u32 root_level;
	struct lc_ref root;
	u64 epoch;
	u64 replay_sequence;
	u32 replay_block;
	u32 replay_csum;
	u32 origin_kind;
	u32 fingerprint_algorithm;
	u64 origin_sectors;
	u8 origin_uuid[LC_UUID_BYTES];
	u8 fingerprint[LC_FINGERPRINT_BYTES];
	u8 owner_boot[LC_UUID_BYTES];
	u64 owner_epoch;
	char owner_host[LC_NAME_BYTES];
	char clone_name[LC_NAME_BYTES];
	char origin_name[LC_NAME_BYTES];
	char origin_path[LC_PATH_BYTES];
	char snapshot_name[LC_NAME_BYTES];
	char parent_name[LC_NAME_BYTES];
	DECLARE_BITMAP(reserve_map, LC_RESERVE_MAX);
};

/* Why a header was refused; the sentence alone does not tell a program. */
enum lc_header_fault {
	LC_HEADER_OK,
	LC_HEADER_FOREIGN,	/* not a store of ours at all */
	LC_HEADER_DAMAGED,
	LC_HEADER_UNKNOWN,	/* of a version or with a feature not known here */
};

/*
 * Encodes into (decodes from) a block of 4096 bytes.  Decoding writes nothing
 * to @header unless it succeeds.
 */
void lc_header_encode(const struct lc_header *header, void *page);
const char *lc_header_decode(const void *page, struct lc_header *header,
			     enum lc_header_fault *fault);

/* Store block of superblock copy 0 or 1. */
u32 lc_super_address(unsigned int copy);

void lc_super_encode(const struct lc_super *super, unsigned int copy, void *page);

/*
 * Checks the seal for @store_uuid, and every field for sense, so that what a
 * hostile device says can do no harm later.  @super is undefined on failure.
 */
const char *lc_super_decode(const void *page, const u8 *store_uuid,
			    unsigned int copy, struct lc_super *super);

/*
 * Whether the store of @child may stand on the layer of @parent: the content
 * that it names, frozen, over the same origin.  Returns NULL, or what is wrong
 * with the parent, as a part of a sentence.  Pure.  lc_chain_fits() leaves out
 * whether it is frozen, for one that will be.
 */
const char *lc_chain_fault(const struct lc_super *child,
			   const struct lc_super *parent);
const char *lc_chain_fits(const struct lc_super *child,
			  const struct lc_super *parent);

static inline bool lc_uuid_is_null(const u8 *uuid)
{
	static const u8 null[LC_UUID_BYTES];

	return !memcmp(uuid, null, LC_UUID_BYTES);
}

/* Sectors from 0 on in which unmapped blocks read what lies below. */
static inline u64 lc_below_sectors(const struct lc_super *super)
{
	if (super->layers)
		return super->overlap_sectors;
	if (super->origin_kind == LC_ORIGIN_NONE)
		return 0;
	return min(super->overlap_sectors, super->origin_sectors);
}

#endif
