// SPDX-License-Identifier: GPL-2.0
/* Loop devices over the whole of a file, and those that write to one. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "loop.h"
#include "output.h"

#define SECTOR_BYTES	512
/* The name that the devices we made carry; others we never detach. */
#define MARK		"lclone"
/* Others may take the free device that we were told of. */
#define ATTACH_TRIES	64
/* How long a detached device may be held by somebody who just looks. */
#define GONE_TRIES	40
#define GONE_WAIT_NS	25000000l

/* What the kernel says of loop device @name ("loop3"); false when nothing is attached. */
static bool read_info(const char *name, struct loop_info64 *info)
{
	char path[NAME_MAX + 32];
	int fd, failed;

	snprintf(path, sizeof(path), "/sys/block/%s/loop", name);
	if (access(path, F_OK))
		return false;
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	failed = ioctl(fd, LOOP_GET_STATUS64, info);
	close(fd);
	return !failed;
}

/* What a loop device is looked for over. */
struct wanted {
	struct stat st;
	enum loop_kind kind;
};

static bool is_over(const struct loop_info64 *info, const struct wanted *wanted)
{
	return info->lo_inode == wanted->st.st_ino &&
	       info->lo_device == wanted->st.st_dev;
}

static bool is_of_kind(const struct loop_info64 *info, const struct wanted *wanted)
{
	bool read_only = info->lo_flags & LO_FLAGS_READ_ONLY;

	return is_over(info, wanted) && !info->lo_offset && !info->lo_sizelimit &&
	       read_only == (wanted->kind == LOOP_ORIGIN);
}

/* Be it to a part of it only, as to a partition that is mounted. */
static bool may_write(const struct loop_info64 *info, const struct wanted *wanted)
{
	return is_over(info, wanted) && !(info->lo_flags & LO_FLAGS_READ_ONLY);
}

/* The first loop device that @fits, or NULL; to be freed. */
static char *find(const struct wanted *wanted,
		  bool (*fits)(const struct loop_info64 *info, const struct wanted *wanted))
{
	DIR *dir = opendir("/sys/block");
	struct loop_info64 info;
	struct dirent *entry;
	char *found = NULL;

	while (dir && !found && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "loop", 4) &&
		    read_info(entry->d_name, &info) && fits(&info, wanted))
			found = print_string("/dev/%s", entry->d_name);
	if (dir)
		closedir(dir);
	return found;
}

char *loop_find(const char *file, enum loop_kind kind)
{
	struct wanted wanted = { .kind = kind };

	return stat(file, &wanted.st) ? NULL : find(&wanted, is_of_kind);
}

char *loop_find_writable(const char *file)
{
	struct wanted wanted = { .kind = LOOP_STORE };

	return stat(file, &wanted.st) ? NULL : find(&wanted, may_write);
}

static int open_control(void)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0) {
		control = -errno;
		report_errno("/dev/loop-control", control, "cannot be opened");
		report_hint("load the driver ('modprobe loop') and run this as root");
	}
	return control;
}

/*
 * Binds @backing to the free device @number.  Returns 0, -EBUSY when somebody
 * else was faster, or another errno; reports nothing.
 */
static int configure(int number, int backing, enum loop_kind kind,
		     char **device)
{
	struct loop_config config = {
		.fd = (__u32)backing,
		.block_size = SECTOR_BYTES,
		.info.lo_file_name = MARK,
		.info.lo_flags = kind == LOOP_ORIGIN ? LO_FLAGS_READ_ONLY :
						       LO_FLAGS_DIRECT_IO,
	};
	int fd, error = 0;

	*device = print_string("/dev/loop%d", number);
	fd = open(*device, (kind == LOOP_ORIGIN ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0)
		error = -errno;
	else if (ioctl(fd, LOOP_CONFIGURE, &config))
		error = -errno;
	/* The kernel may refuse direct I/O or silently go without it. */
	if (error == -EINVAL && kind == LOOP_STORE) {
		config.info.lo_flags = 0;
		error = ioctl(fd, LOOP_CONFIGURE, &config) ? -errno : 0;
	}
	if (fd >= 0)
		close(fd);
	if (error) {
		free(*device);
		*device = NULL;
	}
	return error;
}

/* Once is enough: all stores of a directory share its filesystem. */
static void note_buffered(const char *file, const char *device)
{
	static bool noted;
	char *path = print_string("/sys/block/%s/loop/dio", device + 5);
	FILE *dio = fopen(path, "re");

	if (dio && fgetc(dio) == '0' && !noted) {
		report_warning(file, "its filesystem knows no direct I/O with sectors of %d bytes, so data will be cached twice",
			       SECTOR_BYTES);
		noted = true;
	}
	if (dio)
		fclose(dio);
	free(path);
}

/* Returns 0 or a negative errno; reports nothing but a missing driver. */
static int attach_free(int backing, enum loop_kind kind, char **device)
{
	int tries = ATTACH_TRIES;
	int control = open_control();
	int number, error;

	if (control < 0)
		return control;
	do {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		error = number < 0 ? -errno :
			configure(number, backing, kind, device);
	} while (error == -EBUSY && --tries);
	close(control);
	return error;
}

int loop_attach(const char *file, enum loop_kind kind, char **device, bool *made)
{
	int backing, error;

	*device = loop_find(file, kind);
	if (made)
		*made = !*device;
	if (*device)
		return 0;
	backing = open(file, (kind == LOOP_ORIGIN ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (backing < 0) {
		error = -errno;
		report_errno(file, error, "cannot be opened");
		return error;
	}
	error = attach_free(backing, kind, device);
	close(backing);
	if (error)
		report_errno(file, error, "cannot be made a loop device");
	else if (kind == LOOP_STORE)
		note_buffered(file, *device);
	return error;
}

/* Waits until nothing is attached to it any more, or somebody holds it for long. */
static void await_gone(const char *device)
{
	const struct timespec pause = { 0, GONE_WAIT_NS };
	char *path = print_string("/sys/block/%s/loop", device + 5);
	int tries = GONE_TRIES;

	while (!access(path, F_OK) && --tries)
		nanosleep(&pause, NULL);
	free(path);
}

static bool is_ours(int fd)
{
	struct loop_info64 info;

	return !ioctl(fd, LOOP_GET_STATUS64, &info) &&
	       !strcmp((const char *)info.lo_file_name, MARK);
}

bool loop_is_ours(const char *device)
{
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	bool ours = fd >= 0 && is_ours(fd);

	if (fd >= 0)
		close(fd);
	return ours;
}

int loop_detach(const char *device)
{
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	bool ours = fd >= 0 && is_ours(fd);
	int error = 0;

	if (fd < 0 || (ours && ioctl(fd, LOOP_CLR_FD) && errno != ENXIO)) {
		error = -errno;
		report_errno(device, error, "cannot be detached");
	}
	if (fd >= 0)
		close(fd);
	if (ours && !error)
		await_gone(device);
	return error;
}

int loop_set_capacity(const char *device)
{
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	int error = fd < 0 || ioctl(fd, LOOP_SET_CAPACITY, 0) ? -errno : 0;

	if (error)
		report_errno(device, error, "cannot be given the size of its file");
	if (fd >= 0)
		close(fd);
	return error;
}

bool loop_idle(const char *device)
{
	char *path = print_string("/sys/block/%s/holders", device + 5);
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool idle = true;

	free(path);
	while (dir && idle && (entry = readdir(dir)))
		idle = *entry->d_name == '.';
	if (dir)
		closedir(dir);
	return idle;
}
