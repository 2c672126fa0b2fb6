// SPDX-License-Identifier: GPL-2.0
/*
 * Writing what a clone shows as a raw image.
 *
 * A file is made under the name that it is to have with ".part" behind it.  Where
 * the filesystem can, it begins as a reflink of the origin's file, and only what
 * the clone has changed is written.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include "durable.h"
#include "output.h"
#include "raw-image.h"
#include "throttle.h"

#define CHUNK_BYTES	(1u << 20)

struct writer {
	struct raw_image *image;
	struct throttle throttle;
	int fd;
	int origin;		/* descriptor, or -1 */
	bool reflinked;		/* it holds what the origin does already */
	u64 bytes;		/* of the clone */
	u8 *data;		/* CHUNK_BYTES */
};

static int report_write(const struct writer *writer, int error)
{
	report_errno(writer->image->path, error, "cannot be written");
	if (error == -ENOSPC)
		report_hint("make room, or give another place with --to");
	return error;
}

static int put_bytes(struct writer *writer, const u8 *data, u64 bytes, u64 at)
{
	while (bytes) {
		ssize_t put = pwrite(writer->fd, data, bytes, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return report_write(writer, put ? -errno : -ENOSPC);
		data += put;
		bytes -= (u64)put;
		at += (u64)put;
		writer->image->written_bytes += (u64)put;
	}
	return 0;
}

/* Nothing to do in a new file, of which nothing was written there. */
static int put_zeros(struct writer *writer, u64 at, u64 bytes)
{
	u64 range[2] = { at, bytes };

	if (!bytes)
		return 0;
	if (writer->image->is_device)
		return ioctl(writer->fd, BLKZEROOUT, range) ?
		       report_write(writer, -errno) : 0;
	if (writer->reflinked &&
	    fallocate(writer->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)at, (off_t)bytes))
		return report_write(writer, -errno);
	return 0;
}

static bool is_zero(const u8 *data, u64 bytes)
{
	return !*data && !memcmp(data, data + 1, bytes - 1);
}

/* Runs of whole blocks of zeros apart from the rest. */
static int put_data(struct writer *writer, u64 at, u64 bytes)
{
	u64 done = 0, run;
	int error = 0;
	bool zero;

	while (done < bytes && !error) {
		run = min(bytes - done, LC_BLOCK_SIZE - (at + done) % LC_BLOCK_SIZE);
		zero = is_zero(writer->data + done, run);
		while (done + run < bytes &&
		       is_zero(writer->data + done + run,
			       min(bytes - done - run, (u64)LC_BLOCK_SIZE)) == zero)
			run += min(bytes - done - run, (u64)LC_BLOCK_SIZE);
		error = zero ? put_zeros(writer, at + done, run) :
			       put_bytes(writer, writer->data + done, run, at + done);
		done += run;
	}
	return error;
}

static int read_bytes(struct writer *writer, int fd, const char *path, u64 at,
		      u64 bytes)
{
	u8 *data = writer->data;

	while (bytes) {
		ssize_t got = pread(fd, data, bytes, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			report_errno(path, got ? errno : ENODATA, "cannot be read");
			return got ? -errno : -ENODATA;
		}
		data += got;
		bytes -= (u64)got;
		at += (u64)got;
	}
	return 0;
}

/* A run that lies together in @fd from @from on. */
static int copy_run(struct writer *writer, const struct seen *seen, int fd,
		    const char *path, u64 from)
{
	u64 at = seen->sector * 512, left = seen->sectors * 512;
	int error = 0;

	while (left && !error) {
		u64 bytes = min(left, CHUNK_BYTES - at % LC_BLOCK_SIZE);

		error = read_bytes(writer, fd, path, from, bytes);
		if (!error)
			error = put_data(writer, at, bytes);
		at += bytes;
		from += bytes;
		left -= bytes;
		print_progress("writing", at, writer->bytes);
		throttle_done(&writer->throttle, bytes);
	}
	return error;
}

static int write_piece(void *ctx, const struct seen *seen)
{
	struct writer *writer = ctx;
	const struct store_file *store;

	switch (seen->type) {
	case SEEN_DATA:
		store = &writer->image->levels->level[seen->level].store;
		return copy_run(writer, seen, store->fd, store->path,
				seen->store_sector * 512);
	case SEEN_BELOW:
		if (writer->reflinked || writer->image->in_place) {
			writer->image->shared_bytes += seen->sectors * 512;
			return 0;
		}
		if (writer->origin < 0)
			break;
		return copy_run(writer, seen, writer->origin,
				writer->image->origin_path, seen->sector * 512);
	default:
		break;
	}
	return put_zeros(writer, seen->sector * 512, seen->sectors * 512);
}

static int open_origin(struct writer *writer)
{
	const char *path = writer->image->origin_path;
	unsigned int sector_bytes;
	u64 bytes;

	writer->origin = -1;
	if (!path)
		return 0;
	writer->origin = origin_open(path, &bytes, &sector_bytes);
	return min(writer->origin, 0);
}

static int open_file(struct writer *writer, struct part_file *file)
{
	int error = part_open(file, writer->image->path);

	if (error)
		return error;
	writer->fd = file->fd;
	writer->reflinked = writer->origin >= 0 &&
			    !ioctl(writer->fd, FICLONE, writer->origin);
	if (ftruncate(writer->fd, (off_t)writer->bytes))
		return report_write(writer, -errno);
	return 0;
}

int raw_image_check_size(const char *device, u64 device_bytes, u64 clone_bytes)
{
	if (device_bytes >= clone_bytes)
		return 0;
	report_error(device, "is smaller than the clone");
	report_hint("take a device of %llu bytes or more", (unsigned long long)clone_bytes);
	return -ENOSPC;
}

static int open_device(struct writer *writer)
{
	u64 bytes;
	int error;

	writer->fd = open(writer->image->path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (writer->fd < 0 || ioctl(writer->fd, BLKGETSIZE64, &bytes)) {
		report_errno(writer->image->path, errno, "cannot be opened");
		return -errno;
	}
	error = raw_image_check_size(writer->image->path, bytes, writer->bytes);
	if (error)
		return error;
	return writer->image->in_place ? 0 :
	       put_zeros(writer, writer->bytes, bytes - writer->bytes);
}

static int write_all(struct writer *writer)
{
	struct levels *levels = writer->image->levels;
	unsigned int count = writer->image->count ? writer->image->count :
						    levels->count;
	int error = levels_load(levels, count);

	writer->data = must_alloc(CHUNK_BYTES);
	throttle_begin(&writer->throttle, writer->image->rate_bytes);
	if (!error)
		error = levels_see(levels, count, write_piece, writer);
	free(writer->data);
	if (!error && fsync(writer->fd))
		error = report_write(writer, -errno);
	return error;
}

static int write_file(struct writer *writer)
{
	struct part_file file;
	int error = open_file(writer, &file);

	if (!error)
		error = write_all(writer);
	if (!error)
		error = part_name(&file);
	part_close(&file);
	return error;
}

static int write_device(struct writer *writer)
{
	int error = open_device(writer);

	if (!error)
		error = write_all(writer);
	if (writer->fd >= 0)
		close(writer->fd);
	return error;
}

int raw_image_write(struct raw_image *image)
{
	struct writer writer = {
		.image = image, .fd = -1,
		.bytes = level_super(image->levels, 0)->clone_sectors * 512,
	};
	int error = open_origin(&writer);

	image->written_bytes = 0;
	image->shared_bytes = 0;
	if (!error)
		error = image->is_device ? write_device(&writer) : write_file(&writer);
	if (writer.origin >= 0)
		close(writer.origin);
	return error;
}
