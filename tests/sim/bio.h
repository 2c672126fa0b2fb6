/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest asks for, and the way of a bio through the target: io.c,
 * copy.c and discard.c of the module, as a thread for each bio.
 */
#ifndef LCLONE_SIM_BIO_H
#define LCLONE_SIM_BIO_H

#include "edge.h"

enum op_kind {
	OP_READ,
	OP_WRITE,
	OP_DISCARD,
	OP_WRITE_ZEROES,
	OP_FLUSH,
	OP_COMB,		/* zeroes every other block of a stretch that nobody watches */
};

/* One request of the guest; dm may split it into several bios. */
struct op {
	enum op_kind kind;
	bool fua;
	u32 number;		/* of the model */
	u32 submitted;		/* by the model's clock */
	u64 sector;
	u32 sectors;
	u32 bios;		/* that have not ended */
	int error;
};

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
	bool one_worker;		/* deferred bios share a thread */
	struct mutex worker;
};

extern struct bios bios;

/* Nothing is under way. */
void bio_reset(void);

/* The guest asks for something, by chance. */
void bio_submit_any(void);

/* Zeroes every other block of a stretch of one of the leaves from @first on. */
void bio_submit_comb(u64 first_leaf, u64 leaves);

/* After all has settled: whoever waits for space must have a reason. */
void bio_check_waiters(void);

#endif
