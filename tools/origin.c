// SPDX-License-Identifier: GPL-2.0
/* Origins: finding them again, and bringing them up. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "fingerprint.h"
#include "loop.h"
#include "origin.h"
#include "output.h"
#include "probe.h"

#define BY_ID	"/dev/disk/by-id"

static bool is_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode);
}

/* The first name that udev gives the device by its serial number, or NULL. */
static char *path_by_id(dev_t device)
{
	DIR *dir = opendir(BY_ID);
	struct dirent *entry;
	char *best = NULL, *path;
	struct stat st;

	while (dir && (entry = readdir(dir))) {
		path = print_string("%s/%s", BY_ID, entry->d_name);
		if (!stat(path, &st) && S_ISBLK(st.st_mode) &&
		    st.st_rdev == device && (!best || strcmp(path, best) < 0)) {
			free(best);
			best = path;
		} else {
			free(path);
		}
	}
	if (dir)
		closedir(dir);
	return best;
}

char *origin_stable_path(const char *path)
{
	char *real = realpath(path, NULL);
	char *stable = NULL;
	struct stat st;

	if (!real || stat(real, &st))
		stable = must_strdup(path);
	else if (!S_ISBLK(st.st_mode))
		stable = must_strdup(real);
	else if (!strncmp(path, "/dev/", 5) && strcmp(path, real))
		stable = must_strdup(path);	/* a name that somebody chose */
	else if (!strncmp(real, "/dev/dm-", 8))
		stable = device_path(st.st_rdev);
	else
		stable = path_by_id(st.st_rdev);
	if (!stable)
		stable = must_strdup(real);
	free(real);
	return stable;
}

static int sync_and_guard_device(const char *path, bool *was_writable)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int read_only = 0, on = 1, error = 0;

	if (fd < 0 || fsync(fd) || ioctl(fd, BLKROGET, &read_only) ||
	    (!read_only && ioctl(fd, BLKROSET, &on))) {
		error = -errno;
		report_errno(path, error, "cannot be made read-only");
	}
	if (fd >= 0)
		close(fd);
	*was_writable = !read_only;
	return error;
}

static int sync_and_guard_file(const char *path, bool *was_writable)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st = { 0 };
	int error = 0;

	if (fd < 0 || fstat(fd, &st) || fsync(fd) ||
	    fchmod(fd, st.st_mode & 07555)) {
		error = -errno;
		report_errno(path, error, "cannot be made read-only");
	}
	if (fd >= 0)
		close(fd);
	*was_writable = st.st_mode & 0222;
	return error;
}

int origin_make_read_only(const char *path, bool *was_writable)
{
	if (is_file(path))
		return sync_and_guard_file(path, was_writable);
	return sync_and_guard_device(path, was_writable);
}

int origin_make_writable(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int off = 0, failed, error = 0;
	struct stat st;

	failed = fd < 0 || fstat(fd, &st);
	if (!failed && S_ISREG(st.st_mode))
		failed = fchmod(fd, st.st_mode | 0200);
	else if (!failed)
		failed = ioctl(fd, BLKROSET, &off);
	if (failed) {
		error = -errno;
		report_errno(path, error, "cannot be made writable again");
	}
	if (fd >= 0)
		close(fd);
	return error;
}

int origin_guard(const char *path)
{
	int read_only = 0, on = 1, error = 0;
	int fd;

	if (is_file(path))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BLKROGET, &read_only) ||
	    (!read_only && ioctl(fd, BLKROSET, &on))) {
		error = -errno;
		report_errno(path, error, "cannot be made read-only");
	}
	if (fd >= 0)
		close(fd);
	return error;
}

int origin_up(struct origin *origin)
{
	if (origin->device)
		return 0;
	if (is_file(origin->path))
		return loop_attach(origin->path, LOOP_ORIGIN, &origin->device,
				   NULL);
	origin->device = must_strdup(origin->path);
	return 0;
}

void origin_down(const char *path)
{
	char *device = is_file(path) ? loop_find(path, LOOP_ORIGIN) : NULL;

	if (device && loop_idle(device))
		loop_detach(device);
	free(device);
}

static int look(const char *path, struct origin *origin)
{
	unsigned int sector_bytes;
	int fd, error;

	if (access(path, F_OK)) {
		error = -errno;
		report_errno(path, error, "the origin cannot be found");
		report_path_hint(error);
		return error;
	}
	fd = origin_open(path, &origin->bytes, &sector_bytes);
	if (fd < 0)
		return fd;
	error = fingerprint_quick(fd, origin->bytes, origin->quick);
	close(fd);
	origin->bytes -= origin->bytes % 512;
	if (error)
		report_errno(path, error, "cannot be read for its fingerprint");
	return error;
}

int origins_look(struct origins *cache, const char *path, struct origin **found)
{
	struct origin origin = { 0 };
	size_t i;
	int error;

	for (i = 0; i < cache->count; i++)
		if (!strcmp(cache->origin[i].path, path)) {
			*found = &cache->origin[i];
			return 0;
		}
	error = look(path, &origin);
	if (error)
		return error;
	origin.path = must_strdup(path);
	cache->origin = must_realloc(cache->origin, (cache->count + 1) *
						    sizeof(*cache->origin));
	cache->origin[cache->count] = origin;
	*found = &cache->origin[cache->count++];
	return 0;
}

void origins_done(struct origins *cache)
{
	size_t i;

	for (i = 0; i < cache->count; i++) {
		if (cache->origin[i].device)
			origin_down(cache->origin[i].path);
		free(cache->origin[i].path);
		free(cache->origin[i].device);
	}
	free(cache->origin);
	memset(cache, 0, sizeof(*cache));
}
