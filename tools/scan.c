// SPDX-License-Identifier: GPL-2.0
/* Finding the stores of this host. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "output.h"
#include "probe.h"
#include "scan.h"
#include "store-file.h"

void scan_free(struct found_stores *found)
{
	size_t i;

	for (i = 0; i < found->count; i++) {
		free(found->store[i].device);
		free(found->store[i].file);
	}
	free(found->store);
	memset(found, 0, sizeof(*found));
}

static dev_t device_number(const char *path)
{
	struct stat st;

	return path && !stat(path, &st) && S_ISBLK(st.st_mode) ? st.st_rdev : 0;
}

static bool same_file(const char *a, const char *b)
{
	struct stat one, other;

	return a && b && !stat(a, &one) && !stat(b, &other) &&
	       one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/*
 * Two places with one store UUID: the same file or device, or one device that
 * lies on the other (a path of a multipath device), or a copy.  Returns true
 * when @old, as it is then, stands for both.
 */
static bool joined(struct found_store *old, struct found_store *new)
{
	dev_t old_device = device_number(old->device);
	dev_t new_device = device_number(new->device);

	if (same_file(old->file, new->file)) {
		if (!old->device) {
			old->device = new->device;
			new->device = NULL;
		}
		return true;
	}
	if (!old_device || !new_device)
		return false;
	if (device_lies_on(new_device, old_device)) {
		char *lower = old->device;

		old->device = new->device;
		new->device = lower;
		return true;
	}
	return device_lies_on(old_device, new_device);
}

/* Of two copies the one that was written last is kept; which is in use, the catalog may know. */
static void drop_copy(struct found_store *old, struct found_store *new)
{
	struct found_store newer = *new;

	if (new->super.generation > old->super.generation) {
		*new = *old;
		*old = newer;
	}
	report_warning(new->device ? new->device : new->file,
		       "holds a copy of the store on %s, and is left out",
		       old->device ? old->device : old->file);
}

static void add_store(struct found_stores *found, struct found_store *new)
{
	size_t i;

	for (i = 0; i < found->count; i++) {
		struct found_store *old = &found->store[i];

		if (memcmp(old->super.store_uuid, new->super.store_uuid,
			   LC_UUID_BYTES))
			continue;
		if (!joined(old, new))
			drop_copy(old, new);
		free(new->device);
		free(new->file);
		return;
	}
	found->store = must_realloc(found->store, (found->count + 1) *
				    sizeof(*found->store));
	found->store[found->count++] = *new;
}

/*
 * Looks at one device or file.  What holds no store is passed over in silence;
 * what holds a store that cannot be read is told.
 */
static int scan_one(const char *path, bool quiet, struct found_stores *found)
{
	struct found_store new = { 0 };
	struct store_file store;
	const char *why;
	int error;

	error = store_open(path, quiet ? STORE_QUIET : STORE_READ, &store);
	if (error)
		return quiet ? 0 : error;
	error = store_load_quietly(&store, &why);
	if (error) {
		if (error == -EUCLEAN || error == -EPROTONOSUPPORT)
			report_warning(path, "%s, and is left out", why);
		store_close(&store);
		return 0;
	}
	new.super = *store_super(&store);
	new.bytes = store.bytes;
	if (store.block_device) {
		new.device = must_strdup(path);
		new.file = loop_backing_file(store.device);
	} else {
		dev_t loop = loop_over_file(path);

		new.file = realpath(path, NULL);
		new.device = loop ? device_path(loop) : NULL;
	}
	store_close(&store);
	add_store(found, &new);
	return 0;
}

static int scan_directory(const char *path, struct found_stores *found)
{
	struct dirent **entry;
	int count = scandir(path, &entry, NULL, alphasort);
	int i;

	if (count < 0) {
		int error = -errno;

		report_errno(path, error, "cannot be read");
		return error;
	}
	for (i = 0; i < count; i++) {
		char *name = print_string("%s/%s", path, entry[i]->d_name);
		struct stat st;

		if (!stat(name, &st) &&
		    (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)))
			scan_one(name, true, found);
		free(name);
		free(entry[i]);
	}
	free(entry);
	return 0;
}

/* The first line of /sys/dev/block/M:m/NAME in @line, or "". */
static void sysfs_value(const char *device, const char *name, char *line,
			int bytes)
{
	char *path = print_string("/sys/dev/block/%s/%s", device, name);
	FILE *file = fopen(path, "re");

	if (!file || !fgets(line, bytes, file))
		*line = '\0';
	if (file)
		fclose(file);
	free(path);
}

/*
 * Whether a device of the host is to be looked at.  Not the clones themselves,
 * nor partitions of them: what is there was written by a guest, who might
 * pretend to be a store.  Not what is suspended, which would hold us up.
 */
static bool worth_a_look(const char *device)
{
	char line[256];

	sysfs_value(device, "size", line, sizeof(line));
	if (strtoull(line, NULL, 10) * 512 <
	    (u64)LC_STORE_BLOCKS_MIN * LC_BLOCK_SIZE)
		return false;
	sysfs_value(device, "dm/uuid", line, sizeof(line));
	if (strstr(line, "LCLONE-"))
		return false;
	sysfs_value(device, "dm/suspended", line, sizeof(line));
	return *line != '1';
}

static void scan_host(struct found_stores *found)
{
	struct dirent **entry;
	int count = scandir("/sys/dev/block", &entry, NULL, versionsort);
	int i;

	for (i = 0; i < count; i++) {
		unsigned int maj, min_;
		char *path;

		if (sscanf(entry[i]->d_name, "%u:%u", &maj, &min_) == 2 &&
		    worth_a_look(entry[i]->d_name)) {
			path = device_path(makedev(maj, min_));
			scan_one(path, true, found);
			free(path);
		}
		free(entry[i]);
	}
	if (count >= 0)
		free(entry);
}

int scan_stores(char *const *paths, size_t count, struct found_stores *found)
{
	int error = 0, one;
	struct stat st;
	size_t i;

	memset(found, 0, sizeof(*found));
	if (!count)
		scan_host(found);
	for (i = 0; i < count; i++) {
		if (!stat(paths[i], &st) && S_ISDIR(st.st_mode))
			one = scan_directory(paths[i], found);
		else
			one = scan_one(paths[i], false, found);
		if (one)
			error = one;
	}
	return error;
}
