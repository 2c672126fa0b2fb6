// SPDX-License-Identifier: GPL-2.0
/* The map of a store in memory: look-up, loading, claims and dirty marks. */

#include "store.h"

static struct lc_node *node_of(struct lc_page *page)
{
	return container_of(page, struct lc_node, page);
}

static struct lc_leaf *leaf_of(struct lc_page *page)
{
	return container_of(page, struct lc_leaf, page);
}

u32 lc_map_slot(const struct lc_map *map, unsigned int level, u64 block)
{
	return (u32)(lc_leaf_index(block) / map->span[level] % LC_NODE_CHILDREN);
}

u64 lc_subtree_blocks(const struct lc_map *map, unsigned int level)
{
	return level ? map->span[level] * LC_NODE_CHILDREN * LC_LEAF_ENTRIES :
		       LC_LEAF_ENTRIES;
}

void lc_map_init(struct lc_store *store)
{
	struct lc_map *map = &store->map;
	unsigned int level;

	INIT_LIST_HEAD(&map->journal);
	INIT_LIST_HEAD(&map->ends);
	for (level = 0; level <= LC_MAX_HEIGHT; level++) {
		INIT_LIST_HEAD(&map->dirty[level]);
		if (level)
			map->span[level] = lc_child_leaves(level);
	}
	map->data_blocks = store->super.root.data_blocks;
	map->zero_blocks = store->super.root.zero_blocks;
}

struct lc_ref *lc_page_ref(struct lc_store *store, struct lc_page *page)
{
	return page->parent ? &page->parent->ref[page->slot] : &store->super.root;
}

/* Look-up ------------------------------------------------------------- */

static void set_referenced(struct lc_page *page)
{
	if (!READ_ONCE(page->referenced))
		WRITE_ONCE(page->referenced, true);
}

/* What a run of like entries says, from @slot of @leaf on. */
static void leaf_extent(struct lc_store *store, struct lc_leaf *leaf, u32 slot,
			u64 most, struct lc_extent *extent)
{
	u32 left = (u32)min_t(u64, most, LC_LEAF_ENTRIES - slot);
	u32 value, count;
	u32 step = 0;

	/* Pairs with the release in lc_leaf_replay(). */
	value = smp_load_acquire(&leaf->entry[slot]);

	set_referenced(&leaf->page);
	if (value == LC_ENTRY_UNMAPPED) {
		extent->kind = LC_BELOW;
	} else if (value == LC_ENTRY_ZERO) {
		extent->kind = LC_ZERO;
	} else {
		extent->kind = LC_DATA;
		step = 1;
	}
	extent->store = value;
	for (count = 1; count < left; count++)
		if (READ_ONCE(leaf->entry[slot + count]) != value + step * count)
			break;
	extent->count = count;
	/* After the entries: their publisher raised it before it set them. */
	smp_rmb();
	extent->durable = READ_ONCE(leaf->round) <=
			  READ_ONCE(store->round.durable);
}

/* The same for a child that is not in memory, which all is said of in @ref. */
static void ref_extent(const struct lc_ref *ref, struct lc_extent *extent)
{
	switch (READ_ONCE(ref->state)) {
	case LC_REF_NONE:
		extent->kind = LC_BELOW;
		break;
	case LC_REF_ZERO:
		extent->kind = LC_ZERO;
		break;
	default:
		extent->kind = LC_UNLOADED;
	}
	extent->store = 0;
	extent->durable = true;
}

static void lookup_once(struct lc_store *store, u64 block, u64 most,
			struct lc_extent *extent)
{
	const struct lc_map *map = &store->map;
	struct lc_node *node = map->root;
	u64 index = lc_leaf_index(block);
	struct lc_page *child = NULL;
	unsigned int level;
	u32 slot;

	for (level = node->page.level; level; level--) {
		slot = (u32)(index / map->span[level]);
		index %= map->span[level];
		/* Pairs with the release in insert_child(). */
		child = smp_load_acquire(&node->child[slot]);
		if (!child) {
			ref_extent(&node->ref[slot], extent);
			/* A node of holes is as good as a leaf. */
			if (extent->kind != LC_UNLOADED)
				set_referenced(&node->page);
			extent->count = (map->span[level] - index) *
					LC_LEAF_ENTRIES - lc_leaf_slot(block);
			extent->count = min(extent->count, most);
			return;
		}
		if (level > 1)
			node = node_of(child);
	}
	leaf_extent(store, leaf_of(child), lc_leaf_slot(block), most, extent);
}

/* Whether @next, right behind @extent in the clone, goes on like it. */
static bool goes_on(const struct lc_extent *extent, const struct lc_extent *next)
{
	if (extent->kind != next->kind || extent->kind == LC_UNLOADED)
		return false;
	return extent->kind != LC_DATA ||
	       (next->store == extent->store + extent->count &&
		next->durable == extent->durable);
}

void lc_lookup(struct lc_store *store, u64 block, u64 most,
	       struct lc_extent *extent)
{
	struct lc_extent next;

	lookup_once(store, block, most, extent);
	/* An extent that ends where its leaf ends may go on in the next. */
	while (extent->count < most &&
	       !lc_leaf_slot(block + extent->count)) {
		lookup_once(store, block + extent->count, most - extent->count,
			    &next);
		if (!goes_on(extent, &next))
			return;
		extent->count += next.count;
	}
}

/*
 * Walks down to the leaf of @block as far as memory has it.  Returns the leaf's
 * page, or NULL with the last node on the way and the slot that is missing.
 */
static struct lc_page *walk(struct lc_store *store, u64 block,
			    struct lc_node **last, u32 *missing)
{
	const struct lc_map *map = &store->map;
	struct lc_node *node = map->root;
	u64 index = lc_leaf_index(block);
	unsigned int level;
	struct lc_page *child;

	lockdep_assert_held(&store->lock);
	for (level = node->page.level;; level--) {
		*last = node;
		*missing = (u32)(index / map->span[level]);
		index %= map->span[level];
		child = node->child[*missing];
		if (!child || level == 1)
			return child;
		node = node_of(child);
	}
}

struct lc_leaf *lc_map_leaf(struct lc_store *store, u64 block)
{
	struct lc_node *node;
	u32 slot;
	struct lc_page *page = walk(store, block, &node, &slot);

	return page ? leaf_of(page) : NULL;
}

struct lc_page *lc_map_visit(struct lc_store *store, u64 block, u64 *covered)
{
	struct lc_node *node;
	u32 slot;
	struct lc_page *page = walk(store, block, &node, &slot);
	u64 span;

	if (page) {
		*covered = LC_LEAF_ENTRIES - lc_leaf_slot(block);
		return page;
	}
	span = store->map.span[node->page.level] * LC_LEAF_ENTRIES;
	*covered = node->ref[slot].state == LC_REF_PAGE ? 0 :
		   span - block % span;
	return &node->page;
}

/* Loading ------------------------------------------------------------- */

static void page_init(struct lc_page *page, struct lc_node *parent, u32 slot)
{
	INIT_LIST_HEAD(&page->dirty_link);
	INIT_LIST_HEAD(&page->writing_link);
	INIT_LIST_HEAD(&page->ends_link);
	page->parent = parent;
	page->slot = (u16)slot;
	if (parent) {
		page->level = parent->page.level - 1;
		page->index = parent->page.index * LC_NODE_CHILDREN + slot;
	}
}

const char *lc_page_read(struct lc_store *store, const struct lc_ref *ref,
			 struct lc_page_id id, void *into)
{
	const struct lc_super *super = &store->super;
	void *page = store->ops->page_get(store->ctx, true);
	const char *why = "it cannot be read";
	int error;

	error = store->ops->read(store->ctx, ref->address, page);
	if (!error) {
		if (id.level)
			why = lc_node_decode(page, id, super->store_uuid, ref,
					     &super->layout, into);
		else
			why = lc_leaf_decode(page, id, super->store_uuid, ref,
					     &super->layout, into);
	}
	store->ops->page_put(store->ctx, page);
	return why;
}

static int read_page(struct lc_store *store, const struct lc_ref *ref,
		     struct lc_page_id id, void *into)
{
	const char *why = lc_page_read(store, ref, id, into);

	if (!why)
		return 0;
	store->ops->report(store->ctx, why, ref->address);
	return -EIO;
}

static int fill_leaf(struct lc_store *store, const struct lc_ref *ref,
		     struct lc_leaf *leaf)
{
	struct lc_page_id id = { leaf->page.index, 0 };
	u32 value = ref->state == LC_REF_ZERO ? LC_ENTRY_ZERO : LC_ENTRY_UNMAPPED;
	u32 i;

	INIT_LIST_HEAD(&leaf->journal_link);
	if (ref->state == LC_REF_PAGE)
		return read_page(store, ref, id, leaf->entry);
	for (i = 0; i < LC_LEAF_ENTRIES; i++)
		leaf->entry[i] = value;
	return 0;
}

static int fill_node(struct lc_store *store, const struct lc_ref *ref,
		     struct lc_node *node)
{
	struct lc_page_id id = { node->page.index, node->page.level };
	u32 i;

	if (ref->state == LC_REF_PAGE)
		return read_page(store, ref, id, node->ref);
	for (i = 0; i < LC_NODE_CHILDREN; i++) {
		node->ref[i].state = ref->state;
		if (ref->state == LC_REF_ZERO)
			node->ref[i].zero_blocks =
				lc_subtree_blocks(&store->map, id.level - 1);
	}
	return 0;
}

/* Nodes that are still to become a part of the map. */
struct path {
	u32 nodes;
	struct lc_node *node[LC_MAX_HEIGHT];
};

static void put_path(struct lc_store *store, struct path *path)
{
	while (path->nodes)
		store->ops->node_put(store->ctx, path->node[--path->nodes]);
}

/*
 * Takes all the nodes that a way of @count needs, before anything is pinned for it:
 * those that are in maps have to be free to go, if this waits.
 */
static int get_path(struct lc_store *store, struct path *path, u32 count)
{
	put_path(store, path);
	if (!store->ops->nodes_get(store->ctx, path->node, count))
		return -ENOMEM;
	path->nodes = count;
	return 0;
}

/*
 * Makes child @slot of @parent, which its caller has pinned, without the lock.  A
 * node is taken from @path.
 */
static int make_child(struct lc_store *store, struct lc_node *parent, u32 slot,
		      struct path *path, struct lc_page **child)
{
	/* Nothing but a checkpoint of the child changes it, and there is none. */
	const struct lc_ref *ref = &parent->ref[slot];
	struct lc_leaf *leaf;
	struct lc_node *node;
	int error;

	if (parent->page.level == 1) {
		leaf = store->ops->leaf_get(store->ctx);
		if (!leaf)
			return -ENOMEM;
		page_init(&leaf->page, parent, slot);
		error = fill_leaf(store, ref, leaf);
		if (error)
			store->ops->leaf_put(store->ctx, leaf);
		*child = &leaf->page;
	} else {
		node = path->node[--path->nodes];
		page_init(&node->page, parent, slot);
		error = fill_node(store, ref, node);
		if (error)
			store->ops->node_put(store->ctx, node);
		*child = &node->page;
	}
	return error;
}

static void add_end(struct lc_map *map, struct lc_page *page)
{
	list_add_tail(&page->ends_link, &map->ends);
	WRITE_ONCE(map->ends_in_memory, map->ends_in_memory + 1);
}

static void remove_end(struct lc_map *map, struct lc_page *page)
{
	list_del_init(&page->ends_link);
	WRITE_ONCE(map->ends_in_memory, map->ends_in_memory - 1);
}

/* @node has one more child in memory, or one less.  The root is never evicted. */
static void count_child(struct lc_map *map, struct lc_node *node)
{
	if (!node->children++ && node->page.parent)
		remove_end(map, &node->page);
}

static void uncount_child(struct lc_map *map, struct lc_node *node)
{
	if (!--node->children && node->page.parent)
		add_end(map, &node->page);
}

/* Its parent has counted it before it was made. */
static void insert_child(struct lc_store *store, struct lc_page *child)
{
	struct lc_map *map = &store->map;

	if (child->level)
		map->nodes_in_memory++;
	else
		WRITE_ONCE(map->leaves_in_memory, map->leaves_in_memory + 1);
	add_end(map, child);
	/* All of it is there for who finds it in lookup_once(). */
	smp_store_release(&child->parent->child[child->slot], child);
}

/*
 * Loads the leaf of @block with all above it.  With @state: no more than what
 * tells the state of the leaf.
 */
static int load(struct lc_store *store, u64 block, u8 *state)
{
	struct lc_map *map = &store->map;
	struct path path = { .nodes = 0 };
	struct lc_node *parent;
	struct lc_page *child;
	unsigned long flags;
	int error = 0;
	u32 slot, nodes;

	mutex_lock(&store->load_mutex);
	spin_lock_irqsave(&store->lock, flags);
	if (state)
		*state = LC_REF_PAGE;
	while (!error && !walk(store, block, &parent, &slot)) {
		if (state) {
			*state = parent->ref[slot].state;
			if (*state != LC_REF_PAGE || parent->page.level == 1) {
				set_referenced(&parent->page);
				break;
			}
		}
		nodes = parent->page.level - 1u;
		if (nodes > path.nodes) {
			spin_unlock_irqrestore(&store->lock, flags);
			error = get_path(store, &path, nodes);
			spin_lock_irqsave(&store->lock, flags);
			continue;	/* others may have been evicted meanwhile */
		}
		count_child(map, parent);	/* so that it is not evicted */
		spin_unlock_irqrestore(&store->lock, flags);
		error = make_child(store, parent, slot, &path, &child);
		spin_lock_irqsave(&store->lock, flags);
		if (error)
			uncount_child(map, parent);
		else
			insert_child(store, child);
	}
	spin_unlock_irqrestore(&store->lock, flags);
	put_path(store, &path);
	mutex_unlock(&store->load_mutex);
	return error;
}

int lc_map_load(struct lc_store *store, u64 block)
{
	return load(store, block, NULL);
}

int lc_map_leaf_state(struct lc_store *store, u64 block, u8 *state)
{
	return load(store, block, state);
}

int lc_map_open(struct lc_store *store)
{
	const struct lc_super *super = &store->super;
	struct lc_node *root = store->ops->root_get(store->ctx);
	int error;

	if (!root)
		return -ENOMEM;
	page_init(&root->page, NULL, 0);
	root->page.level = (u8)super->root_level;
	error = fill_node(store, &super->root, root);
	if (error) {
		store->ops->node_put(store->ctx, root);
		return error;
	}
	store->map.root = root;
	store->map.nodes_in_memory = 1;
	return 0;
}

void lc_map_raise(struct lc_store *store, struct lc_node *root)
{
	struct lc_map *map = &store->map;
	struct lc_node *old = map->root;

	lockdep_assert_held(&store->lock);
	page_init(&root->page, NULL, 0);
	root->page.level = old->page.level + 1;
	root->children = 1;
	root->child[0] = &old->page;
	old->page.parent = root;
	if (!old->children)
		add_end(map, &old->page);
	map->root = root;
	map->nodes_in_memory++;
}

/* Eviction ------------------------------------------------------------ */

static bool may_go(struct lc_store *store, struct lc_page *page)
{
	if (page->claims || page->dirty || page->writing)
		return false;
	/* A leaf alone knows which round its entries wait for. */
	return page->level || leaf_of(page)->round <= store->round.durable;
}

static void evict_page(struct lc_store *store, struct lc_page *page)
{
	struct lc_node *parent = page->parent;
	struct lc_map *map = &store->map;

	WRITE_ONCE(parent->child[page->slot], NULL);
	remove_end(map, page);
	uncount_child(map, parent);
	if (page->level) {
		map->nodes_in_memory--;
		store->ops->node_put(store->ctx, node_of(page));
	} else {
		WRITE_ONCE(map->leaves_in_memory, map->leaves_in_memory - 1);
		store->ops->leaf_put(store->ctx, leaf_of(page));
	}
	if (!parent->children && parent->page.parent &&
	    !READ_ONCE(parent->page.referenced) && may_go(store, &parent->page))
		evict_page(store, &parent->page);
}

/* Second chance: what was looked up since the last call stays. */
u32 lc_map_evict(struct lc_store *store, u32 most)
{
	struct lc_map *map = &store->map;
	struct lc_page *page;
	unsigned long flags;
	u32 evicted = 0;
	u32 left;

	spin_lock_irqsave(&store->lock, flags);
	left = min(map->ends_in_memory, 4 * most);
	for (; left && evicted < most; left--) {
		page = list_first_entry(&map->ends, struct lc_page, ends_link);
		list_move_tail(&page->ends_link, &map->ends);
		if (!may_go(store, page))
			continue;
		if (READ_ONCE(page->referenced)) {
			WRITE_ONCE(page->referenced, false);
			continue;
		}
		evict_page(store, page);
		evicted++;
	}
	spin_unlock_irqrestore(&store->lock, flags);
	return evicted;
}

bool lc_map_evictable(struct lc_store *store)
{
	struct lc_page *page;
	unsigned long flags;
	bool found = false;

	spin_lock_irqsave(&store->lock, flags);
	list_for_each_entry(page, &store->map.ends, ends_link) {
		found = may_go(store, page);
		if (found)
			break;
	}
	spin_unlock_irqrestore(&store->lock, flags);
	return found;
}

static void free_node(struct lc_store *store, struct lc_node *node)
{
	u32 i;

	for (i = 0; i < LC_NODE_CHILDREN; i++) {
		struct lc_page *child = node->child[i];

		if (!child)
			continue;
		if (child->level)
			free_node(store, node_of(child));
		else
			store->ops->leaf_put(store->ctx, leaf_of(child));
	}
	store->ops->node_put(store->ctx, node);
}

void lc_map_destroy(struct lc_store *store)
{
	if (store->map.root)
		free_node(store, store->map.root);
	store->map.root = NULL;
}
