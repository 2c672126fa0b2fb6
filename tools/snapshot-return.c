// SPDX-License-Identifier: GPL-2.0
/* The ways back: to a snapshot, to the template; and snapshots that go. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "adopt.h"
#include "clone.h"
#include "clone-store.h"
#include "clone-table.h"
#include "dm.h"
#include "handover.h"
#include "output.h"
#include "status-parse.h"
#include "snapshot.h"

static bool is_of(const struct clone *layer, const struct clone *clone)
{
	return !memcmp(layer->uuid, clone->uuid, LC_UUID_BYTES);
}

/* Those that were replaced are consolidate_settle()'s. */
static bool is_unused(const struct catalog *catalog, const struct clone *layer)
{
	char *names;
	bool unused;

	if (*layer->name || layer->replaced)
		return false;
	names = catalog_dependents(catalog, layer, NULL);
	unused = !names;
	free(names);
	return unused;
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
	*active = handover_is_up(clone, &dm);
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
	struct handover handover = { 0 };
	int error = catalog_save(catalog);

	if (!error && active) {
		error = handover_load(catalog, origins, clone, false, &handover);
		if (!error)
			error = handover_run_one(&handover, pause_ns);
		handover_done(&handover);
	}
	return error;
}

/* What the clone had before is not needed any more. */
static int drop_replaced(struct catalog *catalog, struct clone *old)
{
	int error = clone_store_drop(old);

	if (error)
		return error;
	catalog_drop_layer(catalog, old);
	return catalog_save(catalog);
}

/* The clone gets its old store back, and what was to follow it goes. */
static int swap_back(struct catalog *catalog, struct clone *clone,
		     struct clone *replaced)
{
	struct clone child, back;
	int error;

	clone_copy(clone, &child);
	clone_copy(replaced, &back);
	free(back.name);
	free(back.adopted);
	back.name = must_strdup(clone->name);
	back.adopted = clone->adopted ? must_strdup(clone->adopted) : NULL;
	back.returning = clone->returning;
	catalog_drop_layer(catalog, replaced);
	clone_release(clone);
	*clone = back;
	error = catalog_save(catalog);
	/* The catalog on the disk may name it still. */
	if (!error)
		clone_child_unmake(&child);
	clone_release(&child);
	return error;
}

/*
 * The old store stays in the catalog, as a layer without a name on which nothing
 * stands, until it has been removed: so a crash does not leave it behind.
 */
static int swap(struct catalog *catalog, struct origins *origins,
		struct clone *clone, struct clone *child, bool active,
		u64 *pause_ns)
{
	struct clone old, *replaced;
	int error;

	clone_copy(clone, &old);
	*old.name = '\0';
	clone_release(clone);
	*clone = *child;
	replaced = catalog_add_layer(catalog, &old);
	error = change_over(catalog, origins, clone, active, pause_ns);
	if (!error)
		return drop_replaced(catalog, replaced);
	if (error != -EUCLEAN)
		swap_back(catalog, clone, replaced);
	return error;
}

static bool live_store_is(const struct clone *clone, const u8 *store_uuid)
{
	struct clone_status status;
	struct dm_clone dm;
	bool is = false;

	if (dm_clone_find(clone->uuid, &dm))
		return false;
	if (dm.active && !status_parse(dm.status, &status))
		is = !memcmp(status.store_uuid, store_uuid, LC_UUID_BYTES);
	dm_clone_done(&dm);
	return is;
}

/*
 * A store that was to be replaced: a layer that is none.  When there is none, one that
 * may be it, for it cannot be seen.
 */
static struct clone *find_replaced(const struct catalog *catalog,
				   const struct clone *clone,
				   enum store_presence *presence)
{
	struct clone *unseen = NULL;
	struct lc_super super;
	size_t i;

	for (i = 0; i < catalog->layer_count; i++) {
		struct clone *layer = &catalog->layers[i];

		if (!is_of(layer, clone) || !is_unused(catalog, layer))
			continue;
		*presence = clone_store_presence(layer);
		if (*presence == STORE_THERE && clone_store_wiped(layer))
			*presence = STORE_GONE;
		if (*presence == STORE_THERE && read_super(layer, &super))
			*presence = STORE_UNSEEN;
		if (*presence == STORE_UNSEEN)
			unseen = layer;
		else if (*presence == STORE_GONE || super.state == LC_STORE_WRITABLE)
			return layer;
	}
	*presence = STORE_UNSEEN;
	return unseen;
}

/* It runs on the store that it had, and has perhaps been written to since. */
static int take_back(struct catalog *catalog, struct clone *clone,
		     struct clone *old)
{
	int error = handover_reset(clone);

	if (!error)
		error = swap_back(catalog, clone, old);
	if (!error)
		report_warning(clone->name, "its way back to what it was, which was cut short, has been undone");
	return error;
}

static int report_both_used(const struct clone *clone, const struct clone *old)
{
	report_error(clone->name, "it runs on %s, which another store of it was to replace and which holds data, too",
		     old->store_path);
	report_hint("'lclone check' both that and %s; nothing is removed while it runs",
		    clone->store_path);
	return -EUCLEAN;
}

/* Which of them is the clone's?  The one that cannot be read may hold all it is. */
static int report_undecided(const struct clone *clone, const struct clone *old)
{
	report_error(clone->name, "nothing was written to its store %s yet, and another one of it, %s, cannot be read",
		     clone->store_path, old->store_path);
	if (clone_store_presence(old) == STORE_UNSEEN)
		return clone_store_report_unseen(old);
	report_hint("'lclone check' and 'lclone repair' look after that one; if it is gone for good, remove it");
	return -EUCLEAN;
}

/*
 * Whether the store that was to be replaced, and is there or cannot be seen, is what
 * counts still; or a negative errno.  A store has an epoch on the disk before its first
 * write, and one that was restored has a map: a child without either has nothing to lose.
 */
static int is_to_be_undone(const struct clone *clone, enum store_presence presence)
{
	struct lc_super super;
	int error;

	if (presence == STORE_GONE || live_store_is(clone, clone->store_uuid))
		return 0;
	error = read_super(clone, &super);
	return error ? error : store_is_unused(&super);
}

int snapshot_settle_return(struct catalog *catalog, struct clone *clone)
{
	enum store_presence presence;
	struct clone *old = find_replaced(catalog, clone, &presence);
	int error;

	if (!old)
		return 0;
	error = is_to_be_undone(clone, presence);
	if (error < 0)
		return error;
	if (error)
		return presence == STORE_UNSEEN ? report_undecided(clone, old) :
						  take_back(catalog, clone, old);
	if (presence != STORE_GONE && live_store_is(clone, old->store_uuid))
		return report_both_used(clone, old);
	/* The clone goes on without it, and it is removed when it can be. */
	if (presence == STORE_UNSEEN)
		return 0;
	error = drop_replaced(catalog, old);
	if (!error)
		report_warning(clone->name, "its way back to what it was, which was cut short, has been finished");
	return error;
}

int snapshot_check_return(const struct catalog *catalog, const struct clone *clone)
{
	enum store_presence presence;
	struct clone *old = find_replaced(catalog, clone, &presence);
	int error = old ? is_to_be_undone(clone, presence) : 0;

	if (error <= 0)
		return error;
	report_error(clone->name, "its way back to what it was has been cut short, and its store is not %s yet",
		     clone->store_path);
	report_hint("'lclone activate %s' settles that", clone->name);
	return -ESTALE;
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
	if (!error && !force)
		error = clone_check_owner(clone, layer ? "rollback" : "reset");
	if (!error)
		error = read_super(clone, &head);
	if (!error && clone->adopted)
		error = adopt_check_store(clone, &head);
	if (!error && !layer && head.origin_kind == LC_ORIGIN_NONE) {
		report_error(clone->name, "it stands on no template that it could become again");
		report_hint("'lclone rollback' goes back to a snapshot; 'blkdiscard' makes all of it zeros");
		error = -EINVAL;
	}
	if (!error && layer)
		error = read_super(layer, &below);
	if (!error)
		error = clone_child_make(catalog, clone, &request, &child);
	return error ? error : swap(catalog, origins, clone, &child, active,
				    pause_ns);
}

/*
 * The catalog has it as replaced until its store is gone: so neither a crash nor
 * a volume that is in use leaves it behind, for consolidate_settle() goes on.
 */
static int remove_store(struct catalog *catalog, struct clone *layer, bool wipe)
{
	int error;

	layer->replaced = true;
	layer->wiping |= wipe;
	error = catalog_save(catalog);
	if (error)
		return error;
	error = clone_store_drop(layer);
	if (error) {
		report_hint("nothing needs it any more: the same command goes on with it, as does the next 'lclone activate' or 'lclone consolidate' of a clone");
		return error;
	}
	catalog_drop_layer(catalog, layer);
	return catalog_save(catalog);
}

int snapshot_remove(struct catalog *catalog, struct clone *layer, bool wipe)
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
	error = remove_store(catalog, layer, wipe);
	if (owner)
		clone_table_down(catalog, &gone);
	clone_release(&gone);
	return error;
}

static struct clone *find_unused(const struct catalog *catalog,
				 const struct clone *clone)
{
	size_t i;

	for (i = 0; i < catalog->layer_count; i++)
		if (is_of(&catalog->layers[i], clone) &&
		    is_unused(catalog, &catalog->layers[i]))
			return &catalog->layers[i];
	return NULL;
}

int snapshot_drop_unused(struct catalog *catalog, struct clone *clone)
{
	struct clone *layer;
	int error = 0;

	while (!error && (layer = find_unused(catalog, clone)))
		error = snapshot_remove(catalog, layer, false);
	return error;
}

int snapshot_drop_chain(struct catalog *catalog, const u8 *content_uuid)
{
	u8 content[LC_UUID_BYTES];
	struct clone *layer;
	int error = 0;

	memcpy(content, content_uuid, LC_UUID_BYTES);
	while (!error && (layer = catalog_layer(catalog, content)) &&
	       is_unused(catalog, layer)) {
		memcpy(content, layer->parent_uuid, LC_UUID_BYTES);
		error = snapshot_remove(catalog, layer, false);
	}
	return error;
}
