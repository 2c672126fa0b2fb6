// SPDX-License-Identifier: GPL-2.0
/* What a device already holds, and who uses it. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <blkid/blkid.h>
#include "dm-plain.h"
#include "output.h"
#include "probe.h"

static blkid_probe probe_open(const struct store_file *store)
{
	blkid_probe probe = blkid_new_probe();

	if (probe && !blkid_probe_set_device(probe, store->fd, 0, 0) &&
	    !blkid_probe_enable_superblocks(probe, 1) &&
	    !blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
					       BLKID_SUBLKS_USAGE |
					       BLKID_SUBLKS_MAGIC |
					       BLKID_SUBLKS_BADCSUM) &&
	    !blkid_probe_enable_partitions(probe, 1) &&
	    !blkid_probe_set_partitions_flags(probe, BLKID_PARTS_FORCE_GPT |
					      BLKID_PARTS_MAGIC))
		return probe;
	blkid_free_probe(probe);
	report_error(store->path, "cannot be probed for what it holds");
	return NULL;
}

static const char *found_value(blkid_probe probe, const char *name)
{
	const char *value;

	return blkid_probe_lookup_value(probe, name, &value, NULL) ? NULL : value;
}

static bool holds_lclone(const struct store_file *store)
{
	u8 page[LC_BLOCK_SIZE];

	return !store_read(store, LC_HEADER_BLOCK, page, 1) &&
	       !memcmp(page, LC_HEADER_MAGIC, LC_HEADER_MAGIC_BYTES);
}

static int report_content(const struct store_file *store, const char *content)
{
	report_error(store->path, "holds %s", content);
	report_hint("choose another device, or give --force to overwrite it");
	return -EEXIST;
}

/* "a filesystem (ext4)" and the like. */
static int report_found(const struct store_file *store, blkid_probe probe)
{
	const char *type = found_value(probe, "TYPE");
	const char *usage = found_value(probe, "USAGE");
	const char *table = found_value(probe, "PTTYPE");
	char *text;
	int error;

	if (type && !strcmp(type, "LVM2_member"))
		text = must_strdup("an LVM physical volume");
	else if (type && usage && !strcmp(usage, "filesystem"))
		text = print_string("a filesystem (%s)", type);
	else if (type)
		text = print_string("a signature of %s", type);
	else
		text = print_string("a partition table (%s)",
				    table ? table : "unknown");
	error = report_content(store, text);
	free(text);
	return error;
}

/* All tables share one claim, so an exclusive open sees no clone behind another device. */
static int check_inactive(const struct store_file *store)
{
	enum lc_header_fault fault;
	struct lc_header header;
	u8 page[LC_BLOCK_SIZE];
	char *user;

	if (store_read(store, LC_HEADER_BLOCK, page, 1) ||
	    lc_header_decode(page, &header, &fault))
		return 0;
	user = dm_store_user(header.store_uuid);
	if (!user)
		return 0;
	report_error(store->path, "holds the store of %s, which is in use", user);
	report_hint("deactivate that first, even if this is but a copy of its store");
	free(user);
	return -EBUSY;
}

int probe_empty(const struct store_file *store, bool force)
{
	blkid_probe probe;
	int error = 0, found;

	if (force)
		return check_inactive(store);
	if (holds_lclone(store))
		return report_content(store, "another lclone store");
	probe = probe_open(store);
	if (!probe)
		return -EIO;
	found = blkid_do_probe(probe);
	if (!found)
		error = report_found(store, probe);
	else if (found < 0)
		error = -EIO;
	if (found < 0)
		report_error(store->path, "cannot be probed for what it holds");
	blkid_free_probe(probe);
	return error;
}

int probe_wipe(struct store_file *store)
{
	static const u8 empty[LC_BLOCK_SIZE];
	blkid_probe probe = probe_open(store);
	int error = 0;

	if (!probe)
		return -EIO;
	while (!error && !blkid_do_probe(probe))
		error = blkid_do_wipe(probe, 0) ? -EIO : 0;
	blkid_free_probe(probe);
	if (!error && holds_lclone(store))
		error = store_write(store, LC_HEADER_BLOCK, empty, 1);
	if (!error)
		error = store_sync(store);
	if (error)
		report_errno(store->path, error,
			     "what it holds cannot be wiped");
	return error;
}

char *device_holders(dev_t device)
{
	char *path = print_string("/sys/dev/block/%u:%u/holders",
				  major(device), minor(device));
	DIR *dir = opendir(path);
	struct dirent *entry;
	char *all = NULL;

	free(path);
	while (dir && (entry = readdir(dir))) {
		char *more;

		if (*entry->d_name == '.')
			continue;
		more = print_string("%s%s%s", all ? all : "", all ? " " : "",
				    entry->d_name);
		free(all);
		all = more;
	}
	if (dir)
		closedir(dir);
	return all;
}

/* Where @device is mounted, or NULL; to be freed. */
static char *mount_point_of(dev_t device)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *place = NULL;
	size_t room = 0;

	while (mounts && !place && getline(&line, &room, mounts) > 0) {
		unsigned int maj, min_;
		char *where;

		if (sscanf(line, "%*s %*s %u:%u %*s %ms", &maj, &min_,
			   &where) != 3)
			continue;
		if (makedev(maj, min_) == device)
			place = where;
		else
			free(where);
	}
	free(line);
	if (mounts)
		fclose(mounts);
	return place;
}

static int report_busy(const char *path, dev_t device)
{
	char *holders = device_holders(device);
	char *place = mount_point_of(device);

	if (place)
		report_error(path, "is mounted on %s", place);
	else if (holders)
		report_error(path, "is in use by %s", holders);
	else
		report_error(path, "is in use (a partition of it, swap, or another program)");
	report_hint("'lsblk %s' shows what stands on it", path);
	free(holders);
	free(place);
	return -EBUSY;
}

int probe_unused(const char *path)
{
	dev_t loop = loop_over_file(path);
	struct stat st;
	int fd;

	if (stat(path, &st)) {
		int error = -errno;

		report_errno(path, error, "cannot be looked at");
		report_path_hint(error);
		return error;
	}
	if (loop) {
		char *name = device_path(loop);

		report_error(path, "has the loop device %s over it", name);
		report_hint("use %s instead, or detach it with 'losetup -d %s'",
			    name, name);
		free(name);
		return -EBUSY;
	}
	if (!S_ISBLK(st.st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	else if (errno == EBUSY)
		return report_busy(path, st.st_rdev);
	return 0;	/* opening it will tell of any other error */
}

/* Whether the loop device over it, if there is one, is free. */
static int check_loop(const char *path, unsigned int flags)
{
	dev_t loop = loop_over_file(path);
	struct store_file over;
	char *name;
	int error;

	if (!loop)
		return 0;
	name = device_path(loop);
	error = store_open(name, flags | STORE_EXCLUSIVE, &over);
	store_close(&over);
	free(name);
	return error;
}

int store_open_idle(const char *path, unsigned int flags, struct store_file *store)
{
	int error = check_loop(path, flags);

	if (!error)
		error = store_open(path, flags | STORE_EXCLUSIVE, store);
	if (error)
		return error;
	/* An activation may just have ended; none begins from here on. */
	error = check_loop(path, flags);
	if (error)
		store_close(store);
	return error;
}
