/* SPDX-License-Identifier: GPL-2.0 */
/* What the guest asks for. */
#ifndef LCLONE_SIM_OP_H
#define LCLONE_SIM_OP_H

#include <env.h>

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
	bool tail;		/* of op_zero() */
	bool restores;		/* writes what may lie below: @content */
	u32 content;
	u32 number;		/* of the model */
	u32 submitted;		/* by the model's clock */
	u64 sector;
	u32 sectors;
	u32 bios;		/* that have not ended */
	int error;
};

/* The guest asks for something, by chance. */
void op_submit_any(void);

/* Zeroes every other block of a stretch of one of the leaves from @first on. */
void op_submit_comb(u64 first_leaf, u64 leaves);

/*
 * BLKZEROOUT of somebody who waits for it; false: not now.  op_zeroed(): the last has ended
 * well.
 */
bool op_zero(u64 sector, u64 sectors);
bool op_zeroed(void);

/* What it leaves in its sectors, for model_tag(). */
u32 op_content(const struct op *op);

/* The last bio of @op has ended. */
void op_end(struct op *op);

/* Nothing is under way. */
void op_reset(void);

#endif
