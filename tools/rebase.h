/* SPDX-License-Identifier: GPL-2.0 */
/* Clones that move to another template. */
#ifndef LCLONE_REBASE_H
#define LCLONE_REBASE_H

#include "core/geometry.h"

struct rebase_request {
	const char *name;		/* of the clone */
	const char *template;		/* that it moves to */
	bool update;			/* it is to show the new one where it has no drift */
	bool force;			/* needed for that */
	u64 rate;			/* bytes a second; 0: as fast as it goes */
};

struct rebase_result {
	bool already;			/* it stood there */
	bool compared;			/* the templates had to be read */
	u64 differ_bytes;		/* of the templates, in whole blocks */
	u64 copied_bytes;
	u64 zero_bytes;			/* found to be zero, and not copied */
	u64 pause_ns;			/* how long I/O was held */
};

/*
 * Puts the clone, active or not, over another template, with no layers any more.
 * It shows what it showed; with @update only its drift stays, and what it has not
 * changed is the new template's.  The catalog is locked at the beginning and at the
 * end only.  Returns 0, -EINTR when it was told to stop, or another negative errno;
 * what went wrong has been reported.
 */
int rebase_run(const struct rebase_request *request, struct rebase_result *result);

#endif
