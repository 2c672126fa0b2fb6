// SPDX-License-Identifier: GPL-2.0
/*
 * The scan: finds out which blocks below the high-water mark are in use, by
 * walking the map, while the clone runs.
 *
 * From the moment the bitmap exists, whoever takes a block sets its bit and
 * whoever frees one clears it.  Tickets that are older than the bitmap have
 * published when the drain is over, and their blocks are then seen in the map.
 * A block that leaves the map while the scan runs is on one of the lists of
 * freed blocks until it may be reused; those are marked at the end.
 */

#include "store.h"

/* Leaves that the scan leaves in memory behind itself. */
#define KEEP_LEAVES	256

static int begin(struct lc_store *store)
{
	u32 blocks = store->super.layout.store_blocks;
	unsigned long *bitmap;
	unsigned long flags;

	bitmap = store->ops->bitmap_get(store->ctx,
					BITS_TO_LONGS((size_t)blocks) *
					sizeof(*bitmap));
	if (!bitmap)
		return -ENOMEM;
	spin_lock_irqsave(&store->lock, flags);
	store->alloc.bitmap = bitmap;
	store->alloc.scan = LC_SCAN_RUNNING;
	spin_unlock_irqrestore(&store->lock, flags);
	return 0;
}

static void mark_page(struct lc_store *store, struct lc_page *page)
{
	const struct lc_ref *ref = lc_page_ref(store, page);

	if (ref->state == LC_REF_PAGE)
		lc_mark_used(store, ref->address, 1);
	/* Both places count while a checkpoint is under way. */
	if (page->old.address)
		lc_mark_used(store, page->old.address, 1);
}

static void mark_pages(struct lc_store *store, struct lc_page *page)
{
	for (; page; page = page->parent ? &page->parent->page : NULL)
		mark_page(store, page);
}

static void mark_entries(struct lc_store *store, const struct lc_leaf *leaf)
{
	u32 i;

	for (i = 0; i < LC_LEAF_ENTRIES; i++)
		if (lc_entry_is_data(leaf->entry[i]))
			lc_mark_used(store, leaf->entry[i], 1);
}

/* Marks what the leaf of *@block names, or passes a hole; moves *@block on. */
static int visit(struct lc_store *store, u64 *block)
{
	struct lc_page *page;
	unsigned long flags;
	u64 covered;

	spin_lock_irqsave(&store->lock, flags);
	page = lc_map_visit(store, *block, &covered);
	if (!page->level)
		mark_entries(store, container_of(page, struct lc_leaf, page));
	if (covered)
		mark_pages(store, page);
	spin_unlock_irqrestore(&store->lock, flags);
	if (!covered)
		return lc_map_load(store, *block);
	*block += covered;
	return 0;
}

static void mark_freed(struct lc_store *store, const struct list_head *list)
{
	struct lc_freed *freed;
	u32 i;

	list_for_each_entry(freed, list, link)
		for (i = 0; i < freed->runs; i++)
			lc_mark_used(store, freed->run[i].store,
				     freed->run[i].count);
}

static void end(struct lc_store *store, int error)
{
	struct lc_alloc *alloc = &store->alloc;
	void *drop = NULL;
	unsigned long flags;

	spin_lock_irqsave(&store->lock, flags);
	if (error) {
		drop = alloc->bitmap;
		alloc->bitmap = NULL;
		alloc->scan = error == -EINTR || error == -ENOMEM ?
			      LC_SCAN_NONE : LC_SCAN_FAILED;
	} else {
		mark_freed(store, &alloc->freed_open);
		mark_freed(store, &alloc->freed_round);
		mark_freed(store, &alloc->freed_durable);
		mark_freed(store, &alloc->freed_draining);
		alloc->cursor = store->super.layout.data_start;
		alloc->scan = LC_SCAN_DONE;
	}
	spin_unlock_irqrestore(&store->lock, flags);
	if (drop)
		store->ops->bitmap_put(store->ctx, drop);
}

/*
 * Under scan_mutex.  With @may_stop it gives up when it is asked to, and where a
 * page could not be read before; a checkpoint depends on it, and tries again.
 */
static int scan(struct lc_store *store, bool may_stop)
{
	/* A clone that was cut may have pages behind its end. */
	u64 end_of_tree = lc_subtree_blocks(&store->map, store->super.root_level);
	enum lc_scan_state state = store->alloc.scan;
	u64 block = 0;
	int error;

	if (state == LC_SCAN_DONE || (state == LC_SCAN_FAILED && may_stop) ||
	    store->read_only)
		return 0;
	mutex_lock(&store->checkpoint_mutex);
	error = begin(store);
	mutex_unlock(&store->checkpoint_mutex);
	if (error)
		return error;

	store->ops->drain(store->ctx);
	while (!error && block < end_of_tree) {
		error = may_stop && READ_ONCE(store->stop_scan) ?
			-EINTR : visit(store, &block);
		if (READ_ONCE(store->map.leaves_in_memory) > KEEP_LEAVES)
			lc_map_evict(store, KEEP_LEAVES / 8);
	}

	/* No checkpoint moves pages while the last of them are marked. */
	mutex_lock(&store->checkpoint_mutex);
	end(store, error);
	mutex_unlock(&store->checkpoint_mutex);
	store->ops->kick(store->ctx, LC_KICK_RETRY);
	store->ops->kick(store->ctx, LC_KICK_SPACE);
	return error;
}

int lc_scan(struct lc_store *store)
{
	int error;

	mutex_lock(&store->scan_mutex);
	error = scan(store, true);
	mutex_unlock(&store->scan_mutex);
	return error;
}

/* Whether all that may be dirty finds its places with no bitmap. */
static bool no_bitmap_needed(struct lc_store *store)
{
	lockdep_assert_held(&store->lock);
	return lc_space_known(store) >=
	       lc_dirty_cap(store->super.layout.reserve_blocks);
}

int lc_scan_for_pages(struct lc_store *store)
{
	unsigned long flags;
	bool enough;
	int error = 0;

	spin_lock_irqsave(&store->lock, flags);
	enough = store->failed || store->alloc.scan == LC_SCAN_DONE ||
		 no_bitmap_needed(store);
	spin_unlock_irqrestore(&store->lock, flags);
	if (enough)
		return 0;
	mutex_lock(&store->scan_mutex);
	error = scan(store, false);
	mutex_unlock(&store->scan_mutex);
	return error;
}

static void forget(struct lc_store *store, bool always)
{
	struct lc_alloc *alloc = &store->alloc;
	unsigned long *bitmap = NULL;
	unsigned long flags;

	spin_lock_irqsave(&store->lock, flags);
	if (alloc->scan == LC_SCAN_DONE && (always || no_bitmap_needed(store))) {
		bitmap = alloc->bitmap;
		alloc->bitmap = NULL;
		alloc->scan = LC_SCAN_NONE;
	}
	spin_unlock_irqrestore(&store->lock, flags);
	if (bitmap)
		store->ops->bitmap_put(store->ctx, bitmap);
}

void lc_scan_forget(struct lc_store *store)
{
	forget(store, false);
}

void lc_scan_drop(struct lc_store *store)
{
	forget(store, true);
}
