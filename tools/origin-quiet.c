// SPDX-License-Identifier: GPL-2.0
/* Whether anybody may still write to what is to become an origin. */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "loop.h"
#include "origin.h"
#include "output.h"
#include "probe.h"

/* Whether "/sys/.../holders/NAME" is a clone of ours. */
static bool holder_is_clone(const char *directory, const char *name)
{
	char *path = print_string("%s/%s/dm/uuid", directory, name);
	FILE *file = fopen(path, "re");
	char text[8] = "";
	bool clone;

	clone = file && fgets(text, sizeof(text), file) &&
		!strcmp(text, "LCLONE-");
	if (file)
		fclose(file);
	free(path);
	return clone;
}

/* Whether clones, and nothing but clones, stand on the device. */
static bool held_by_clones(dev_t device)
{
	char *path = print_string("/sys/dev/block/%u:%u/holders",
				  major(device), minor(device));
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool clones = true;
	int count = 0;

	while (dir && clones && (entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		clones = holder_is_clone(path, entry->d_name);
		count++;
	}
	if (dir)
		closedir(dir);
	free(path);
	return count && clones;
}

static bool same_object(const struct stat *a, const struct stat *b)
{
	if ((a->st_mode & S_IFMT) != (b->st_mode & S_IFMT))
		return false;
	if (S_ISBLK(a->st_mode))
		return a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* What /proc says of a descriptor, all of it of one file. */
struct descriptor {
	unsigned int flags;
	unsigned long mount, inode;
};

static struct descriptor descriptor_of(const char *process, const char *fd)
{
	struct descriptor descriptor = { .flags = O_RDONLY };
	char *path = print_string("/proc/%s/fdinfo/%s", process, fd);
	FILE *file = fopen(path, "re");
	char line[128];

	free(path);
	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "flags: %o", &descriptor.flags);
		sscanf(line, "mnt_id: %lu", &descriptor.mount);
		sscanf(line, "ino: %lu", &descriptor.inode);
	}
	if (file)
		fclose(file);
	return descriptor;
}

/*
 * Whether descriptor @fd of @process is @st, and may write.  It may have become
 * another file between two looks: a reference of our own tells whether it has.
 */
static bool descriptor_writes(const char *process, const char *fd, const struct stat *st)
{
	char *path = print_string("/proc/%s/fd/%s", process, fd);
	int own = open(path, O_PATH | O_CLOEXEC);
	struct descriptor same, theirs;
	struct stat other;
	bool writes = false;
	char *name;

	free(path);
	if (own < 0)
		return false;
	if (!fstat(own, &other) && same_object(st, &other)) {
		name = print_string("%d", own);
		same = descriptor_of("self", name);
		theirs = descriptor_of(process, fd);
		writes = theirs.mount == same.mount && theirs.inode == same.inode &&
			 (theirs.flags & O_ACCMODE) != O_RDONLY;
		free(name);
	}
	close(own);
	return writes;
}

/* Whether @process has @st open for writing. */
static bool process_writes(const char *process, const struct stat *st)
{
	char *path = print_string("/proc/%s/fd", process);
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool writes = false;

	free(path);
	while (dir && !writes && (entry = readdir(dir)))
		writes = isdigit((unsigned char)*entry->d_name) &&
			 descriptor_writes(process, entry->d_name, st);
	if (dir)
		closedir(dir);
	return writes;
}

static int check_processes(const char *path, const struct stat *st)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int error = 0;

	while (dir && !error && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)*entry->d_name) ||
		    !process_writes(entry->d_name, st))
			continue;
		error = -EBUSY;
		report_error(path, "process %s has it open for writing",
			     entry->d_name);
		report_hint("stop it first ('ps %s' shows what it is)",
			    entry->d_name);
	}
	if (dir)
		closedir(dir);
	return error;
}

/* A loop device that may write to the file: no process has that open. */
static int check_loops(const char *path)
{
	char *device = loop_find_writable(path);

	if (!device)
		return 0;
	report_error(path, "the writable loop device %s stands on it", device);
	report_hint("unmount it if it is mounted, and detach it ('losetup -d %s')", device);
	free(device);
	return -EBUSY;
}

int origin_check_quiet(const char *path)
{
	struct stat st;
	int error = 0;

	if (stat(path, &st)) {
		error = -errno;
		report_errno(path, error, "cannot be looked at");
		return error;
	}
	if (!S_ISBLK(st.st_mode))
		error = check_loops(path);
	else if (!held_by_clones(st.st_rdev))
		error = probe_unused(path);
	if (!error)
		error = check_processes(path, &st);
	return error;
}
