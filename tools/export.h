/* SPDX-License-Identifier: GPL-2.0 */
/* Writing what was changed between two states of a clone as a delta stream. */
#ifndef LCLONE_EXPORT_H
#define LCLONE_EXPORT_H

#include "levels.h"

struct export_request {
	const char *end;		/* the snapshot, as levels_open() takes it */
	const char *base;		/* the same; NULL: the origin */
	const char **layers;		/* see levels_open(); with room for one more */
	unsigned int layer_count;
};

/*
 * Writes the stream to @fd, which reports call @name.  Returns 0 or a negative
 * errno, which has been reported; -EUCLEAN: a store is damaged.
 */
int export_stream(const struct export_request *request, int fd, const char *name);

#endif
