/* SPDX-License-Identifier: GPL-2.0 */
/* Where two templates differ; found out once, and kept for all their clones. */
#ifndef LCLONE_DIFFERENCE_H
#define LCLONE_DIFFERENCE_H

#include "catalog.h"
#include "overlay.h"

/* What is needed of a template, with the catalog closed. */
struct difference_side {
	char *name;
	char *path;
	u8 uuid[LC_UUID_BYTES];
	u8 quick[LC_FINGERPRINT_BYTES];
	u64 bytes;
};

void difference_side(const struct template *template, struct difference_side *side);
void difference_side_done(struct difference_side *side);

/*
 * Adds the runs of 4 KiB blocks in which @a and @b differ, in ascending order;
 * behind the end of the shorter one there are zeros.  What was found out once is
 * read from the catalog's directory.  @compared tells whether both had to be read.
 * Returns 0 or a negative errno, which has been reported.
 */
int difference_find(const struct difference_side *a,
		    const struct difference_side *b, struct overlay *runs,
		    bool *compared);

#endif
