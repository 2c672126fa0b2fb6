/* SPDX-License-Identifier: GPL-2.0 */
/* Clones that get independent of what they were made of. */
#ifndef LCLONE_FLATTEN_H
#define LCLONE_FLATTEN_H

#include "core/geometry.h"

struct flatten_result {
	bool already;			/* there was nothing below it */
	u64 copied_bytes;
	u64 zero_bytes;			/* found to be zero, and not copied */
	u64 pause_ns;			/* how long I/O was held */
};

/*
 * Copies what the clone @name, active or not, still reads from origin and layers
 * into its store, at no more than @rate bytes a second (0: as fast as it goes), and
 * gives it a table without them.  The catalog is locked at the beginning and at
 * the end only.  Returns 0, -EINTR when it was told to stop, or another negative
 * errno; what went wrong has been reported.
 */
int flatten_run(const char *name, u64 rate, struct flatten_result *result);

#endif
