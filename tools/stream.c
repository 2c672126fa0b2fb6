// SPDX-License-Identifier: GPL-2.0
/* A delta stream as a sequence of records. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "output.h"
#include "stream-header.h"

static int put_bytes(struct stream *stream, const void *data, size_t bytes)
{
	const u8 *at = data;

	while (bytes) {
		ssize_t put = write(stream->fd, at, bytes);
		int error = -errno;

		if (put < 0 && error == -EINTR)
			continue;
		if (put < 0) {
			report_errno(stream->name, error, "cannot be written");
			return error;
		}
		at += put;
		bytes -= (size_t)put;
		stream->bytes += (u64)put;
	}
	return 0;
}

int stream_begin(struct stream *stream, int fd, const char *name,
		 const struct stream_header *header)
{
	struct stream_disk_header disk;

	memset(stream, 0, sizeof(*stream));
	stream->fd = fd;
	stream->name = name;
	stream->data_csum = ~0u;
	stream->seed = stream_header_encode(header, &disk);
	return put_bytes(stream, &disk, sizeof(disk));
}

static int put_record(struct stream *stream, u32 type, u32 data_csum, u64 first,
		      u64 count)
{
	struct stream_disk_record disk = {
		.magic = cpu_to_le32(STREAM_MAGIC_RECORD),
		.type = cpu_to_le32(type),
		.data_csum = cpu_to_le32(data_csum),
		.sequence = cpu_to_le64(stream->sequence++),
		.first = cpu_to_le64(first),
		.count = cpu_to_le64(count),
	};

	disk.csum = cpu_to_le32(stream_record_csum(&disk, stream->seed));
	return put_bytes(stream, &disk, sizeof(disk));
}

int stream_put(struct stream *stream, const struct stream_record *record)
{
	size_t bytes = (size_t)record->count * LC_BLOCK_SIZE;
	int error;

	if (record->type == STREAM_ZERO) {
		stream->zero_blocks += record->count;
		return put_record(stream, STREAM_ZERO, 0, record->first,
				  record->count);
	}
	stream->data_blocks += record->count;
	stream->data_csum = crc32c(stream->data_csum, record->data, bytes);
	error = put_record(stream, STREAM_DATA, ~crc32c(~0u, record->data, bytes),
			   record->first, record->count);
	return error ? error : put_bytes(stream, record->data, bytes);
}

int stream_end(struct stream *stream)
{
	return put_record(stream, STREAM_END, ~stream->data_csum,
			  stream->data_blocks, stream->zero_blocks);
}

static int damaged(const struct stream *stream, const char *why)
{
	report_error(stream->name, "the stream %s, at byte %llu", why,
		     (unsigned long long)stream->bytes);
	report_hint("export it again, or copy it again");
	return -EUCLEAN;
}

/* Sets @got to less than @bytes only at the end of the file. */
static int get_bytes(struct stream *stream, void *data, size_t bytes, size_t *got)
{
	*got = 0;
	while (*got < bytes) {
		ssize_t part = read(stream->fd, (u8 *)data + *got, bytes - *got);
		int error = -errno;

		if (part < 0 && error == -EINTR)
			continue;
		if (part < 0) {
			report_errno(stream->name, error, "cannot be read");
			return error;
		}
		if (!part)
			break;
		*got += (size_t)part;
	}
	stream->bytes += *got;
	return 0;
}

static int get_all(struct stream *stream, void *data, size_t bytes)
{
	size_t got;
	int error = get_bytes(stream, data, bytes, &got);

	if (!error && got < bytes)
		return damaged(stream, "ends before its end mark: it was cut short");
	return error;
}

int stream_open(struct stream *stream, int fd, const char *name,
		struct stream_header *header)
{
	struct stream_disk_header disk;
	const char *why;
	bool unknown;
	int error;

	memset(stream, 0, sizeof(*stream));
	stream->fd = fd;
	stream->name = name;
	stream->data_csum = ~0u;
	error = get_all(stream, &disk, sizeof(disk));
	if (error)
		return error;
	why = stream_header_decode(&disk, header, &unknown);
	if (why && !unknown)
		return damaged(stream, why);
	if (why) {
		report_error(name, "%s", why);
		report_hint("'lclone export' makes streams; a later version of lclone may know this one");
		return -EPROTONOSUPPORT;
	}
	stream->seed = le32_to_cpu(disk.csum);
	stream->blocks = lc_blocks_of(header->clone_sectors);
	stream->data = must_alloc((size_t)STREAM_DATA_MAX * LC_BLOCK_SIZE);
	return 0;
}

/* Data and zeros. */
static int take_run(struct stream *stream, struct stream_record *record,
		    u32 data_csum)
{
	size_t bytes = (size_t)record->count * LC_BLOCK_SIZE;
	int error;

	if (!record->count || record->first < stream->next ||
	    record->first >= stream->blocks ||
	    record->count > stream->blocks - record->first)
		return damaged(stream, "has a run that is out of place");
	stream->next = record->first + record->count;
	if (record->type == STREAM_ZERO) {
		stream->zero_blocks += record->count;
		return 0;
	}
	if (record->count > STREAM_DATA_MAX)
		return damaged(stream, "has a run that is too long");
	error = get_all(stream, stream->data, bytes);
	if (error)
		return error;
	if (~crc32c(~0u, stream->data, bytes) != data_csum)
		return damaged(stream, "has damaged data (checksum does not match)");
	record->data = stream->data;
	stream->data_csum = crc32c(stream->data_csum, stream->data, bytes);
	stream->data_blocks += record->count;
	return 0;
}

static int take_end(struct stream *stream, const struct stream_header *header,
		    const struct stream_record *record, u32 data_csum)
{
	size_t got;
	u8 more;
	int error;

	if (record->first != stream->data_blocks ||
	    record->count != stream->zero_blocks ||
	    header->data_blocks != stream->data_blocks ||
	    header->zero_blocks != stream->zero_blocks ||
	    data_csum != ~stream->data_csum)
		return damaged(stream, "does not hold what its end mark says");
	error = get_bytes(stream, &more, 1, &got);
	if (!error && got)
		return damaged(stream, "goes on behind its end mark");
	return error;
}

int stream_next(struct stream *stream, const struct stream_header *header,
		struct stream_record *record)
{
	struct stream_disk_record disk;
	int error = get_all(stream, &disk, sizeof(disk));

	if (error)
		return error;
	if (le32_to_cpu(disk.magic) != STREAM_MAGIC_RECORD ||
	    le32_to_cpu(disk.csum) != stream_record_csum(&disk, stream->seed))
		return damaged(stream, "has a damaged record (checksum does not match)");
	if (le64_to_cpu(disk.sequence) != stream->sequence++)
		return damaged(stream, "lacks a record, or has one twice");
	memset(record, 0, sizeof(*record));
	record->type = le32_to_cpu(disk.type);
	record->first = le64_to_cpu(disk.first);
	record->count = le64_to_cpu(disk.count);
	switch (record->type) {
	case STREAM_DATA:
	case STREAM_ZERO:
		return take_run(stream, record, le32_to_cpu(disk.data_csum));
	case STREAM_END:
		return take_end(stream, header, record, le32_to_cpu(disk.data_csum));
	default:
		return damaged(stream, "has a record of an unknown type");
	}
}

void stream_close(struct stream *stream)
{
	free(stream->data);
	stream->data = NULL;
}
