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
 *
 * What is not in memory is not brought there: a checkpoint may depend on the scan,
 * and others, who have all the memory there is for maps, on the checkpoint.  It is
 * clean, so the disk has all of it, and it stays as it is until it is loaded.
 */

#include "store.h"

/* A node as it is on disk. */
struct disk_node {
	struct lc_ref ref;		/* of the node; LC_REF_NONE: none has been read */
	struct lc_ref child[LC_NODE_CHILDREN];
};

/* What was read last of what is not in memory. */
struct scan {
	struct disk_node node[LC_MAX_HEIGHT];	/* by level, from 1 on */
	u32 entry[LC_LEAF_ENTRIES];
};

/* The way from a page that is not in memory, down to a leaf or to a hole. */
struct way {
	struct lc_ref ref;		/* of that page */
	unsigned int level;		/* of it */
	u64 block;			/* to which the way leads */
	u64 covered;			/* blocks from there on that the end speaks for */
	bool leaf;			/* it ends at a leaf */
	unsigned int pages;
	u32 address[LC_MAX_HEIGHT];	/* of all pages on the way */
};

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

static void mark_entries(struct lc_store *store, const u32 *entry)
{
	u32 i;

	for (i = 0; i < LC_LEAF_ENTRIES; i++)
		if (lc_entry_is_data(entry[i]))
			lc_mark_used(store, entry[i], 1);
}

/*
 * Reads the node that @ref names, unless that has been done for the block before.
 * Returns NULL, or what is wrong.
 */
static const char *read_node(struct lc_store *store, struct disk_node *node,
			     const struct lc_ref *ref, struct lc_page_id id)
{
	const char *why;

	if (lc_ref_equal(&node->ref, ref))
		return NULL;
	node->ref.state = LC_REF_NONE;
	why = lc_page_read(store, ref, id, node->child);
	if (!why)
		node->ref = *ref;
	return why;
}

/* Reads the pages of @way, as far as there are any.  Returns as read_node(). */
static const char *go_down(struct lc_store *store, struct scan *scan, struct way *way)
{
	const struct lc_map *map = &store->map;
	unsigned int level = way->level;
	struct lc_ref ref = way->ref;
	struct lc_page_id id;
	const char *why;
	u64 span;

	for (;; level--) {
		span = lc_subtree_blocks(map, level);
		id = (struct lc_page_id) { way->block / span, (u8)level };
		way->leaf = !level && ref.state == LC_REF_PAGE;
		way->covered = span - way->block % span;
		if (ref.state != LC_REF_PAGE)
			return NULL;
		way->address[way->pages++] = ref.address;
		if (!level)
			return lc_page_read(store, &ref, id, scan->entry);
		why = read_node(store, &scan->node[level], &ref, id);
		if (why)
			return why;
		ref = scan->node[level].child[lc_map_slot(map, level, way->block)];
	}
}

/* Whether @way begins below @page, and what it names is not in memory. */
static bool begins_below(struct lc_store *store, struct lc_page *page,
			 const struct way *way)
{
	const struct lc_node *node = container_of(page, struct lc_node, page);
	u32 slot;

	if (page->level != way->level + 1)
		return false;
	slot = lc_map_slot(&store->map, page->level, way->block);
	return !node->child[slot] && lc_ref_equal(&node->ref[slot], &way->ref);
}

/*
 * Marks what has been read, if that is still what counts.  Else it was loaded
 * meanwhile, and may have been changed and written elsewhere: the scan comes back
 * to it, and to what was wrong with it.
 */
static int mark_way(struct lc_store *store, const struct scan *scan,
		    const struct way *way, const char *why, u64 *block)
{
	struct lc_page *page;
	unsigned long flags;
	u64 covered;
	bool counts;
	u32 i;

	spin_lock_irqsave(&store->lock, flags);
	page = lc_map_visit(store, way->block, &covered);
	counts = begins_below(store, page, way);
	if (counts && !why) {
		for (i = 0; i < way->pages; i++)
			lc_mark_used(store, way->address[i], 1);
		if (way->leaf)
			mark_entries(store, scan->entry);
		mark_pages(store, page);
		*block += way->covered;
	}
	spin_unlock_irqrestore(&store->lock, flags);
	if (!counts || !why)
		return 0;
	store->ops->report(store->ctx, why, way->address[way->pages - 1]);
	return -EIO;
}

/* Marks what the leaf of *@block names, or passes a hole; moves *@block on. */
static int visit(struct lc_store *store, struct scan *scan, u64 *block)
{
	struct way way = { .block = *block };
	const struct lc_node *node;
	struct lc_page *page;
	unsigned long flags;
	const char *why;
	u64 covered;

	spin_lock_irqsave(&store->lock, flags);
	page = lc_map_visit(store, *block, &covered);
	if (!page->level)
		mark_entries(store, container_of(page, struct lc_leaf, page)->entry);
	if (covered) {
		mark_pages(store, page);
	} else {
		node = container_of(page, struct lc_node, page);
		way.ref = node->ref[lc_map_slot(&store->map, page->level, *block)];
		way.level = page->level - 1u;
	}
	spin_unlock_irqrestore(&store->lock, flags);
	*block += covered;
	if (covered)
		return 0;
	why = go_down(store, scan, &way);
	return mark_way(store, scan, &way, why, block);
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
		alloc->misses = 0;
		alloc->scan = LC_SCAN_DONE;
	}
	spin_unlock_irqrestore(&store->lock, flags);
	if (drop)
		store->ops->bitmap_put(store->ctx, drop);
}

static int walk(struct lc_store *store, struct scan *scan, bool may_stop)
{
	/* A clone that was cut may have pages behind its end. */
	u64 end_of_tree = lc_subtree_blocks(&store->map, store->super.root_level);
	u64 block = 0;
	int error;

	mutex_lock(&store->checkpoint_mutex);
	error = begin(store);
	mutex_unlock(&store->checkpoint_mutex);
	if (error)
		return error;

	store->ops->drain(store->ctx);
	while (!error && block < end_of_tree)
		error = may_stop && READ_ONCE(store->stop_scan) ?
			-EINTR : visit(store, scan, &block);

	/* No checkpoint moves pages while the last of them are marked. */
	mutex_lock(&store->checkpoint_mutex);
	end(store, error);
	mutex_unlock(&store->checkpoint_mutex);
	store->ops->kick(store->ctx, LC_KICK_RETRY);
	store->ops->kick(store->ctx, LC_KICK_SPACE);
	return error;
}

/*
 * Under scan_mutex.  With @may_stop it gives up when it is asked to, and where a
 * page could not be read before; a checkpoint depends on it, and tries again.
 */
static int run(struct lc_store *store, bool may_stop)
{
	enum lc_scan_state state = store->alloc.scan;
	struct scan *scan;
	int error;

	if (state == LC_SCAN_DONE || (state == LC_SCAN_FAILED && may_stop) ||
	    store->read_only)
		return 0;
	scan = store->ops->bitmap_get(store->ctx, sizeof(*scan));
	if (!scan)
		return -ENOMEM;
	error = walk(store, scan, may_stop);
	store->ops->bitmap_put(store->ctx, scan);
	return error;
}

int lc_scan(struct lc_store *store)
{
	int error;

	mutex_lock(&store->scan_mutex);
	error = run(store, true);
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
	error = run(store, false);
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
