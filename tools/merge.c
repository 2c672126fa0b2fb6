// SPDX-License-Identifier: GPL-2.0
/*
 * Making one frozen store of several that stand on each other.
 *
 * The newest entry of each block wins.  What is known to be zero stays so where
 * something is seen below, and is left out elsewhere: there it reads as zeros by
 * itself.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>
#include "clone-store.h"
#include "format-store.h"
#include "map-writer.h"
#include "merge.h"
#include "output.h"
#include "signals.h"
#include "throttle.h"

#define CHUNK_BLOCKS	256u

/* Blocks from the first on that may show what is below the merged levels. */
static u64 blocks_below(const struct merge *merge)
{
	const struct lc_super *bottom = level_super(merge->levels, merge->count - 1);
	u64 sectors = levels_below(merge->levels, merge->count);

	if (!bottom->layers)
		sectors = bottom->origin_kind == LC_ORIGIN_NONE ? 0 :
			  min(sectors, bottom->origin_sectors);
	return lc_blocks_of(sectors);
}

/* Blocks of @seen that get an entry. */
static u64 entries_of(const struct merge *merge, const struct seen *seen)
{
	u64 first = seen->sector / LC_BLOCK_SECTORS, below;

	switch (seen->type) {
	case SEEN_DATA:
		return lc_blocks_of(seen->sectors);
	case SEEN_ZERO:
		below = blocks_below(merge);
		return first >= below ? 0 :
		       min(lc_blocks_of(seen->sectors), below - first);
	default:
		return 0;
	}
}

struct measure {
	struct merge *merge;
	u64 next[LC_MAX_HEIGHT + 1];	/* index behind the last page of each level */
};

static void count_pages(struct measure *measure, u64 first, u64 last)
{
	unsigned int level;

	for (level = 0; level <= LC_MAX_HEIGHT; level++) {
		u64 leaves = level ? lc_child_leaves(level) * LC_NODE_CHILDREN : 1;
		u64 to = lc_leaf_index(last) / leaves;
		u64 from = max(lc_leaf_index(first) / leaves, measure->next[level]);

		if (to < from)
			continue;
		measure->merge->page_blocks += to - from + 1;
		measure->next[level] = to + 1;
	}
}

static int measure_piece(void *ctx, const struct seen *seen)
{
	struct measure *measure = ctx;
	u64 first = seen->sector / LC_BLOCK_SECTORS;
	u64 blocks = entries_of(measure->merge, seen);

	if (!blocks)
		return 0;
	count_pages(measure, first, first + blocks - 1);
	if (seen->type == SEEN_DATA)
		measure->merge->data_blocks += blocks;
	else
		measure->merge->zero_blocks += blocks;
	return 0;
}

int merge_measure(struct merge *merge)
{
	struct measure measure = { .merge = merge };
	int error = levels_load(merge->levels, merge->count);

	merge->data_blocks = 0;
	merge->zero_blocks = 0;
	merge->page_blocks = 0;
	return error ? error : levels_see(merge->levels, merge->count,
					  measure_piece, &measure);
}

u64 merge_store_bytes(const struct merge *merge)
{
	return store_bytes_for((merge->data_blocks + merge->page_blocks) *
			       LC_BLOCK_SIZE);
}

/* What the newest was, standing on what the oldest stood on. */
static void compose(const struct merge *merge, struct lc_super *super)
{
	const struct lc_super *top = level_super(merge->levels, 0);
	const struct lc_super *bottom = level_super(merge->levels, merge->count - 1);
	struct lc_layout layout = super->layout;

	*super = *top;
	super->layout = layout;
	super->generation = 1;
	uuid_generate(super->store_uuid);
	memcpy(super->parent_uuid, bottom->parent_uuid, LC_UUID_BYTES);
	memcpy(super->parent_name, bottom->parent_name, LC_NAME_BYTES);
	super->layers = merge->layers;
	super->overlap_sectors = levels_below(merge->levels, merge->count);
	memset(super->snapshot_name, 0, LC_NAME_BYTES);
	memcpy(super->snapshot_name, merge->name, strlen(merge->name));
	super->epoch = 0;
	super->replay_sequence = 1;
	super->replay_block = 0;
	super->replay_csum = 0;
	super->owner_epoch = 0;
	memset(super->owner_boot, 0, LC_UUID_BYTES);
	memset(super->owner_host, 0, LC_NAME_BYTES);
	memset(super->reserve_map, 0, sizeof(super->reserve_map));
	memset(&super->root, 0, sizeof(super->root));
	super->root.state = LC_REF_NONE;
	super->page_blocks = 0;
	super->high_water = super->layout.data_start;
}

struct copy {
	struct merge *merge;
	struct map_writer *writer;
	struct throttle throttle;
	u8 *data;			/* CHUNK_BLOCKS of them */
	u64 done;
};

static int report_write(const struct map_writer *writer, int error)
{
	report_errno(writer->store->path, error, "cannot be written");
	if (error == -ENOSPC)
		report_hint("make room, or give --dir on another filesystem");
	return error;
}

static int copy_chunk(struct copy *copy, const struct seen *seen, u64 done,
		      u32 count)
{
	const struct store_file *from = &copy->merge->levels->level[seen->level].store;
	u64 block = seen->store_sector / LC_BLOCK_SECTORS + done;
	u64 sectors = seen->sectors - done * LC_BLOCK_SECTORS;
	int error;

	if (signals_told())
		return -EINTR;
	error = store_read(from, block, copy->data, count);
	if (error) {
		report_errno(from->path, error, "its data at store block %llu cannot be read",
			     (unsigned long long)block);
		return error;
	}
	/* Behind what is seen of the last block there are zeros. */
	if (sectors < (u64)count * LC_BLOCK_SECTORS)
		memset(copy->data + sectors * 512, 0,
		       count * LC_BLOCK_SIZE - sectors * 512);
	error = map_writer_data(copy->writer, seen->sector / LC_BLOCK_SECTORS + done,
				count, copy->data);
	if (error)
		report_write(copy->writer, error);
	copy->done += count;
	print_progress("merge", copy->done, copy->merge->data_blocks);
	throttle_done(&copy->throttle, (u64)count * LC_BLOCK_SIZE);
	return error;
}

static int copy_piece(void *ctx, const struct seen *seen)
{
	struct copy *copy = ctx;
	u64 blocks = entries_of(copy->merge, seen), done = 0;
	int error = 0;

	if (seen->type == SEEN_ZERO && blocks) {
		error = map_writer_zero(copy->writer, seen->sector / LC_BLOCK_SECTORS,
					blocks);
		return error ? report_write(copy->writer, error) : 0;
	}
	while (done < blocks && !error) {
		u32 count = (u32)min_t(u64, blocks - done, CHUNK_BLOCKS);

		error = copy_chunk(copy, seen, done, count);
		done += count;
	}
	return error;
}

/* Data and map; nothing names them yet. */
static int copy_all(struct merge *merge, struct map_writer *writer)
{
	struct copy copy = { .merge = merge, .writer = writer };
	int error;

	copy.data = must_alloc((size_t)CHUNK_BLOCKS * LC_BLOCK_SIZE);
	throttle_begin(&copy.throttle, merge->rate_bytes);
	error = levels_see(merge->levels, merge->count, copy_piece, &copy);
	free(copy.data);
	if (error)
		return error;
	error = map_writer_finish(writer);
	if (!error)
		error = store_sync(writer->store);
	return error ? report_write(writer, error) : 0;
}

int merge_write(struct merge *merge, struct store_file *store,
		struct lc_super *super)
{
	struct map_writer *writer;
	int error;

	memset(super, 0, sizeof(*super));
	if (lc_layout_new(store->bytes / 512, &super->layout)) {
		report_error(store->path, "is too small for a store: 8M are the least");
		return -ENOSPC;
	}
	compose(merge, super);
	if (merge->data_blocks + merge->page_blocks >
	    super->layout.data_end - super->layout.reserve_start) {
		report_error(store->path, "is too small: there are %llu blocks of data",
			     (unsigned long long)merge->data_blocks);
		report_hint("take a larger device");
		return -ENOSPC;
	}
	writer = must_alloc(sizeof(*writer));
	map_writer_init(writer, store, super);
	error = copy_all(merge, writer);
	free(writer);
	return error ? error : format_write(store, super);
}
