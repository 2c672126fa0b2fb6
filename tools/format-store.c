// SPDX-License-Identifier: GPL-2.0
/* Writing an empty store. */

#include <stdlib.h>
#include <unistd.h>
#include <uuid/uuid.h>
#include "catalog.h"
#include "fingerprint.h"
#include "format-store.h"
#include "output.h"
#include "probe.h"
#include "store-file.h"

/* Looks at the origin and notes in @super what it is. */
static int note_origin(const struct format_request *request,
		       struct lc_super *super)
{
	unsigned int sector_bytes;
	int fd, error = 0;
	u64 bytes;

	fd = origin_open(request->origin_path, &bytes, &sector_bytes);
	if (fd < 0)
		return fd;
	super->origin_sectors = bytes / 512;
	if (!super->origin_sectors) {
		report_error(request->origin_path, "is empty");
		report_hint("give --origin - for a clone without an origin");
		error = -EINVAL;
	} else if (request->fingerprint) {
		memcpy(super->fingerprint, request->fingerprint,
		       LC_FINGERPRINT_BYTES);
	} else {
		error = fingerprint_quick(fd, bytes, super->fingerprint);
		if (error)
			report_errno(request->origin_path, error,
				     "cannot be read for its fingerprint");
	}
	close(fd);
	super->origin_kind = LC_ORIGIN_DEVICE;
	super->fingerprint_algorithm = LC_FINGERPRINT_SHA256_SAMPLED;
	return error;
}

static int note_name(char to[LC_NAME_BYTES], const char *name)
{
	int error = name ? name_check(name) : 0;

	if (name && !error)
		memcpy(to, name, strlen(name));
	return error;
}

/* The path of the origin is a hint only, so one that does not fit is left out. */
void format_note_path(struct lc_super *super, const char *path)
{
	char *whole = realpath(path, NULL);

	/* A name under /dev/mapper or /dev/disk outlives the number below it. */
	if (!strncmp(path, "/dev/", 5) && strlen(path) < LC_PATH_BYTES)
		memcpy(super->origin_path, path, strlen(path));
	else if (whole && strlen(whole) < LC_PATH_BYTES)
		memcpy(super->origin_path, whole, strlen(whole));
	free(whole);
}

static int note_sizes(const struct format_request *request, u64 store_bytes,
		      struct lc_super *super)
{
	u64 sectors = request->clone_bytes / 512;
	char text[SIZE_TEXT_BYTES];

	if (lc_layout_new(store_bytes / 512, &super->layout)) {
		report_error(request->store_path, "is too small for a store: it has %s, and 8M are the least",
			     print_size(store_bytes, text));
		report_hint("make it larger, or choose another device");
		return -ENOSPC;
	}
	if (!sectors)
		sectors = request->parent ? request->parent->clone_sectors :
					    super->origin_sectors;
	if (!sectors) {
		report_error(request->store_path, "a clone without an origin needs a size");
		report_hint("give --size");
		return -EINVAL;
	}
	if (sectors > LC_CLONE_SECTORS_MAX) {
		report_error(request->store_path, "a clone of %s is too large",
			     print_size(sectors * 512, text));
		report_hint("%s is the most", print_size(LC_CLONE_SECTORS_MAX * 512, text));
		return -EFBIG;
	}
	super->clone_sectors = sectors;
	super->overlap_sectors = min(sectors, request->parent ?
				     request->parent->clone_sectors :
				     super->origin_sectors);
	return 0;
}

/* All below a layer is what the layer says it is. */
static int note_parent(const struct format_request *request,
		       struct lc_super *super)
{
	const struct lc_super *parent = request->parent;

	if (request->layers > LC_LAYERS_MAX) {
		report_error(request->store_path, "it would stand on %u layers, and %u are the most",
			     request->layers, LC_LAYERS_MAX);
		report_hint("'lclone consolidate' makes one of the layers of a clone");
		return -EMLINK;
	}
	super->layers = request->layers;
	memcpy(super->parent_uuid, parent->content_uuid, LC_UUID_BYTES);
	super->origin_kind = parent->origin_kind;
	super->origin_sectors = parent->origin_sectors;
	super->fingerprint_algorithm = parent->fingerprint_algorithm;
	memcpy(super->fingerprint, parent->fingerprint, LC_FINGERPRINT_BYTES);
	memcpy(super->origin_uuid, parent->origin_uuid, LC_UUID_BYTES);
	memcpy(super->origin_name, parent->origin_name, LC_NAME_BYTES);
	memcpy(super->origin_path, parent->origin_path, LC_PATH_BYTES);
	return note_name(super->parent_name, request->parent_name);
}

/* Fills in the superblock of an empty store. */
static int compose(const struct format_request *request, u64 store_bytes,
		   struct lc_super *super)
{
	int error = 0;

	memset(super, 0, sizeof(*super));
	super->generation = 1;
	uuid_generate(super->store_uuid);
	uuid_generate(super->clone_uuid);
	uuid_generate(super->content_uuid);
	super->state = LC_STORE_WRITABLE;
	super->head_generation = request->head_generation ?
				 request->head_generation : 1;
	if (request->clone_uuid)
		memcpy(super->clone_uuid, request->clone_uuid, LC_UUID_BYTES);
	if (request->snapshot_set)
		memcpy(super->snapshot_set, request->snapshot_set, LC_UUID_BYTES);
	super->replay_sequence = 1;
	super->root.state = LC_REF_NONE;
	if (request->parent) {
		error = note_parent(request, super);
	} else if (request->origin_path) {
		error = note_origin(request, super);
		format_note_path(super, request->origin_path);
	}
	if (!error)
		error = note_sizes(request, store_bytes, super);
	if (!error)
		error = note_name(super->clone_name, request->clone_name);
	if (!error)
		error = note_name(super->origin_name, request->template_name);
	if (error)
		return error;
	if (request->template_uuid)
		memcpy(super->origin_uuid, request->template_uuid,
		       LC_UUID_BYTES);
	super->high_water = super->layout.data_start;
	super->root_level = lc_root_level(lc_blocks_of(super->clone_sectors));
	return 0;
}

/*
 * Superblocks first and the header last, each durable before the next, so that
 * a store cut short in its making is no store.
 */
int format_write(struct store_file *store, const struct lc_super *super)
{
	struct lc_header header = { 0 };
	u8 page[LC_BLOCK_SIZE];
	int error;

	memcpy(header.store_uuid, super->store_uuid, LC_UUID_BYTES);
	error = store_write_supers(store, super);
	if (error)
		return error;
	lc_header_encode(&header, page);
	error = store_write(store, LC_HEADER_BLOCK, page, 1);
	if (!error)
		error = store_sync(store);
	if (error)
		report_errno(store->path, error, "the header cannot be written");
	return error;
}

static void note_result(const struct lc_super *super, u64 store_bytes,
			struct format_result *result)
{
	memset(result, 0, sizeof(*result));
	memcpy(result->store_uuid, super->store_uuid, LC_UUID_BYTES);
	memcpy(result->clone_uuid, super->clone_uuid, LC_UUID_BYTES);
	memcpy(result->content_uuid, super->content_uuid, LC_UUID_BYTES);
	result->store_bytes = store_bytes;
	result->clone_bytes = super->clone_sectors * 512;
	result->origin_bytes = super->origin_sectors * 512;
	result->written_bytes = 3 * LC_BLOCK_SIZE;
}

int format_check(const struct format_request *request, u64 store_bytes)
{
	struct lc_super super;

	return compose(request, store_bytes, &super);
}

int format_store(const struct format_request *request,
		 struct format_result *result)
{
	struct store_file store;
	struct lc_super super;
	int error;

	error = probe_unused(request->store_path);
	if (!error)
		error = probe_not_on_clone(request->store_path);
	if (!error && request->origin_path)
		error = probe_stacking(request->store_path,
				       request->origin_path);
	if (error)
		return error;
	error = store_open(request->store_path, STORE_WRITE | STORE_EXCLUSIVE,
			   &store);
	if (error)
		return error;
	error = compose(request, store.bytes, &super);
	if (!error)
		error = probe_empty(&store, request->force);
	if (!error && request->force)
		error = probe_wipe(&store);
	if (!error)
		error = format_write(&store, &super);
	if (!error && result)
		note_result(&super, store.bytes, result);
	store_close(&store);
	return error;
}
