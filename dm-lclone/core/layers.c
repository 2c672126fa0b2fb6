// SPDX-License-Identifier: GPL-2.0
/* The frozen layers below a store, and one index over all of them. */

#include "layers.h"

/*
 * A slot of level 1 that is odd names the one layer that has something for its
 * blocks, or the origin.
 */
#define SOLE_ORIGIN	0xffu

static void *sole(u32 layer)
{
	return (void *)((unsigned long)layer << 1 | 1);
}

static bool is_sole(const void *slot)
{
	return (unsigned long)slot & 1;
}

static u32 sole_layer(const void *slot)
{
	return (u32)((unsigned long)slot >> 1);
}

static struct lc_index_node *node_of(struct lc_index_page *page)
{
	return container_of(page, struct lc_index_node, page);
}

static struct lc_merged *merged_of(struct lc_index_page *page)
{
	return container_of(page, struct lc_merged, page);
}

/* Up and down --------------------------------------------------------- */

/* Each layer is seen as far as those above it let one see. */
static void find_limits(struct lc_chain *chain)
{
	const struct lc_super *super;
	u64 seen = LC_CLONE_SECTORS_MAX;
	unsigned int level;
	u32 i;

	for (i = chain->layers; i--;) {
		super = &chain->layer[i]->super;
		chain->limit[i] = min(seen, super->clone_sectors);
		seen = min(chain->limit[i], super->overlap_sectors);
	}
	super = &chain->layer[0]->super;
	chain->origin_limit = super->origin_kind == LC_ORIGIN_NONE ? 0 :
			      min(seen, super->origin_sectors);
	chain->blocks = lc_blocks_of(chain->limit[chain->layers - 1]);
	for (level = 1; level <= LC_MAX_HEIGHT; level++)
		chain->span[level] = lc_child_leaves(level);
}

int lc_chain_init(struct lc_chain *chain, const struct lc_chain_ops *ops,
		  void *ctx, struct lc_store *const *layer, u32 count)
{
	u32 i;

	memset(chain, 0, sizeof(*chain));
	chain->ops = ops;
	chain->ctx = ctx;
	spin_lock_init(&chain->lock);
	mutex_init(&chain->load_mutex);
	INIT_LIST_HEAD(&chain->pages);
	chain->layers = count;
	for (i = 0; i < count; i++)
		chain->layer[i] = layer[i];
	find_limits(chain);
	chain->root = ops->root_get(ctx);
	if (!chain->root)
		return -ENOMEM;
	INIT_LIST_HEAD(&chain->root->page.pages_link);
	chain->root->page.level = (u8)lc_root_level(chain->blocks);
	return 0;
}

static void put_page(struct lc_chain *chain, struct lc_index_page *page)
{
	if (page->level)
		chain->ops->index_put(chain->ctx, node_of(page));
	else
		chain->ops->merged_put(chain->ctx, merged_of(page));
}

void lc_chain_destroy(struct lc_chain *chain)
{
	struct lc_index_page *page, *next;

	list_for_each_entry_safe(page, next, &chain->pages, pages_link) {
		list_del_init(&page->pages_link);
		put_page(chain, page);
	}
	if (chain->root)
		put_page(chain, &chain->root->page);
	chain->root = NULL;
}

/* Look-up ------------------------------------------------------------- */

static void zero_extent(u64 most, struct lc_extent *extent)
{
	extent->kind = LC_ZERO;
	extent->count = most;
	extent->limit = 0;
}

/* Where no layer has anything. */
static void origin_extent(u64 limit, u64 block, u64 most, struct lc_extent *extent)
{
	u64 end = lc_blocks_of(limit);

	if (block >= end) {
		zero_extent(most, extent);
		return;
	}
	extent->kind = LC_BELOW;
	extent->count = min(most, end - block);
	extent->limit = limit;
}

/* Where layer @i alone has something. */
static void layer_extent(const struct lc_chain *chain, u32 i, u64 block, u64 most,
			 struct lc_extent *extent)
{
	u64 end = lc_blocks_of(chain->limit[i]);

	if (block >= end) {
		zero_extent(most, extent);
		return;
	}
	lc_lookup(chain->layer[i], block, min(most, end - block), extent);
	extent->layer = (u8)i;
	extent->limit = chain->limit[i];
	if (extent->kind == LC_BELOW)
		origin_extent(chain->origin_limit, block, extent->count, extent);
}

static void merged_extent(const struct lc_chain *chain, struct lc_merged *merged,
			  u64 block, u64 most, struct lc_extent *extent)
{
	u32 slot = lc_leaf_slot(block);
	u32 left = (u32)min_t(u64, most, LC_LEAF_ENTRIES - slot);
	u32 value = merged->block[slot];
	u8 layer = merged->layer[slot];
	bool data = value != LC_ENTRY_UNMAPPED && value != LC_ENTRY_ZERO;
	u32 count;

	if (!READ_ONCE(merged->page.referenced))
		WRITE_ONCE(merged->page.referenced, true);
	for (count = 1; count < left; count++)
		if (merged->block[slot + count] != value + data * count ||
		    (data && merged->layer[slot + count] != layer))
			break;
	if (value == LC_ENTRY_UNMAPPED) {
		origin_extent(chain->origin_limit, block, count, extent);
		return;
	}
	extent->kind = data ? LC_DATA : LC_ZERO;
	extent->layer = layer;
	extent->store = value;
	extent->count = count;
	extent->limit = data ? chain->limit[layer] : 0;
}

/* Blocks from @block on that a slot of a node of @level covers. */
static u64 slot_covers(const struct lc_chain *chain, unsigned int level, u64 block)
{
	u64 span = chain->span[level] * LC_LEAF_ENTRIES;

	return span - block % span;
}

static void index_extent(const struct lc_chain *chain, u64 block, u64 most,
			 struct lc_extent *extent)
{
	struct lc_index_node *node = chain->root;
	u64 index = lc_leaf_index(block);
	unsigned int level;
	void *slot;
	u64 span;

	for (level = node->page.level;; level--) {
		span = chain->span[level];
		/* Pairs with the release in fill_slot(). */
		slot = smp_load_acquire(&node->slot[index / span]);
		index %= span;
		if (!slot) {
			extent->kind = LC_UNLOADED;
			extent->count = min(most, slot_covers(chain, level, block));
			return;
		}
		if (level == 1)
			break;
		node = slot;
	}
	if (!READ_ONCE(node->page.referenced))
		WRITE_ONCE(node->page.referenced, true);
	most = min(most, slot_covers(chain, 1, block));
	if (!is_sole(slot))
		merged_extent(chain, slot, block, most, extent);
	else if (sole_layer(slot) == SOLE_ORIGIN)
		origin_extent(chain->origin_limit, block, most, extent);
	else
		layer_extent(chain, sole_layer(slot), block, most, extent);
}

static void lookup_once(const struct lc_chain *chain, u64 block, u64 most,
			struct lc_extent *extent)
{
	extent->durable = true;
	if (block >= chain->blocks)
		zero_extent(most, extent);
	else if (chain->layers == 1)
		layer_extent(chain, 0, block, most, extent);
	else
		index_extent(chain, block, min(most, chain->blocks - block), extent);
}

/* Whether @next, right behind @extent, goes on like it. */
static bool goes_on(const struct lc_extent *extent, const struct lc_extent *next)
{
	if (extent->kind != next->kind || extent->kind == LC_UNLOADED)
		return false;
	return extent->kind != LC_DATA ||
	       (next->layer == extent->layer &&
		next->store == extent->store + extent->count);
}

void lc_lookup_below(struct lc_store *store, u64 block, u64 most,
		     struct lc_extent *extent)
{
	u64 overlap = store->super.overlap_sectors;
	u64 end = lc_blocks_of(overlap);
	struct lc_extent next;

	if (block >= end) {
		zero_extent(most, extent);
		return;
	}
	most = min(most, end - block);
	if (!store->chain) {
		origin_extent(lc_below_sectors(&store->super), block, most, extent);
		return;
	}
	lookup_once(store->chain, block, most, extent);
	while (extent->count < most && !lc_leaf_slot(block + extent->count)) {
		lookup_once(store->chain, block + extent->count,
			    most - extent->count, &next);
		if (!goes_on(extent, &next))
			break;
		extent->count += next.count;
	}
	extent->limit = min(extent->limit, overlap);
}

/* Filling of slots ---------------------------------------------------- */

/*
 * The layers that have something for the leaf of @first, newest first, as far
 * down as anything shows through.
 */
static int find_layers(struct lc_chain *chain, u64 first, u8 *found, u32 *count)
{
	u8 state;
	int error;
	u32 i;

	*count = 0;
	for (i = chain->layers; i--;) {
		if (lc_blocks_of(chain->limit[i]) <= first)
			return 0;
		error = lc_map_leaf_state(chain->layer[i], first, &state);
		if (error)
			return error;
		if (state == LC_REF_NONE)
			continue;
		found[(*count)++] = (u8)i;
		if (state == LC_REF_ZERO)
			return 0;
	}
	return 0;
}

/* What layer @i adds where those above it have nothing. */
static void merge_leaf(const struct lc_chain *chain, u32 i, u64 first,
		       const struct lc_leaf *leaf, struct lc_merged *merged)
{
	u64 end = lc_blocks_of(chain->limit[i]);
	u32 slot;

	for (slot = 0; slot < LC_LEAF_ENTRIES; slot++) {
		if (merged->block[slot] != LC_ENTRY_UNMAPPED)
			continue;
		/* Nothing is seen from there on, neither here nor further down. */
		merged->block[slot] = first + slot < end ? leaf->entry[slot] :
							   LC_ENTRY_ZERO;
		merged->layer[slot] = (u8)i;
	}
}

static int merge_layer(struct lc_chain *chain, u32 i, u64 first,
		       struct lc_merged *merged)
{
	struct lc_store *layer = chain->layer[i];
	struct lc_leaf *leaf = NULL;
	unsigned long flags;
	int error;

	/* It may be evicted again before it has been looked at. */
	while (!leaf) {
		error = lc_map_load(layer, first);
		if (error)
			return error;
		spin_lock_irqsave(&layer->lock, flags);
		leaf = lc_map_leaf(layer, first);
		if (leaf)
			merge_leaf(chain, i, first, leaf, merged);
		spin_unlock_irqrestore(&layer->lock, flags);
	}
	return 0;
}

static int make_merged(struct lc_chain *chain, u64 first, const u8 *found,
		       u32 count, void **slot)
{
	struct lc_merged *merged = chain->ops->merged_get(chain->ctx);
	int error = 0;
	u32 i;

	if (!merged)
		return -ENOMEM;
	for (i = 0; i < count && !error; i++)
		error = merge_layer(chain, found[i], first, merged);
	if (error)
		chain->ops->merged_put(chain->ctx, merged);
	else
		*slot = merged;
	return error;
}

/* What belongs into the slot of the leaf that begins at block @first. */
static int make_leaf_slot(struct lc_chain *chain, u64 first, void **slot)
{
	u8 found[LC_LAYERS_MAX];
	u32 count;
	int error;

	error = find_layers(chain, first, found, &count);
	if (error)
		return error;
	if (count > 1)
		return make_merged(chain, first, found, count, slot);
	*slot = sole(count ? found[0] : SOLE_ORIGIN);
	return 0;
}

static void fill_slot(struct lc_chain *chain, struct lc_index_node *parent,
		      u32 slot, void *value)
{
	struct lc_index_page *page = value;

	if (!is_sole(value)) {
		page->parent = parent;
		page->slot = (u16)slot;
		page->level = parent->page.level - 1;
		page->referenced = true;	/* who needs it comes for it now */
		list_add_tail(&page->pages_link, &chain->pages);
		WRITE_ONCE(chain->pages_in_memory, chain->pages_in_memory + 1);
		parent->page.pins++;
	}
	/* All of it is there for who finds it in index_extent(). */
	smp_store_release(&parent->slot[slot], value);
}

/* The node of level 1 over @block as far as there is one; or where it ends. */
static struct lc_index_node *walk(struct lc_chain *chain, u64 block, u32 *slot)
{
	struct lc_index_node *node = chain->root;
	u64 index = lc_leaf_index(block);
	u64 span;

	for (;;) {
		span = chain->span[node->page.level];
		*slot = (u32)(index / span);
		index %= span;
		if (node->page.level == 1 || !node->slot[*slot])
			return node;
		node = node->slot[*slot];
	}
}

/* Nodes that are still to become a part of the index; see map.c. */
struct path {
	u32 nodes;
	struct lc_index_node *node[LC_MAX_HEIGHT];
};

static void put_path(struct lc_chain *chain, struct path *path)
{
	while (path->nodes)
		chain->ops->index_put(chain->ctx, path->node[--path->nodes]);
}

static int get_path(struct lc_chain *chain, struct path *path, u32 count)
{
	put_path(chain, path);
	if (!chain->ops->index_get(chain->ctx, path->node, count))
		return -ENOMEM;
	path->nodes = count;
	return 0;
}

static int make_slot(struct lc_chain *chain, const struct lc_index_node *parent,
		     u64 block, struct path *path, void **value)
{
	if (parent->page.level == 1)
		return make_leaf_slot(chain, block - lc_leaf_slot(block), value);
	*value = path->node[--path->nodes];
	return 0;
}

static int load_index(struct lc_chain *chain, u64 block, void **found)
{
	struct path path = { .nodes = 0 };
	struct lc_index_node *parent;
	unsigned long flags;
	void *value;
	int error = 0;
	u32 slot, nodes;

	mutex_lock(&chain->load_mutex);
	spin_lock_irqsave(&chain->lock, flags);
	while (!error && (parent = walk(chain, block, &slot),
			  *found = parent->slot[slot], !*found)) {
		nodes = parent->page.level - 1u;
		if (nodes > path.nodes) {
			spin_unlock_irqrestore(&chain->lock, flags);
			error = get_path(chain, &path, nodes);
			spin_lock_irqsave(&chain->lock, flags);
			continue;	/* others may have been evicted meanwhile */
		}
		parent->page.pins++;	/* so that it is not evicted */
		spin_unlock_irqrestore(&chain->lock, flags);
		error = make_slot(chain, parent, block, &path, &value);
		spin_lock_irqsave(&chain->lock, flags);
		if (!error)
			fill_slot(chain, parent, slot, value);
		parent->page.pins--;
	}
	spin_unlock_irqrestore(&chain->lock, flags);
	put_path(chain, &path);
	mutex_unlock(&chain->load_mutex);
	return error;
}

int lc_load_below(struct lc_store *store, u64 block)
{
	struct lc_chain *chain = store->chain;
	void *slot;
	int error;

	if (!chain || block >= chain->blocks)
		return 0;
	if (chain->layers == 1)
		return lc_map_load(chain->layer[0], block);
	error = load_index(chain, block, &slot);
	if (!error && is_sole(slot) && sole_layer(slot) != SOLE_ORIGIN)
		error = lc_map_load(chain->layer[sole_layer(slot)], block);
	return error;
}

/* Eviction ------------------------------------------------------------ */

/* Second chance: what was looked up since the last call stays. */
u32 lc_chain_evict(struct lc_chain *chain, u32 most)
{
	struct lc_index_page *page;
	unsigned long flags;
	u32 evicted = 0;
	u32 left;

	spin_lock_irqsave(&chain->lock, flags);
	left = min(chain->pages_in_memory, 4 * most);
	for (; left && evicted < most; left--) {
		page = list_first_entry(&chain->pages, struct lc_index_page,
					pages_link);
		list_move_tail(&page->pages_link, &chain->pages);
		if (page->pins || READ_ONCE(page->referenced)) {
			WRITE_ONCE(page->referenced, false);
			continue;
		}
		WRITE_ONCE(page->parent->slot[page->slot], NULL);
		page->parent->page.pins--;
		list_del_init(&page->pages_link);
		WRITE_ONCE(chain->pages_in_memory, chain->pages_in_memory - 1);
		put_page(chain, page);
		evicted++;
	}
	spin_unlock_irqrestore(&chain->lock, flags);
	return evicted;
}
