// SPDX-License-Identifier: GPL-2.0
/* What there is to tell of a clone, as JSON. */

#include <stdlib.h>
#include "clone-state.h"
#include "clone-store.h"
#include "describe.h"
#include "loop.h"

static struct json_object *origin_json(const struct catalog *catalog,
				       const struct clone *clone,
				       const struct clone_state *state)
{
	const struct template *template = catalog_template_of(catalog, clone);
	struct json_object *object;
	char path[LC_PATH_BYTES];

	if (state->has_super && state->super.origin_kind == LC_ORIGIN_NONE)
		return NULL;
	object = json_object_new_object();
	json_add_string(object, "device", template ? template->path :
			state->has_super ?
			describe_text(state->super.origin_path, path) : NULL);
	json_add_uuid(object, "uuid", clone->template_uuid);
	json_add_number(object, "size_bytes", state->has_super ?
			state->super.origin_sectors * 512 :
			template ? template->size_bytes : 0);
	json_add_string(object, "template", template ? template->name :
			clone->template_name);
	return object;
}

static struct json_object *store_json(const struct clone *clone,
				      const struct clone_state *state)
{
	struct json_object *object = json_object_new_object();
	char *loop = clone->kind == STORE_KIND_DIR && state->dm.active ?
		     loop_find(clone->store_path, LOOP_STORE) : NULL;

	json_add_string(object, "device", loop ? loop : clone->store_path);
	json_add_string(object, "kind", store_kind_name(clone->kind));
	json_add_string(object, "path", clone->store_path);
	json_add_uuid(object, "uuid", clone->store_uuid);
	json_add_number(object, "size_bytes", state->store_bytes);
	json_add_number(object, "room_bytes", state->room_bytes);
	json_add_number(object, "used_bytes", state->used_bytes);
	json_add_number(object, "metadata_bytes", state->metadata_bytes);
	if (state->allocated_bytes)
		json_add_number(object, "allocated_bytes",
				state->allocated_bytes);
	free(loop);
	return object;
}

static struct json_object *activity_json(const struct clone_status *status)
{
	struct json_object *object = json_object_new_object();

	json_add_bool(object, "error_if_no_space", status->error_if_no_space);
	json_add_bool(object, "discard_passdown", status->discard_passdown);
	json_add_number(object, "waiting_for_space", status->waiting);
	json_add_number(object, "dirty_pages", status->dirty_pages);
	json_add_number(object, "dirty_pages_max", status->dirty_cap);
	json_add_number(object, "journal_used_bytes",
			status->journal_used * LC_BLOCK_SIZE);
	json_add_number(object, "journal_bytes",
			status->journal_total * LC_BLOCK_SIZE);
	json_add_number(object, "checkpoint", status->generation);
	json_add_number(object, "rounds", status->rounds);
	json_add_number(object, "cached_pages", status->cached_pages);
	return object;
}

/* What it stands on, the oldest first. */
static struct json_object *layers_json(const struct catalog *catalog,
				       const struct clone *clone)
{
	struct json_object *list = json_object_new_array();
	const struct clone *chain[LC_LAYERS_MAX];
	const struct clone *layer = catalog_parent(catalog, clone);
	unsigned int count = 0;

	for (; layer && count < LC_LAYERS_MAX; layer = catalog_parent(catalog, layer))
		chain[count++] = layer;
	while (count--) {
		struct json_object *object = json_object_new_object();
		const struct clone *owner =
			catalog_clone_by_uuid(catalog, chain[count]->uuid);

		json_add_string(object, "snapshot", *chain[count]->name ?
				chain[count]->name : NULL);
		json_add_string(object, "clone", owner ? owner->name : NULL);
		json_add_string(object, "path", chain[count]->store_path);
		json_add_uuid(object, "uuid", chain[count]->store_uuid);
		json_add_uuid(object, "content_uuid", chain[count]->content_uuid);
		json_object_array_add(list, object);
	}
	return list;
}

struct json_object *clone_state_json(const struct catalog *catalog,
				     const struct clone *clone,
				     const struct clone_state *state)
{
	struct json_object *object = json_object_new_object();
	char *device = state->dm.active ?
		       print_string("/dev/mapper/%s", state->dm.name) : NULL;

	json_add_string(object, "name", clone->name);
	json_add_uuid(object, "uuid", clone->uuid);
	json_add_string(object, "device", device);
	json_add_string(object, "mode", state->mode);
	json_add_bool(object, "active", state->dm.active);
	json_add_bool(object, "open", state->dm.open_count > 0);
	json_add_bool(object, "suspended", state->dm.suspended);
	json_add_string(object, "clone_type", clone_type_name(state));
	json_add_number(object, "size_bytes", state->size_bytes);
	json_add_number(object, "block_bytes", LC_BLOCK_SIZE);
	json_object_object_add(object, "origin",
			       origin_json(catalog, clone, state));
	json_object_object_add(object, "store", store_json(clone, state));
	json_object_object_add(object, "layers", layers_json(catalog, clone));
	json_add_number(object, "data_bytes", state->data_bytes);
	json_add_number(object, "zero_bytes", state->zero_bytes);
	json_add_number(object, "shared_bytes", state->shared_bytes);
	json_add_string(object, "space", state->space);
	json_add_bool(object, "no_space", state->has_status &&
		      state->status.space == SPACE_FULL);
	json_object_object_add(object, "target", state->has_status ?
			       activity_json(&state->status) : NULL);
	free(device);
	return object;
}
