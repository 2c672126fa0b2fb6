/* SPDX-License-Identifier: GPL-2.0 */
/* Space of a store that holds what lies below it anyway. */
#ifndef LCLONE_RETHIN_H
#define LCLONE_RETHIN_H

#include "core/geometry.h"

/*
 * Frees the blocks of the store of clone @name, active or not, that equal what lies
 * below, or zero, at no more than @rate bytes looked at a second (0: as fast as it
 * goes).  Returns 0 and *@freed_bytes, -EINTR when it was told to stop, or another
 * negative errno; what went wrong has been reported.
 */
int rethin_run(const char *name, u64 rate, u64 *freed_bytes);

#endif
