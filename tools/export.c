// SPDX-License-Identifier: GPL-2.0
/* Writing what was changed between two states of a clone as a delta stream. */

#include <errno.h>
#include <stdlib.h>
#include "export.h"
#include "output.h"
#include "stream.h"
#include "stream-format.h"

/* What the levels above the base say, in the order of the clone. */
struct pieces {
	struct seen *piece;
	size_t count;
	size_t room;
};

static u64 first_of(const struct seen *piece)
{
	return piece->sector / LC_BLOCK_SECTORS;
}

static u64 blocks_of(const struct seen *piece)
{
	return lc_blocks_of(piece->sectors);
}

/* What nothing above the base says follows from the sizes in the header. */
static int collect(void *ctx, const struct seen *seen)
{
	struct pieces *pieces = ctx;

	if (seen->type != SEEN_DATA && seen->type != SEEN_ZERO)
		return 0;
	if (pieces->count == pieces->room) {
		pieces->room = pieces->room ? 2 * pieces->room : 64;
		pieces->piece = must_realloc(pieces->piece, pieces->room *
					     sizeof(*pieces->piece));
	}
	pieces->piece[pieces->count++] = *seen;
	return 0;
}

static void compose(const struct levels *levels, unsigned int count,
		    const struct pieces *pieces, struct stream_header *header)
{
	const struct lc_super *super = level_super(levels, 0);
	size_t i;

	memset(header, 0, sizeof(*header));
	memcpy(header->clone_uuid, super->clone_uuid, LC_UUID_BYTES);
	memcpy(header->end_uuid, super->content_uuid, LC_UUID_BYTES);
	memcpy(header->snapshot_set, super->snapshot_set, LC_UUID_BYTES);
	header->head_generation = super->head_generation;
	header->clone_sectors = super->clone_sectors;
	header->overlap_sectors = levels_below(levels, count);
	header->origin_kind = super->origin_kind;
	header->fingerprint_algorithm = super->fingerprint_algorithm;
	header->origin_sectors = super->origin_sectors;
	memcpy(header->origin_uuid, super->origin_uuid, LC_UUID_BYTES);
	memcpy(header->fingerprint, super->fingerprint, LC_FINGERPRINT_BYTES);
	memcpy(header->clone_name, super->clone_name, LC_NAME_BYTES);
	memcpy(header->snapshot_name, super->snapshot_name, LC_NAME_BYTES);
	memcpy(header->origin_name, super->origin_name, LC_NAME_BYTES);
	if (count < levels->count) {
		const struct lc_super *base = level_super(levels, count);

		memcpy(header->base_uuid, base->content_uuid, LC_UUID_BYTES);
		memcpy(header->base_name, base->snapshot_name, LC_NAME_BYTES);
		header->base_sectors = base->clone_sectors;
	}
	for (i = 0; i < pieces->count; i++)
		if (pieces->piece[i].type == SEEN_DATA)
			header->data_blocks += blocks_of(&pieces->piece[i]);
		else
			header->zero_blocks += blocks_of(&pieces->piece[i]);
}

struct writer {
	struct stream *stream;
	const struct levels *levels;
	struct stream_record record;	/* that may still get longer */
	u8 *data;			/* STREAM_DATA_MAX blocks */
	u64 total;			/* blocks of data */
};

static int flush(struct writer *writer)
{
	struct stream_record *record = &writer->record;
	int error;

	if (!record->count)
		return 0;
	error = stream_put(writer->stream, record);
	record->count = 0;
	if (!error && record->type == STREAM_DATA)
		print_progress("export", writer->stream->data_blocks, writer->total);
	return error;
}

/* Ends the record before, when what comes next at @block is not a part of it. */
static int turn_to(struct writer *writer, u32 type, u64 block)
{
	struct stream_record *record = &writer->record;
	bool full = type == STREAM_DATA && record->count == STREAM_DATA_MAX;
	int error = 0;

	if (record->count && (record->type != type || full ||
			      record->first + record->count != block))
		error = flush(writer);
	if (!record->count) {
		record->type = type;
		record->first = block;
		record->data = writer->data;
	}
	return error;
}

static int read_part(struct writer *writer, const struct seen *piece, u64 done,
		     u32 count)
{
	const struct store_file *store = &writer->levels->level[piece->level].store;
	u64 block = piece->store_sector / LC_BLOCK_SECTORS + done;
	u8 *to = writer->data + writer->record.count * LC_BLOCK_SIZE;
	u64 sectors = piece->sectors - done * LC_BLOCK_SECTORS;
	int error = store_read(store, block, to, count);

	if (error)
		report_errno(store->path, error, "its data at store block %llu cannot be read",
			     (unsigned long long)block);
	/* Behind what is seen of the last block there are zeros. */
	if (sectors < (u64)count * LC_BLOCK_SECTORS)
		memset(to + sectors * 512, 0, count * LC_BLOCK_SIZE - sectors * 512);
	return error;
}

static int put_data(struct writer *writer, const struct seen *piece)
{
	u64 done = 0, blocks = blocks_of(piece);
	int error = 0;
	u32 count;

	while (done < blocks && !error) {
		error = turn_to(writer, STREAM_DATA, first_of(piece) + done);
		if (error)
			break;
		count = (u32)min(blocks - done, STREAM_DATA_MAX - writer->record.count);
		error = read_part(writer, piece, done, count);
		writer->record.count += count;
		done += count;
	}
	return error;
}

static int put_piece(struct writer *writer, const struct seen *piece)
{
	int error;

	if (piece->type == SEEN_DATA)
		return put_data(writer, piece);
	error = turn_to(writer, STREAM_ZERO, first_of(piece));
	writer->record.count += blocks_of(piece);
	return error;
}

static int write_stream(const struct levels *levels, unsigned int count,
			const struct pieces *pieces, int fd, const char *name)
{
	struct stream_header header;
	struct stream stream;
	struct writer writer = { .stream = &stream, .levels = levels };
	size_t i;
	int error;

	compose(levels, count, pieces, &header);
	writer.total = header.data_blocks;
	writer.data = must_alloc((size_t)STREAM_DATA_MAX * LC_BLOCK_SIZE);
	error = stream_begin(&stream, fd, name, &header);
	for (i = 0; i < pieces->count && !error; i++)
		error = put_piece(&writer, &pieces->piece[i]);
	if (!error)
		error = flush(&writer);
	if (!error)
		error = stream_end(&stream);
	free(writer.data);
	return error;
}

static int need_frozen(const char *name, const struct levels *levels)
{
	if (level_super(levels, 0)->state == LC_STORE_FROZEN)
		return 0;
	report_error(name, "is not a snapshot: it is still being written");
	report_hint("take one with 'lclone snapshot', and name that: CLONE@SNAP");
	return -EINVAL;
}

/* Sets @content to that of the base. */
static int find_base(const struct export_request *request, u8 *content)
{
	struct levels *levels;
	int error = levels_open_newest(request->base, &levels);

	if (!error)
		error = need_frozen(request->base, levels);
	if (!error) {
		memcpy(content, level_super(levels, 0)->content_uuid, LC_UUID_BYTES);
		/* It may be named by its path, and be found nowhere else. */
		request->layers[request->layer_count] =
			must_strdup(levels->level[0].store.path);
	}
	levels_free(levels);
	return error;
}

/* How many levels are above the base. */
static int find_depth(const struct export_request *request,
		      const struct levels *levels, const u8 *content,
		      unsigned int *count)
{
	*count = request->base ? levels_find(levels, content) : levels->count;
	if (!request->base || (*count && *count < levels->count))
		return 0;
	if (!*count)
		report_error(request->end, "is the same snapshot as %s", request->base);
	else
		report_error(request->end, "does not stand on %s", request->base);
	report_hint("the base must be an earlier snapshot that it was made from; 'lclone tree' shows which stands on which");
	return -EXDEV;
}

static int export_levels(const struct export_request *request,
			 const u8 *content, int fd, const char *name)
{
	struct pieces pieces = { 0 };
	struct levels *levels;
	unsigned int count;
	int error = levels_open(request->end, request->layers, content, &levels);

	if (!error)
		error = need_frozen(request->end, levels);
	if (!error)
		error = find_depth(request, levels, content, &count);
	if (!error)
		error = levels_load(levels, count);
	if (!error)
		error = levels_see(levels, count, collect, &pieces);
	if (!error)
		error = write_stream(levels, count, &pieces, fd, name);
	free(pieces.piece);
	levels_free(levels);
	return error;
}

int export_stream(const struct export_request *request, int fd, const char *name)
{
	u8 content[LC_UUID_BYTES];
	int error;

	if (!request->base)
		return export_levels(request, NULL, fd, name);
	error = find_base(request, content);
	if (error)
		return error;
	error = export_levels(request, content, fd, name);
	free((char *)request->layers[request->layer_count]);
	return error;
}
