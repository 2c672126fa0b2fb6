// SPDX-License-Identifier: GPL-2.0
/* More room in the store of a clone. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "clone-store.h"
#include "dm.h"
#include "extend.h"
#include "loop.h"
#include "lvm.h"
#include "output.h"
#include "status-parse.h"

static int grow_file(const char *path, u64 bytes)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0 || ftruncate(fd, (off_t)bytes) || fsync(fd))
		error = -errno;
	if (fd >= 0)
		close(fd);
	if (error)
		report_errno(path, error, "cannot be made larger");
	if (error == -EFBIG)
		report_hint("the filesystem holds no file of this size: give a smaller one");
	return error;
}

static int grow(const struct clone *clone, u64 bytes)
{
	switch (clone->kind) {
	case STORE_KIND_DIR:
		return grow_file(clone->store_path, bytes);
	case STORE_KIND_VG:
		return lvm_extend(clone->vg, clone->lv, bytes);
	default:
		report_error(clone->name, "its store is a device of yours, whose size is yours to change");
		report_hint("make %s larger, then run 'lclone extend %s' without --size",
			    clone->store_path, clone->name);
		return -EINVAL;
	}
}

/* How large the store's file, volume or device is. */
static int store_size(const struct clone *clone, u64 *bytes)
{
	struct store_file store;
	int error = clone_store_up(clone);

	if (!error)
		error = clone_store_open(clone, clone->store_path, STORE_READ,
					 &store);
	if (error)
		return error;
	*bytes = store.bytes;
	store_close(&store);
	return 0;
}

static int grow_to(const struct clone *clone, u64 wanted, u64 *bytes)
{
	char now[SIZE_TEXT_BYTES];
	int error = store_size(clone, bytes);

	if (error || !wanted || wanted == *bytes)
		return error;
	if (wanted < *bytes) {
		report_error(clone->name, "its store has %s, and a store does not get smaller",
			     print_size(*bytes, now));
		report_hint("discard in the clone to free space in it ('fstrim')");
		return -EINVAL;
	}
	error = grow(clone, wanted);
	return error ? error : store_size(clone, bytes);
}

/* A loop device notices the new size of its file only when it is told. */
static int refresh_loop(const struct clone *clone)
{
	char *device = clone->kind == STORE_KIND_DIR ?
		       loop_find(clone->store_path, LOOP_STORE) : NULL;
	int error = device ? loop_set_capacity(device) : 0;

	free(device);
	return error;
}

static u64 room_of(const struct dm_clone *dm)
{
	struct clone_status status;

	return dm->active && dm->status && !status_parse(dm->status, &status) ?
	       status.total_blocks * LC_BLOCK_SIZE : 0;
}

static int tell(const struct clone *clone, struct extend_result *result)
{
	struct dm_clone dm;
	int error = dm_clone_find(clone->uuid, &dm);

	if (error || !dm.active)
		return error;
	result->active = true;
	result->old_room_bytes = room_of(&dm);
	error = dm_clone_tell(dm.name, "extend");
	dm_clone_done(&dm);
	if (error)
		return error;
	error = dm_clone_find(clone->uuid, &dm);
	result->room_bytes = room_of(&dm);
	dm_clone_done(&dm);
	return error;
}

int extend_run(const struct clone *clone, u64 bytes, struct extend_result *result)
{
	int error;

	*result = (struct extend_result) { 0 };
	error = grow_to(clone, bytes, &result->store_bytes);
	if (!error)
		error = refresh_loop(clone);
	return error ? error : tell(clone, result);
}
