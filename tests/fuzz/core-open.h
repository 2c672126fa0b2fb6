/* SPDX-License-Identifier: GPL-2.0 */
/* Activation of a store by the core, in memory. */
#ifndef LCLONE_FUZZ_CORE_OPEN_H
#define LCLONE_FUZZ_CORE_OPEN_H

#include "image.h"

/*
 * Does to @image what an activation does: superblock, replay, checkpoint.  Then
 * loads every leaf that is there, up to @leaves, uses the store as core_use() with
 * @seed does, and parks it.  Returns NULL, or why the core refused the store.
 */
const char *core_open(struct image *image, u64 leaves, u64 seed);

#endif
