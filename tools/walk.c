// SPDX-License-Identifier: GPL-2.0
/* Walking the map of a store. */

#include "walk.h"

struct walk {
	const struct store_file *store;
	const struct lc_super *super;
	const struct overlay *overlay;
	const struct walk_ops *ops;
	void *ctx;
	u64 blocks;		/* of the clone */
	size_t next;		/* run of the overlay */
	u64 done;		/* blocks that have been merged */
	/* the run that may still get longer; none when @count is 0 */
	u64 first;
	u64 count;
	u32 value;
};

static void flush_run(struct walk *walk)
{
	if (walk->count)
		walk->ops->run(walk->ctx, walk->first, walk->count, walk->value);
	walk->count = 0;
}

/* Joins what goes on from the run before. */
static void put_run(struct walk *walk, u64 first, u64 count, u32 value)
{
	bool follows = walk->count && walk->first + walk->count == first;

	if (!count || value == LC_ENTRY_UNMAPPED)
		return;
	if (follows && value == LC_ENTRY_ZERO && walk->value == LC_ENTRY_ZERO) {
		walk->count += count;
		return;
	}
	if (follows && value != LC_ENTRY_ZERO && walk->value != LC_ENTRY_ZERO &&
	    walk->value + walk->count == value) {
		walk->count += count;
		return;
	}
	flush_run(walk);
	walk->first = first;
	walk->count = count;
	walk->value = value;
}

static u32 value_at(u32 value, u64 offset)
{
	return lc_entry_behind(value, (u32)offset);
}

/* Blocks from walk->done on, of which the tree says @value from @first on. */
static void merge_span(struct walk *walk, u64 first, u64 end, u32 value)
{
	const struct overlay *overlay = walk->overlay;
	u64 at = walk->done;

	while (at < end) {
		const struct lc_run *over = walk->next < overlay->runs ?
			&overlay->run[walk->next] : NULL;
		u64 upto = over ? min(over->first, end) : end;

		if (at < upto) {
			put_run(walk, at, upto - at, value_at(value, at - first));
			at = upto;
		} else {
			put_run(walk, over->first, over->count, over->value);
			at = over->first + over->count;
			walk->next++;
		}
	}
	walk->done = at;
}

/*
 * A run of the tree, in ascending order; the overlay goes before it.  Behind the end of a
 * clone that was cut are entries as well, which say nothing of what is before it.
 */
static void merge(struct walk *walk, u64 first, u64 count, u32 value)
{
	if (first >= walk->blocks)
		return;
	merge_span(walk, walk->done, first, LC_ENTRY_UNMAPPED);
	merge_span(walk, first, min(first + count, walk->blocks), value);
}

void walk_give(struct walk *walk, u64 first, u64 count, u32 value)
{
	merge(walk, first, count, value);
}

static u64 blocks_below(unsigned int level)
{
	u64 leaves = level ? lc_child_leaves(level) * LC_NODE_CHILDREN : 1;

	return leaves * LC_LEAF_ENTRIES;
}

static void tell(struct walk *walk, struct walk_page *page, const char *why,
		 const u32 *entry)
{
	page->why = why;
	page->entry = entry;
	if (walk->ops->page)
		walk->ops->page(walk->ctx, page);
}

static void walk_leaf(struct walk *walk, struct walk_page *page)
{
	const struct lc_super *super = walk->super;
	u8 block[LC_BLOCK_SIZE];
	u32 entry[LC_LEAF_ENTRIES];
	const char *why = "it cannot be read";
	u32 i;

	if (!store_read(walk->store, page->ref->address, block, 1))
		why = lc_leaf_decode(block, page->id, super->store_uuid,
				     page->ref, &super->layout, entry);
	tell(walk, page, why, why ? NULL : entry);
	for (i = 0; !why && i < LC_LEAF_ENTRIES; i++)
		merge(walk, page->first + i, 1, entry[i]);
}

static void walk_ref(struct walk *walk, const struct lc_ref *ref,
		     const struct lc_ref *parent, struct lc_page_id id);

static void walk_node(struct walk *walk, struct walk_page *page)
{
	const struct lc_super *super = walk->super;
	struct lc_ref child[LC_NODE_CHILDREN];
	u8 block[LC_BLOCK_SIZE];
	const char *why = "it cannot be read";
	u32 i;

	if (!store_read(walk->store, page->ref->address, block, 1))
		why = lc_node_decode(block, page->id, super->store_uuid,
				     page->ref, &super->layout, child);
	tell(walk, page, why, NULL);
	for (i = 0; !why && i < LC_NODE_CHILDREN; i++) {
		struct lc_page_id id = {
			.index = page->id.index * LC_NODE_CHILDREN + i,
			.level = page->id.level - 1,
		};

		walk_ref(walk, &child[i], page->ref, id);
	}
}

static void walk_ref(struct walk *walk, const struct lc_ref *ref,
		     const struct lc_ref *parent, struct lc_page_id id)
{
	struct walk_page page = {
		.ref = ref,
		.parent = parent,
		.id = id,
		.blocks = blocks_below(id.level),
	};

	page.first = id.index * page.blocks;
	if (walk->ops->known && walk->ops->known(walk->ctx, walk, &page))
		return;
	if (ref->state == LC_REF_PAGE) {
		if (id.level)
			walk_node(walk, &page);
		else
			walk_leaf(walk, &page);
		return;
	}
	tell(walk, &page, NULL, NULL);
	if (ref->state == LC_REF_ZERO)
		merge(walk, page.first, page.blocks, LC_ENTRY_ZERO);
}

void walk_map(const struct store_file *store, const struct lc_super *super,
	      const struct overlay *overlay, const struct walk_ops *ops,
	      void *ctx)
{
	struct walk walk = {
		.store = store,
		.super = super,
		.overlay = overlay,
		.ops = ops,
		.ctx = ctx,
		.blocks = lc_blocks_of(super->clone_sectors),
	};
	struct lc_page_id root = { 0, (u8)super->root_level };

	walk_ref(&walk, &super->root, NULL, root);
	/* What the journal says of blocks that the tree does not know. */
	merge(&walk, 0, walk.blocks, LC_ENTRY_UNMAPPED);
	flush_run(&walk);
}
