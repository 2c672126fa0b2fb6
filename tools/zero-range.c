// SPDX-License-Identifier: GPL-2.0
/* Zeroing a range of a block device. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include "output.h"
#include "zero-range.h"

#define CHUNK_BYTES	(1ull << 30)

static int zero(int fd, const char *path, uint64_t first, uint64_t bytes)
{
	uint64_t done = 0, range[2];

	while (done < bytes) {
		range[0] = first + done;
		range[1] = bytes - done < CHUNK_BYTES ? bytes - done : CHUNK_BYTES;
		if (ioctl(fd, BLKZEROOUT, range))
			return -errno;
		done += range[1];
		print_progress(path, done, bytes);
	}
	return fsync(fd) ? -errno : 0;
}

int zero_range(const char *path, uint64_t first, uint64_t bytes)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = fd < 0 ? -errno : zero(fd, path, first, bytes);

	if (error)
		report_errno(path, error, "what is behind the new end cannot be discarded");
	if (fd >= 0)
		close(fd);
	return error;
}
