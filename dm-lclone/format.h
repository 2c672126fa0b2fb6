/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The on-disk format of a store, version 1, and nothing else.
 *
 * Documentation/on-disk-format.rst has the same tables in prose; a unit test
 * compares the two.  All integers are little endian.  A store is an array of
 * 4 KiB blocks:
 *
 *	block 0			header, written once by format
 *	block 1			superblock, copy 0
 *	block 2			kept free for a heartbeat
 *	block 128		superblock, copy 1
 *	journal_start...	journal ring (named in the superblock)
 *	reserve_start...	metadata reserve (named in the superblock)
 *	the rest		guest data and metadata pages, in any order
 *	the last MiB		never used, so that no guest can plant a
 *				signature where the host probes
 *
 * The first MiB (blocks 0 to 255) holds nothing but the header and the
 * superblocks, for the same reason.
 *
 * Every metadata block is sealed: a CRC-32C over its 4096 bytes, with the
 * checksum field taken as zero, seeded with the store's UUID and the block's
 * own address.  So a block from another store, or from another place of the
 * same store, never passes for the one that was asked for.
 */
#ifndef LCLONE_FORMAT_H
#define LCLONE_FORMAT_H

#include <env.h>
#include <linux/types.h>

#define LC_FORMAT_VERSION	1
#define LC_CSUM_CRC32C		1

#define LC_BLOCK_SHIFT		12
#define LC_BLOCK_SIZE		4096		/* bytes */
#define LC_BLOCK_SECTORS	8		/* of 512 bytes */

#define LC_HEADER_BLOCK		0
#define LC_SUPER_BLOCK_0	1
#define LC_HEARTBEAT_BLOCK	2
#define LC_SUPER_BLOCK_1	128
#define LC_HEAD_BLOCKS		256		/* the first MiB */
#define LC_TAIL_BLOCKS		256		/* the last MiB */

/* Entries of the map.  All else is a block number in the store. */
#define LC_ENTRY_UNMAPPED	0u		/* look below */
#define LC_ENTRY_ZERO		0xffffffffu	/* known to be zero */
#define LC_ENTRY_RESERVED	0xffffff00u	/* first of the reserved range */

#define LC_LEAF_ENTRIES		1008		/* blocks a leaf maps */
#define LC_NODE_CHILDREN	126
#define LC_MAX_HEIGHT		5		/* level of the highest root */
#define LC_JOURNAL_RUNS		252		/* runs in a journal block */
#define LC_LAYERS_MAX		64		/* between the origin and a store */
#define LC_RESERVE_MAX		8192		/* blocks, bits of reserve_map */

#define LC_UUID_BYTES		16
#define LC_NAME_BYTES		64		/* with the terminating NUL */
#define LC_PATH_BYTES		256		/* with the terminating NUL */
#define LC_FINGERPRINT_BYTES	32

#define LC_HEADER_MAGIC		"dm-lclone store"	/* 16 with the NUL */
#define LC_HEADER_MAGIC_BYTES	16
#define LC_MAGIC_SUPER		0x5053434cu	/* "LCSP" */
#define LC_MAGIC_LEAF		0x464c434cu	/* "LCLF" */
#define LC_MAGIC_NODE		0x444e434cu	/* "LCND" */
#define LC_MAGIC_JOURNAL	0x4c4a434cu	/* "LCJL" */

/*
 * Feature bits that this version knows: none.  An unknown compat bit is
 * ignored; an unknown ro_compat bit allows reading only; an unknown incompat
 * bit refuses the store.
 */
#define LC_FEATURES_COMPAT	0ull
#define LC_FEATURES_RO_COMPAT	0ull
#define LC_FEATURES_INCOMPAT	0ull

/* Block 0.  Written once, when the store is formatted. */
struct lc_disk_header {
	__u8	magic[LC_HEADER_MAGIC_BYTES];
	__le32	csum;			/* sealed, see above */
	__le32	version;
	__le32	csum_type;		/* LC_CSUM_* */
	__le32	block_bytes;
	__le64	features_compat;
	__le64	features_ro_compat;
	__le64	features_incompat;
	__u8	store_uuid[LC_UUID_BYTES];
	__u8	unused[LC_BLOCK_SIZE - 72];	/* zero */
};

/* What a node, or the superblock for the root, knows of a page. */
struct lc_disk_ref {
	__le64	generation;		/* of the checkpoint that wrote it */
	__le64	zero_blocks;		/* known-zero entries at and below it */
	__le32	data_blocks;		/* data entries at and below it */
	__le32	address;		/* store block; 0 unless LC_REF_PAGE */
	__le32	csum;			/* the page's own checksum */
	__u8	state;			/* LC_REF_* */
	__u8	pad[3];			/* zero */
};

#define LC_REF_NONE	0		/* all below it is unmapped */
#define LC_REF_PAGE	1		/* a page at @address */
#define LC_REF_ZERO	2		/* all below it is known to be zero */

/* The head of a leaf and of a node. */
struct lc_disk_page {
	__le32	magic;			/* LC_MAGIC_LEAF or LC_MAGIC_NODE */
	__le32	csum;			/* sealed */
	__le64	generation;
	__le64	index;			/* its place in its level, from 0 */
	__le32	address;		/* its own */
	__u8	level;			/* 0 for a leaf */
	__u8	pad[35];		/* zero */
};

struct lc_disk_leaf {
	struct lc_disk_page	head;
	__le32			entry[LC_LEAF_ENTRIES];
};

struct lc_disk_node {
	struct lc_disk_page	head;
	struct lc_disk_ref	child[LC_NODE_CHILDREN];
};

/* Blocks @first to @first + @count - 1 of the clone are now what @store says. */
struct lc_disk_run {
	__le64	first;			/* block of the clone */
	__le32	count;			/* blocks, at least 1 */
	__le32	store;			/* first store block, or LC_ENTRY_ZERO, LC_ENTRY_UNMAPPED */
};

/*
 * One block of the journal.  A group is one or more consecutive blocks of the
 * ring; only its last block has LC_JOURNAL_CLOSES.  A group counts when all of
 * its blocks are there.
 */
struct lc_disk_journal {
	__le32	magic;			/* LC_MAGIC_JOURNAL */
	__le32	csum;			/* sealed */
	__le64	epoch;			/* one for each activation */
	__le64	sequence;		/* of this block, 1 more each block */
	__le32	previous_csum;		/* of the block before; 0 for the first of an epoch */
	__le16	position;		/* in its group, from 0 */
	__le16	runs;			/* in use in @run */
	__le32	flags;			/* LC_JOURNAL_* */
	__u8	pad[28];		/* zero */
	struct lc_disk_run	run[LC_JOURNAL_RUNS];
};

#define LC_JOURNAL_CLOSES	0x1u	/* the last block of its group */
#define LC_JOURNAL_UNMAPS	0x2u	/* there may be runs of LC_ENTRY_UNMAPPED */
#define LC_JOURNAL_FLAGS	0x3u	/* all that this version knows */

/* Two copies; the valid one with the higher generation holds. */
struct lc_disk_super {
	__le32	magic;			/* LC_MAGIC_SUPER */
	__le32	csum;			/* sealed */
	__le64	generation;		/* 1 more with each checkpoint */
	__u8	store_uuid[LC_UUID_BYTES];
	__u8	clone_uuid[LC_UUID_BYTES];
	__u8	content_uuid[LC_UUID_BYTES];	/* what a child names as its parent */
	__u8	parent_uuid[LC_UUID_BYTES];	/* content below: a layer; zero: the origin */
	__u8	snapshot_set[LC_UUID_BYTES];	/* zero: none */
	__le32	state;			/* LC_STORE_* */
	__le32	layers;			/* number of layers between origin and this */
	__le64	head_generation;
	__le64	clone_sectors;		/* size of the clone */
	__le64	overlap_sectors;	/* how far it sees what is below */
	__le32	store_blocks;		/* size of the store that is in use */
	__le32	high_water;		/* from here on all blocks are free */
	__le32	journal_start;		/* first block of the ring */
	__le32	journal_blocks;
	__le32	reserve_start;		/* first block of the metadata reserve */
	__le32	reserve_blocks;
	__le32	page_blocks;		/* pages of the tree, wherever they lie */
	__le32	root_level;
	struct lc_disk_ref	root;
	/* where replay starts */
	__le64	epoch;
	__le64	replay_sequence;
	__le32	replay_block;		/* in the ring, from 0 */
	__le32	replay_csum;		/* checksum of the block before it */
	/* the origin, as it was when the store was formatted */
	__le32	origin_kind;		/* LC_ORIGIN_* */
	__le32	fingerprint_algorithm;	/* LC_FINGERPRINT_* */
	__le64	origin_sectors;
	__u8	origin_uuid[LC_UUID_BYTES];	/* the template's; zero: none */
	__u8	fingerprint[LC_FINGERPRINT_BYTES];
	/* who has it active; all zero: nobody */
	__u8	owner_boot[LC_UUID_BYTES];
	__le64	owner_epoch;
	__u8	owner_host[LC_NAME_BYTES];
	/* for people and for scan */
	__u8	clone_name[LC_NAME_BYTES];
	__u8	origin_name[LC_NAME_BYTES];	/* the template's */
	__u8	origin_path[LC_PATH_BYTES];	/* a hint, never trusted */
	__u8	reserve_map[LC_RESERVE_MAX / 8];	/* bit set: in use */
	__u8	snapshot_name[LC_NAME_BYTES];	/* what the content is called, once frozen */
	__u8	parent_name[LC_NAME_BYTES];	/* what its parent is, or will be, called */
	__u8	unused[LC_BLOCK_SIZE - 1904];	/* zero */
};

#define LC_STORE_WRITABLE	1
#define LC_STORE_FROZEN		2
#define LC_STORE_RETIRED	3

#define LC_ORIGIN_NONE		0	/* unmapped blocks read as zeros */
#define LC_ORIGIN_DEVICE	1

#define LC_FINGERPRINT_NONE	0
#define LC_FINGERPRINT_SHA256_SAMPLED	1	/* tools/fingerprint.h has the recipe */

/*
 * Every member has its place.  Since there are no holes, the place of the next
 * one, and the size of the whole, say how long each is.
 */
#define LC_AT(type, member, offset) \
	static_assert(offsetof(struct type, member) == (offset), #type)
#define LC_CHECK_BLOCK(type) \
	static_assert(sizeof(struct type) == LC_BLOCK_SIZE, #type)

LC_CHECK_BLOCK(lc_disk_header);
LC_AT(lc_disk_header, magic, 0);
LC_AT(lc_disk_header, csum, 16);
LC_AT(lc_disk_header, version, 20);
LC_AT(lc_disk_header, csum_type, 24);
LC_AT(lc_disk_header, block_bytes, 28);
LC_AT(lc_disk_header, features_compat, 32);
LC_AT(lc_disk_header, features_ro_compat, 40);
LC_AT(lc_disk_header, features_incompat, 48);
LC_AT(lc_disk_header, store_uuid, 56);
LC_AT(lc_disk_header, unused, 72);

static_assert(sizeof(struct lc_disk_ref) == 32, "lc_disk_ref");
LC_AT(lc_disk_ref, generation, 0);
LC_AT(lc_disk_ref, zero_blocks, 8);
LC_AT(lc_disk_ref, data_blocks, 16);
LC_AT(lc_disk_ref, address, 20);
LC_AT(lc_disk_ref, csum, 24);
LC_AT(lc_disk_ref, state, 28);
LC_AT(lc_disk_ref, pad, 29);

static_assert(sizeof(struct lc_disk_page) == 64, "lc_disk_page");
LC_AT(lc_disk_page, magic, 0);
LC_AT(lc_disk_page, csum, 4);
LC_AT(lc_disk_page, generation, 8);
LC_AT(lc_disk_page, index, 16);
LC_AT(lc_disk_page, address, 24);
LC_AT(lc_disk_page, level, 28);
LC_AT(lc_disk_page, pad, 29);

LC_CHECK_BLOCK(lc_disk_leaf);
LC_AT(lc_disk_leaf, entry, 64);
LC_CHECK_BLOCK(lc_disk_node);
LC_AT(lc_disk_node, child, 64);

static_assert(sizeof(struct lc_disk_run) == 16, "lc_disk_run");
LC_AT(lc_disk_run, first, 0);
LC_AT(lc_disk_run, count, 8);
LC_AT(lc_disk_run, store, 12);

LC_CHECK_BLOCK(lc_disk_journal);
LC_AT(lc_disk_journal, magic, 0);
LC_AT(lc_disk_journal, csum, 4);
LC_AT(lc_disk_journal, epoch, 8);
LC_AT(lc_disk_journal, sequence, 16);
LC_AT(lc_disk_journal, previous_csum, 24);
LC_AT(lc_disk_journal, position, 28);
LC_AT(lc_disk_journal, runs, 30);
LC_AT(lc_disk_journal, flags, 32);
LC_AT(lc_disk_journal, pad, 36);
LC_AT(lc_disk_journal, run, 64);

LC_CHECK_BLOCK(lc_disk_super);
LC_AT(lc_disk_super, magic, 0);
LC_AT(lc_disk_super, csum, 4);
LC_AT(lc_disk_super, generation, 8);
LC_AT(lc_disk_super, store_uuid, 16);
LC_AT(lc_disk_super, clone_uuid, 32);
LC_AT(lc_disk_super, content_uuid, 48);
LC_AT(lc_disk_super, parent_uuid, 64);
LC_AT(lc_disk_super, snapshot_set, 80);
LC_AT(lc_disk_super, state, 96);
LC_AT(lc_disk_super, layers, 100);
LC_AT(lc_disk_super, head_generation, 104);
LC_AT(lc_disk_super, clone_sectors, 112);
LC_AT(lc_disk_super, overlap_sectors, 120);
LC_AT(lc_disk_super, store_blocks, 128);
LC_AT(lc_disk_super, high_water, 132);
LC_AT(lc_disk_super, journal_start, 136);
LC_AT(lc_disk_super, journal_blocks, 140);
LC_AT(lc_disk_super, reserve_start, 144);
LC_AT(lc_disk_super, reserve_blocks, 148);
LC_AT(lc_disk_super, page_blocks, 152);
LC_AT(lc_disk_super, root_level, 156);
LC_AT(lc_disk_super, root, 160);
LC_AT(lc_disk_super, epoch, 192);
LC_AT(lc_disk_super, replay_sequence, 200);
LC_AT(lc_disk_super, replay_block, 208);
LC_AT(lc_disk_super, replay_csum, 212);
LC_AT(lc_disk_super, origin_kind, 216);
LC_AT(lc_disk_super, fingerprint_algorithm, 220);
LC_AT(lc_disk_super, origin_sectors, 224);
LC_AT(lc_disk_super, origin_uuid, 232);
LC_AT(lc_disk_super, fingerprint, 248);
LC_AT(lc_disk_super, owner_boot, 280);
LC_AT(lc_disk_super, owner_epoch, 296);
LC_AT(lc_disk_super, owner_host, 304);
LC_AT(lc_disk_super, clone_name, 368);
LC_AT(lc_disk_super, origin_name, 432);
LC_AT(lc_disk_super, origin_path, 496);
LC_AT(lc_disk_super, reserve_map, 752);
LC_AT(lc_disk_super, snapshot_name, 1776);
LC_AT(lc_disk_super, parent_name, 1840);
LC_AT(lc_disk_super, unused, 1904);

#endif
