// SPDX-License-Identifier: GPL-2.0
/* First writes and zeroing: how entries change. */

#include "bulk.h"
#include "layers.h"

/*
 * No space for now.  Blocks on their way back are worth waiting for: a round
 * makes their release durable.  Else the store is full.
 */
static enum lc_take no_space(struct lc_store *store)
{
	struct lc_alloc *alloc = &store->alloc;

	if (alloc->freeing_blocks) {
		store->round.wanted = true;
		store->ops->kick(store->ctx, LC_KICK_ROUND);
		return LC_BUSY;
	}
	if (!alloc->full) {
		alloc->full = true;
		store->ops->kick(store->ctx, LC_KICK_EVENT);
	}
	return LC_FULL;
}

/* Claims the leaf, and the space for @most blocks (at least one) and new pages. */
static enum lc_take claim(struct lc_store *store, struct lc_leaf *leaf, u32 *most)
{
	u32 available, new_pages;

	if (!lc_page_claim(store, &leaf->page, &new_pages))
		return lc_below_full(store) ? LC_FULL : LC_BUSY;
	available = lc_space_available(store);
	if (available < *most + new_pages) {
		if (available < new_pages + !!*most) {
			lc_page_unclaim(store, &leaf->page);
			return no_space(store);
		}
		*most = available - new_pages;
	}
	return LC_TAKEN;
}

static enum lc_take take(struct lc_store *store, struct lc_leaf *leaf, u32 most,
			 struct lc_ticket *ticket)
{
	u32 expected = leaf->entry[ticket->slot];
	enum lc_take result;
	u32 count;

	if (lc_entry_is_data(expected))
		return LC_CHANGED;
	most = min(most, LC_LEAF_ENTRIES - ticket->slot);
	for (count = 1; count < most; count++)
		if (leaf->entry[ticket->slot + count] != expected)
			break;
	result = claim(store, leaf, &count);
	if (result != LC_TAKEN)
		return result;

	ticket->count = lc_alloc_data(store, count, &ticket->store);
	if (!ticket->count) {
		lc_page_unclaim(store, &leaf->page);
		return lc_alloc_in_vain(store) ? no_space(store) : LC_BUSY;
	}
	lc_page_promise(store, &leaf->page);
	store->alloc.used_blocks += ticket->count;
	lc_space_watch(store);
	ticket->leaf = leaf;
	ticket->expected = expected;
	return LC_TAKEN;
}

enum lc_take lc_ticket_take(struct lc_store *store, u64 block, u32 most,
			    struct lc_ticket *ticket)
{
	enum lc_take result = LC_LOAD;
	struct lc_leaf *leaf;
	unsigned long flags;

	ticket->slot = lc_leaf_slot(block);
	spin_lock_irqsave(&store->lock, flags);
	if (store->failed || store->read_only) {
		result = LC_FAILED;
	} else {
		leaf = lc_map_leaf(store, block);
		if (leaf)
			result = take(store, leaf, most, ticket);
	}
	spin_unlock_irqrestore(&store->lock, flags);
	return result;
}

bool lc_ticket_publish(struct lc_store *store, struct lc_ticket *ticket)
{
	struct lc_leaf *leaf = ticket->leaf;
	unsigned long flags;
	u32 i;

	ticket->published = 0;
	spin_lock_irqsave(&store->lock, flags);
	for (i = 0; i < ticket->count; i++) {
		if (leaf->entry[ticket->slot + i] == ticket->expected) {
			/* A scan may have begun since the block was taken. */
			lc_mark_used(store, ticket->store + i, 1);
			lc_leaf_set(store, leaf, ticket->slot + i,
				    ticket->store + i);
			ticket->published++;
		} else {
			/* Nobody has ever seen this block: it is free at once. */
			lc_free_data(store, ticket->store + i, 1);
		}
	}
	lc_page_unclaim(store, &leaf->page);
	spin_unlock_irqrestore(&store->lock, flags);
	return ticket->published == ticket->count;
}

void lc_ticket_abort(struct lc_store *store, struct lc_ticket *ticket)
{
	unsigned long flags;

	spin_lock_irqsave(&store->lock, flags);
	lc_free_data(store, ticket->store, ticket->count);
	lc_page_unclaim(store, &ticket->leaf->page);
	spin_unlock_irqrestore(&store->lock, flags);
}

/*
 * How many of the @count blocks from @block on read as zeros already, with
 * nothing to note for it.
 */
static u64 zero_already(struct lc_store *store, u64 block, u64 count)
{
	struct lc_extent extent;

	/* No further than a hold of the lock may take. */
	lc_lookup(store, block, min_t(u64, count, 8 * LC_LEAF_ENTRIES), &extent);
	/* Interrupts are off, which is as good as a lock of RCU. */
	if (extent.kind == LC_BELOW)
		lc_lookup_below(store, block, extent.count, &extent);
	return extent.kind == LC_ZERO ? extent.count : 0;
}

/* Up to @count blocks with no more data blocks among them than a page can note. */
static u32 zero_span(const struct lc_leaf *leaf, u32 slot, u64 count, u32 *data)
{
	u32 most = (u32)min_t(u64, count, LC_LEAF_ENTRIES - slot);
	u32 i;

	*data = 0;
	for (i = 0; i < most && *data < LC_FREED_RUNS; i++)
		*data += lc_entry_is_data(leaf->entry[slot + i]);
	return i;
}

/* Under the lock.  @spare is a fresh page for freed blocks, taken when needed. */
static enum lc_take zero(struct lc_store *store, u64 block, u64 *count,
			 struct lc_freed **spare)
{
	struct lc_leaf *leaf = lc_map_leaf(store, block);
	u32 slot = lc_leaf_slot(block);
	struct lc_freed *freed;
	enum lc_take result;
	u32 none = 0;
	u32 data, i;

	if (!leaf)
		return LC_LOAD;
	*count = zero_span(leaf, slot, *count, &data);
	if (!lc_freed_room(store, data, *spare))
		return LC_BUSY;
	result = claim(store, leaf, &none);
	if (result != LC_TAKEN)
		return result;
	lc_page_promise(store, &leaf->page);
	freed = lc_freed_open(store, data, spare);
	for (i = 0; i < *count; i++) {
		if (lc_entry_is_data(leaf->entry[slot + i]))
			lc_freed_add(store, freed, leaf->entry[slot + i]);
		if (leaf->entry[slot + i] != LC_ENTRY_ZERO)
			lc_leaf_set(store, leaf, slot + i, LC_ENTRY_ZERO);
	}
	lc_page_unclaim(store, &leaf->page);
	return LC_TAKEN;
}

enum lc_take lc_zero(struct lc_store *store, u64 block, u64 *count)
{
	struct lc_freed *spare = lc_freed_spare(store);
	enum lc_take result = LC_TAKEN;
	unsigned long flags;
	u64 already;

	spin_lock_irqsave(&store->lock, flags);
	if (store->failed || store->read_only) {
		result = LC_FAILED;
	} else {
		already = zero_already(store, block, *count);
		if (already)
			*count = already;
		else
			result = zero(store, block, count, &spare);
	}
	spin_unlock_irqrestore(&store->lock, flags);
	lc_freed_return(store, spare);
	return result;
}

/* Under the lock. */
static enum lc_take replace(struct lc_store *store, u64 block,
			    struct lc_swap *swap, u32 *count,
			    struct lc_freed **spare)
{
	struct lc_leaf *leaf = lc_map_leaf(store, block);
	u32 *entry, slot = lc_leaf_slot(block);
	struct lc_freed *freed;
	enum lc_take result;
	u32 data = 0, none = 0;
	u32 i;

	if (!leaf)
		return LC_LOAD;
	entry = leaf->entry + slot;
	*count = min(*count, LC_LEAF_ENTRIES - slot);
	for (i = 0; i < *count; i++) {
		swap[i].done = entry[i] == swap[i].expected &&
			       entry[i] != swap[i].value;
		data += swap[i].done && lc_entry_is_data(entry[i]);
	}
	if (!lc_freed_room(store, data, *spare))
		return LC_BUSY;
	result = claim(store, leaf, &none);
	if (result != LC_TAKEN)
		return result;
	lc_page_promise(store, &leaf->page);
	freed = lc_freed_open(store, data, spare);
	for (i = 0; i < *count; i++) {
		if (!swap[i].done)
			continue;
		if (lc_entry_is_data(entry[i]))
			lc_freed_add(store, freed, entry[i]);
		lc_leaf_set(store, leaf, slot + i, swap[i].value);
	}
	lc_page_unclaim(store, &leaf->page);
	return LC_TAKEN;
}

enum lc_take lc_replace(struct lc_store *store, u64 block, struct lc_swap *swap,
			u32 *count, struct lc_freed **spare)
{
	enum lc_take result = LC_FAILED;
	unsigned long flags;

	spin_lock_irqsave(&store->lock, flags);
	if (!store->failed && !store->read_only)
		result = replace(store, block, swap, count, spare);
	spin_unlock_irqrestore(&store->lock, flags);
	return result;
}
