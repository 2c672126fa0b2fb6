/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The format of a delta stream, version 1, and nothing else.
 * Documentation/delta-stream.rst has the same tables in prose.  All integers are
 * little endian; a block is 4096 bytes.
 *
 *	header			1024 bytes
 *	record, data ...	in the order of the clone's blocks, apart
 *	record			the end mark
 */
#ifndef LCLONE_STREAM_FORMAT_H
#define LCLONE_STREAM_FORMAT_H

#include "format.h"

#define STREAM_VERSION		1
#define STREAM_MAGIC		"dm-lclone delta"	/* 16 with the NUL */
#define STREAM_MAGIC_BYTES	16
#define STREAM_MAGIC_RECORD	0x5244434cu		/* "LCDR" */
#define STREAM_HEADER_BYTES	1024
#define STREAM_DATA_MAX		256u			/* blocks of one record */

struct stream_disk_header {
	__u8	magic[STREAM_MAGIC_BYTES];
	__le32	csum;			/* CRC-32C of these bytes, itself taken as zero */
	__le32	version;
	__le32	csum_type;		/* LC_CSUM_* */
	__le32	block_bytes;
	__le64	features;		/* an unknown bit refuses the stream */
	__u8	clone_uuid[LC_UUID_BYTES];
	__u8	base_uuid[LC_UUID_BYTES];	/* content below; zero: the origin */
	__u8	end_uuid[LC_UUID_BYTES];	/* content that is reached */
	__u8	snapshot_set[LC_UUID_BYTES];
	__le64	head_generation;
	__le64	clone_sectors;		/* at the end */
	__le64	overlap_sectors;	/* how far it sees the base */
	__le64	base_sectors;		/* clone size of the base; 0: the origin */
	__le64	data_blocks;		/* in all records */
	__le64	zero_blocks;
	__le32	origin_kind;
	__le32	fingerprint_algorithm;
	__le64	origin_sectors;
	__u8	origin_uuid[LC_UUID_BYTES];
	__u8	fingerprint[LC_FINGERPRINT_BYTES];
	__u8	clone_name[LC_NAME_BYTES];
	__u8	snapshot_name[LC_NAME_BYTES];
	__u8	base_name[LC_NAME_BYTES];
	__u8	origin_name[LC_NAME_BYTES];
	__u8	unused[STREAM_HEADER_BYTES - 472];	/* zero */
};

struct stream_disk_record {
	__le32	magic;
	__le32	csum;			/* of these bytes, itself as zero, after the header's */
	__le32	type;			/* STREAM_* */
	__le32	data_csum;		/* CRC-32C of the data; of all data for the end */
	__le64	sequence;		/* from 0 */
	__le64	first;			/* block of the clone; for the end: data blocks */
	__le64	count;			/* blocks; for the end: zero blocks */
};

#define STREAM_DATA	1	/* @count blocks of data follow */
#define STREAM_ZERO	2	/* the blocks are zero */
#define STREAM_END	3	/* nothing follows */

static_assert(sizeof(struct stream_disk_header) == STREAM_HEADER_BYTES,
	      "stream_disk_header");
LC_AT(stream_disk_header, magic, 0);
LC_AT(stream_disk_header, csum, 16);
LC_AT(stream_disk_header, version, 20);
LC_AT(stream_disk_header, csum_type, 24);
LC_AT(stream_disk_header, block_bytes, 28);
LC_AT(stream_disk_header, features, 32);
LC_AT(stream_disk_header, clone_uuid, 40);
LC_AT(stream_disk_header, base_uuid, 56);
LC_AT(stream_disk_header, end_uuid, 72);
LC_AT(stream_disk_header, snapshot_set, 88);
LC_AT(stream_disk_header, head_generation, 104);
LC_AT(stream_disk_header, clone_sectors, 112);
LC_AT(stream_disk_header, overlap_sectors, 120);
LC_AT(stream_disk_header, base_sectors, 128);
LC_AT(stream_disk_header, data_blocks, 136);
LC_AT(stream_disk_header, zero_blocks, 144);
LC_AT(stream_disk_header, origin_kind, 152);
LC_AT(stream_disk_header, fingerprint_algorithm, 156);
LC_AT(stream_disk_header, origin_sectors, 160);
LC_AT(stream_disk_header, origin_uuid, 168);
LC_AT(stream_disk_header, fingerprint, 184);
LC_AT(stream_disk_header, clone_name, 216);
LC_AT(stream_disk_header, snapshot_name, 280);
LC_AT(stream_disk_header, base_name, 344);
LC_AT(stream_disk_header, origin_name, 408);
LC_AT(stream_disk_header, unused, 472);

static_assert(sizeof(struct stream_disk_record) == 40, "stream_disk_record");
LC_AT(stream_disk_record, magic, 0);
LC_AT(stream_disk_record, csum, 4);
LC_AT(stream_disk_record, type, 8);
LC_AT(stream_disk_record, data_csum, 12);
LC_AT(stream_disk_record, sequence, 16);
LC_AT(stream_disk_record, first, 24);
LC_AT(stream_disk_record, count, 32);

#endif
