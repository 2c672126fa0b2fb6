// SPDX-License-Identifier: GPL-2.0
/* A store under another table: its clone resized, or over something else. */

#include "layers.h"
#include "rebind.h"

void lc_change_none(const struct lc_super *super, struct lc_change *change)
{
	change->clone_sectors = super->clone_sectors;
	change->overlap_sectors = super->overlap_sectors;
	change->layers = super->layers;
	change->origin_kind = super->origin_kind;
	change->fingerprint_algorithm = super->fingerprint_algorithm;
	change->origin_sectors = super->origin_sectors;
	memcpy(change->parent_uuid, super->parent_uuid, LC_UUID_BYTES);
	memcpy(change->origin_uuid, super->origin_uuid, LC_UUID_BYTES);
	memcpy(change->fingerprint, super->fingerprint, LC_FINGERPRINT_BYTES);
	memcpy(change->parent_name, super->parent_name, LC_NAME_BYTES);
	memcpy(change->origin_name, super->origin_name, LC_NAME_BYTES);
	memcpy(change->origin_path, super->origin_path, LC_PATH_BYTES);
}

/* The height of the tree stays when the clone gets smaller. */
void lc_change_apply(const struct lc_change *change, struct lc_super *super)
{
	super->clone_sectors = change->clone_sectors;
	super->overlap_sectors = change->overlap_sectors;
	super->layers = change->layers;
	super->origin_kind = change->origin_kind;
	super->fingerprint_algorithm = change->fingerprint_algorithm;
	super->origin_sectors = change->origin_sectors;
	memcpy(super->parent_uuid, change->parent_uuid, LC_UUID_BYTES);
	memcpy(super->origin_uuid, change->origin_uuid, LC_UUID_BYTES);
	memcpy(super->fingerprint, change->fingerprint, LC_FINGERPRINT_BYTES);
	memcpy(super->parent_name, change->parent_name, LC_NAME_BYTES);
	memcpy(super->origin_name, change->origin_name, LC_NAME_BYTES);
	memcpy(super->origin_path, change->origin_path, LC_PATH_BYTES);
}

const char *lc_change_fault(const struct lc_super *super,
			    const struct lc_change *change)
{
	if (!change->clone_sectors || change->clone_sectors > LC_CLONE_SECTORS_MAX)
		return "the clone's size is impossible";
	if (change->overlap_sectors > change->clone_sectors)
		return "the overlap is larger than the clone";
	/* What was cut off once must not come back. */
	if (change->overlap_sectors > super->overlap_sectors)
		return "the overlap gets larger";
	if (change->layers > LC_LAYERS_MAX)
		return "there are too many layers";
	if (!change->layers != lc_uuid_is_null(change->parent_uuid))
		return "there is a parent without layers, or layers without a parent";
	if (change->origin_kind > LC_ORIGIN_DEVICE ||
	    !change->origin_kind != !change->origin_sectors)
		return "the origin is impossible";
	return NULL;
}

/* Whether what is to be kept would be lost ------------------------------ */

/* Whether no block that @ref speaks for, @blocks of them, is of @kind. */
static bool has_none(const struct lc_ref *ref, u64 blocks, enum lc_kind kind)
{
	if (kind == LC_DATA)
		return !ref->data_blocks;
	return ref->data_blocks + ref->zero_blocks == blocks;
}

static bool is_kind(u32 entry, enum lc_kind kind)
{
	if (kind == LC_BELOW)
		return entry == LC_ENTRY_UNMAPPED;
	return entry != LC_ENTRY_UNMAPPED && entry != LC_ENTRY_ZERO;
}

/* The first block of @kind in a leaf from @block on, or the one behind the leaf. */
static u64 find_in_leaf(const struct lc_leaf *leaf, u64 block, enum lc_kind kind)
{
	u32 slot = lc_leaf_slot(block);

	for (; slot < LC_LEAF_ENTRIES; slot++, block++)
		if (is_kind(leaf->entry[slot], kind))
			break;
	return block;
}

enum step {
	STEP_ON,			/* not up to here */
	STEP_FOUND,
	STEP_LOAD,			/* lc_map_load() has to be called first */
};

/*
 * One step of find(): moves @block on over what has no block of @kind, as the
 * counts of the highest node say which tells it.  Under the lock.
 */
static enum step find_step(struct lc_store *store, u64 *block, enum lc_kind kind)
{
	const struct lc_map *map = &store->map;
	struct lc_node *node = map->root;
	u64 index = lc_leaf_index(*block);
	struct lc_page *child;
	struct lc_ref *ref;
	u64 span;
	u32 slot;

	lockdep_assert_held(&store->lock);
	for (;; node = container_of(child, struct lc_node, page)) {
		span = map->span[node->page.level];
		slot = (u32)(index / span);
		index %= span;
		ref = &node->ref[slot];
		child = node->child[slot];
		span *= LC_LEAF_ENTRIES;
		/* The ref of a page that is still to be written is an old one. */
		if (has_none(ref, span, kind) &&
		    (!child || (!child->dirty && !child->writing))) {
			*block += span - *block % span;
			return STEP_ON;
		}
		if (!child)
			return ref->state == LC_REF_NONE ? STEP_FOUND : STEP_LOAD;
		if (!child->level)
			break;
	}
	*block = find_in_leaf(container_of(child, struct lc_leaf, page), *block, kind);
	return lc_leaf_index(*block) == child->index ? STEP_FOUND : STEP_ON;
}

/*
 * Looks for a block of @kind from *@block on, and before @end; *@block is @end or
 * more when there is none.  Returns 0, or as lc_map_load().
 */
static int find(struct lc_store *store, u64 *block, u64 end, enum lc_kind kind)
{
	enum step step = STEP_ON;
	unsigned long flags;
	int error = 0;

	while (!error && *block < end && step != STEP_FOUND) {
		spin_lock_irqsave(&store->lock, flags);
		step = find_step(store, block, kind);
		spin_unlock_irqrestore(&store->lock, flags);
		if (step == STEP_LOAD)
			error = lc_map_load(store, *block);
	}
	return error;
}

/* -EBUSY when @block, which is unmapped, shows something; else moves on behind it. */
static int pass_zeros(struct lc_store *store, u64 *block, u64 end)
{
	struct lc_extent extent;
	unsigned long flags;

	spin_lock_irqsave(&store->lock, flags);
	/* Interrupts are off, which is as good as a lock of RCU. */
	lc_lookup_below(store, *block, end - *block, &extent);
	spin_unlock_irqrestore(&store->lock, flags);
	if (extent.kind == LC_UNLOADED)
		return lc_load_below(store, *block);
	if (extent.kind != LC_ZERO)
		return -EBUSY;
	*block += extent.count;
	return 0;
}

int lc_change_ready(struct lc_store *store, const struct lc_change *change)
{
	const struct lc_super *super = &store->super;
	bool below = change->layers || change->origin_kind != LC_ORIGIN_NONE;
	u64 seen = below ? change->overlap_sectors : 0;
	u64 block = seen / LC_BLOCK_SECTORS;
	u64 end = lc_blocks_of(min(super->overlap_sectors, change->clone_sectors));
	int error = 0;

	/* An overlap that ends where it did, in the middle of a block maybe. */
	if (seen == min(super->overlap_sectors, change->clone_sectors))
		block = end;
	while (!error && block < end) {
		error = find(store, &block, end, LC_BELOW);
		if (!error && block < end)
			error = pass_zeros(store, &block, end);
	}
	block = lc_blocks_of(change->clone_sectors);
	if (!error && block < store->blocks) {
		error = find(store, &block, store->blocks, LC_DATA);
		if (!error && block < store->blocks)
			error = -EBUSY;
	}
	return error;
}

/* The change ------------------------------------------------------------ */

/* Whether one more page can get dirty, and finds a place.  Under the lock. */
static bool has_room(const struct lc_store *store)
{
	return store->map.charged < lc_dirty_cap(store->super.layout.reserve_blocks) &&
	       lc_space_available(store);
}

/* Has the next checkpoint write the new root.  Under the lock; there is room. */
static void write_root(struct lc_store *store, struct lc_node *root)
{
	u32 new_pages;

	if (root->ref[0].state == LC_REF_NONE && !root->child[0]->dirty)
		return;
	lc_page_claim(store, &root->page, &new_pages);
	lc_page_promise(store, &root->page);
	lc_page_dirty(store, &root->page);
	lc_page_unclaim(store, &root->page);
}

/* A root above the root. */
static int raise_root(struct lc_store *store)
{
	struct lc_node *root = store->ops->root_get(store->ctx);
	struct lc_super *super = &store->super;
	unsigned long flags;
	int error = 0;

	if (!root)
		return -ENOMEM;
	spin_lock_irqsave(&store->lock, flags);
	if (!store->failed && !has_room(store)) {
		error = -ENOSPC;
	} else {
		root->ref[0] = super->root;
		super->root = (struct lc_ref) { .state = LC_REF_NONE };
		lc_map_raise(store, root);
		super->root_level = root->page.level;
		if (!store->failed)
			write_root(store, root);
	}
	spin_unlock_irqrestore(&store->lock, flags);
	if (error)
		store->ops->node_put(store->ctx, root);
	return error;
}

static int make_durable(struct lc_store *store, const char *host, const u8 *boot)
{
	int error;

	lc_store_own(store, host, boot);
	store->super.owner_epoch = store->super.epoch;
	error = lc_checkpoint_locked(store);
	/* The table is another one already: there is no way back. */
	if (error)
		lc_fail(store, "what changed with its table could not be made durable");
	return 0;
}

static int check(struct lc_store *store, const struct lc_change *change)
{
	int error = 0;

	/* A park leaves nothing to write, unless it was put off. */
	if (lc_checkpoint_wanted(store))
		error = lc_checkpoint(store);
	/* In failed mode reads go on, under the new table too. */
	if (error && !lc_failed(store))
		return error;
	return lc_change_ready(store, change);
}

int lc_store_change(struct lc_store *store, const struct lc_change *change,
		    const char *host, const u8 *boot)
{
	u64 blocks = lc_blocks_of(change->clone_sectors);
	int error = check(store, change);

	mutex_lock(&store->checkpoint_mutex);
	while (!error && store->super.root_level < lc_root_level(blocks))
		error = raise_root(store);
	if (!error) {
		lc_change_apply(change, &store->super);
		store->blocks = blocks;
		if (!lc_failed(store))
			error = make_durable(store, host, boot);
	}
	mutex_unlock(&store->checkpoint_mutex);
	return error;
}
