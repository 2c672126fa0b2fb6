// SPDX-License-Identifier: GPL-2.0
/* Space of the store: the high-water mark, the bitmap, the way of freed blocks. */

#include "store.h"

/* Bits of the bitmap that one search looks at: 128 KiB of memory. */
#define SEARCH_BITS	0x100000u

/* Low water is a tenth of the space, or this many blocks: 1 GiB. */
#define LOW_WATER_MOST	0x40000u

/* The scan starts while this part of the space is still above the mark. */
#define SCAN_EARLY	16

void lc_low_water_set(struct lc_store *store)
{
	store->alloc.low_water = min_t(u32, lc_space_total(store) / 10,
				       LOW_WATER_MOST);
}

void lc_alloc_init(struct lc_store *store)
{
	const struct lc_super *super = &store->super;
	struct lc_alloc *alloc = &store->alloc;
	u32 bit;

	alloc->high_water = super->high_water;
	alloc->data_end = super->layout.data_end;
	alloc->cursor = super->layout.data_start;
	alloc->used_blocks = super->root.data_blocks;
	alloc->page_blocks = super->page_blocks;
	memcpy(alloc->reserve_map, super->reserve_map, sizeof(alloc->reserve_map));
	for (bit = 0; bit < super->layout.reserve_blocks; bit++)
		alloc->reserve_used += test_bit(bit, alloc->reserve_map);
	lc_low_water_set(store);
	alloc->low = lc_space_free(store) <= alloc->low_water;
	INIT_LIST_HEAD(&alloc->freed_open);
	INIT_LIST_HEAD(&alloc->freed_round);
	INIT_LIST_HEAD(&alloc->freed_durable);
	INIT_LIST_HEAD(&alloc->freed_draining);
}

static void freed_drop(struct lc_store *store, struct list_head *list)
{
	struct lc_freed *freed, *next;

	list_for_each_entry_safe(freed, next, list, link) {
		list_del_init(&freed->link);
		store->ops->page_put(store->ctx, freed);
	}
}

void lc_alloc_destroy(struct lc_store *store)
{
	struct lc_alloc *alloc = &store->alloc;

	freed_drop(store, &alloc->freed_open);
	freed_drop(store, &alloc->freed_round);
	freed_drop(store, &alloc->freed_durable);
	freed_drop(store, &alloc->freed_draining);
	if (alloc->bitmap)
		store->ops->bitmap_put(store->ctx, alloc->bitmap);
	alloc->bitmap = NULL;
}

u32 lc_space_total(const struct lc_store *store)
{
	return store->alloc.data_end - store->super.layout.reserve_start;
}

u32 lc_space_free(const struct lc_store *store)
{
	const struct lc_alloc *alloc = &store->alloc;
	u64 used = (u64)alloc->used_blocks + alloc->page_blocks +
		   alloc->promised_blocks;
	u32 total = lc_space_total(store);

	return used < total ? (u32)(total - used) : 0;
}

static u32 reserve_free(const struct lc_store *store)
{
	return store->super.layout.reserve_blocks - store->alloc.reserve_used;
}

u32 lc_space_available(const struct lc_store *store)
{
	const struct lc_alloc *alloc = &store->alloc;
	u32 keep = lc_dirty_cap(store->super.layout.reserve_blocks);
	u32 total = lc_space_total(store);
	u32 space = lc_space_free(store);
	u64 others = (u64)alloc->used_blocks + alloc->page_blocks +
		     reserve_free(store);

	if (space <= keep || others >= total)
		return 0;
	/* What is free of the reserve is no place for data. */
	return min(space - keep, (u32)(total - others));
}

u32 lc_space_known(const struct lc_store *store)
{
	return reserve_free(store) + store->alloc.data_end -
	       store->alloc.high_water;
}

void lc_space_watch(struct lc_store *store)
{
	struct lc_alloc *alloc = &store->alloc;
	bool low = lc_space_free(store) <= alloc->low_water;

	if (low != alloc->low) {
		alloc->low = low;
		if (low)
			store->ops->kick(store->ctx, LC_KICK_EVENT);
	}
	if (alloc->full && lc_space_available(store)) {
		alloc->full = false;
		store->ops->kick(store->ctx, LC_KICK_SPACE);
	}
}

void lc_mark_used(struct lc_store *store, u32 start, u32 count)
{
	lockdep_assert_held(&store->lock);
	if (!store->alloc.bitmap)
		return;
	bitmap_set(store->alloc.bitmap, start, count);
}

/* All of the bitmap has been searched since a bit of it was cleared, for nothing. */
static bool in_vain(const struct lc_alloc *alloc)
{
	return alloc->misses > alloc->data_end / SEARCH_BITS + 1;
}

/* From the bitmap, next fit. */
static u32 search(struct lc_store *store, u32 most, u32 *start)
{
	struct lc_alloc *alloc = &store->alloc;
	u32 end = alloc->cursor + min_t(u32, alloc->data_end - alloc->cursor,
					SEARCH_BITS);
	u32 count, at;

	if (in_vain(alloc))
		return 0;
	at = (u32)find_next_zero_bit(alloc->bitmap, end, alloc->cursor);
	if (at >= end) {
		/* Not here: the next call looks at the next stretch. */
		alloc->cursor = end < alloc->data_end ?
				end : store->super.layout.data_start;
		alloc->misses++;
		if (!in_vain(alloc))
			store->ops->kick(store->ctx, LC_KICK_RETRY);
		return 0;
	}
	alloc->misses = 0;
	end = at + min(most, alloc->data_end - at);
	count = (u32)find_next_bit(alloc->bitmap, end, at) - at;
	alloc->cursor = at + count < alloc->data_end ?
			at + count : store->super.layout.data_start;
	alloc->high_water = max(alloc->high_water, at + count);
	*start = at;
	return count;
}

/* From above the high-water mark, where @keep blocks are not to be had. */
static u32 above(struct lc_store *store, u32 most, u32 keep, u32 *start)
{
	struct lc_alloc *alloc = &store->alloc;
	u32 room = alloc->data_end - alloc->high_water;

	most = min(most, room > keep ? room - keep : 0);
	if (alloc->scan == LC_SCAN_NONE &&
	    (!most || (room < lc_space_total(store) / SCAN_EARLY &&
		       room < lc_space_available(store))))
		store->ops->kick(store->ctx, LC_KICK_SCAN);
	*start = alloc->high_water;
	alloc->high_water += most;
	return most;
}

static u32 take(struct lc_store *store, u32 most, u32 keep, u32 *start)
{
	u32 count;

	lockdep_assert_held(&store->lock);
	if (store->alloc.scan == LC_SCAN_DONE)
		count = search(store, most, start);
	else
		count = above(store, most, keep, start);
	lc_mark_used(store, *start, count);
	return count;
}

/* Without a scan, the next checkpoint finds its places above the mark. */
u32 lc_alloc_data(struct lc_store *store, u32 most, u32 *start)
{
	u32 cap = lc_dirty_cap(store->super.layout.reserve_blocks);
	u32 reserve = reserve_free(store);

	return take(store, most, cap > reserve ? cap - reserve : 0, start);
}

bool lc_alloc_in_vain(const struct lc_store *store)
{
	const struct lc_alloc *alloc = &store->alloc;

	lockdep_assert_held(&store->lock);
	return alloc->scan == LC_SCAN_FAILED ||
	       (alloc->scan == LC_SCAN_DONE && in_vain(alloc) &&
		!alloc->replaced_pages);
}

static void clear_bits(struct lc_alloc *alloc, u32 start, u32 count)
{
	if (!alloc->bitmap)
		return;
	bitmap_clear(alloc->bitmap, start, count);
	alloc->misses = 0;
}

void lc_free_data(struct lc_store *store, u32 start, u32 count)
{
	struct lc_alloc *alloc = &store->alloc;

	lockdep_assert_held(&store->lock);
	alloc->used_blocks -= min(count, alloc->used_blocks);
	clear_bits(alloc, start, count);
	lc_space_watch(store);
}

static u32 alloc_reserve(struct lc_store *store)
{
	const struct lc_layout *layout = &store->super.layout;
	struct lc_alloc *alloc = &store->alloc;
	u32 bit = (u32)find_next_zero_bit(alloc->reserve_map,
					  layout->reserve_blocks, 0);

	if (bit >= layout->reserve_blocks)
		return 0;
	__set_bit(bit, alloc->reserve_map);
	alloc->reserve_used++;
	return layout->reserve_start + bit;
}

/*
 * Half of the reserve is for every day, so that pages which are written again
 * and again do not push the high-water mark; the other half is for when there
 * is nothing else, as the store has it or the device below.
 */
u32 lc_alloc_page(struct lc_store *store)
{
	u32 reserve = store->super.layout.reserve_blocks;
	u32 keep = store->alloc.below_full ? 0 : lc_dirty_cap(reserve);
	u32 tries = store->alloc.data_end / SEARCH_BITS + 2;
	u32 address;

	lockdep_assert_held(&store->lock);
	if (store->alloc.reserve_used < reserve - keep)
		return alloc_reserve(store);
	do {
		if (take(store, 1, 0, &address))
			return address;
	} while (store->alloc.scan == LC_SCAN_DONE && --tries);
	return alloc_reserve(store);
}

void lc_free_page(struct lc_store *store, u32 address)
{
	const struct lc_layout *layout = &store->super.layout;
	struct lc_alloc *alloc = &store->alloc;

	lockdep_assert_held(&store->lock);
	if (address < layout->data_start) {
		__clear_bit(address - layout->reserve_start, alloc->reserve_map);
		alloc->reserve_used--;
	} else {
		clear_bits(alloc, address, 1);
	}
}

struct lc_freed *lc_freed_spare(struct lc_store *store)
{
	u32 out = READ_ONCE(store->alloc.freed_pages);
	struct lc_freed *spare;

	/*
	 * Whoever waits for memory may be what a reclaim has to drain, so only a
	 * store that has none of these pages waits for one; else some come back.
	 */
	if (out >= LC_FREED_PAGES_MAX)
		return NULL;
	spare = store->ops->page_get(store->ctx, !out);
	if (spare) {
		INIT_LIST_HEAD(&spare->link);
		spare->runs = 0;
	}
	return spare;
}

void lc_freed_return(struct lc_store *store, struct lc_freed *spare)
{
	if (spare)
		store->ops->page_put(store->ctx, spare);
}

/* The page of freed_open that has room for @runs more, or NULL. */
static struct lc_freed *freed_last(struct lc_store *store, u32 runs)
{
	struct list_head *open = &store->alloc.freed_open;
	struct lc_freed *freed;

	if (list_empty(open))
		return NULL;
	freed = list_entry(open->prev, struct lc_freed, link);
	return freed->runs + runs <= LC_FREED_RUNS ? freed : NULL;
}

bool lc_freed_room(struct lc_store *store, u32 runs, const struct lc_freed *spare)
{
	lockdep_assert_held(&store->lock);
	if (!runs || spare || freed_last(store, runs))
		return true;
	/* Too much is on its way back already: that comes first. */
	store->round.wanted = true;
	store->ops->kick(store->ctx, LC_KICK_ROUND);
	return false;
}

struct lc_freed *lc_freed_open(struct lc_store *store, u32 runs,
			       struct lc_freed **spare)
{
	struct lc_freed *freed = freed_last(store, runs);

	lockdep_assert_held(&store->lock);
	if (freed || !runs)
		return freed;
	freed = *spare;
	*spare = NULL;
	WRITE_ONCE(store->alloc.freed_pages, store->alloc.freed_pages + 1);
	list_add_tail(&freed->link, &store->alloc.freed_open);
	return freed;
}

void lc_freed_add(struct lc_store *store, struct lc_freed *freed, u32 block)
{
	struct lc_freed_run *run = &freed->run[freed->runs];

	lockdep_assert_held(&store->lock);
	store->alloc.freeing_blocks++;
	if (freed->runs && run[-1].store + run[-1].count == block) {
		run[-1].count++;
		return;
	}
	run->store = block;
	run->count = 1;
	freed->runs++;
}

/* One page of blocks that nothing can reach any more. */
static void freed_finish(struct lc_store *store, struct lc_freed *freed)
{
	struct lc_alloc *alloc = &store->alloc;
	unsigned long flags;
	u32 i;

	for (i = 0; i < freed->runs; i++)
		store->ops->discard(store->ctx, freed->run[i].store,
				    freed->run[i].count);
	spin_lock_irqsave(&store->lock, flags);
	for (i = 0; i < freed->runs; i++) {
		alloc->freeing_blocks -= freed->run[i].count;
		lc_free_data(store, freed->run[i].store, freed->run[i].count);
	}
	list_del_init(&freed->link);
	WRITE_ONCE(alloc->freed_pages, alloc->freed_pages - 1);
	spin_unlock_irqrestore(&store->lock, flags);
	store->ops->page_put(store->ctx, freed);
}

void lc_reclaim(struct lc_store *store)
{
	struct lc_alloc *alloc = &store->alloc;
	unsigned long flags;

	spin_lock_irqsave(&store->lock, flags);
	list_splice_tail_init(&alloc->freed_durable, &alloc->freed_draining);
	spin_unlock_irqrestore(&store->lock, flags);
	if (list_empty(&alloc->freed_draining))
		return;

	/* What looked the blocks up before they left the map is still using them. */
	store->ops->drain(store->ctx);
	while (!list_empty(&alloc->freed_draining))
		freed_finish(store, list_first_entry(&alloc->freed_draining,
						     struct lc_freed, link));
	store->ops->kick(store->ctx, LC_KICK_RETRY);
}
