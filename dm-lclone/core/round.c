// SPDX-License-Identifier: GPL-2.0
/*
 * Rounds: gather, flush the store, write the closing block.  Whoever finds the
 * round IDLE under the lock and moves it on owns it until it is IDLE again;
 * group and leaves are the owner's.
 */

#include "store.h"

int lc_round_init(struct lc_store *store)
{
	struct lc_round *round = &store->round;

	INIT_LIST_HEAD(&round->arrived);
	INIT_LIST_HEAD(&round->waiting);
	INIT_LIST_HEAD(&round->leaves);
	round->page = store->ops->page_get(store->ctx, true);
	return round->page ? 0 : -ENOMEM;
}

void lc_round_destroy(struct lc_store *store)
{
	if (store->round.page)
		store->ops->page_put(store->ctx, store->round.page);
	store->round.page = NULL;
}

static void answer_all(struct lc_store *store, struct list_head *waits, int error)
{
	struct lc_wait *wait;

	while (!list_empty(waits)) {
		wait = list_first_entry(waits, struct lc_wait, link);
		list_del_init(&wait->link);
		store->ops->answer(store->ctx, wait, error);
	}
}

/* The first page of a group is the round's own. */
static void group_drop(struct lc_store *store, struct lc_group *group)
{
	while (group->blocks > 1)
		store->ops->page_put(store->ctx,
				     group->vec[--group->blocks].page);
	group->blocks = 0;
	group->runs = 0;
}

/* Ends the round; all that waited for it is answered. */
static void finish(struct lc_store *store, int error)
{
	struct lc_round *round = &store->round;
	struct lc_alloc *alloc = &store->alloc;
	struct list_head waiting;
	unsigned long flags;
	bool reclaim, more, scarce;

	group_drop(store, &round->group);
	INIT_LIST_HEAD(&waiting);
	spin_lock_irqsave(&store->lock, flags);
	/* A flush that failed elsewhere may have lost what this one was for. */
	if (store->failed)
		error = -EIO;
	list_splice_tail_init(&round->waiting, &waiting);
	if (error) {
		list_splice_tail_init(&round->arrived, &waiting);
		list_splice_tail_init(&round->leaves, &store->map.journal);
	} else {
		WRITE_ONCE(round->durable, round->started);
		list_splice_tail_init(&alloc->freed_round, &alloc->freed_durable);
	}
	round->state = LC_ROUND_IS_IDLE;
	reclaim = !list_empty(&alloc->freed_durable);
	more = round->wanted || !list_empty(&round->arrived);
	scarce = lc_journal_room(store) < store->super.layout.journal_blocks / 2;
	spin_unlock_irqrestore(&store->lock, flags);

	if (reclaim)
		store->ops->kick(store->ctx, LC_KICK_RECLAIM);
	if (scarce)
		store->ops->kick(store->ctx, LC_KICK_CHECKPOINT);
	if (more)
		store->ops->kick(store->ctx, LC_KICK_ROUND);
	answer_all(store, &waiting, error);
}

/* The entries of one leaf, as they are now.  Under the lock. */
static bool gather_leaf(struct lc_store *store, struct lc_leaf *leaf)
{
	u64 base = leaf->page.index * LC_LEAF_ENTRIES;
	u32 slot = 0, count, value, i;

	while ((slot = (u32)find_next_bit(leaf->unjournaled, LC_LEAF_ENTRIES,
					  slot)) < LC_LEAF_ENTRIES) {
		value = leaf->entry[slot];
		for (count = 1; slot + count < LC_LEAF_ENTRIES; count++)
			if (!test_bit(slot + count, leaf->unjournaled) ||
			    leaf->entry[slot + count] != lc_entry_behind(value, count))
				break;
		if (!lc_group_add(store, &store->round.group, base + slot, count,
				  value))
			return false;
		for (i = 0; i < count; i++)
			__clear_bit(slot + i, leaf->unjournaled);
		slot += count;
	}
	/* All of it is in this round, also what was set since that began. */
	WRITE_ONCE(leaf->round, store->round.started);
	store->round.gathered++;
	lc_leaf_gathered(store, leaf);
	return true;
}

/* Fills a group.  Leaves that do not fit stay for the next group. */
static void gather(struct lc_store *store)
{
	struct lc_round *round = &store->round;
	u32 leaves = lc_group_leaves(store);
	unsigned long flags;
	bool more = true;

	round->group.most = min_t(u32, lc_journal_room(store), LC_GROUP_BLOCKS);
	while (more && leaves--) {
		spin_lock_irqsave(&store->lock, flags);
		more = !list_empty(&round->leaves) &&
		       gather_leaf(store, list_first_entry(&round->leaves,
							   struct lc_leaf,
							   journal_link));
		spin_unlock_irqrestore(&store->lock, flags);
	}
	if (round->group.blocks)
		lc_group_seal(store, &round->group);
}

static void submit(struct lc_store *store, enum lc_round_state state)
{
	struct lc_round *round = &store->round;
	struct lc_group *group = &round->group;

	/* lc_round_run() looks whether the round has an owner. */
	WRITE_ONCE(round->state, state);
	if (state == LC_ROUND_IS_BODY)
		store->ops->round_io(store->ctx, LC_ROUND_BODY, group->vec,
				     group->blocks - 1);
	else if (state == LC_ROUND_IS_FLUSH)
		store->ops->round_io(store->ctx, LC_ROUND_FLUSH, NULL, 0);
	else
		store->ops->round_io(store->ctx, LC_ROUND_CLOSE,
				     &group->vec[group->blocks - 1], 1);
}

/* Whether the round has to wait for a checkpoint before it can gather. */
static bool wait_for_room(struct lc_store *store)
{
	struct lc_round *round = &store->round;
	unsigned long flags;
	bool wait;

	spin_lock_irqsave(&store->lock, flags);
	wait = !list_empty(&round->leaves) && !lc_journal_room(store);
	if (wait)
		round->state = LC_ROUND_IS_ROOM;
	spin_unlock_irqrestore(&store->lock, flags);
	if (wait)
		store->ops->kick(store->ctx, LC_KICK_CHECKPOINT);
	return wait;
}

void lc_round_step(struct lc_store *store)
{
	struct lc_round *round = &store->round;

	if (lc_failed(store)) {
		finish(store, -EIO);
		return;
	}
	switch (round->state) {
	case LC_ROUND_IS_GATHER:
		if (wait_for_room(store))
			return;
		gather(store);
		submit(store, round->group.blocks > 1 ? LC_ROUND_IS_BODY :
							LC_ROUND_IS_FLUSH);
		return;
	case LC_ROUND_IS_BODY:
		submit(store, LC_ROUND_IS_FLUSH);
		return;
	case LC_ROUND_IS_FLUSH:
		submit(store, LC_ROUND_IS_CLOSE);
		return;
	case LC_ROUND_IS_IDLE:
	case LC_ROUND_IS_ROOM:
	case LC_ROUND_IS_CLOSE:
		return;
	}
}

/* The group is on disk.  Returns true when there are leaves for another. */
static bool close_group(struct lc_store *store)
{
	struct lc_round *round = &store->round;
	unsigned long flags;
	bool more;

	group_drop(store, &round->group);
	spin_lock_irqsave(&store->lock, flags);
	store->journal.durable = store->journal.head;
	round->gathered = 0;
	more = !list_empty(&round->leaves);
	if (more)
		round->state = LC_ROUND_IS_GATHER;
	spin_unlock_irqrestore(&store->lock, flags);
	return more;
}

bool lc_round_io_done(struct lc_store *store, int error)
{
	struct lc_round *round = &store->round;

	if (error) {
		/* Latched before anything is acknowledged. */
		lc_fail(store, round->state == LC_ROUND_IS_FLUSH ?
			"a flush of the store failed" :
			"a write to the journal failed");
		finish(store, -EIO);
		return false;
	}
	if (round->state == LC_ROUND_IS_BODY ||
	    (round->state == LC_ROUND_IS_FLUSH && round->group.blocks))
		return true;
	if (round->state == LC_ROUND_IS_CLOSE && close_group(store))
		return true;
	finish(store, 0);
	return false;
}

void lc_round_run(struct lc_store *store, bool always)
{
	struct lc_round *round = &store->round;
	struct lc_alloc *alloc = &store->alloc;
	enum lc_round_state state;
	unsigned long flags;
	bool go = false;

	spin_lock_irqsave(&store->lock, flags);
	/* Its owner moves on without the lock, to no state that is of interest. */
	state = READ_ONCE(round->state);
	if (state == LC_ROUND_IS_ROOM &&
	    (lc_journal_room(store) || lc_failed(store))) {
		round->state = LC_ROUND_IS_GATHER;
		go = true;
	} else if (state == LC_ROUND_IS_IDLE &&
		   (always || round->wanted || !list_empty(&round->arrived))) {
		round->state = LC_ROUND_IS_GATHER;
		round->wanted = false;
		round->started++;
		list_splice_tail_init(&round->arrived, &round->waiting);
		list_splice_tail_init(&store->map.journal, &round->leaves);
		list_splice_tail_init(&alloc->freed_open, &alloc->freed_round);
		go = true;
	}
	spin_unlock_irqrestore(&store->lock, flags);
	if (go)
		lc_round_step(store);
}

void lc_round_give_up(struct lc_store *store)
{
	struct lc_round *round = &store->round;
	struct lc_alloc *alloc = &store->alloc;
	struct list_head waiting;
	unsigned long flags;

	INIT_LIST_HEAD(&waiting);
	spin_lock_irqsave(&store->lock, flags);
	if (READ_ONCE(round->state) == LC_ROUND_IS_ROOM) {
		WRITE_ONCE(round->state, LC_ROUND_IS_IDLE);
		list_splice_tail_init(&round->leaves, &store->map.journal);
		list_splice_tail_init(&alloc->freed_round, &alloc->freed_open);
		list_splice_tail_init(&round->waiting, &waiting);
		list_splice_tail_init(&round->arrived, &waiting);
	}
	spin_unlock_irqrestore(&store->lock, flags);
	answer_all(store, &waiting, -ENOSPC);
}

/*
 * Returns false when @wait has been answered already.  With @kick the round is asked
 * for in the same hold of the lock: afterwards one that is under way may have answered,
 * and with the last bio the store may have gone.
 */
static bool arrive(struct lc_store *store, struct lc_wait *wait, bool kick)
{
	unsigned long flags;
	bool failed, waits;

	/* Under the lock, so that a failing round does not overlook it. */
	spin_lock_irqsave(&store->lock, flags);
	failed = lc_failed(store);
	waits = !failed && !store->read_only;
	if (waits) {
		list_add_tail(&wait->link, &store->round.arrived);
		if (kick)
			store->ops->kick(store->ctx, LC_KICK_ROUND);
	}
	spin_unlock_irqrestore(&store->lock, flags);
	if (!waits)
		store->ops->answer(store->ctx, wait, failed ? -EIO : 0);
	return waits;
}

void lc_round_wait(struct lc_store *store, struct lc_wait *wait)
{
	if (arrive(store, wait, false))
		lc_round_run(store, false);
}

void lc_round_wait_later(struct lc_store *store, struct lc_wait *wait)
{
	arrive(store, wait, true);
}

bool lc_round_wanted(struct lc_store *store)
{
	unsigned long flags;
	bool wanted;

	spin_lock_irqsave(&store->lock, flags);
	wanted = !store->failed &&
		 (!list_empty(&store->map.journal) ||
		  !list_empty(&store->alloc.freed_open));
	spin_unlock_irqrestore(&store->lock, flags);
	return wanted;
}
