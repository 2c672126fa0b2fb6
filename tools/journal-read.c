// SPDX-License-Identifier: GPL-2.0
/* Reading the journal of an inactive store. */

#include <stdlib.h>
#include "journal-read.h"
#include "output.h"

struct reader {
	const struct lc_super *super;
	u8 *ring;
	struct lc_journal_mark at;	/* the group that comes next */
	u32 stop;			/* the block that ended the last search */
	struct journal_contents *contents;
};

static u8 *ring_page(const struct reader *reader, u32 block)
{
	return reader->ring + (size_t)block * LC_BLOCK_SIZE;
}

static const char *decode(const struct reader *reader, u32 block,
			  struct lc_journal_block *found)
{
	return lc_journal_decode(ring_page(reader, block),
				 reader->super->store_uuid,
				 reader->super->layout.journal_start + block,
				 found);
}

static bool damaged(struct reader *reader, u32 block, const char *why)
{
	reader->contents->damage = why;
	reader->contents->damage_block =
		reader->super->layout.journal_start + block;
	return false;
}

static bool runs_valid(struct reader *reader, u32 block, u32 runs)
{
	struct lc_run run;
	u32 i;

	for (i = 0; i < runs; i++) {
		lc_journal_run(ring_page(reader, block), i, &run);
		if (!lc_run_valid(&run, lc_blocks_of(reader->super->clone_sectors),
				  &reader->super->layout))
			return damaged(reader, block,
				       "the journal block holds an impossible run");
	}
	return true;
}

/* Moves @mark over block @n of a group.  Returns false when it is not that. */
static bool follow(struct reader *reader, struct lc_journal_mark *mark, u32 n,
		   bool *closes)
{
	struct lc_journal_block block;

	if (decode(reader, mark->block, &block) ||
	    block.epoch != reader->super->epoch ||
	    block.sequence != mark->sequence || block.position != n ||
	    block.previous_csum != mark->csum)
		return false;
	if (!runs_valid(reader, mark->block, block.runs))
		return false;
	mark->csum = block.csum;
	mark->sequence++;
	mark->block = (mark->block + 1) % reader->super->layout.journal_blocks;
	*closes = block.closes;
	return true;
}

static void take_runs(struct reader *reader, u32 block)
{
	struct lc_journal_block found;
	struct lc_run run;
	u32 i;

	if (decode(reader, block, &found))
		return;
	for (i = 0; i < found.runs; i++) {
		lc_journal_run(ring_page(reader, block), i, &run);
		overlay_add(&reader->contents->overlay, &run);
	}
}

/* Takes the group at reader->at, when there is a whole one. */
static bool take_group(struct reader *reader)
{
	u32 ring = reader->super->layout.journal_blocks;
	struct lc_journal_mark mark = reader->at;
	bool closes = false;
	u32 n;

	for (n = 0; !closes; n++)
		if (n == ring - 1 || !follow(reader, &mark, n, &closes)) {
			reader->stop = mark.block;
			return false;
		}
	while (n--) {
		take_runs(reader, reader->at.block);
		reader->at.block = (reader->at.block + 1) % ring;
		reader->contents->blocks++;
	}
	reader->at = mark;
	reader->contents->groups++;
	return true;
}

/*
 * A closing block of this epoch beyond the end: it was written only when all
 * before it was durable, so the end is not where it was.
 */
static void check_end(struct reader *reader)
{
	struct lc_journal_block block;
	u32 i;

	for (i = 0; i < reader->super->layout.journal_blocks; i++)
		if (!decode(reader, i, &block) && block.closes &&
		    block.epoch == reader->super->epoch &&
		    block.sequence >= reader->at.sequence) {
			damaged(reader, reader->stop,
				"the journal is damaged before its end: durable changes are lost from here on");
			return;
		}
}

int journal_read(const struct store_file *store, const struct lc_super *super,
		 struct journal_contents *contents)
{
	struct reader reader = {
		.super = super,
		.at.sequence = super->replay_sequence,
		.at.block = super->replay_block,
		.at.csum = super->replay_csum,
		.contents = contents,
	};
	u32 blocks = super->layout.journal_blocks;
	u64 limit;
	int error;

	memset(contents, 0, sizeof(*contents));
	reader.ring = must_alloc((size_t)blocks * LC_BLOCK_SIZE);
	error = store_read(store, super->layout.journal_start, reader.ring,
			   blocks);
	/* More blocks than the ring has would be a circle. */
	for (limit = 0; !error && limit < blocks && take_group(&reader); limit++)
		;
	if (!error && !contents->damage)
		check_end(&reader);
	free(reader.ring);
	overlay_build(&contents->overlay);
	return error;
}

void journal_free(struct journal_contents *contents)
{
	overlay_free(&contents->overlay);
}
