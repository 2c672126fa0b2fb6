/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pass over a clone in use: one message of the target after the other, each for
 * a few MiB, at no more than a given rate, until it is done or told to stop.  What
 * has been done stays done, so a pass that goes over it again is quick.
 */
#ifndef LCLONE_PASS_H
#define LCLONE_PASS_H

#include "core/geometry.h"

struct pass {
	const char *name;		/* of the clone */
	const u8 *clone_uuid;
	const char *message;		/* "hydrate" or "rethin" */
	u64 rate;			/* bytes a second; 0: as fast as it goes */
	bool rate_of_all;		/* of all that is gone over; else of the first number */
	u64 answer[2];			/* sums of the numbers that the target answers */
	u64 begun_ns;			/* filled in by pass_begin() */
	u64 spent;			/* blocks that count for the rate */
};

/*
 * Between these SIGINT and SIGTERM make pass_range() return -EINTR instead of
 * ending the program.
 */
void pass_begin(struct pass *pass);
void pass_end(void);

/*
 * Goes over @count blocks from @first on, with a progress line as a part of
 * @total of which @before have been done.  Returns 0; -EINTR: it was told to stop;
 * -ENOSPC: the store is full; or another negative errno; all is reported.
 */
int pass_range(struct pass *pass, u64 first, u64 count, u64 before, u64 total);

#endif
