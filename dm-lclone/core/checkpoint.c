// SPDX-License-Identifier: GPL-2.0
/*
 * Checkpoints: images of all dirty pages go to free places, leaves first, then
 * the nodes above them; the store is flushed; the superblock says where the new
 * root is and from where on the journal still counts, the one copy after the
 * other.  Only then the old pages are free and the journal's tail moves.
 *
 * The mark is the last group that was durable when the checkpoint began.  An
 * image may be newer than its mark: the data that it names has completed, and
 * the flush covers it; a replay sets values, not differences.
 */

#include "store.h"

#define BATCH	16

struct checkpoint {
	struct lc_store *store;
	struct lc_journal_mark mark;
	struct list_head pages[LC_MAX_HEIGHT + 1];	/* by level */
	u64 generation;
	struct lc_vec batch[BATCH];
	unsigned int batched;
	u32 placed;			/* pages whose ref names their new place */
	u32 forgotten;			/* of map.named, once the tail has moved */
	bool below_full;		/* the device had no space for one of them */
};

bool lc_checkpoint_wanted(struct lc_store *store)
{
	unsigned long flags;
	bool wanted;

	spin_lock_irqsave(&store->lock, flags);
	wanted = !store->read_only && !store->failed &&
		 (!list_empty(&store->map.dirty[store->super.root_level]) ||
		  store->journal.durable.sequence !=
		  store->journal.tail.sequence);
	spin_unlock_irqrestore(&store->lock, flags);
	return wanted;
}

static struct lc_page *parent_of(struct lc_page *page)
{
	return page->parent ? &page->parent->page : NULL;
}

/* Under the lock, as the next. */
static void take_page(struct checkpoint *ckpt, struct lc_page *page)
{
	list_del_init(&page->dirty_link);
	list_add_tail(&page->writing_link, &ckpt->pages[page->level]);
	page->dirty = false;
	page->writing = true;
	ckpt->store->map.charged -= !lc_page_charged(page);
}

static void make_dirty(struct lc_store *store, struct lc_page *page)
{
	if (page->dirty)
		return;
	store->map.charged += !lc_page_charged(page);
	page->dirty = true;
	list_add_tail(&page->dirty_link, &store->map.dirty[page->level]);
}

/* All that is dirty at one moment, and the mark of the same moment.  Under the lock. */
static void take_all(struct checkpoint *ckpt)
{
	struct lc_store *store = ckpt->store;
	struct lc_page *page, *next;
	unsigned int level;

	ckpt->mark = store->journal.durable;
	ckpt->forgotten = lc_named_before(store);
	for (level = 0; level <= store->super.root_level; level++)
		list_for_each_entry_safe(page, next, &store->map.dirty[level],
					 dirty_link)
			take_page(ckpt, page);
}

/*
 * As many leaves as fit under the dirty cap with the nodes above them.  The rest
 * stays dirty, with what is above it, and needs the journal as it is.  Under the
 * lock.
 */
static void take_part(struct checkpoint *ckpt)
{
	struct lc_store *store = ckpt->store;
	struct list_head *dirty = &store->map.dirty[0];
	u32 leaves = lc_group_leaves(store);
	struct lc_page *page, *next, *at;

	ckpt->mark = store->journal.tail;
	list_for_each_entry_safe(page, next, dirty, dirty_link) {
		if (!leaves--)
			break;
		for (at = page; at && at->dirty; at = parent_of(at))
			take_page(ckpt, at);
	}
	list_for_each_entry(page, dirty, dirty_link)
		for (at = parent_of(page); at; at = parent_of(at))
			make_dirty(store, at);
}

static void take_pages(struct checkpoint *ckpt, bool part)
{
	struct lc_store *store = ckpt->store;
	unsigned long flags;
	unsigned int level;

	for (level = 0; level <= store->super.root_level; level++)
		INIT_LIST_HEAD(&ckpt->pages[level]);
	spin_lock_irqsave(&store->lock, flags);
	if (part)
		take_part(ckpt);
	else
		take_all(ckpt);
	spin_unlock_irqrestore(&store->lock, flags);
}

static void drop_batch(struct checkpoint *ckpt)
{
	struct lc_store *store = ckpt->store;

	while (ckpt->batched)
		store->ops->page_put(store->ctx,
				     ckpt->batch[--ckpt->batched].page);
}

static int write_batch(struct checkpoint *ckpt)
{
	struct lc_store *store = ckpt->store;
	int error = 0;

	if (ckpt->batched)
		error = store->ops->write(store->ctx, ckpt->batch, ckpt->batched,
					  false);
	ckpt->below_full = error == -ENOSPC;
	drop_batch(ckpt);
	return error;
}

/* A page of memory; only the first of a batch is waited for. */
static int batch_page(struct checkpoint *ckpt, void **page)
{
	struct lc_store *store = ckpt->store;
	int error;

	*page = ckpt->batched && ckpt->batched < BATCH ?
		store->ops->page_get(store->ctx, false) : NULL;
	if (*page)
		return 0;
	error = write_batch(ckpt);
	if (!error)
		*page = store->ops->page_get(store->ctx, true);
	return error;
}

static u8 state_of_children(const struct lc_node *node)
{
	u8 state = node->ref[0].state;
	u32 i;

	if (state == LC_REF_PAGE)
		return LC_REF_PAGE;
	for (i = 1; i < LC_NODE_CHILDREN; i++)
		if (node->ref[i].state != state)
			return LC_REF_PAGE;
	return state;
}

/*
 * Copies what a page holds now to @image: the entries of a leaf, to where they
 * will be encoded in place; nothing of a node, whose refs only a checkpoint
 * changes.  Fills in counts and state of @ref.  Under the lock.
 */
static void look_at(struct lc_page *page, void *image, struct lc_ref *ref)
{
	u32 data_blocks, zero_blocks;
	struct lc_leaf *leaf;
	struct lc_node *node;
	u64 data;

	if (page->level) {
		node = container_of(page, struct lc_node, page);
		lc_node_count(node->ref, &data, &ref->zero_blocks);
		ref->data_blocks = (u32)data;
		ref->state = state_of_children(node);
		return;
	}
	leaf = container_of(page, struct lc_leaf, page);
	memcpy(((struct lc_disk_leaf *)image)->entry, leaf->entry,
	       sizeof(leaf->entry));
	lc_leaf_count(leaf->entry, &data_blocks, &zero_blocks);
	ref->data_blocks = data_blocks;
	ref->zero_blocks = zero_blocks;
	ref->state = zero_blocks == LC_LEAF_ENTRIES ? LC_REF_ZERO :
		     data_blocks || zero_blocks ? LC_REF_PAGE : LC_REF_NONE;
}

/*
 * Finds a place for @page as @ref says what it is, and does the accounts.
 * Under the lock.  Returns false when there is no block to be had.
 */
static bool place(struct lc_store *store, struct lc_page *page,
		  struct lc_ref *ref)
{
	const struct lc_ref *old = lc_page_ref(store, page);
	struct lc_alloc *alloc = &store->alloc;
	bool had = old->state == LC_REF_PAGE;

	ref->address = 0;
	if (ref->state == LC_REF_PAGE) {
		ref->address = lc_alloc_page(store);
		if (!ref->address)
			return false;
	}
	page->old = *old;
	alloc->replaced_pages += !!page->old.address;
	alloc->page_blocks += (ref->state == LC_REF_PAGE) - had;
	if (page->promised &&
	    (ref->state == LC_REF_PAGE || (!page->claims && !page->dirty))) {
		page->promised = false;
		alloc->promised_blocks--;
	} else if (!page->promised && ref->state != LC_REF_PAGE &&
		   (page->claims || page->dirty)) {
		/* It lost its page, and the next checkpoint will need one. */
		page->promised = true;
		alloc->promised_blocks++;
	}
	return true;
}

/* A look-up that came before the page was in memory may still be reading the state. */
static void set_ref(struct lc_ref *ref, const struct lc_ref *value)
{
	ref->generation = value->generation;
	ref->zero_blocks = value->zero_blocks;
	ref->data_blocks = value->data_blocks;
	ref->address = value->address;
	ref->csum = value->csum;
	WRITE_ONCE(ref->state, value->state);
}

/* One page: its image to the batch, its ref to its parent. */
static int write_page(struct checkpoint *ckpt, struct lc_page *page)
{
	struct lc_page_id id = { page->index, page->level };
	struct lc_store *store = ckpt->store;
	struct lc_ref ref = { .generation = ckpt->generation };
	unsigned long flags;
	void *image;
	bool placed;
	int error = batch_page(ckpt, &image);

	if (error)
		return error;
	spin_lock_irqsave(&store->lock, flags);
	look_at(page, image, &ref);
	placed = place(store, page, &ref);
	spin_unlock_irqrestore(&store->lock, flags);
	if (!placed) {
		store->ops->page_put(store->ctx, image);
		return -ENOSPC;
	}

	if (ref.state == LC_REF_PAGE) {
		if (page->level)
			lc_node_encode(container_of(page, struct lc_node, page)->ref,
				       id, store->super.store_uuid, &ref, image);
		else
			lc_leaf_encode((u32 *)((struct lc_disk_leaf *)image)->entry,
				       id, store->super.store_uuid, &ref, image);
		ckpt->batch[ckpt->batched].page = image;
		ckpt->batch[ckpt->batched++].block = ref.address;
	} else {
		store->ops->page_put(store->ctx, image);
	}
	spin_lock_irqsave(&store->lock, flags);
	set_ref(lc_page_ref(store, page), &ref);
	spin_unlock_irqrestore(&store->lock, flags);
	ckpt->placed++;
	return 0;
}

static int write_pages(struct checkpoint *ckpt)
{
	struct lc_store *store = ckpt->store;
	struct lc_page *page;
	unsigned int level;
	int error;

	for (level = 0; level <= store->super.root_level; level++) {
		list_for_each_entry(page, &ckpt->pages[level], writing_link) {
			error = write_page(ckpt, page);
			if (error)
				return error;
		}
	}
	return write_batch(ckpt);
}

/* What the superblock says after this checkpoint. */
static void fill_super(struct checkpoint *ckpt)
{
	struct lc_store *store = ckpt->store;
	struct lc_super *super = &store->super;
	u32 reserve_start = super->layout.reserve_start;
	struct lc_page *page;
	unsigned long flags;
	unsigned int level;

	spin_lock_irqsave(&store->lock, flags);
	super->generation = ckpt->generation;
	super->epoch = store->journal.epoch;
	super->replay_sequence = ckpt->mark.sequence;
	super->replay_block = ckpt->mark.block;
	super->replay_csum = ckpt->mark.csum;
	super->high_water = store->alloc.high_water;
	super->page_blocks = store->alloc.page_blocks;
	memcpy(super->reserve_map, store->alloc.reserve_map,
	       sizeof(super->reserve_map));
	/* The pages before this checkpoint are not of its tree. */
	for (level = 0; level <= super->root_level; level++)
		list_for_each_entry(page, &ckpt->pages[level], writing_link)
			if (page->old.address &&
			    page->old.address < super->layout.data_start)
				__clear_bit(page->old.address - reserve_start,
					    super->reserve_map);
	spin_unlock_irqrestore(&store->lock, flags);
}

static int write_super(struct lc_store *store)
{
	void *page = store->ops->page_get(store->ctx, true);
	struct lc_vec vec = { .page = page };
	unsigned int copy;
	int error = 0;

	for (copy = 0; copy < 2 && !error; copy++) {
		lc_super_encode(&store->super, copy, page);
		vec.block = lc_super_address(copy);
		error = store->ops->write(store->ctx, &vec, 1, true);
	}
	store->ops->page_put(store->ctx, page);
	return error;
}

/* Both copies are on disk: what they no longer name is free. */
static void finish(struct checkpoint *ckpt)
{
	struct lc_store *store = ckpt->store;
	struct lc_page *page, *next;
	unsigned long flags;
	unsigned int level;
	bool space;

	spin_lock_irqsave(&store->lock, flags);
	space = store->alloc.below_full;
	WRITE_ONCE(store->alloc.below_full, false);
	WRITE_ONCE(store->checkpoint_due, false);
	store->journal.tail = ckpt->mark;
	store->map.named -= ckpt->forgotten;
	for (level = 0; level <= store->super.root_level; level++) {
		list_for_each_entry_safe(page, next, &ckpt->pages[level],
					 writing_link) {
			if (page->old.address)
				lc_free_page(store, page->old.address);
			store->alloc.replaced_pages -= !!page->old.address;
			page->old.address = 0;
			page->writing = false;
			list_del_init(&page->writing_link);
			/* Its last claim went while it was being written. */
			if (page->promised && !page->claims && !page->dirty) {
				page->promised = false;
				store->alloc.promised_blocks--;
			}
		}
	}
	lc_space_watch(store);
	spin_unlock_irqrestore(&store->lock, flags);
	store->ops->kick(store->ctx, LC_KICK_ROUND);
	store->ops->kick(store->ctx, LC_KICK_RETRY);
	if (space)
		store->ops->kick(store->ctx, LC_KICK_SPACE);
}

/* What place() has done with @page.  Under the lock. */
static void unplace(struct lc_store *store, struct lc_page *page)
{
	struct lc_ref *ref = lc_page_ref(store, page);
	struct lc_alloc *alloc = &store->alloc;
	bool had = page->old.address;

	alloc->replaced_pages -= had;
	alloc->page_blocks += had - (ref->state == LC_REF_PAGE);
	alloc->promised_blocks += !had - page->promised;
	page->promised = !had;
	if (ref->state == LC_REF_PAGE)
		lc_free_page(store, ref->address);
	set_ref(ref, &page->old);
	page->old.address = 0;
}

/*
 * The device below was full, or there was no place.  No superblock names what has been
 * written, so all pages get their old places back and are dirty again.
 */
static void take_back(struct checkpoint *ckpt)
{
	struct lc_store *store = ckpt->store;
	struct lc_page *page, *next;
	unsigned long flags;
	unsigned int level;

	drop_batch(ckpt);
	spin_lock_irqsave(&store->lock, flags);
	if (ckpt->below_full)
		WRITE_ONCE(store->alloc.below_full, true);
	for (level = 0; level <= store->super.root_level; level++) {
		list_for_each_entry_safe(page, next, &ckpt->pages[level],
					 writing_link) {
			if (ckpt->placed) {
				ckpt->placed--;
				unplace(store, page);
			}
			page->writing = false;
			list_del_init(&page->writing_link);
			make_dirty(store, page);
		}
	}
	spin_unlock_irqrestore(&store->lock, flags);
}

/* Failed mode: the pages stay as they are, for reading. */
static void abandon(struct checkpoint *ckpt)
{
	struct lc_page *page, *next;
	unsigned int level;

	drop_batch(ckpt);
	for (level = 0; level <= ckpt->store->super.root_level; level++)
		list_for_each_entry_safe(page, next, &ckpt->pages[level],
					 writing_link)
			list_del_init(&page->writing_link);
}

/*
 * Whether lc_checkpoint_prepare() can help: places above the high-water mark that were
 * taken back are found again by a scan only.  None ends while a checkpoint runs.
 */
static bool scan_may_help(const struct lc_store *store)
{
	return store->alloc.scan == LC_SCAN_NONE || store->alloc.scan == LC_SCAN_RUNNING;
}

static int run(struct lc_store *store, bool part)
{
	struct checkpoint ckpt = {
		.store = store,
		.generation = store->super.generation + 1,
	};
	const char *why = "a write of metadata failed";
	int error;

	take_pages(&ckpt, part);
	error = write_pages(&ckpt);
	if (ckpt.below_full || (error == -ENOSPC && scan_may_help(store))) {
		take_back(&ckpt);
		return -ENOSPC;
	}
	if (!error) {
		why = "a flush of the store failed";
		error = store->ops->flush(store->ctx);
	}
	/* A round's flush that failed meanwhile may have lost pages of this one. */
	if (!error && lc_failed(store))
		error = -EIO;
	if (!error) {
		fill_super(&ckpt);
		why = "a write of the superblock failed";
		error = write_super(store);
	}
	if (error) {
		abandon(&ckpt);
		lc_fail(store, why);
		return error;
	}
	finish(&ckpt);
	return 0;
}

/* For the tick to try again. */
static void put_off(struct lc_store *store)
{
	WRITE_ONCE(store->checkpoint_due, true);
	store->ops->kick(store->ctx, LC_KICK_DIRTY);
}

/*
 * More may be dirty than what one checkpoint can always write: after one that was
 * taken back.
 */
static bool over_cap(struct lc_store *store)
{
	unsigned long flags;
	bool over;

	spin_lock_irqsave(&store->lock, flags);
	over = !store->read_only &&
	       store->map.charged > lc_dirty_cap(store->super.layout.reserve_blocks) &&
	       !list_empty(&store->map.dirty[0]);
	spin_unlock_irqrestore(&store->lock, flags);
	return over;
}

/*
 * Now the reserve is asked first, which is likely to have its space.  It has
 * places for the cap, and others got dirty while the pages were written that have
 * been taken back.
 */
static int run_again(struct lc_store *store, bool part)
{
	int error = 0;

	while (!part && !error && over_cap(store))
		error = run(store, true);
	return error ? error : run(store, part);
}

static int run_twice(struct lc_store *store, bool part)
{
	bool again = !store->alloc.below_full;
	int error;

	if (store->read_only)
		return 0;
	if (lc_failed(store))
		return -EIO;
	error = run(store, part);
	if (error == -ENOSPC && again && !lc_failed(store))
		error = run_again(store, part);
	if (error == -ENOSPC)
		put_off(store);
	return error;
}

int lc_checkpoint_locked(struct lc_store *store)
{
	return run_twice(store, false);
}

int lc_checkpoint_part(struct lc_store *store)
{
	return run_twice(store, true);
}

int lc_checkpoint_prepare(struct lc_store *store)
{
	int error;

	do {
		/*
		 * Without memory: later, rather than without a place for some of
		 * the pages.  With damage in the map there may be places all the same.
		 */
		if (lc_scan_for_pages(store) == -ENOMEM) {
			put_off(store);
			return -ENOMEM;
		}
		if (!over_cap(store))
			return 0;
		mutex_lock(&store->checkpoint_mutex);
		error = lc_checkpoint_part(store);
		mutex_unlock(&store->checkpoint_mutex);
	} while (!error);
	return error;
}

int lc_checkpoint(struct lc_store *store)
{
	int error = lc_checkpoint_prepare(store);

	if (error)
		return error;
	mutex_lock(&store->checkpoint_mutex);
	error = lc_checkpoint_locked(store);
	mutex_unlock(&store->checkpoint_mutex);
	return error;
}
