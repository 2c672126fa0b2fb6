// SPDX-License-Identifier: GPL-2.0
/* How devices and files lie upon each other. */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "dm.h"
#include "output.h"
#include "probe.h"
#include "sectors.h"

/* No stack of devices is deeper. */
#define DEPTH_MAX	32

/* A block device (@inode 0), or a regular file of the filesystem @device. */
struct place {
	dev_t device;
	ino_t inode;
};

static bool same_place(struct place a, struct place b)
{
	return a.device == b.device && a.inode == b.inode;
}

static char *sysfs_path(dev_t device, const char *name)
{
	return print_string("/sys/dev/block/%u:%u/%s", major(device),
			    minor(device), name);
}

/* The first line of a file of sysfs without its newline, or NULL; to be freed. */
static char *sysfs_line(dev_t device, const char *name)
{
	char *path = sysfs_path(device, name);
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	free(path);
	if (!file)
		return NULL;
	if (getline(&line, &room, file) < 0) {
		free(line);
		line = NULL;
	} else {
		line[strcspn(line, "\n")] = '\0';
	}
	fclose(file);
	return line;
}

static dev_t device_of_line(char *line)
{
	unsigned int maj, min_;
	dev_t device = 0;

	if (line && sscanf(line, "%u:%u", &maj, &min_) == 2)
		device = makedev(maj, min_);
	free(line);
	return device;
}

/* "/dev/NAME" as the kernel calls it, or NULL. */
static char *kernel_path(dev_t device)
{
	char *path = sysfs_path(device, "uevent");
	FILE *file = fopen(path, "re");
	char *line = NULL, *found = NULL;
	size_t room = 0;

	free(path);
	while (file && !found && getline(&line, &room, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "DEVNAME=", 8))
			found = print_string("/dev/%s", line + 8);
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

char *device_path(dev_t device)
{
	char *name = sysfs_line(device, "dm/name");
	char *path = name ? print_string("/dev/mapper/%s", name) : NULL;
	struct stat st;

	free(name);
	if (path && !stat(path, &st) && S_ISBLK(st.st_mode) &&
	    st.st_rdev == device)
		return path;
	free(path);
	path = kernel_path(device);
	return path ? path : print_string("%u:%u", major(device), minor(device));
}

/* What loop device @loop stands on.  Returns false when it is no loop device. */
static bool loop_status(dev_t loop, struct loop_info64 *info)
{
	char *path = sysfs_line(loop, "loop/backing_file");
	bool done;
	int fd;

	if (!path)
		return false;
	free(path);
	path = kernel_path(loop);
	fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	free(path);
	if (fd < 0)
		return false;
	done = !ioctl(fd, LOOP_GET_STATUS64, info);
	close(fd);
	return done;
}

static struct place below_loop(const struct loop_info64 *info)
{
	if (info->lo_rdevice)
		return (struct place){ .device = (dev_t)info->lo_rdevice };
	return (struct place){ (dev_t)info->lo_device, (ino_t)info->lo_inode };
}

char *loop_backing_file(dev_t loop)
{
	char *path = sysfs_line(loop, "loop/backing_file");
	struct loop_info64 info;
	struct stat st;

	/* The path is that of the day it was attached: trust only the inode. */
	if (path && loop_status(loop, &info) && !stat(path, &st) &&
	    S_ISREG(st.st_mode) && st.st_ino == (ino_t)info.lo_inode &&
	    st.st_dev == (dev_t)info.lo_device)
		return path;
	free(path);
	return NULL;
}

static int place_of(const char *path, struct place *place)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (S_ISBLK(st.st_mode))
		*place = (struct place){ .device = st.st_rdev };
	else
		*place = (struct place){ st.st_dev, st.st_ino };
	return 0;
}

dev_t loop_over_file(const char *path)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	struct place place = { 0, 0 };
	dev_t found = 0;

	if (place_of(path, &place)) {
		if (dir)
			closedir(dir);
		return 0;
	}
	while (dir && !found && (entry = readdir(dir))) {
		struct loop_info64 info;
		struct stat st;
		char name[NAME_MAX + 6];

		if (strncmp(entry->d_name, "loop", 4))
			continue;
		snprintf(name, sizeof(name), "/dev/%s", entry->d_name);
		if (!stat(name, &st) && loop_status(st.st_rdev, &info) &&
		    same_place(below_loop(&info), place))
			found = st.st_rdev;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The block device of a filesystem whose files have an anonymous @device. */
static dev_t filesystem_source(dev_t device)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;
	dev_t found = 0;

	while (mounts && !found && getline(&line, &room, mounts) > 0) {
		char *tail = strstr(line, " - "), *source = NULL;
		unsigned int maj, min_;
		struct stat st;

		if (sscanf(line, "%*s %*s %u:%u", &maj, &min_) == 2 &&
		    makedev(maj, min_) == device && tail &&
		    sscanf(tail, " - %*s %ms", &source) == 1 &&
		    !stat(source, &st) && S_ISBLK(st.st_mode))
			found = st.st_rdev;
		free(source);
	}
	free(line);
	if (mounts)
		fclose(mounts);
	return found;
}

/* The disk of a partition, or 0. */
static dev_t whole_disk(dev_t device)
{
	char *partition = sysfs_line(device, "partition");

	if (!partition)
		return 0;
	free(partition);
	return device_of_line(sysfs_line(device, "../dev"));
}

/* Stands for whatever device is a clone. */
static const struct place any_clone = { .device = (dev_t)-1 };

/* By its target: a device that was adopted, or made by hand, has not a clone's uuid. */
static bool is_clone(struct place place)
{
	char *name = place.inode ? NULL : sysfs_line(place.device, "dm/name");
	struct dm_clone dm = { 0 };
	bool found = name && !dm_clone_find_name(name, &dm) && dm.active &&
		     dm.target && !strcmp(dm.target, "lclone");

	dm_clone_done(&dm);
	free(name);
	return found;
}

static bool lies_on(struct place inner, struct place outer, unsigned int depth);

/* Whether one of the devices that @device is made of lies on @outer. */
static bool slaves_lie_on(dev_t device, struct place outer, unsigned int depth)
{
	char *path = sysfs_path(device, "slaves");
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool found = false;

	free(path);
	while (dir && !found && (entry = readdir(dir))) {
		char *name;
		dev_t slave;

		if (*entry->d_name == '.')
			continue;
		name = print_string("slaves/%s/dev", entry->d_name);
		slave = device_of_line(sysfs_line(device, name));
		free(name);
		found = slave && lies_on((struct place){ .device = slave },
					 outer, depth + 1);
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool lies_on(struct place inner, struct place outer, unsigned int depth)
{
	struct loop_info64 info;
	dev_t below;

	if (same_place(inner, outer) ||
	    (same_place(any_clone, outer) && is_clone(inner)))
		return true;
	if (depth >= DEPTH_MAX)
		return false;
	if (inner.inode) {
		below = major(inner.device) ? inner.device :
			filesystem_source(inner.device);
		return below && lies_on((struct place){ .device = below },
					outer, depth + 1);
	}
	below = whole_disk(inner.device);
	if (below && lies_on((struct place){ .device = below }, outer, depth + 1))
		return true;
	if (loop_status(inner.device, &info) &&
	    lies_on(below_loop(&info), outer, depth + 1))
		return true;
	return slaves_lie_on(inner.device, outer, depth);
}

bool device_lies_on(dev_t inner, dev_t outer)
{
	return lies_on((struct place){ .device = inner },
		       (struct place){ .device = outer }, 0);
}

/* place_of(), and says what went wrong. */
static int find_place(const char *path, struct place *place)
{
	int error = place_of(path, place);

	if (error) {
		report_errno(path, error, "cannot be looked at");
		report_path_hint(error);
	}
	return error;
}

int probe_not_on_clone(const char *store_path)
{
	struct place store;
	int error = find_place(store_path, &store);

	if (error)
		return error;
	if (!lies_on(store, any_clone, 0))
		return 0;
	report_error(store_path, "lies on a clone: when memory is out, the one would wait for the other for good");
	report_hint("put the store on a device or filesystem that is no clone; for a clone of a clone there is 'lclone create --from'");
	return -EINVAL;
}

int probe_stacking(const char *store_path, const char *origin_path)
{
	struct place store, origin;
	int error;

	error = find_place(store_path, &store);
	if (!error)
		error = find_place(origin_path, &origin);
	if (error)
		return error;
	if (same_place(store, origin))
		report_error(store_path, "is the origin itself");
	else if (lies_on(store, origin, 0))
		report_error(store_path, "lies inside its own origin %s",
			     origin_path);
	else if (lies_on(origin, store, 0))
		report_error(store_path, "holds its own origin %s", origin_path);
	else
		return sectors_fit(store_path, origin_path);
	report_hint("the store must be a device apart from the origin");
	return -EINVAL;
}
