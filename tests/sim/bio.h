/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way of a bio through the target: io.c, copy.c and discard.c of the module,
 * as a thread for each bio.
 */
#ifndef LCLONE_SIM_BIO_H
#define LCLONE_SIM_BIO_H

#include "edge.h"
#include "op.h"

enum bio_state {
	BIO_RUNS,
	BIO_COPIES,
	BIO_TICKET,		/* I/O under way, with a ticket */
	BIO_LOADS,
	BIO_BUSY,		/* waits for LC_KICK_RETRY */
	BIO_FULL,		/* waits for LC_KICK_SPACE */
	BIO_ROUND,		/* waits for a round */
	BIO_STATES,
};

struct bios {
	u32 ops;			/* of the guest, under way */
	u32 state[BIO_STATES];		/* bios in each state */
	u32 flush_percent;		/* of the operations */
	u32 restore_percent;		/* of the writes */
	bool one_worker;		/* deferred bios share a thread */
	struct mutex worker;
};

extern struct bios bios;

/* Nothing is under way. */
void bio_reset(void);

/* A bio of @op goes its way; op_end() when it was the last of them. */
void bio_start(struct op *op, u64 sector, u32 sectors);

/* After all has settled: whoever waits for space must have a reason. */
void bio_check_waiters(void);

#endif
