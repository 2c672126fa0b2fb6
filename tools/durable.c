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

int part_name(struct part_file *file)
{
	int error = 0;

	if (fsync(file->fd) ||
	    /* Not over a file that came meanwhile. */
	    renameat2(AT_FDCWD, file->part, AT_FDCWD, file->path, RENAME_NOREPLACE)) {
		error = -errno;
	} else {
		free(file->part);
		file->part = NULL;
		error = sync_parent(file->path);
	}
	if (error)
		report_errno(file->path, error, "cannot be made");
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
