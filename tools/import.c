// SPDX-License-Identifier: GPL-2.0
/*
 * Making a frozen store of a delta stream.
 *
 * Data and pages go first, to where no superblock points.  When the end mark has
 * come and all of it is durable, the superblocks are written, and the header
 * last: without it there is no store.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <uuid/uuid.h>
#include "catalog.h"
#include "clone-store.h"
#include "describe.h"
#include "fingerprint.h"
#include "format-store.h"
#include "import.h"
#include "levels.h"
#include "map-writer.h"
#include "output.h"
#include "probe.h"
#include "stream-format.h"

struct import {
	const struct import_request *request;
	const char *name;
	struct stream stream;
	struct stream_header header;
	struct levels *base;		/* one level, or NULL: the origin */
	struct store_file store;
	struct lc_super super;
};

static bool has_base(const struct import *import)
{
	return !lc_uuid_is_null(import->header.base_uuid);
}

static int other_origin(const struct import *import, const char *path,
			const char *why)
{
	char name[LC_PATH_BYTES];

	report_error(path, "is not the origin that the stream was made over: %s", why);
	report_hint("a clone over another origin would be garbage; find the one called '%s'",
		    describe_text(import->header.origin_name, name));
	return -ESTALE;
}

static int compare_origin(const struct import *import, const char *path)
{
	const struct stream_header *header = &import->header;
	u8 sum[LC_FINGERPRINT_BYTES];
	unsigned int sector_bytes;
	u64 bytes;
	int fd = origin_open(path, &bytes, &sector_bytes);
	int error = 0;

	if (fd < 0)
		return fd;
	if (bytes / 512 != header->origin_sectors)
		error = other_origin(import, path, "its size differs");
	else if (header->fingerprint_algorithm == LC_FINGERPRINT_SHA256_SAMPLED)
		error = fingerprint_quick(fd, bytes, sum);
	close(fd);
	if (error && error != -ESTALE)
		report_errno(path, error, "cannot be read for its fingerprint");
	if (!error && header->fingerprint_algorithm != LC_FINGERPRINT_NONE &&
	    memcmp(sum, header->fingerprint, sizeof(sum)))
		error = other_origin(import, path, "its content has another fingerprint");
	return error;
}

static int check_origin(const struct import *import)
{
	const char *path = import->request->origin_path;
	bool none = import->header.origin_kind == LC_ORIGIN_NONE;

	if (import->header.fingerprint_algorithm > LC_FINGERPRINT_SHA256_SAMPLED) {
		report_error(import->name, "the origin's fingerprint is of a kind that is not known here");
		report_hint("use the version of lclone that made it, or a later one");
		return -EPROTONOSUPPORT;
	}
	if (path && strcmp(path, "-") && none) {
		report_error(import->name, "the stream has no origin, so %s cannot be it",
			     path);
		report_hint("leave out --origin");
		return -EINVAL;
	}
	if (none || (has_base(import) && !path))
		return 0;
	if (!path || !strcmp(path, "-")) {
		report_error(import->name, "the stream holds only what differs from its origin");
		report_hint("give the origin with --origin, to be compared");
		return -EINVAL;
	}
	return compare_origin(import, path);
}

static int wrong_base(const struct import *import, const char *why)
{
	report_error(import->base->level[0].store.path, "%s", why);
	report_hint("the stream fits only the snapshot that it was exported against");
	return -ESTALE;
}

/* Finds the base by its content; check_chain() compares the rest. */
static int find_base(struct import *import)
{
	const struct stream_header *header = &import->header;
	const struct lc_super *super;
	char name[LC_PATH_BYTES];
	int error;

	if (!has_base(import))
		return 0;
	error = levels_open_content(import->name, import->request->layers,
				    header->base_uuid, &import->base);
	if (error) {
		report_hint("the stream begins at the snapshot '%s'; import that first, or name its store with --layer",
			    describe_text(header->base_name, name));
		return error;
	}
	super = level_super(import->base, 0);
	if (super->clone_sectors != header->base_sectors)
		return wrong_base(import, "has another size than the base of the stream");
	return 0;
}

/* Two stores with one content would be taken for each other. */
static int check_catalog(const struct import *import)
{
	const char *path = import->request->store_path;
	struct catalog catalog;
	const struct clone *layer;
	struct stat st;
	int error = catalog_open(&catalog, CATALOG_READ);

	if (error)
		return error;
	layer = catalog_layer(&catalog, import->header.end_uuid);
	if (layer) {
		report_error(import->name, "this host has that snapshot already, in %s",
			     layer->store_path);
		report_hint("make clones of it with 'lclone create --from'");
		error = -EEXIST;
	} else if (!stat(path, &st) && S_ISBLK(st.st_mode)) {
		error = clone_device_check(&catalog, path);
	}
	catalog_close(&catalog);
	return error;
}

static int check_place(const struct import *import)
{
	const char *path = import->request->store_path;
	const char *origin = import->request->origin_path;
	int error = check_catalog(import);

	if (!error)
		error = probe_unused(path);
	if (!error && origin && strcmp(origin, "-"))
		error = probe_stacking(path, origin);
	if (!error && import->base)
		error = probe_stacking(path, import->base->level[0].store.path);
	return error;
}

static void note_below(struct import *import)
{
	struct lc_super *super = &import->super;
	const struct lc_super *base;

	if (import->base) {
		base = level_super(import->base, 0);
		super->layers = base->layers + 1;
		memcpy(super->parent_uuid, base->content_uuid, LC_UUID_BYTES);
		memcpy(super->parent_name, import->header.base_name, LC_NAME_BYTES);
		memcpy(super->origin_path, base->origin_path, LC_PATH_BYTES);
	} else if (super->origin_kind != LC_ORIGIN_NONE) {
		format_note_path(super, import->request->origin_path);
	}
}

/* The superblock of the store, but for its map. */
static void compose(struct import *import)
{
	const struct stream_header *header = &import->header;
	struct lc_super *super = &import->super;

	super->generation = 1;
	uuid_generate(super->store_uuid);
	memcpy(super->clone_uuid, header->clone_uuid, LC_UUID_BYTES);
	memcpy(super->content_uuid, header->end_uuid, LC_UUID_BYTES);
	memcpy(super->snapshot_set, header->snapshot_set, LC_UUID_BYTES);
	super->state = LC_STORE_FROZEN;
	super->head_generation = header->head_generation;
	super->clone_sectors = header->clone_sectors;
	super->overlap_sectors = header->overlap_sectors;
	super->root_level = lc_root_level(lc_blocks_of(super->clone_sectors));
	super->root.state = LC_REF_NONE;
	super->high_water = super->layout.data_start;
	super->replay_sequence = 1;
	super->origin_kind = header->origin_kind;
	super->fingerprint_algorithm = header->fingerprint_algorithm;
	super->origin_sectors = header->origin_sectors;
	memcpy(super->origin_uuid, header->origin_uuid, LC_UUID_BYTES);
	memcpy(super->fingerprint, header->fingerprint, LC_FINGERPRINT_BYTES);
	if (import->request->name)
		memcpy(super->clone_name, import->request->name,
		       strlen(import->request->name));
	else
		memcpy(super->clone_name, header->clone_name, LC_NAME_BYTES);
	memcpy(super->origin_name, header->origin_name, LC_NAME_BYTES);
	memcpy(super->snapshot_name, header->snapshot_name, LC_NAME_BYTES);
	note_below(import);
}

static int check_chain(const struct import *import)
{
	const char *why;

	if (!import->base)
		return 0;
	if (import->super.layers > LC_LAYERS_MAX) {
		report_error(import->name, "there are %u layers below it already, which is the most",
			     import->super.layers - 1);
		return -EMLINK;
	}
	why = lc_chain_fault(&import->super, level_super(import->base, 0));
	return why ? wrong_base(import, why) : 0;
}

static int check_room(const struct import *import)
{
	const struct lc_layout *layout = &import->super.layout;
	char need[SIZE_TEXT_BYTES], has[SIZE_TEXT_BYTES];

	if (import->header.data_blocks <= layout->data_end - layout->data_start)
		return 0;
	report_error(import->store.path, "is too small: the stream holds %s of data, and there is room for %s",
		     print_size(import->header.data_blocks * LC_BLOCK_SIZE, need),
		     print_size((u64)(layout->data_end - layout->data_start) *
				LC_BLOCK_SIZE, has));
	report_hint("take a larger device");
	return -ENOSPC;
}

/* Opens the device and finds all that is wrong before anything is written. */
static int prepare(struct import *import)
{
	const struct import_request *request = import->request;
	int error = check_place(import);

	if (!error)
		error = store_open(request->store_path, STORE_WRITE | STORE_EXCLUSIVE,
				   &import->store);
	if (error)
		return error;
	if (lc_layout_new(import->store.bytes / 512, &import->super.layout)) {
		report_error(request->store_path, "is too small for a store: 8M are the least");
		report_hint("take a larger device");
		return -ENOSPC;
	}
	compose(import);
	error = check_chain(import);
	if (!error)
		error = check_room(import);
	if (!error)
		error = probe_empty(&import->store, request->force);
	if (!error && request->force)
		error = probe_wipe(&import->store);
	return error;
}

static int take_record(struct import *import, struct map_writer *writer,
		       const struct stream_record *record)
{
	if (record->type == STREAM_ZERO)
		return map_writer_zero(writer, record->first, record->count);
	print_progress("import", import->stream.data_blocks,
		       import->header.data_blocks);
	return map_writer_data(writer, record->first, (u32)record->count,
			       record->data);
}

/* -EUCLEAN and errors of the stream are reported by it. */
static int take_records(struct import *import, struct map_writer *writer)
{
	struct stream_record record;
	int error;

	for (;;) {
		error = stream_next(&import->stream, &import->header, &record);
		if (error)
			return error;
		if (record.type == STREAM_END)
			error = map_writer_finish(writer);
		else
			error = take_record(import, writer, &record);
		if (!error && record.type == STREAM_END)
			error = store_sync(&import->store);
		if (error)
			report_errno(import->store.path, error, "cannot be written");
		if (error || record.type == STREAM_END)
			return error;
	}
}

static int write_all(struct import *import)
{
	struct map_writer *writer = must_alloc(sizeof(*writer));
	int error;

	map_writer_init(writer, &import->store, &import->super);
	error = take_records(import, writer);
	free(writer);
	if (!error)
		error = format_write(&import->store, &import->super);
	return error;
}

static void note_result(const struct import *import, struct import_result *result)
{
	memset(result, 0, sizeof(*result));
	result->header = import->header;
	memcpy(result->store_uuid, import->super.store_uuid, LC_UUID_BYTES);
	result->store_bytes = import->store.bytes;
	if (import->base)
		result->base_path = must_strdup(import->base->level[0].store.path);
}

int import_stream(const struct import_request *request, int fd, const char *name,
		  struct import_result *result)
{
	struct import *import = must_alloc(sizeof(*import));
	int error;

	import->request = request;
	import->name = name;
	import->store.fd = -1;
	error = request->name ? name_check(request->name) : 0;
	if (!error)
		error = stream_open(&import->stream, fd, name, &import->header);
	if (!error)
		error = check_origin(import);
	if (!error)
		error = find_base(import);
	if (!error)
		error = prepare(import);
	if (!error)
		error = write_all(import);
	if (!error)
		note_result(import, result);
	stream_close(&import->stream);
	store_close(&import->store);
	if (import->base)
		levels_free(import->base);
	free(import);
	return error;
}
