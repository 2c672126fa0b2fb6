/* SPDX-License-Identifier: GPL-2.0 */
/* Clones that get larger or smaller. */
#ifndef LCLONE_RESIZE_H
#define LCLONE_RESIZE_H

#include "catalog.h"
#include "origin.h"

struct resize_result {
	u64 old_bytes;
	u64 new_bytes;
	u64 pause_ns;			/* how long I/O was held; 0: no change */
};

/*
 * Gives @clone, active or not, a size of @bytes, or of @bytes more with @more.
 * -EINVAL: it would get smaller, unless @force, when what is cut off is discarded
 * first.  The catalog is saved.  Returns 0 or a negative errno, which has been
 * reported.
 */
int resize_run(struct catalog *catalog, struct origins *origins,
	       struct clone *clone, u64 bytes, bool more, bool force,
	       struct resize_result *result);

#endif
