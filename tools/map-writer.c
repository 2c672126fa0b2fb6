// SPDX-License-Identifier: GPL-2.0
/* Writing data and map of a new store from its first block to its last. */

#include "map-writer.h"

void map_writer_init(struct map_writer *writer, struct store_file *store,
		     struct lc_super *super)
{
	memset(writer, 0, sizeof(*writer));
	writer->store = store;
	writer->super = super;
}

/* Data goes from the start of the data area upwards, and the high-water mark with it. */
static int take_data(struct map_writer *writer, u32 count, u32 *block)
{
	struct lc_super *super = writer->super;

	if (count > super->layout.data_end - super->high_water)
		return -ENOSPC;
	*block = super->high_water;
	super->high_water += count;
	return 0;
}

static int take_page(struct map_writer *writer, u32 *block)
{
	struct lc_super *super = writer->super;
	int error = 0;

	if (writer->next_reserve < super->layout.reserve_blocks) {
		__set_bit(writer->next_reserve, super->reserve_map);
		*block = super->layout.reserve_start + writer->next_reserve++;
	} else {
		error = take_data(writer, 1, block);
	}
	super->page_blocks += !error;
	return error;
}

/* Blocks of the clone that a page of @level covers. */
static u64 blocks_of_page(unsigned int level)
{
	return (level ? lc_child_leaves(level) * LC_NODE_CHILDREN : 1) *
	       LC_LEAF_ENTRIES;
}

static void count_page(const struct map_writer *writer, unsigned int level,
		       struct lc_ref *ref)
{
	u64 data, zeros;
	u32 leaf_zeros;

	if (level) {
		lc_node_count(writer->child[level], &data, &zeros);
		ref->data_blocks = (u32)data;
		ref->zero_blocks = zeros;
	} else {
		lc_leaf_count(writer->entry, &ref->data_blocks, &leaf_zeros);
		ref->zero_blocks = leaf_zeros;
	}
	ref->state = ref->zero_blocks == blocks_of_page(level) ? LC_REF_ZERO :
		     ref->data_blocks || ref->zero_blocks ? LC_REF_PAGE :
							    LC_REF_NONE;
}

/* Writes the page of @level that was filled, unless a ref says it all. */
static int write_page(struct map_writer *writer, unsigned int level,
		      struct lc_ref *ref)
{
	const u8 *uuid = writer->super->store_uuid;
	struct lc_page_id id = { writer->index[level], (u8)level };
	u8 page[LC_BLOCK_SIZE];
	int error;

	memset(ref, 0, sizeof(*ref));
	count_page(writer, level, ref);
	if (ref->state != LC_REF_PAGE)
		return 0;
	error = take_page(writer, &ref->address);
	if (error)
		return error;
	ref->generation = writer->super->generation;
	if (level)
		lc_node_encode(writer->child[level], id, uuid, ref, page);
	else
		lc_leaf_encode(writer->entry, id, uuid, ref, page);
	return store_write(writer->store, ref->address, page, 1);
}

static int turn_to(struct map_writer *writer, unsigned int level, u64 index);

/* Closes the page of @level, and tells the one above it. */
static int close_page(struct map_writer *writer, unsigned int level)
{
	u64 index = writer->index[level];
	struct lc_ref ref;
	int error;

	if (!writer->open[level])
		return 0;
	writer->open[level] = false;
	error = write_page(writer, level, &ref);
	if (error)
		return error;
	if (level == writer->super->root_level) {
		writer->super->root = ref;
		return 0;
	}
	error = turn_to(writer, level + 1, index / LC_NODE_CHILDREN);
	if (!error)
		writer->child[level + 1][index % LC_NODE_CHILDREN] = ref;
	return error;
}

/* Makes the page of @level the one at @index, closing the one before it. */
static int turn_to(struct map_writer *writer, unsigned int level, u64 index)
{
	int error;

	if (writer->open[level] && writer->index[level] == index)
		return 0;
	error = close_page(writer, level);
	if (error)
		return error;
	writer->open[level] = true;
	writer->index[level] = index;
	if (level)
		memset(writer->child[level], 0, sizeof(writer->child[level]));
	else
		memset(writer->entry, 0, sizeof(writer->entry));
	return 0;
}

static int put_entry(struct map_writer *writer, u64 block, u32 value)
{
	int error = turn_to(writer, 0, lc_leaf_index(block));

	writer->entry[lc_leaf_slot(block)] = value;
	return error;
}

int map_writer_data(struct map_writer *writer, u64 first, u32 count,
		    const void *data)
{
	u32 block, i;
	int error = take_data(writer, count, &block);

	if (!error)
		error = store_write(writer->store, block, data, count);
	for (i = 0; i < count && !error; i++)
		error = put_entry(writer, first + i, block + i);
	return error;
}

int map_writer_zero(struct map_writer *writer, u64 first, u64 count)
{
	int error = 0;
	u64 i;

	for (i = 0; i < count && !error; i++)
		error = put_entry(writer, first + i, LC_ENTRY_ZERO);
	return error;
}

int map_writer_finish(struct map_writer *writer)
{
	unsigned int level;
	int error = 0;

	for (level = 0; level <= writer->super->root_level && !error; level++)
		error = close_page(writer, level);
	return error;
}
