// SPDX-License-Identifier: GPL-2.0
/* Reading the journal of an inactive store. */

#include <stdlib.h>
#include "journal-read.h"
#include "output.h"

struct reader {
	const struct lc_super *super;
	u8 *ring;
	unsigned long *unread;		/* blocks of the ring that cannot be read */
	struct lc_journal_mark at;	/* the group that comes next */
	u32 stop;			/* the block that ended the last search */
	u64 leaves;			/* that the group at hand touches at most */
	u64 last_leaf;
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

/* Leaves that a group may touch, see lc_group_leaves() of the core. */
static u32 group_leaves(const struct lc_super *super)
{
	return lc_dirty_cap(super->layout.reserve_blocks) /
	       (super->root_level + 1);
}

static bool run_valid(const struct reader *reader, const struct lc_run *run)
{
	return lc_run_valid(run, lc_blocks_of(reader->super->clone_sectors),
			    &reader->super->layout);
}

/* As the replay of the core counts them. */
static void count_leaves(struct reader *reader, const struct lc_run *run)
{
	u64 first = lc_leaf_index(run->first);
	u64 last = lc_leaf_index(run->first + run->count - 1);

	reader->leaves += last - first + (first != reader->last_leaf);
	reader->last_leaf = last;
}

static bool runs_valid(struct reader *reader, u32 block, u32 runs)
{
	struct lc_run run;
	u32 i;

	for (i = 0; i < runs; i++) {
		lc_journal_run(ring_page(reader, block), i, &run);
		if (!run_valid(reader, &run))
			return damaged(reader, block,
				       "the journal block holds an impossible run");
		count_leaves(reader, &run);
	}
	if (reader->leaves > group_leaves(reader->super))
		return damaged(reader, block,
			       "the journal group touches more leaves than one can");
	return true;
}

/* Moves @mark over block @n of a group.  Returns false when it is not that. */
static bool follow(struct reader *reader, struct lc_journal_mark *mark, u32 n,
		   bool *closes)
{
	struct lc_journal_block block;
	const char *why;

	if (test_bit(mark->block, reader->unread))
		return damaged(reader, mark->block,
			       "the journal block cannot be read");
	why = decode(reader, mark->block, &block);
	if (!block.sealed || block.epoch != reader->super->epoch ||
	    block.sequence != mark->sequence || block.position != n ||
	    block.previous_csum != mark->csum)
		return false;
	if (why)
		return damaged(reader, mark->block, why);
	if (!runs_valid(reader, mark->block, block.runs))
		return false;
	mark->csum = block.csum;
	mark->sequence++;
	mark->block = (mark->block + 1) % reader->super->layout.journal_blocks;
	*closes = block.closes;
	return true;
}

/* Adds the runs of a block that make sense to @overlay. */
static void take_runs(struct reader *reader, u32 block, struct overlay *overlay)
{
	struct lc_journal_block found;
	struct lc_run run;
	u32 i;

	if (decode(reader, block, &found))
		return;
	for (i = 0; i < found.runs; i++) {
		lc_journal_run(ring_page(reader, block), i, &run);
		if (run_valid(reader, &run) &&
		    run.count / LC_LEAF_ENTRIES <= group_leaves(reader->super))
			overlay_add(overlay, &run);
	}
}

/* Takes the group at reader->at, when there is a whole one. */
static bool take_group(struct reader *reader)
{
	u32 ring = reader->super->layout.journal_blocks;
	struct lc_journal_mark mark = reader->at;
	bool closes = false;
	u32 n;

	reader->leaves = 0;
	reader->last_leaf = ~0ull;
	for (n = 0; !closes; n++)
		if (n == ring - 1 || !follow(reader, &mark, n, &closes)) {
			reader->stop = mark.block;
			return false;
		}
	while (n--) {
		take_runs(reader, reader->at.block, &reader->contents->overlay);
		take_runs(reader, reader->at.block, &reader->contents->known);
		reader->at.block = (reader->at.block + 1) % ring;
		reader->contents->blocks++;
	}
	reader->at = mark;
	reader->contents->groups++;
	return true;
}

/*
 * A closing block of this epoch beyond the end: it was written only when all
 * before it was durable, so the end is not where it was.  And an activation
 * reads the whole ring, so that all of it must be readable.
 */
static void check_end(struct reader *reader)
{
	u32 blocks = reader->super->layout.journal_blocks;
	struct lc_journal_block block;
	u32 i;

	for (i = 0; i < blocks; i++) {
		decode(reader, i, &block);
		if (!block.sealed || !block.closes ||
		    block.epoch != reader->super->epoch ||
		    block.sequence < reader->at.sequence)
			continue;
		damaged(reader, reader->stop,
			"the journal is damaged before its end: durable changes are lost from here on");
		return;
	}
	i = (u32)find_next_bit(reader->unread, blocks, 0);
	if (i < blocks)
		damaged(reader, i, "the journal block cannot be read");
}

/*
 * The groups before the replay point, from the oldest whose chain leads there.
 * Not for a store that was parked: its last checkpoint may hold what never was
 * in a group.
 */
static void take_history(struct reader *reader)
{
	const struct lc_super *super = reader->super;
	u32 ring = super->layout.journal_blocks;
	struct lc_journal_mark mark = reader->at;
	struct lc_journal_block block;
	u32 n = 0;

	if (!super->owner_epoch)
		return;
	while (n < ring - 1) {
		u32 before = (mark.block + ring - 1) % ring;

		if (decode(reader, before, &block) ||
		    block.epoch != super->epoch || block.csum != mark.csum ||
		    block.sequence != mark.sequence - 1)
			break;
		mark.block = before;
		mark.sequence--;
		mark.csum = block.previous_csum;
		n++;
	}
	for (; n; n--, mark.block = (mark.block + 1) % ring)
		take_runs(reader, mark.block, &reader->contents->known);
}

static void take_later(struct reader *reader)
{
	struct journal_contents *contents = reader->contents;
	struct lc_journal_block block;
	u32 i;

	for (i = 0; i < reader->super->layout.journal_blocks; i++) {
		decode(reader, i, &block);
		if (!block.sealed)
			continue;
		contents->last_sequence = max(contents->last_sequence,
					      block.sequence);
		if (!contents->damage || block.epoch != reader->super->epoch ||
		    block.sequence < reader->at.sequence)
			continue;
		contents->later_blocks++;
		take_runs(reader, i, &contents->later);
	}
}

/* Block by block where the ring as a whole cannot be read. */
static int read_ring(struct reader *reader, const struct store_file *store)
{
	const struct lc_layout *layout = &reader->super->layout;
	int error = store_read(store, layout->journal_start, reader->ring,
			       layout->journal_blocks);
	bool any = !error;
	u32 i;

	for (i = 0; error && i < layout->journal_blocks; i++) {
		if (!store_read(store, layout->journal_start + i,
				ring_page(reader, i), 1)) {
			any = true;
			continue;
		}
		memset(ring_page(reader, i), 0, LC_BLOCK_SIZE);
		__set_bit(i, reader->unread);
	}
	return any ? 0 : error;
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
	reader.unread = must_alloc(BITS_TO_LONGS(blocks) * sizeof(long));
	error = read_ring(&reader, store);
	if (!error) {
		take_history(&reader);
		/* More blocks than the ring has would be a circle. */
		for (limit = 0; limit < blocks && take_group(&reader); limit++)
			;
		if (!contents->damage)
			check_end(&reader);
		take_later(&reader);
	}
	contents->end = reader.at;
	free(reader.ring);
	free(reader.unread);
	overlay_build(&contents->overlay);
	overlay_build(&contents->known);
	overlay_build(&contents->later);
	return error;
}

void journal_free(struct journal_contents *contents)
{
	overlay_free(&contents->overlay);
	overlay_free(&contents->known);
	overlay_free(&contents->later);
}
