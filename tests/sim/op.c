// SPDX-License-Identifier: GPL-2.0
/* What the guest asks for, and what it is told. */

#include "bio.h"
#include "model.h"
#include "op.h"
#include "random.h"
#include "report.h"

#define OPS_MAX		40

static struct op op_pool[OPS_MAX];
static bool tail_zeroed;

void op_reset(void)
{
	u32 i;

	for (i = 0; i < OPS_MAX; i++)
		op_pool[i].bios = 0;
}

/* Errors reach exactly the I/O that they hit. */
static void check_error(const struct op *op)
{
	if (op->error == -EIO && !medium.failures && !edge.suspending &&
	    !edge.freeze_failed)
		violation("operation %u ended with EIO, and no request ever failed",
			  op->number);
	if (op->error == -ENOSPC && !edge.error_if_no_space && !edge.suspending)
		violation("operation %u ended with ENOSPC, which nobody asked for",
			  op->number);
}

u32 op_content(const struct op *op)
{
	if (op->kind != OP_WRITE)
		return CONTENT_ZERO;
	return op->restores ? op->content : op->number;
}

void op_end(struct op *op)
{
	trace(TRACE_END, op->number, (u64)-op->error, op->kind, op->sector);
	check_error(op);
	if (op->kind == OP_FLUSH && !op->error)
		model_flushed(op->submitted);
	else if (op->number)
		model_end(op->number, op->sector, op->sectors, !op->error, op->fua);
	if (op->tail)
		tail_zeroed = !op->error;
	bios.ops--;
}

static struct op *op_new(void)
{
	u32 i;

	for (i = 0; i < OPS_MAX; i++)
		if (!op_pool[i].bios)
			break;
	if (i == OPS_MAX)
		return NULL;
	memset(&op_pool[i], 0, sizeof(op_pool[i]));
	return &op_pool[i];
}

/* Some blocks that are watched, or a part of one, or all across an edge. */
static void choose_range(struct op *op)
{
	u32 left, blocks;
	u64 block = model_pick(&left);

	blocks = random_chance(60) ? 1 : 1 + random_below(left);
	op->sector = block * LC_BLOCK_SECTORS;
	op->sectors = blocks * LC_BLOCK_SECTORS;
	if (random_chance(25)) {
		u32 skip = random_below(LC_BLOCK_SECTORS);
		u32 less = random_below(LC_BLOCK_SECTORS);

		op->sector += skip;
		op->sectors -= skip;
		if (less < op->sectors)
			op->sectors -= less;
	}
	op->sector = min(op->sector, model.sectors - 1);
	op->sectors = (u32)min_t(u64, op->sectors, model.sectors - op->sector);
}

static void whole_leaf(struct op *op)
{
	u64 block = op->sector / LC_BLOCK_SECTORS;

	block -= lc_leaf_slot(block);
	op->sector = block * LC_BLOCK_SECTORS;
	op->sectors = (u32)min_t(u64, LC_LEAF_ENTRIES * LC_BLOCK_SECTORS,
				 model.sectors - op->sector);
}

static void submit(struct op *op)
{
	bool zero = op->kind == OP_DISCARD || op->kind == OP_WRITE_ZEROES;
	u64 first = op->sector;
	u32 count = op->sectors;

	op->submitted = ++model.clock;
	if (op->kind == OP_WRITE || zero) {
		u64 sector = op->sector, end = op->sector + op->sectors;

		if (op->kind == OP_DISCARD) {
			/* Only whole blocks change. */
			sector = DIV_ROUND_UP(sector, LC_BLOCK_SECTORS) * LC_BLOCK_SECTORS;
			if (end != model.sectors)
				end -= end % LC_BLOCK_SECTORS;
			if (sector >= end)
				return;
			op->sector = sector;
			op->sectors = (u32)(end - sector);
		}
		op->number = model_submit(op->sector, op->sectors,
					  zero ? CONTENT_ZERO : op->restores ?
					  op->content : CONTENT_OWN);
		if (!op->number)
			return;
	}
	trace(TRACE_OPERATION, op->number, (u64)op->kind << 1 | op->fua, op->sector,
	      op->sectors);
	bios.ops++;
	bio_start(op, first, count);
}

void op_submit_any(void)
{
	struct op *op = op_new();
	u32 what = random_below(100);

	if (!op)
		return;
	op->kind = random_chance(bios.flush_percent) ? OP_FLUSH :
		   what < 20 ? OP_READ : what < 78 ? OP_WRITE :
		   what < 93 ? OP_DISCARD : OP_WRITE_ZEROES;
	op->fua = op->kind != OP_READ && op->kind != OP_FLUSH && random_chance(15);
	op->restores = op->kind == OP_WRITE && random_chance(bios.restore_percent);
	if (op->kind != OP_FLUSH)
		choose_range(op);
	if (op->restores)
		op->content = model_below(op->sector / LC_BLOCK_SECTORS);
	if (op->kind == OP_DISCARD && random_chance(10))
		whole_leaf(op);
	submit(op);
}

void op_submit_comb(u64 first_leaf, u64 leaves)
{
	u64 leaf = first_leaf + random_below((u32)leaves);
	struct op *op = op_new();
	u32 at = random_below(LC_LEAF_ENTRIES - 700);
	u32 blocks = 300 + random_below(400);

	if (!op)
		return;
	op->kind = OP_COMB;
	op->sector = (leaf * LC_LEAF_ENTRIES + at) * LC_BLOCK_SECTORS;
	op->sectors = blocks * LC_BLOCK_SECTORS;
	submit(op);
}

bool op_zero(u64 sector, u64 sectors)
{
	struct op *op = op_new();

	tail_zeroed = false;
	if (!op)
		return false;
	op->kind = OP_WRITE_ZEROES;
	op->tail = true;
	op->sector = sector;
	op->sectors = (u32)sectors;
	submit(op);
	return op->number;
}

bool op_zeroed(void)
{
	return tail_zeroed;
}
