// SPDX-License-Identifier: GPL-2.0
/* Overwriting what a store holds, so that nobody finds it in the free space. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "clone-store.h"
#include "output.h"

#define CHUNK_BYTES	(16u << 20)

/* Returns 0 or a negative errno; reports nothing. */
static int zero_device(int fd, u64 bytes, const char *what)
{
	u64 range[2] = { 0, 0 };

	while (range[0] < bytes) {
		range[1] = min_t(u64, bytes - range[0], CHUNK_BYTES);
		if (ioctl(fd, BLKZEROOUT, range))
			return -errno;
		range[0] += range[1];
		print_progress(what, range[0], bytes);
	}
	return 0;
}

static int zero_range(int fd, u64 from, u64 to, const u8 *zeros)
{
	ssize_t wrote;

	while (from < to) {
		wrote = pwrite(fd, zeros, min_t(u64, to - from, CHUNK_BYTES),
			       (off_t)from);
		if (wrote > 0)
			from += (u64)wrote;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* Only what the file has on the disk; its holes need no zeros. */
static int zero_file(int fd, u64 bytes, const char *what)
{
	u8 *zeros = must_alloc(CHUNK_BYTES);
	off_t from = 0, to;
	int error = 0;

	while (!error && (from = lseek(fd, from, SEEK_DATA)) >= 0) {
		to = lseek(fd, from, SEEK_HOLE);
		if (to < 0)
			break;
		error = zero_range(fd, (u64)from, (u64)to, zeros);
		print_progress(what, (u64)to, bytes);
		from = to;
	}
	/* ENXIO: there is no data behind here. */
	if (!error && from < 0 && errno != ENXIO)
		error = -errno;
	free(zeros);
	return error;
}

int clone_store_wipe(const struct clone *clone)
{
	char *what = print_string("wiping %s", clone->name);
	struct store_file store;
	int error = store_open(clone->store_path, STORE_WRITE | STORE_EXCLUSIVE,
			       &store);

	if (!error) {
		error = store.block_device ?
			zero_device(store.fd, store.bytes, what) :
			zero_file(store.fd, store.bytes, what);
		if (!error)
			error = store_sync(&store);
		if (error)
			report_errno(clone->store_path, error, "cannot be wiped");
	}
	store_close(&store);
	free(what);
	return error;
}
