/* SPDX-License-Identifier: GPL-2.0 */
/* Zeroing a range of a block device. */
#ifndef LCLONE_ZERO_RANGE_H
#define LCLONE_ZERO_RANGE_H

#include <stdint.h>

/*
 * Has @bytes of the block device @path from @first on read as zeros, durably, by
 * BLKZEROOUT and with a progress line; both are multiples of its sectors.
 * Returns 0 or a negative errno, which has been reported.
 */
int zero_range(const char *path, uint64_t first, uint64_t bytes);

#endif
