/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Logical sectors: partition tables count in them, so a guest that gets sectors of
 * another size does not find its partitions.
 *
 * Functions return 0 or a negative errno, and have reported what went wrong.
 */
#ifndef LCLONE_SECTORS_H
#define LCLONE_SECTORS_H

#include "catalog.h"

/* -EINVAL when the sectors of a store are larger than those of its origin. */
int sectors_fit(const char *store_path, const char *origin_path);

/*
 * -EINVAL when @clone, which is active, would get sectors of another size over its
 * store and @origin_path, or over its store alone when that is NULL.
 */
int sectors_kept(const struct clone *clone, const char *origin_path);

#endif
