// SPDX-License-Identifier: GPL-2.0
/* Making a clone: its store, its device, its entry in the catalog. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "clone.h"
#include "clone-store.h"
#include "dm.h"
#include "lvm.h"
#include "output.h"

static int check_name(const struct catalog *catalog, const char *name)
{
	if (name_check(name))
		return -EINVAL;
	if (catalog_clone(catalog, name)) {
		report_error(name, "there is a clone of this name");
		report_hint("choose another name, or remove that one with 'lclone remove %s'",
			    name);
		return -EEXIST;
	}
	if (dm_name_taken(name)) {
		report_error(name, "there is a device /dev/mapper/%s", name);
		report_hint("choose another name");
		return -EEXIST;
	}
	return 0;
}

/* Fills in all but the uuids, which format will make. */
static int compose(const struct clone_request *request, struct clone *clone)
{
	char *directory;
	int error = 0;

	memset(clone, 0, sizeof(*clone));
	clone->kind = request->kind;
	switch (request->kind) {
	case STORE_KIND_DIR:
		directory = realpath(request->place, NULL);
		if (!directory) {
			error = -errno;
			report_errno(request->place, error, "no directory to put a store in");
			report_path_hint(error);
			return error;
		}
		clone->store_path = print_string("%s/%s.lclone", directory,
						 request->name);
		clone->directory = clone_store_directory(clone->store_path);
		free(directory);
		break;
	case STORE_KIND_VG:
		clone->vg = must_strdup(request->place);
		clone->lv = must_strdup(request->name);
		clone->store_path = lvm_path(clone->vg, clone->lv);
		break;
	default:
		clone->store_path = origin_stable_path(request->place);
		break;
	}
	clone->name = must_strdup(request->name);
	if (request->from) {
		clone->template_name = request->from->template_name ?
			must_strdup(request->from->template_name) : NULL;
		memcpy(clone->template_uuid, request->from->template_uuid,
		       LC_UUID_BYTES);
		memcpy(clone->parent_uuid, request->from->content_uuid,
		       LC_UUID_BYTES);
	} else {
		clone->template_name = must_strdup(request->template->name);
		memcpy(clone->template_uuid, request->template->uuid,
		       LC_UUID_BYTES);
	}
	clone->error_if_no_space = request->error_if_no_space;
	return 0;
}

static void drop_composed(struct clone *clone)
{
	free(clone->name);
	free(clone->store_path);
	free(clone->vg);
	free(clone->lv);
	free(clone->template_name);
}

static int check_template(const struct template *template,
			  const struct origin *origin)
{
	if (origin->bytes == template->size_bytes &&
	    !memcmp(origin->quick, template->quick, LC_FINGERPRINT_BYTES))
		return 0;
	report_error(template->name, "its origin %s is not what it was when it was registered",
		     template->path);
	report_hint("'lclone template verify %s' compares all of it; add it under another name if the change was meant",
		    template->name);
	return -ESTALE;
}

/* What the new clone stands on: a layer, or the origin of a template. */
struct base {
	struct lc_super layer;		/* with request->from */
	unsigned int layers;		/* with request->from: from that one down */
	struct origin *origin;		/* otherwise */
};

static int format(const struct clone_request *request, const struct base *base,
		  struct clone *clone, struct format_result *result)
{
	struct format_request format_request = {
		.store_path = clone->store_path,
		.clone_bytes = request->clone_bytes,
		.clone_name = request->name,
		/* What we made ourselves holds at most an earlier life's traces. */
		.force = request->force || request->kind != STORE_KIND_DEVICE,
	};
	int error;

	if (request->from) {
		format_request.parent = &base->layer;
		format_request.layers = base->layers;
		format_request.parent_name = *request->from->name ?
					     request->from->name : NULL;
	} else {
		format_request.origin_path = request->template->path;
		format_request.template_name = request->template->name;
		format_request.template_uuid = request->template->uuid;
		format_request.fingerprint = base->origin->quick;
	}
	error = format_store(&format_request, result);
	if (error)
		return error;
	memcpy(clone->uuid, result->clone_uuid, LC_UUID_BYTES);
	memcpy(clone->store_uuid, result->store_uuid, LC_UUID_BYTES);
	memcpy(clone->content_uuid, result->content_uuid, LC_UUID_BYTES);
	return 0;
}

static u64 wanted_store_bytes(const struct clone_request *request,
			      const struct base *base)
{
	u64 below_bytes = request->from ? base->layer.clone_sectors * 512 :
					  base->origin->bytes;
	u64 clone_bytes = request->clone_bytes ? request->clone_bytes :
						 below_bytes;
	u64 bytes = request->store_bytes ? request->store_bytes :
					   store_bytes_for(clone_bytes);

	return bytes - bytes % LC_BLOCK_SIZE;
}

/* Enters it and brings it up; @clone belongs to the catalog afterwards. */
static int enter(struct catalog *catalog, struct origins *origins,
		 const struct clone_request *request, struct clone *clone)
{
	struct clone *entered;
	int error = 0;

	if (request->activate)
		error = clone_activate(catalog, clone, origins, false);
	if (error)
		return error;
	entered = catalog_add_clone(catalog, clone);
	error = catalog_save(catalog);
	if (!error)
		return 0;
	clone_deactivate(catalog, entered);
	catalog_forget_clone(catalog, entered);
	return error;
}

static int look_at_layer(const struct clone *layer, struct lc_super *super)
{
	struct store_file store;
	int error = clone_store_up(layer);

	if (!error)
		error = clone_store_open(layer, layer->store_path, STORE_READ,
					 &store);
	if (error)
		return error;
	*super = *store_super(&store);
	store_close(&store);
	return 0;
}

static int look_at_template(const struct template *template,
			    struct origins *origins, struct origin **origin)
{
	int error = origins_look(origins, template->path, origin);

	if (!error)
		error = check_template(template, *origin);
	return error ? error : origin_guard(template->path);
}

int clone_create_reserve(const struct catalog *catalog, const struct clone_request *request)
{
	struct format_request format_request = {
		.clone_bytes = request->clone_bytes, .clone_name = request->name,
	};
	struct clone clone;
	struct base base;
	u64 bytes;
	int error = check_name(catalog, request->name);

	if (!error)
		error = look_at_layer(request->from, &base.layer);
	if (!error)
		error = compose(request, &clone);
	if (error)
		return error;
	bytes = wanted_store_bytes(request, &base);
	error = request->kind == STORE_KIND_DEVICE ?
		clone_device_check_empty(catalog, request->place, request->force, &bytes) :
		clone_store_check_new(&clone);
	format_request.store_path = clone.store_path;
	format_request.parent = &base.layer;
	format_request.layers = base.layer.layers + 1;
	if (!error)
		error = format_check(&format_request, bytes);
	if (!error)
		error = clone_store_make(&clone, bytes);
	drop_composed(&clone);
	return error;
}

void clone_create_unreserve(const struct clone_request *request)
{
	struct clone clone;

	/* A device of the user's is as it was. */
	if (request->kind == STORE_KIND_DEVICE || compose(request, &clone))
		return;
	clone_store_unmake(&clone);
	drop_composed(&clone);
}

/* All that can be found out before there is a store. */
static int prepare(const struct catalog *catalog, struct origins *origins,
		   const struct clone_request *request, struct base *base,
		   struct clone *clone)
{
	int error = check_name(catalog, request->name);

	if (!error && request->kind == STORE_KIND_DEVICE)
		error = clone_device_check(catalog, request->place);
	if (!error)
		error = request->from ?
			look_at_layer(request->from, &base->layer) :
			look_at_template(request->template, origins, &base->origin);
	if (!error)
		error = compose(request, clone);
	if (error && request->reserved)
		clone_create_unreserve(request);
	return error;
}

int clone_create(struct catalog *catalog, struct origins *origins,
		 const struct clone_request *request,
		 struct format_result *made)
{
	struct format_result result;
	struct base base;
	struct clone clone;
	int error = prepare(catalog, origins, request, &base, &clone);

	if (error)
		return error;
	if (request->from)
		base.layers = catalog_depth(catalog, request->from->content_uuid);

	if (!request->reserved)
		error = clone_store_make(&clone, wanted_store_bytes(request, &base));
	if (error)
		goto drop;
	error = format(request, &base, &clone, &result);
	if (error) {
		/* A device of the user's that was refused keeps what it holds. */
		if (clone.kind != STORE_KIND_DEVICE)
			clone_store_unmake(&clone);
		goto drop;
	}
	error = enter(catalog, origins, request, &clone);
	if (error) {
		clone_store_unmake(&clone);
		goto drop;
	}
	if (made)
		*made = result;
	return 0;
drop:
	drop_composed(&clone);
	return error;
}
