// SPDX-License-Identifier: GPL-2.0
/* A store as a file: opening it, and reading and writing its blocks. */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "output.h"
#include "store-file.h"

/*
 * Size and sector size of an open block device or regular file.  @device is
 * set to the number of the device, or 0.  Returns 0 or a negative errno.
 */
static int measure(int fd, dev_t *device, u64 *bytes, unsigned int *sector_bytes)
{
	struct stat st;
	int sector;

	if (fstat(fd, &st))
		return -errno;
	*device = 0;
	*sector_bytes = 512;
	if (S_ISREG(st.st_mode)) {
		*bytes = (u64)st.st_size;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	if (ioctl(fd, BLKGETSIZE64, bytes) || ioctl(fd, BLKSSZGET, &sector))
		return -errno;
	*device = st.st_rdev;
	*sector_bytes = (unsigned int)sector;
	return 0;
}

static int report_open(const char *path, unsigned int flags, int error)
{
	if (flags & STORE_QUIET)
		return error;
	if (error == -EROFS) {
		report_error(path, "is read-only");
		report_hint("choose another device, or make it writable with 'blockdev --setrw %s'",
			    path);
		return error;
	}
	if (error == -ENOTBLK || error == -EISDIR) {
		report_error(path, "is neither a block device nor a regular file");
		report_hint("name the device or file itself; 'lsblk' shows the block devices that there are");
		return error;
	}
	if (error == -EBUSY) {
		report_error(path, "is in use (mounted, or part of an active device)");
		report_hint("unmount it or deactivate the clone first; 'lsblk %s' shows who uses it",
			    path);
		return error;
	}
	report_errno(path, error, "cannot be opened");
	report_path_hint(error);
	return error;
}

/* A device that is read-only can still be opened for writing. */
static bool writable(const struct store_file *store)
{
	int read_only = 0;

	return !store->block_device || ioctl(store->fd, BLKROGET, &read_only) ||
	       !read_only;
}

/* Nobody else may use it while we do. */
static int take(const struct store_file *store)
{
	if (store->block_device)
		return 0;	/* O_EXCL has done it */
	if (!flock(store->fd, LOCK_EX | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

int store_share(const char *path, int *lock)
{
	int error = 0;

	*lock = open(path, O_RDONLY | O_CLOEXEC);
	if (*lock < 0) {
		error = -errno;
		report_errno(path, error, "cannot be opened");
		return error;
	}
	if (!flock(*lock, LOCK_SH | LOCK_NB))
		return 0;
	error = -errno;
	if (error == -EWOULDBLOCK) {
		error = -EBUSY;
		report_error(path, "is in use: another lclone reads or changes it (such as check, commit or repair)");
		report_hint("wait for its end, or stop it; 'fuser -v %s' shows who it is", path);
	} else {
		report_errno(path, error, "cannot be locked");
	}
	store_unshare(*lock);
	*lock = -1;
	return error;
}

void store_unshare(int lock)
{
	if (lock >= 0)
		close(lock);
}

/* O_DIRECT, for a filesystem that has it. */
static bool go_direct(const struct store_file *store)
{
	int how = fcntl(store->fd, F_GETFL);

	return how >= 0 && !fcntl(store->fd, F_SETFL, how | O_DIRECT);
}

int store_open(const char *path, unsigned int flags, struct store_file *store)
{
	int how = (flags & STORE_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC;
	struct stat st;
	int error;

	memset(store, 0, sizeof(*store));
	store->fd = -1;
	store->newest = -1;
	if (stat(path, &st))
		return report_open(path, flags, -errno);
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return report_open(path, flags, -ENOTBLK);
	/* O_EXCL without O_CREAT means something for block devices only. */
	if (flags & STORE_EXCLUSIVE && S_ISBLK(st.st_mode))
		how |= O_EXCL;
	store->fd = open(path, how);
	if (store->fd < 0)
		return report_open(path, flags, -errno);
	store->path = must_strdup(path);
	store->writable = flags & STORE_WRITE;
	error = measure(store->fd, &store->device, &store->bytes,
			&store->sector_bytes);
	store->block_device = store->device != 0;
	if (!error && store->writable && !writable(store))
		error = -EROFS;
	if (!error && flags & STORE_EXCLUSIVE)
		error = take(store);
	store->direct = flags & STORE_DIRECT && go_direct(store);
	if (!error && flags & STORE_DIRECT && store->block_device && !store->direct)
		error = -EOPNOTSUPP;
	if (error) {
		store_close(store);
		return report_open(path, flags, error);
	}
	/* The target writes past this cache, so what is in it may be old. */
	posix_fadvise(store->fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

void store_close(struct store_file *store)
{
	if (store->fd >= 0)
		close(store->fd);
	store->fd = -1;
	free(store->path);
	store->path = NULL;
}

static int read_blocks(const struct store_file *store, u64 block, void *data, u32 count)
{
	size_t bytes = (size_t)count * LC_BLOCK_SIZE;
	off_t at = (off_t)(block * LC_BLOCK_SIZE);

	while (bytes) {
		ssize_t got = pread(store->fd, data, bytes, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return -ENODATA;
		data = (u8 *)data + got;
		bytes -= (size_t)got;
		at += got;
	}
	return 0;
}

int store_read(const struct store_file *store, u64 block, void *data, u32 count)
{
	static u8 aligned[LC_BLOCK_SIZE] __attribute__((aligned(LC_BLOCK_SIZE)));
	int error = 0;

	if (!store->direct)
		return read_blocks(store, block, data, count);
	for (; count && !error; count--, block++, data = (u8 *)data + LC_BLOCK_SIZE) {
		error = read_blocks(store, block, aligned, 1);
		if (!error)
			memcpy(data, aligned, LC_BLOCK_SIZE);
	}
	return error;
}

int store_write(const struct store_file *store, u64 block, const void *data,
		u32 count)
{
	size_t bytes = (size_t)count * LC_BLOCK_SIZE;
	off_t at = (off_t)(block * LC_BLOCK_SIZE);

	while (bytes) {
		ssize_t put = pwrite(store->fd, data, bytes, at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		if (!put)
			return -ENOSPC;
		data = (const u8 *)data + put;
		bytes -= (size_t)put;
		at += put;
	}
	return 0;
}

int store_sync(const struct store_file *store)
{
	return fsync(store->fd) ? -errno : 0;
}

int origin_open(const char *path, u64 *bytes, unsigned int *sector_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	dev_t device;
	int error;

	if (fd < 0)
		return report_open(path, STORE_READ, -errno);
	error = measure(fd, &device, bytes, sector_bytes);
	if (!error)
		return fd;
	close(fd);
	return report_open(path, STORE_READ, error);
}
