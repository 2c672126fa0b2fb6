/* SPDX-License-Identifier: GPL-2.0 */
/* What the core runs in here: a store in memory, one thread. */
#ifndef LCLONE_FUZZ_CORE_HOST_H
#define LCLONE_FUZZ_CORE_HOST_H

#include "core/ticket.h"
#include "image.h"

struct core_host {
	struct image *image;
	struct lc_store store;
	u32 kicks;		/* LC_KICK_*, not served yet */
	bool step;		/* lc_round_step() is due */
};

/*
 * First writes, overwrites, zeroings and flushes of the store, which is open, as @seed
 * says.  What they return is of no interest, for the store may be damaged: but each
 * of them has to end, and none may touch what is not for data.  A rule that does not hold
 * ends the program, see broken().
 */
void core_use(struct core_host *host, u64 seed);

/* lc_ops' answer for it. */
void core_answer(void *ctx, struct lc_wait *wait, int error);

#endif
