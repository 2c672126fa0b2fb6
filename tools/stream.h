/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A delta stream as a sequence of records, to or from a descriptor.  Functions
 * that return int return 0 or a negative errno, and have reported what went
 * wrong; -EUCLEAN: the stream is damaged or ends too early.
 */
#ifndef LCLONE_STREAM_H
#define LCLONE_STREAM_H

#include "core/super.h"

/* struct stream_disk_header in core form; see there for the fields. */
struct stream_header {
	u8 clone_uuid[LC_UUID_BYTES];
	u8 base_uuid[LC_UUID_BYTES];
	u8 end_uuid[LC_UUID_BYTES];
	u8 snapshot_set[LC_UUID_BYTES];
	u64 head_generation;
	u64 clone_sectors;
	u64 overlap_sectors;
	u64 base_sectors;
	u64 data_blocks;
	u64 zero_blocks;
	u32 origin_kind;
	u32 fingerprint_algorithm;
	u64 origin_sectors;
	u8 origin_uuid[LC_UUID_BYTES];
	u8 fingerprint[LC_FINGERPRINT_BYTES];
	char clone_name[LC_NAME_BYTES];
	char snapshot_name[LC_NAME_BYTES];
	char base_name[LC_NAME_BYTES];
	char origin_name[LC_NAME_BYTES];
};

struct stream_record {
	u32 type;
	u64 first;
	u64 count;
	const void *data;	/* of STREAM_DATA; valid until the next record */
};

struct stream {
	int fd;
	const char *name;	/* for reports */
	u32 seed;		/* the header's checksum */
	u32 data_csum;		/* of all data so far */
	u64 sequence;
	u64 next;		/* first block that a record may name */
	u64 blocks;		/* of the clone */
	u64 data_blocks;	/* in the records so far */
	u64 zero_blocks;
	u64 bytes;		/* that went through */
	u8 *data;		/* STREAM_DATA_MAX blocks, when reading */
};

/* Each writes at once.  Runs of data have at most STREAM_DATA_MAX blocks. */
int stream_begin(struct stream *stream, int fd, const char *name,
		 const struct stream_header *header);
int stream_put(struct stream *stream, const struct stream_record *record);
int stream_end(struct stream *stream);

/* Reads the header, and checks that its fields make sense. */
int stream_open(struct stream *stream, int fd, const char *name,
		struct stream_header *header);

/*
 * Reads the next record, which lies behind those before it and within the
 * clone.  Type STREAM_END: the totals are right, and nothing follows.
 */
int stream_next(struct stream *stream, const struct stream_header *header,
		struct stream_record *record);

/* Frees what stream_open() has taken; leaves the descriptor open. */
void stream_close(struct stream *stream);

#endif
