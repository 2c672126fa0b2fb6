/* SPDX-License-Identifier: GPL-2.0 */
/* Pieces of a delta stream, between disk and core form.  All are pure. */
#ifndef LCLONE_STREAM_HEADER_H
#define LCLONE_STREAM_HEADER_H

#include "stream.h"
#include "stream-format.h"

/* Returns the checksum, which seeds that of each record. */
u32 stream_header_encode(const struct stream_header *header,
			 struct stream_disk_header *disk);

/*
 * Returns NULL, or what is wrong as a part of a sentence; @unknown tells whether
 * it is of a version or with a feature that is not known here.
 */
const char *stream_header_decode(const struct stream_disk_header *disk,
				 struct stream_header *header, bool *unknown);

/* The checksum of @record in a stream whose header has the checksum @seed. */
u32 stream_record_csum(const struct stream_disk_record *record, u32 seed);

#endif
