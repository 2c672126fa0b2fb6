// SPDX-License-Identifier: GPL-2.0
/*
 * Writing the metadata of a store from a dump.  The dump is read three times:
 * to check it and to see where data lies, to see whether the pages of its tree
 * find a place, and to write them.
 */

#include <stdlib.h>
#include "output.h"
#include "probe.h"
#include "restore.h"
#include "tree-build.h"

struct restore {
	struct dump_reader *dump;
	struct dump_run run;	/* the one at hand; its count is 0 behind the end */
	int error;		/* of reading the dump a second time */
	unsigned long *used;
	struct lc_super super;
};

static void next_run(struct restore *restore)
{
	int got = restore->error ? 0 : dump_read_run(restore->dump, &restore->run);

	if (got < 0)
		restore->error = got;
	if (got <= 0)
		restore->run.count = 0;
}

static u8 look(void *ctx, struct lc_page_id id, u64 first, u64 blocks)
{
	struct restore *restore = ctx;
	struct dump_run *run = &restore->run;

	(void)id;
	while (run->count && run->first + run->count <= first)
		next_run(restore);
	if (!run->count || run->first >= first + blocks)
		return LC_REF_NONE;
	if (run->value == LC_ENTRY_ZERO && run->first <= first &&
	    run->first + run->count >= first + blocks)
		return LC_REF_ZERO;
	return LC_REF_PAGE;
}

static void leaf(void *ctx, u64 index, u32 *entry)
{
	struct restore *restore = ctx;
	struct dump_run *run = &restore->run;
	u64 first = index * LC_LEAF_ENTRIES;
	u32 i;

	memset(entry, 0, LC_LEAF_ENTRIES * sizeof(*entry));
	for (i = 0; i < LC_LEAF_ENTRIES; i++) {
		u64 block = first + i;

		while (run->count && run->first + run->count <= block)
			next_run(restore);
		if (!run->count || run->first > block)
			continue;
		entry[i] = run->value == LC_ENTRY_ZERO ? LC_ENTRY_ZERO :
			   run->value + (u32)(block - run->first);
	}
}

static int take_data(struct restore *restore, const struct dump_run *run)
{
	struct lc_super *super = &restore->super;
	u32 end = run->value + (u32)run->count;

	if (find_next_bit(restore->used, end, run->value) < end) {
		report_error(restore->dump->path,
			     "line %lu: it names store blocks that a run before it has",
			     restore->dump->line);
		return -EINVAL;
	}
	bitmap_set(restore->used, run->value, (u32)run->count);
	super->high_water = max(super->high_water, end);
	return 0;
}

/* Reads the whole dump, and notes where data lies. */
static int first_pass(struct restore *restore)
{
	struct dump_run run;
	int got = dump_read_super(restore->dump, &restore->super);

	if (got)
		return got;
	restore->used = must_alloc(BITS_TO_LONGS(
		(size_t)restore->super.layout.store_blocks) * sizeof(long));
	while ((got = dump_read_run(restore->dump, &run)) > 0) {
		int error = run.value == LC_ENTRY_ZERO ? 0 :
			    take_data(restore, &run);

		if (error)
			return error;
	}
	return got;
}

static int build(struct restore *restore, struct store_file *store, bool write)
{
	static const struct tree_source source = { look, leaf, NULL };
	struct lc_super super;
	struct tree_build build = {
		.store = store,
		.source = &source,
		.ctx = restore,
		.used = restore->used,
		.write = write,
		.super = &restore->super,
	};
	int error = dump_read_super(restore->dump, &super);

	if (error)
		return error;
	next_run(restore);
	error = tree_build(&build);
	if (restore->error)
		return restore->error;
	if (error == -ENOSPC)
		report_error(store->path, "has no room for the map beside the data");
	else if (error)
		report_errno(store->path, error, "cannot be written");
	return error;
}

/* What was there before is no store any more, nor its journal. */
static int clear(struct store_file *store, const struct lc_layout *layout)
{
	static const u8 empty[16 * LC_BLOCK_SIZE];
	u32 block = layout->journal_start, count;
	int error = store_write(store, LC_HEADER_BLOCK, empty, 1);

	if (!error)
		error = store_sync(store);
	for (; !error && block < layout->reserve_start; block += count) {
		count = min(layout->reserve_start - block, 16u);
		error = store_write(store, block, empty, count);
	}
	if (error)
		report_errno(store->path, error, "cannot be written");
	return error;
}

static int write_store(struct restore *restore, struct store_file *store)
{
	struct lc_header header = { 0 };
	u8 page[LC_BLOCK_SIZE];
	int error = clear(store, &restore->super.layout);

	if (!error)
		error = build(restore, store, true);
	if (error)
		return error;
	error = store_sync(store);
	if (!error)
		error = store_write_supers(store, &restore->super);
	if (error)
		return error;
	memcpy(header.store_uuid, restore->super.store_uuid, LC_UUID_BYTES);
	lc_header_encode(&header, page);
	error = store_write(store, LC_HEADER_BLOCK, page, 1);
	if (!error)
		error = store_sync(store);
	if (error)
		report_errno(store->path, error, "the header cannot be written");
	return error;
}

static int check_size(const struct store_file *store, const struct lc_super *super)
{
	char need[SIZE_TEXT_BYTES], have[SIZE_TEXT_BYTES];
	u64 bytes = (u64)super->layout.store_blocks * LC_BLOCK_SIZE;

	if (bytes <= store->bytes)
		return 0;
	report_error(store->path, "has %s, but the store of the dump has %s",
		     print_size(store->bytes, have), print_size(bytes, need));
	return -ENOSPC;
}

/* Signatures of other formats go; a store has none beside its header. */
static int make_room(struct store_file *store, bool force)
{
	enum lc_header_fault fault;
	struct lc_header header;
	u8 page[LC_BLOCK_SIZE];
	int error = probe_empty(store, force);

	if (error || !force)
		return error;
	error = store_read(store, LC_HEADER_BLOCK, page, 1);
	if (error || !lc_header_decode(page, &header, &fault))
		return error;
	return probe_wipe(store);
}

static int restore_to(struct restore *restore, struct store_file *store,
		      bool force)
{
	int error = check_size(store, &restore->super);

	if (!error)
		error = build(restore, store, false);
	if (!error)
		error = make_room(store, force);
	return error ? error : write_store(restore, store);
}

int restore_store(struct dump_reader *dump, const char *store_path, bool force,
		  struct restore_result *result)
{
	struct restore restore = { .dump = dump };
	struct store_file store;
	int error = probe_unused(store_path);

	if (!error)
		error = first_pass(&restore);
	if (!error)
		error = store_open(store_path, STORE_WRITE | STORE_EXCLUSIVE,
				   &store);
	if (!error) {
		error = restore_to(&restore, &store, force);
		store_close(&store);
	}
	if (!error) {
		result->super = restore.super;
		result->data_blocks = dump->data_blocks;
		result->zero_blocks = dump->zero_blocks;
		result->page_blocks = restore.super.page_blocks;
	}
	free(restore.used);
	return error;
}
