// SPDX-License-Identifier: GPL-2.0
/* The size of logical sectors, of stores, origins and what is made of them. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "dm.h"
#include "sectors.h"
#include "store-file.h"

static int sectors_of(const char *path, unsigned int *bytes)
{
	u64 size;
	int fd = origin_open(path, &size, bytes);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int sectors_fit(const char *store_path, const char *origin_path)
{
	unsigned int store, origin;
	int error = sectors_of(store_path, &store);

	if (!error)
		error = sectors_of(origin_path, &origin);
	if (error || origin >= store)
		return error;
	report_error(store_path, "has sectors of %u bytes, but the origin %s has %u; a guest would not find its partitions",
		     store, origin_path, origin);
	report_hint("put the store on a device with sectors of %u bytes (for a loop device: losetup --sector-size %u)",
		    origin, origin);
	return -EINVAL;
}

/* What the guest sees now. */
static int sectors_of_clone(const struct clone *clone, unsigned int *bytes)
{
	struct dm_clone dm;
	int error = dm_clone_find(clone->uuid, &dm);
	char *path;

	if (!error && !dm.active) {
		report_error(clone->name, "it is not active any more");
		report_hint("begin again; 'lclone list' shows what is active");
		error = -ENODEV;
	}
	if (!error) {
		path = print_string("/dev/mapper/%s", dm.name);
		error = sectors_of(path, bytes);
		free(path);
	}
	dm_clone_done(&dm);
	return error;
}

int sectors_kept(const struct clone *clone, const char *origin_path)
{
	unsigned int now, store, origin = 0, next;
	int error = sectors_of_clone(clone, &now);

	if (!error)
		error = sectors_of(clone->store_path, &store);
	if (!error && origin_path)
		error = sectors_of(origin_path, &origin);
	if (error)
		return error;
	next = max(store, origin);
	if (next == now)
		return 0;
	report_error(clone->name, "has sectors of %u bytes, and would have sectors of %u bytes; the guest would not find its partitions",
		     now, next);
	report_hint(origin_path ?
		    "take a template on a device with sectors of %u bytes ('blockdev --getss DEV' tells)" :
		    "a clone whose store lies on a device with sectors of %u bytes ('blockdev --getss DEV' tells) can do without it",
		    now);
	return -EINVAL;
}
