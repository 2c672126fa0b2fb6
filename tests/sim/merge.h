/* SPDX-License-Identifier: GPL-2.0 */
/* Layers that are made one, as tools/merge.c and tools/consolidate.c do it. */
#ifndef LCLONE_SIM_MERGE_H
#define LCLONE_SIM_MERGE_H

#include "image.h"

/*
 * A layer that shows what the @count layers from @first on show together; NULL when it would
 * be too large.
 */
struct image *merge_layers(u32 first, u32 count);

/*
 * Merges some of the layers of the clone, which is suspended, and gives it the new one.
 * Returns true when its life goes on; false when the power has gone.
 */
bool merge_take(void);

#endif
