// SPDX-License-Identifier: GPL-2.0
/*
 * Replay: the whole groups of the journal, from the replay point on, are applied
 * to the map.  The journal ends at the first group that is not whole.  A closing
 * block of this epoch behind that end cannot be there unless the end is damage:
 * a group is written only when the one before is durable, and its closing block
 * only when the rest of it is.
 */

#include "store.h"

struct replay {
	struct lc_journal_mark at;	/* the group that comes next */
	struct lc_journal_mark next;	/* behind it */
	void *page;
	u64 group_leaves;		/* leaves that the group touches at most */
	u64 last_leaf;			/* the one that was counted last */
};

static u32 ring_next(const struct lc_store *store, u32 block)
{
	return (block + 1) % store->super.layout.journal_blocks;
}

static int read_block(struct lc_store *store, u32 ring_block, void *page,
		      struct lc_journal_block *block, const char **why)
{
	u32 address = store->super.layout.journal_start + ring_block;
	int error = store->ops->read(store->ctx, address, page);

	if (error) {
		store->ops->report(store->ctx, "the journal cannot be read",
				   address);
		return error;
	}
	*why = lc_journal_decode(page, store->super.store_uuid, address, block);
	return 0;
}

/* A round gathers leaf by leaf, so runs of one leaf follow each other. */
static void count_leaves(struct replay *replay, const struct lc_run *run)
{
	u64 first = lc_leaf_index(run->first);
	u64 last = lc_leaf_index(run->first + run->count - 1);

	replay->group_leaves += last - first + (first != replay->last_leaf);
	replay->last_leaf = last;
}

/* What a later group lets go has been given out all the same. */
static void keep_blocks(struct lc_store *store, const struct lc_run *run)
{
	struct lc_alloc *alloc = &store->alloc;
	unsigned long flags;

	if (!lc_entry_is_data(run->value))
		return;
	spin_lock_irqsave(&store->lock, flags);
	alloc->high_water = max(alloc->high_water, run->value + run->count);
	spin_unlock_irqrestore(&store->lock, flags);
}

/* Whether every run of the block makes sense; adds up the leaves touched. */
static bool runs_valid(struct lc_store *store, struct replay *replay,
		       const struct lc_journal_block *block)
{
	struct lc_run run;
	u32 i;

	for (i = 0; i < block->runs; i++) {
		lc_journal_run(replay->page, i, &run);
		if (!lc_run_valid(&run, store->blocks, &store->super.layout))
			return false;
		count_leaves(replay, &run);
		keep_blocks(store, &run);
	}
	return true;
}

/*
 * Looks for the group at @replay->at, and sets @replay->next to what is behind
 * it.  Returns its number of blocks, 0 when there is no whole group, or a
 * negative errno.
 */
static int find_group(struct lc_store *store, struct replay *replay)
{
	u32 most = store->super.layout.journal_blocks - 1;
	struct lc_journal_mark mark = replay->at;
	struct lc_journal_block block;
	const char *why;
	int error;
	u32 n;

	replay->group_leaves = 0;
	replay->last_leaf = ~0ull;
	for (n = 0; n < most; n++) {
		error = read_block(store, mark.block, replay->page, &block, &why);
		if (error)
			return error;
		if (!block.sealed || block.epoch != store->super.epoch ||
		    block.sequence != mark.sequence || block.position != n ||
		    block.previous_csum != mark.csum)
			return 0;
		if (!why && !runs_valid(store, replay, &block))
			why = "a journal block holds an impossible run";
		if (why) {
			store->ops->report(store->ctx, why,
					   store->super.layout.journal_start +
					   mark.block);
			return -EUCLEAN;
		}
		mark.csum = block.csum;
		mark.sequence++;
		mark.block = ring_next(store, mark.block);
		if (block.closes) {
			replay->next = mark;
			return (int)n + 1;
		}
	}
	return 0;
}

/* Whether a closing block of this epoch lies beyond where the replay ended. */
static int check_end(struct lc_store *store, struct replay *replay)
{
	u32 ring = store->super.layout.journal_blocks;
	u32 at = replay->at.block;
	struct lc_journal_block block;
	const char *why;
	int error;
	u32 i;

	/* A store that was parked has checkpointed all, and written nothing since. */
	if (!store->super.owner_epoch)
		return 0;
	for (i = 0; i < ring; i++, at = ring_next(store, at)) {
		error = read_block(store, at, replay->page, &block, &why);
		if (error)
			return error;
		if (!block.sealed || block.epoch != store->super.epoch ||
		    !block.closes || block.sequence < replay->at.sequence)
			continue;
		store->ops->report(store->ctx,
				   "the journal is damaged before its end",
				   store->super.layout.journal_start +
				   replay->at.block);
		return -EUCLEAN;
	}
	return 0;
}

/* Sets the entries of one run, leaf by leaf. */
static int apply_run(struct lc_store *store, struct lc_run run)
{
	u32 slot, new_pages, n, i;
	struct lc_leaf *leaf;
	unsigned long flags;
	int error;

	while (run.count) {
		error = lc_map_load(store, run.first);
		if (error)
			return error;
		slot = lc_leaf_slot(run.first);
		n = min_t(u32, run.count, LC_LEAF_ENTRIES - slot);
		spin_lock_irqsave(&store->lock, flags);
		leaf = lc_map_leaf(store, run.first);
		if (!lc_page_claim(store, &leaf->page, &new_pages)) {
			spin_unlock_irqrestore(&store->lock, flags);
			return -EUCLEAN;
		}
		lc_page_promise(store, &leaf->page);
		for (i = 0; i < n; i++)
			lc_leaf_replay(store, leaf, slot + i,
				       lc_entry_behind(run.value, i));
		lc_page_unclaim(store, &leaf->page);
		run.value = lc_entry_behind(run.value, n);
		spin_unlock_irqrestore(&store->lock, flags);
		run.first += n;
		run.count -= n;
	}
	return 0;
}

/*
 * Nothing is written before the journal has been seen to be whole to its end,
 * and no block is given out before it is known which are named there: all of it
 * is applied in memory.  lc_page_claim() sees to it that what was named since the
 * mark of the last checkpoint is within four times the dirty cap: three, and what was
 * claimed already.
 */
static int check_bounds(struct lc_store *store, const struct replay *replay)
{
	u32 cap = lc_dirty_cap(store->super.layout.reserve_blocks);

	if (replay->group_leaves <= lc_group_leaves(store) &&
	    store->map.charged <= 4 * (u64)cap)
		return 0;
	store->ops->report(store->ctx, "the journal holds more than it ever could",
			   store->super.layout.journal_start + replay->at.block);
	return -EUCLEAN;
}

static int reads_differently(struct lc_store *store, const struct replay *replay)
{
	store->ops->report(store->ctx, "a journal block reads differently each time",
			   store->super.layout.journal_start + replay->at.block);
	return -EUCLEAN;
}

/* The seals, each of which covers the one before, are those that find_group() has seen. */
static int apply_group(struct lc_store *store, struct replay *replay, int blocks)
{
	struct lc_journal_block block;
	struct lc_run run;
	const char *why;
	int error;
	u32 i;

	while (blocks--) {
		error = read_block(store, replay->at.block, replay->page, &block,
				   &why);
		if (error)
			return error;
		if (why || block.previous_csum != replay->at.csum ||
		    (!blocks && block.csum != replay->next.csum) ||
		    !runs_valid(store, replay, &block))
			return reads_differently(store, replay);
		for (i = 0; i < block.runs; i++) {
			lc_journal_run(replay->page, i, &run);
			error = apply_run(store, run);
			if (error)
				return error;
		}
		replay->at.csum = block.csum;
		replay->at.sequence++;
		replay->at.block = ring_next(store, replay->at.block);
		lc_map_evict(store, 16);
	}
	return 0;
}

static int replay_groups(struct lc_store *store, struct replay *replay)
{
	int blocks, error;

	while ((blocks = find_group(store, replay)) > 0) {
		error = check_bounds(store, replay);
		if (!error)
			error = apply_group(store, replay, blocks);
		if (error)
			return error;
	}
	if (blocks < 0)
		return blocks;
	return check_end(store, replay);
}

int lc_journal_replay(struct lc_store *store)
{
	const struct lc_super *super = &store->super;
	struct replay replay = {
		.at.sequence = super->replay_sequence,
		.at.block = super->replay_block,
		.at.csum = super->replay_csum,
	};
	int error;

	store->journal.epoch = super->epoch;
	store->journal.head = replay.at;
	store->journal.durable = replay.at;
	store->journal.tail = replay.at;
	replay.page = store->ops->page_get(store->ctx, true);
	store->map.uncapped = true;
	error = replay_groups(store, &replay);
	store->map.uncapped = false;
	store->ops->page_put(store->ctx, replay.page);
	/* Counts of data blocks moved with the map. */
	store->alloc.used_blocks = (u32)store->map.data_blocks;
	store->journal.head = replay.at;
	store->journal.durable = replay.at;
	return error;
}
