// SPDX-License-Identifier: GPL-2.0
/* The ways back: to a snapshot, to the template; and snapshots that go. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "clone-store.h"
#include "clone-table.h"
#include "dm.h"
#include "handover.h"
#include "output.h"
#include "snapshot.h"

static bool is_of(const struct clone *layer, const struct clone *clone)
{
	return !memcmp(layer->uuid, clone->uuid, LC_UUID_BYTES);
}

struct clone *snapshot_newest(const struct catalog *catalog,
			      const struct clone *clone)
{
	struct clone *layer = catalog_parent(catalog, clone);
	unsigned int most = LC_LAYERS_MAX;

	while (layer && most-- && is_of(layer, clone) && !*layer->name)
		layer = catalog_parent(catalog, layer);
	return layer && is_of(layer, clone) && *layer->name ? layer : NULL;
}

struct clone *snapshot_need(const struct catalog *catalog,
			    const struct clone *clone, const char *name)
{
	struct clone *layer = *name ? catalog_snapshot(catalog, clone, name) : NULL;

	if (!layer) {
		report_error(clone->name, "it has no snapshot %s", name);
		report_hint("'lclone tree' shows all; 'lclone snapshot' makes one");
	}
	return layer;
}

static int check_open(const struct clone *clone, bool force, bool *active)
{
	struct dm_clone dm;
	int error = dm_clone_find(clone->uuid, &dm);

	if (error)
		return error;
	*active = dm.active;
	if (dm.open_count && !force) {
		report_error(clone->name, "it is open, and what it changed would be lost");
		report_hint("unmount it or stop the guest first; --force does it under their feet");
		error = -EBUSY;
	}
	dm_clone_done(&dm);
	return error;
}

static int read_super(const struct clone *clone, struct lc_super *super)
{
	struct store_file store;
	int error = clone_store_up(clone);

	if (!error)
		error = clone_store_open(clone, clone->store_path, STORE_READ,
					 &store);
	if (error)
		return error;
	*super = *store_super(&store);
	store_close(&store);
	return 0;
}

/* The clone gets @child, whose table becomes the live one where it is active. */
static int change_over(struct catalog *catalog, struct origins *origins,
		       struct clone *clone, bool active, u64 *pause_ns)
{
	struct handover handover = { 0 }, *one = &handover;
	int error = catalog_save(catalog);

	if (!error && active) {
		error = handover_load(catalog, origins, clone, false, &handover);
		if (!error)
			error = handover_run(&one, 1, pause_ns);
		if (error)
			handover_undo(&handover);
		handover_done(&handover);
	}
	return error;
}

static int swap(struct catalog *catalog, struct origins *origins,
		struct clone *clone, struct clone *child, bool active,
		u64 *pause_ns)
{
	struct clone old = *clone;
	int error;

	*clone = *child;
	error = change_over(catalog, origins, clone, active, pause_ns);
	if (!error) {
		clone_store_detach(&old);
		clone_store_unmake(&old);
		clone_release(&old);
	} else if (error != -EUCLEAN) {
		*clone = old;
		catalog_save(catalog);
		clone_child_unmake(child);
		clone_release(child);
	}
	return error;
}

int snapshot_return(struct catalog *catalog, struct origins *origins,
		    struct clone *clone, struct clone *layer,
		    const struct store_place *place, bool force, u64 *pause_ns)
{
	struct lc_super head, below;
	struct child_request request = {
		.place = place, .head = &head, .parent = layer ? &below : NULL,
		.parent_name = layer ? layer->name : NULL,
	};
	struct clone child;
	bool active = false;
	int error = snapshot_settle(catalog, origins, clone);

	*pause_ns = 0;
	if (!error)
		error = check_open(clone, force, &active);
	if (!error)
		error = read_super(clone, &head);
	if (!error && layer)
		error = read_super(layer, &below);
	if (!error)
		error = clone_child_make(catalog, clone, &request, &child);
	return error ? error : swap(catalog, origins, clone, &child, active,
				    pause_ns);
}

int snapshot_remove(struct catalog *catalog, struct clone *layer)
{
	const struct clone *owner = catalog_clone_by_uuid(catalog, layer->uuid);
	char *names = catalog_dependents(catalog, layer, NULL);
	struct clone gone;
	int error;

	if (names) {
		report_error(layer->name, "%s needs it", names);
		report_hint("a snapshot can go when nothing stands on it any more");
		free(names);
		return -EBUSY;
	}
	clone_copy(layer, &gone);
	catalog_drop_layer(catalog, layer);
	error = catalog_save(catalog);
	if (!error)
		error = clone_store_up(&gone);
	if (!error)
		error = clone_store_detach(&gone);
	if (!error)
		error = clone_store_unmake(&gone);
	if (owner)
		clone_table_down(catalog, &gone);
	clone_release(&gone);
	return error;
}
