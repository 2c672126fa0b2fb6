/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a device already holds, who uses it, and how devices lie upon each
 * other.  Functions that return int return 0 or a negative errno and have
 * reported what is wrong.
 */
#ifndef LCLONE_PROBE_H
#define LCLONE_PROBE_H

#include <stdbool.h>
#include <sys/types.h>
#include "store-file.h"

/*
 * Whether a device may become a store: -EEXIST when it holds a filesystem, a
 * physical volume, a partition table, an lclone store or anything else that
 * libblkid knows.  @force lets it pass (probe_wipe() then makes it empty), but
 * for a store that is active by another name: -EBUSY.
 */
int probe_empty(const struct store_file *store, bool force);

/* Wipes every signature that libblkid finds, and an lclone header. */
int probe_wipe(struct store_file *store);

/*
 * -EBUSY when the block device is mounted, used for swapping, or held by
 * another device (device-mapper, md, ...), or when a partition of it is; a
 * regular file when a loop device is over it.  Nothing overrides this.
 */
int probe_unused(const char *path);

/*
 * Opens a store for reading that nobody has active: as store_open() with
 * STORE_EXCLUSIVE (@flags may have STORE_QUIET), and when it is a file, the loop
 * device over it must be idle, too.
 */
int store_open_idle(const char *path, unsigned int flags, struct store_file *store);

/*
 * -EINVAL when a new store would lie on a clone, directly or by a filesystem, a volume
 * or the like: clones have their reserves of memory in common.
 */
int probe_not_on_clone(const char *store_path);

/*
 * Whether a store may stand above an origin: -EINVAL when they are the same,
 * when the store lies inside the origin (a partition, a device-mapper or md
 * device over it, a loop device over a file on it), when the origin lies inside
 * the store, or when an origin of smaller sectors than the store's is asked
 * for.
 */
int probe_stacking(const char *store_path, const char *origin_path);

/*
 * Whether block device @inner lies on @outer, by whatever number of steps.
 * Reports nothing.
 */
bool device_lies_on(dev_t inner, dev_t outer);

/*
 * The regular file below loop device @loop, or NULL; to be freed.
 * The loop device over a file, or 0.
 */
char *loop_backing_file(dev_t loop);
dev_t loop_over_file(const char *path);

/* Kernel names of the devices above @device, as "dm-1 dm-2", or NULL; to be freed. */
char *device_holders(dev_t device);

/* "/dev/NAME" of a block device, by its kernel name or device-mapper's; to be freed. */
char *device_path(dev_t device);

#endif
