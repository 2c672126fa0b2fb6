// SPDX-License-Identifier: GPL-2.0
/* Writing the tree of a map; pages that are there already stay where they are. */

#include "tree-build.h"

/* The next block at or behind build->place that may hold a page, or 0. */
static u32 find_place(struct tree_build *build)
{
	const struct lc_layout *layout = &build->super->layout;
	unsigned long at = max(build->place, layout->reserve_start);

	at = find_next_zero_bit(build->used, layout->data_end, at);
	if (at >= layout->data_end)
		return 0;
	build->place = (u32)at + 1;
	return (u32)at;
}

/* Does the accounts of a page that is part of the tree. */
static void account(struct tree_build *build, u32 address)
{
	struct lc_super *super = build->super;

	super->page_blocks++;
	if (address < super->layout.data_start)
		__set_bit(address - super->layout.reserve_start,
			  super->reserve_map);
	else
		super->high_water = max(super->high_water, address + 1);
}

static int finish_page(struct tree_build *build, struct lc_page_id id,
		       const u32 *entry, const struct lc_ref *child,
		       struct lc_ref *ref)
{
	const struct lc_super *super = build->super;
	const struct lc_ref *same = NULL;
	u8 page[LC_BLOCK_SIZE];

	if (build->source->same)
		same = build->source->same(build->ctx, id, ref->state, entry,
					   child);
	if (same)
		*ref = *same;
	if (ref->state != LC_REF_PAGE)
		return 0;
	if (same) {
		account(build, ref->address);
		return 0;
	}
	if (!build->used)
		return 0;
	ref->address = find_place(build);
	if (!ref->address)
		return -ENOSPC;
	if (entry)
		lc_leaf_encode(entry, id, super->store_uuid, ref, page);
	else
		lc_node_encode(child, id, super->store_uuid, ref, page);
	account(build, ref->address);
	build->new_pages++;
	return build->write ? store_write(build->store, ref->address, page, 1) : 0;
}

static int build_leaf(struct tree_build *build, struct lc_page_id id,
		      struct lc_ref *ref)
{
	u32 entry[LC_LEAF_ENTRIES];
	u32 zeros;

	build->source->leaf(build->ctx, id.index, entry);
	lc_leaf_count(entry, &ref->data_blocks, &zeros);
	ref->zero_blocks = zeros;
	if (zeros == LC_LEAF_ENTRIES)
		ref->state = LC_REF_ZERO;
	else if (!zeros && !ref->data_blocks)
		ref->state = LC_REF_NONE;
	return finish_page(build, id, entry, NULL, ref);
}

static u64 blocks_below(unsigned int level)
{
	u64 leaves = level ? lc_child_leaves(level) * LC_NODE_CHILDREN : 1;

	return leaves * LC_LEAF_ENTRIES;
}

static int build_ref(struct tree_build *build, struct lc_page_id id,
		     struct lc_ref *ref);

static int build_node(struct tree_build *build, struct lc_page_id id,
		      struct lc_ref *ref)
{
	struct lc_ref child[LC_NODE_CHILDREN];
	u64 data_blocks;
	bool alike = true;
	u32 i;

	for (i = 0; i < LC_NODE_CHILDREN; i++) {
		struct lc_page_id below = {
			.index = id.index * LC_NODE_CHILDREN + i,
			.level = id.level - 1,
		};
		int error = build_ref(build, below, &child[i]);

		if (error)
			return error;
		alike = alike && child[i].state == child[0].state;
	}
	lc_node_count(child, &data_blocks, &ref->zero_blocks);
	if (data_blocks > LC_STORE_BLOCKS_MAX)
		return -ECANCELED;
	ref->data_blocks = (u32)data_blocks;
	if (alike && child[0].state != LC_REF_PAGE)
		ref->state = child[0].state;
	return finish_page(build, id, NULL, child, ref);
}

static int build_ref(struct tree_build *build, struct lc_page_id id,
		     struct lc_ref *ref)
{
	u64 blocks = blocks_below(id.level);

	memset(ref, 0, sizeof(*ref));
	ref->generation = build->super->generation;
	ref->state = build->source->look(build->ctx, id, id.index * blocks,
					 blocks);
	if (ref->state == LC_REF_PAGE)
		return id.level ? build_node(build, id, ref) :
				  build_leaf(build, id, ref);
	if (ref->state == LC_REF_ZERO)
		ref->zero_blocks = blocks;
	return finish_page(build, id, NULL, NULL, ref);
}

int tree_build(struct tree_build *build)
{
	struct lc_super *super = build->super;
	struct lc_page_id root = { 0, (u8)super->root_level };

	build->new_pages = 0;
	build->place = 0;
	super->page_blocks = 0;
	memset(super->reserve_map, 0, sizeof(super->reserve_map));
	return build_ref(build, root, &super->root);
}
