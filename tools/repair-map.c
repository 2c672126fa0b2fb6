// SPDX-License-Identifier: GPL-2.0
/*
 * The map of a damaged store, as far as it can be known.
 *
 * A lost page stands for blocks of the clone whose entries are unknown, but for
 * those that the journal still has: it holds values and not differences, so the
 * last run that names a block, in a chain that is whole up to its end, is what
 * the entry was.  What remains becomes what the user has chosen, and is noted.
 */

#include <stdlib.h>
#include "output.h"
#include "repair-map.h"

void repair_map_init(struct repair_map *map)
{
	size_t bytes = BITS_TO_LONGS((size_t)map->super->layout.store_blocks) *
		       sizeof(long);

	map->blocks = lc_blocks_of(map->super->clone_sectors);
	map->high_water = map->super->layout.data_start;
	map->data = must_alloc(bytes);
	map->clash = must_alloc(bytes);
	map->page = must_alloc(bytes);
	map->avoid = must_alloc(bytes);
}

void repair_map_free(struct repair_map *map)
{
	free(map->data);
	free(map->clash);
	free(map->page);
	free(map->avoid);
}

/* Store blocks that later groups of a cut journal have given to others. */
static void clash_later(struct repair_map *map)
{
	const struct overlay *later = &map->journal->later;
	size_t i;

	for (i = 0; i < later->runs; i++)
		if (lc_entry_is_data(later->run[i].value))
			bitmap_set(map->clash, later->run[i].value,
				   later->run[i].count);
}

void repair_map_clashes(struct repair_map *map)
{
	size_t words = BITS_TO_LONGS((size_t)map->super->layout.store_blocks);
	size_t i;

	for (i = 0; i < words; i++)
		map->clash[i] |= map->data[i] & map->page[i];
	clash_later(map);
}

/* What the journal says of pages that come from there. */
static const struct overlay *overlay_of(const struct repair_map *map,
					enum repair_from from)
{
	if (from == FROM_TREE)
		return &map->journal->overlay;
	if (from == FROM_OLDER)
		return &map->older_journal->overlay;
	return map->older ? &map->older_journal->known : &map->journal->known;
}

/* Reads the page of @id at @ref into @level.  Returns whether it is whole. */
static bool read_page(struct repair_map *map, struct lc_page_id id,
		      const struct lc_ref *ref, struct repair_level *level)
{
	const struct lc_super *super = map->super;
	u8 page[LC_BLOCK_SIZE];
	const char *why;

	__set_bit(ref->address, map->avoid);
	if (ref->generation > super->generation)
		return false;
	if (store_read(map->store, ref->address, page, 1))
		return false;
	if (id.level)
		why = lc_node_decode(page, id, super->store_uuid, ref,
				     &super->layout, level->child);
	else
		why = lc_leaf_decode(page, id, super->store_uuid, ref,
				     &super->layout, level->entry);
	if (why)
		return false;
	__set_bit(ref->address, map->page);
	level->ref = *ref;
	return true;
}

/* What the tree of the older superblock has for @id, down from its root. */
static bool find_older(struct repair_map *map, struct lc_page_id id,
		       struct repair_level *level)
{
	struct lc_page_id at = { 0, (u8)map->super->root_level };
	struct lc_ref ref;

	if (!map->older)
		return false;
	for (ref = map->older->root; ; ref = level->child[at.index % LC_NODE_CHILDREN]) {
		if (ref.state != LC_REF_PAGE) {
			level->ref = ref;
			return true;
		}
		if (!read_page(map, at, &ref, level))
			return false;
		if (at.level == id.level)
			return true;
		at.level--;
		at.index = id.index * lc_child_leaves(id.level + 1u) /
			   lc_child_leaves(at.level + 1u);
	}
}

/* The ref of @id, and where it comes from, by the page above it. */
static struct lc_ref ref_of(struct repair_map *map, struct lc_page_id id,
			    enum repair_from *from, u64 *held)
{
	const struct repair_level *above;

	if (id.level == map->super->root_level) {
		*from = FROM_TREE;
		*held = 0;
		return map->super->root;
	}
	above = &map->level[id.level + 1];
	*from = above->from;
	*held = above->held;
	/* Of what all is alike the parts are as the whole. */
	return above->from == FROM_NOWHERE || above->ref.state != LC_REF_PAGE ?
	       above->ref : above->child[id.index % LC_NODE_CHILDREN];
}

static u8 fill_state(const struct repair_map *map)
{
	return map->lost == REPAIR_LOST_ZERO ? LC_REF_ZERO : LC_REF_NONE;
}

/* Lost blocks up to the end of the clone. */
static void note_lost(struct repair_map *map, u64 first, u64 count, u64 held,
		      const char *why)
{
	if (map->pass == REPAIR_TELL && first < map->blocks) {
		count = min(count, map->blocks - first);
		repair_note(map->report, first, count, min(count, held), why);
	}
}

static const char page_lost[] = "a page of the map is lost";

static u8 look_nowhere(struct repair_map *map, struct repair_level *level,
		       u64 first, u64 blocks)
{
	/* What the end of the clone cuts is not all zero. */
	bool cut = first < map->blocks && first + blocks > map->blocks;

	if (first >= map->blocks)
		return LC_REF_NONE;
	if (overlay_touches(overlay_of(map, FROM_NOWHERE), first, blocks) ||
	    (cut && map->lost == REPAIR_LOST_ZERO))
		return LC_REF_PAGE;
	note_lost(map, first, blocks, level->held, page_lost);
	return fill_state(map);
}

static u8 look(void *ctx, struct lc_page_id id, u64 first, u64 blocks)
{
	struct repair_map *map = ctx;
	struct repair_level *level = &map->level[id.level];
	struct lc_ref ref = ref_of(map, id, &level->from, &level->held);

	if (ref.state == LC_REF_ZERO)
		ref.zero_blocks = blocks;
	level->ref = ref;
	if (level->from != FROM_NOWHERE && ref.state == LC_REF_PAGE &&
	    !read_page(map, id, &ref, level)) {
		if (level->from == FROM_TREE && find_older(map, id, level)) {
			level->from = FROM_OLDER;
			map->report->older_pages += map->pass == REPAIR_TELL;
		} else {
			level->from = FROM_NOWHERE;
			level->held = ref.data_blocks;
		}
	}
	if (level->from == FROM_NOWHERE)
		return look_nowhere(map, level, first, blocks);
	if (level->ref.state == LC_REF_PAGE ||
	    overlay_touches(overlay_of(map, level->from), first, blocks) ||
	    overlay_touches(&map->journal->later, first, blocks))
		return LC_REF_PAGE;
	return level->ref.state;
}

/* What the overlay says goes over @entry; @known tells where it did. */
static void lay_over(const struct overlay *overlay, u64 first, u32 *entry,
		     unsigned long *known)
{
	size_t at = overlay_find(overlay, first);

	for (; at < overlay->runs; at++) {
		const struct lc_run *run = &overlay->run[at];
		u64 from = max(run->first, first);
		u64 to = min(run->first + run->count, first + LC_LEAF_ENTRIES);

		if (from >= to)
			return;
		for (; from < to; from++) {
			entry[from - first] = lc_entry_behind(run->value,
							      (u32)(from - run->first));
			__set_bit((unsigned long)(from - first), known);
		}
	}
}

static void collect(struct repair_map *map, const u32 *entry)
{
	u32 i;

	for (i = 0; i < LC_LEAF_ENTRIES; i++) {
		if (!lc_entry_is_data(entry[i]))
			continue;
		if (test_bit(entry[i], map->data))
			__set_bit(entry[i], map->clash);
		__set_bit(entry[i], map->data);
		map->high_water = max(map->high_water, entry[i] + 1);
	}
}

/* Why the entry of a block does not count, or NULL. */
static const char *doubt(struct repair_map *map, u64 block, u32 value, bool lost)
{
	if (lost)
		return page_lost;
	if (overlay_touches(&map->journal->later, block, 1))
		return "changed behind damage of the journal";
	if (lc_entry_is_data(value) && test_bit(value, map->clash))
		return "its store block is in use elsewhere as well";
	return NULL;
}

/* What the page itself says, before the journal. */
static void take_entries(const struct repair_level *level, u32 *entry)
{
	u32 i;

	if (level->from != FROM_NOWHERE && level->ref.state == LC_REF_PAGE) {
		memcpy(entry, level->entry, sizeof(level->entry));
		return;
	}
	for (i = 0; i < LC_LEAF_ENTRIES; i++)
		entry[i] = level->from != FROM_NOWHERE &&
			   level->ref.state == LC_REF_ZERO ?
			   LC_ENTRY_ZERO : LC_ENTRY_UNMAPPED;
}

/* Notes the blocks of a leaf that are lost, and why, as runs. */
static void note_leaf(struct repair_map *map, u64 first, const u32 *entry,
		      const char *const *why)
{
	u32 i, n, data;

	for (i = 0; i < LC_LEAF_ENTRIES; i += n) {
		data = 0;
		for (n = 0; i + n < LC_LEAF_ENTRIES && why[i + n] == why[i]; n++)
			data += lc_entry_is_data(entry[i + n]);
		if (why[i])
			note_lost(map, first + i, n, why[i] == page_lost ?
				  map->level[0].held : data, why[i]);
	}
}

static void leaf(void *ctx, u64 index, u32 *entry)
{
	DECLARE_BITMAP(known, LC_LEAF_ENTRIES) = { 0 };
	const char *why[LC_LEAF_ENTRIES] = { NULL };
	struct repair_map *map = ctx;
	struct repair_level *level = &map->level[0];
	bool lost = level->from == FROM_NOWHERE;
	u64 first = index * LC_LEAF_ENTRIES;
	u32 i;

	take_entries(level, entry);
	lay_over(overlay_of(map, level->from), first, entry, known);
	if (map->pass == REPAIR_COLLECT)
		collect(map, entry);
	for (i = 0; i < LC_LEAF_ENTRIES && first + i < map->blocks; i++) {
		why[i] = doubt(map, first + i, entry[i],
			       lost && !test_bit(i, known));
		if (map->pass == REPAIR_TELL && lost && !why[i])
			map->report->restored_blocks++;
	}
	note_leaf(map, first, entry, why);
	for (i = 0; i < LC_LEAF_ENTRIES; i++) {
		if (first + i >= map->blocks)
			entry[i] = LC_ENTRY_UNMAPPED;
		else if (why[i])
			entry[i] = map->lost == REPAIR_LOST_ZERO ?
				   LC_ENTRY_ZERO : LC_ENTRY_UNMAPPED;
	}
}

static const struct lc_ref *same(void *ctx, struct lc_page_id id, u8 state,
				 const u32 *entry, const struct lc_ref *child)
{
	struct repair_map *map = ctx;
	struct repair_level *level = &map->level[id.level];
	u32 i;

	if (level->from == FROM_NOWHERE || level->ref.state != state)
		return NULL;
	if (state == LC_REF_PAGE && entry &&
	    memcmp(entry, level->entry, sizeof(level->entry)))
		return NULL;
	for (i = 0; state == LC_REF_PAGE && child && i < LC_NODE_CHILDREN; i++)
		if (!lc_ref_equal(&child[i], &level->child[i]) ||
		    child[i].generation > level->ref.generation)
			return NULL;
	return &level->ref;
}

const struct tree_source repair_source = { look, leaf, same };
