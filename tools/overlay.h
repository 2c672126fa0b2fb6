/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The runs of a journal as one layer over the map of the tree: collected in the
 * order in which they apply, then made into runs that do not overlap.
 */
#ifndef LCLONE_OVERLAY_H
#define LCLONE_OVERLAY_H

#include "core/journal.h"

struct overlay {
	struct lc_run *run;	/* after overlay_build(): ascending, apart */
	size_t runs;
	size_t room;
};

/* Adds a run that overrides all that were added before it. */
void overlay_add(struct overlay *overlay, const struct lc_run *run);

/* Once, after the last overlay_add(). */
void overlay_build(struct overlay *overlay);

/*
 * After overlay_build(): the first run that ends behind block @first; its
 * number, which is overlay->runs when there is none.
 */
size_t overlay_find(const struct overlay *overlay, u64 first);

/* After overlay_build(): whether a run touches @blocks blocks from @first on. */
bool overlay_touches(const struct overlay *overlay, u64 first, u64 blocks);

void overlay_free(struct overlay *overlay);

#endif
