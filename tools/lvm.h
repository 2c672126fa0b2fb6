/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Logical volumes for stores, made by lvm2's own commands and tagged 'lclone'.
 * Functions that return int return 0 or a negative errno, and have reported
 * what went wrong.
 */
#ifndef LCLONE_LVM_H
#define LCLONE_LVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "/dev/VG/LV"; to be freed. */
char *lvm_path(const char *vg, const char *lv);

/* Makes a volume of at least @bytes, whose first 4 KiB are zero. */
int lvm_create(const char *vg, const char *lv, uint64_t bytes);
int lvm_remove(const char *vg, const char *lv);

/* Makes a volume at least as large as @bytes. */
int lvm_extend(const char *vg, const char *lv, uint64_t bytes);

/* Has the volume appear as lvm_path(). */
int lvm_activate(const char *vg, const char *lv);

/*
 * Whether the volume group has the volume, active or not.  -ENODEV: lvm2 cannot tell, for
 * it does not find the group.  Reports nothing.
 */
int lvm_look(const char *vg, const char *lv, bool *exists);

/* The volumes of @vg that have our tag; these and the list are to be freed.  Reports nothing. */
size_t lvm_list(const char *vg, char ***volumes);

/*
 * Whether the block device @path is a volume that has our tag; then @vg and @lv
 * are set, to be freed.  Reports nothing.
 */
bool lvm_is_ours(const char *path, char **vg, char **lv);

#endif
