// SPDX-License-Identifier: GPL-2.0
/* Files whose names outlive a loss of power. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "durable.h"
#include "output.h"

/* A byte that QEMU, when it is given the file to write, does not lock itself. */
#define LOCK_AT	((off_t)1 << 62)

int sync_parent(const char *path)
{
	char *directory = must_strdup(path);
	char *slash = strrchr(directory, '/');
	int fd, error = 0;

	if (slash)
		slash[slash == directory] = '\0';
	fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		error = -errno;
	if (fd >= 0)
		close(fd);
	free(directory);
	return error;
}

/* Who held the lock before may have given it its name, or removed it. */
static bool is_at(int fd, const char *path)
{
	struct stat file, named;

	return !fstat(fd, &file) && !stat(path, &named) &&
	       file.st_ino == named.st_ino && file.st_dev == named.st_dev;
}

static bool lock(int fd, const char *path)
{
	struct flock range = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_AT, .l_len = 1,
	};

	return !fcntl(fd, F_OFD_SETLK, &range) && is_at(fd, path);
}

/*
 * What a run that was cut short in give_name() has left has its name as well, or had it
 * before somebody moved it: all of it is there, and it is not to be written to.
 */
static void drop_second_name(const char *part)
{
	struct stat st;

	if (!lstat(part, &st) && S_ISREG(st.st_mode) && st.st_nlink > 1)
		unlink(part);
}

int part_open(struct part_file *file, const char *path)
{
	int error = 0;

	*file = (struct part_file) { .path = path, .fd = -1 };
	/* It would be found at the end, too, when all the work is done. */
	if (!access(path, F_OK)) {
		report_errno(path, -EEXIST, "cannot be made");
		report_hint("remove it, or choose another name");
		return -EEXIST;
	}
	file->part = print_string("%s.part", path);
	drop_second_name(file->part);
	file->fd = open(file->part, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file->fd >= 0 && !lock(file->fd, file->part)) {
		error = -EBUSY;
		report_error(file->part, "another command is writing it");
		report_hint("wait for that, or choose another name");
		/* So it is not ours to remove. */
		free(file->part);
		file->part = NULL;
	} else if (file->fd < 0 || ftruncate(file->fd, 0)) {
		error = -errno;
		report_errno(file->part, error, "cannot be made");
	}
	return error;
}

/*
 * Not over a file that came meanwhile.  NFS and others have no such rename; there a
 * second name is made, which fails when there is one, and the first one is removed.
 */
static int give_name(const struct part_file *file)
{
	int error;

	if (!renameat2(AT_FDCWD, file->part, AT_FDCWD, file->path, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (link(file->part, file->path)) {
		error = -errno;
		/* A server may answer for the second time, when the first answer was lost. */
		if (error != -EEXIST || !is_at(file->fd, file->path))
			return error;
	}
	/* Its name first: a directory that has lost both has lost the file. */
	error = sync_parent(file->path);
	if (!error && unlink(file->part) && errno != ENOENT)
		report_warning(file->part, "this second name of %s cannot be removed",
			       file->path);
	return error;
}

int part_name(struct part_file *file)
{
	bool whole = !fsync(file->fd);
	int error = whole ? give_name(file) : -errno;

	if (!error)
		error = sync_parent(file->path);
	if (error)
		report_errno(file->path, error, "cannot be made");
	if (!whole)
		return error;
	/* It may have its name, though it is not known whether that is durable. */
	if (error && !is_at(file->fd, file->path))
		report_hint("%s is whole and stays: give it another name ('mv -n'), or remove it",
			    file->part);
	free(file->part);
	file->part = NULL;
	return error;
}

void part_close(struct part_file *file)
{
	if (file->part)
		unlink(file->part);
	free(file->part);
	file->part = NULL;
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}
