// SPDX-License-Identifier: GPL-2.0
/* The next store of a clone. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "clone-child.h"
#include "clone-store.h"
#include "format-store.h"
#include "lvm.h"
#include "origin.h"
#include "output.h"

static char *copy_text(const char *text)
{
	return text ? must_strdup(text) : NULL;
}

void clone_copy(const struct clone *clone, struct clone *copy)
{
	*copy = *clone;
	copy->name = copy_text(clone->name);
	copy->store_path = copy_text(clone->store_path);
	copy->vg = copy_text(clone->vg);
	copy->lv = copy_text(clone->lv);
	copy->template_name = copy_text(clone->template_name);
	copy->adopted = copy_text(clone->adopted);
}

void clone_release(struct clone *clone)
{
	free(clone->name);
	free(clone->store_path);
	free(clone->vg);
	free(clone->lv);
	free(clone->template_name);
	free(clone->adopted);
	memset(clone, 0, sizeof(*clone));
}

/* The directory that the clone's store is in, or the one that was given. */
static char *directory_of(const struct clone *clone,
			  const struct store_place *place)
{
	char *directory, *slash;

	if (place->given)
		return realpath(place->place, NULL);
	directory = must_strdup(clone->store_path);
	slash = strrchr(directory, '/');
	if (slash)
		*slash = '\0';
	return directory;
}

/* No clone has an '@' in its name, nor a volume of theirs the ".g" and a number. */
int clone_child_place(const struct catalog *catalog, const struct clone *clone,
		      const struct store_place *place, const char *tag,
		      struct clone *child)
{
	char *directory;
	int error = 0;

	child->kind = place->given ? place->kind : clone->kind;
	child->vg = NULL;
	child->lv = NULL;
	switch (child->kind) {
	case STORE_KIND_DIR:
		directory = directory_of(clone, place);
		if (!directory) {
			error = -errno;
			report_errno(place->place, error, "no directory to put a store in");
			return error;
		}
		child->store_path = print_string("%s/%s@%s.lclone", directory,
						 child->name, tag);
		free(directory);
		return 0;
	case STORE_KIND_VG:
		child->vg = must_strdup(place->given ? place->place : clone->vg);
		child->lv = print_string("%s.g%s", child->name, tag);
		child->store_path = lvm_path(child->vg, child->lv);
		return 0;
	default:
		if (!place->given) {
			report_error(child->name, "its store is a device of yours, so its next one has to be given");
			report_hint("give an empty device with --store DEV, or --dir DIR or --vg VG");
			return -EINVAL;
		}
		error = clone_device_check(catalog, place->place);
		if (!error)
			child->store_path = origin_stable_path(place->place);
		return error;
	}
}

static u64 bytes_of(const struct store_place *place, const struct lc_super *head,
		    const struct clone *child)
{
	u64 bytes = place->store_bytes;

	if (!bytes && child->kind == STORE_KIND_DIR)
		bytes = store_bytes_for(head->clone_sectors * 512);
	if (!bytes)
		bytes = (u64)head->layout.store_blocks * LC_BLOCK_SIZE;
	return bytes - bytes % LC_BLOCK_SIZE;
}

/* It is of the template that @parent is of, which may not be the clone's any more. */
static void follow(const struct lc_super *parent, struct clone *child)
{
	memcpy(child->parent_uuid, parent->content_uuid, LC_UUID_BYTES);
	memcpy(child->template_uuid, parent->origin_uuid, LC_UUID_BYTES);
	free(child->template_name);
	child->template_name = *parent->origin_name ?
			       must_strdup(parent->origin_name) : NULL;
}

static int format(const struct catalog *catalog, const struct clone *clone,
		  const struct child_request *request, u64 generation,
		  struct clone *child)
{
	const struct lc_super *head = request->head;
	const struct template *template = catalog_template_of(catalog, clone);
	struct format_request format_request = {
		.store_path = child->store_path,
		.clone_name = clone->name,
		.clone_bytes = (request->parent ? request->parent : head)->clone_sectors * 512,
		.parent = request->parent,
		.layers = request->parent ? 1 +
			  catalog_depth(catalog, request->parent->parent_uuid) : 0,
		.parent_name = request->parent_name && *request->parent_name ?
			       request->parent_name : NULL,
		.snapshot_set = request->snapshot_set,
		.clone_uuid = clone->uuid,
		.head_generation = generation,
		.force = request->place->force || child->kind != STORE_KIND_DEVICE,
	};
	struct format_result result;
	int error;

	if (!request->parent && head->origin_kind != LC_ORIGIN_NONE) {
		format_request.origin_path = template ? template->path :
							head->origin_path;
		format_request.fingerprint = head->fingerprint;
		format_request.template_name = *head->origin_name ?
					       head->origin_name : NULL;
		format_request.template_uuid = head->origin_uuid;
	}
	error = format_store(&format_request, &result);
	if (error)
		return error;
	memcpy(child->store_uuid, result.store_uuid, LC_UUID_BYTES);
	memcpy(child->content_uuid, result.content_uuid, LC_UUID_BYTES);
	memset(child->parent_uuid, 0, LC_UUID_BYTES);
	if (request->parent)
		follow(request->parent, child);
	return 0;
}

bool clone_store_known(const struct catalog *catalog, const char *path)
{
	size_t i;

	for (i = 0; i < catalog->clone_count; i++)
		if (!strcmp(catalog->clones[i].store_path, path))
			return true;
	for (i = 0; i < catalog->layer_count; i++)
		if (!strcmp(catalog->layers[i].store_path, path))
			return true;
	return false;
}

/*
 * A run of the tool that was cut short may have left a file or volume of this
 * name, which nobody else uses: no store yet, or one that was never active.
 */
static bool left_over(const struct catalog *catalog, const struct clone *child)
{
	struct store_file store;
	const char *why;
	bool left = false;
	int error;

	if (child->kind == STORE_KIND_DEVICE || !clone_store_exists(child) ||
	    clone_store_known(catalog, child->store_path) ||
	    store_open(child->store_path, STORE_READ | STORE_QUIET, &store))
		return false;
	error = store_load_quietly(&store, &why);
	if (error)
		left = error == -EMEDIUMTYPE && clone_store_begun(child, &store);
	else
		left = store_is_unused(store_super(&store)) &&
		       !memcmp(store_super(&store)->clone_uuid, child->uuid,
			       LC_UUID_BYTES);
	store_close(&store);
	return left;
}

static int begin_child(const struct catalog *catalog, const struct clone *clone,
		       const struct store_place *place, u64 generation,
		       struct clone *child)
{
	char *tag = print_string("%llu", (unsigned long long)generation);
	int error;

	*child = *clone;
	child->name = copy_text(clone->name);
	child->template_name = copy_text(clone->template_name);
	child->adopted = copy_text(clone->adopted);
	child->store_path = NULL;
	error = clone_child_place(catalog, clone, place, tag, child);
	free(tag);
	return error;
}

int clone_child_make(const struct catalog *catalog, const struct clone *clone,
		     const struct child_request *request, struct clone *child)
{
	u64 generation = request->head->head_generation + 1;
	int error = begin_child(catalog, clone, request->place, generation, child);

	if (!error && left_over(catalog, child))
		clone_child_unmake(child);
	if (!error)
		error = clone_store_make(child, bytes_of(request->place,
							 request->head, child));
	if (error) {
		clone_release(child);
		return error;
	}
	error = format(catalog, clone, request, generation, child);
	if (!error)
		return 0;
	/* A device of the user's that was refused keeps what it holds. */
	if (child->kind != STORE_KIND_DEVICE)
		clone_store_unmake(child);
	clone_release(child);
	return error;
}

void clone_child_sweep(const struct catalog *catalog, const struct clone *clone)
{
	static const struct store_place same = { 0 };
	struct store_file store;
	struct clone child;
	const char *why;
	u64 generation = 0;

	if (clone->kind == STORE_KIND_DEVICE || !clone_store_exists(clone) ||
	    store_open(clone->store_path, STORE_READ | STORE_QUIET, &store))
		return;
	if (!store_load_quietly(&store, &why))
		generation = store_super(&store)->head_generation + 1;
	store_close(&store);
	if (!generation)
		return;
	if (!begin_child(catalog, clone, &same, generation, &child) &&
	    left_over(catalog, &child))
		clone_child_unmake(&child);
	clone_release(&child);
}

void clone_child_unmake(const struct clone *child)
{
	clone_store_detach(child);
	clone_store_unmake(child);
}
