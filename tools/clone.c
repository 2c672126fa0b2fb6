// SPDX-License-Identifier: GPL-2.0
/* Bringing a clone up and down, and removing it. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adopt.h"
#include "clone.h"
#include "clone-child.h"
#include "clone-store.h"
#include "clone-table.h"
#include "consolidate.h"
#include "dm.h"
#include "output.h"
#include "owner.h"
#include "snapshot.h"

/*
 * The owner's epoch stays: without it the store would count as parked, and a
 * journal with damage before its end would pass for one that ends there.
 */
static void clear_owner(struct lc_super *super, const void *data)
{
	(void)data;
	memset(super->owner_boot, 0, sizeof(super->owner_boot));
	memset(super->owner_host, 0, sizeof(super->owner_host));
}

static int check_owner(const struct clone *clone, const char *device,
		       const struct lc_super *super, bool force)
{
	if (force && owner_is_elsewhere(super))
		return clone_store_edit(clone, device, STORE_WRITE | STORE_EXCLUSIVE,
					clear_owner, NULL);
	return owner_check(clone->name, super, "activate");
}

/* What is up here is ours, though this host may have another name by now. */
int clone_check_owner(const struct clone *clone, const char *verb)
{
	struct lc_super super;
	struct dm_clone dm;
	bool active;
	int error = dm_clone_find(clone->uuid, &dm);

	if (error)
		return error;
	active = dm.active;
	dm_clone_done(&dm);
	if (active || clone_store_presence(clone) != STORE_THERE)
		return 0;
	error = clone_store_up(clone);
	if (error || !clone_store_look(clone, &super))
		return error;
	return owner_check(clone->name, &super, verb);
}

/* All checks that need the store, and then the device. */
static int make_device(const struct catalog *catalog, const struct clone *clone,
		       const char *device, struct origins *origins, bool force)
{
	struct clone_table table;
	int error = clone_table(catalog, clone, device, origins, false, &table);

	if (!error)
		error = check_owner(clone, device, &table.super, force);
	if (!error)
		error = dm_clone_create(clone->name, clone->uuid, table.sectors,
					table.params);
	free(table.params);
	return error;
}

/* Its store, and then the device. */
static int bring_up(const struct catalog *catalog, const struct clone *clone,
		    struct origins *origins, bool force)
{
	char *device = NULL;
	bool made = false;
	int lock;
	int error = clone_store_share(clone, &lock);

	if (!error)
		error = clone_store_attach(clone, &device, &made);
	if (!error)
		error = make_device(catalog, clone, device, origins, force);
	if (error && made)
		clone_store_detach(clone);
	store_unshare(lock);
	free(device);
	return error;
}

/* Some of its data may be gone. */
static int report_removing(const struct clone *clone)
{
	report_error(clone->name, "its removal was cut short");
	report_hint("'lclone remove %s' goes on with that; 'lclone activate %s' undoes it as long as all of it is there",
		    clone->name, clone->name);
	return -EBUSY;
}

int clone_activate(struct catalog *catalog, struct clone *clone,
		   struct origins *origins, bool force)
{
	struct dm_clone active;
	int error = clone->removing ? report_removing(clone) : dm_need_target();

	if (!error && clone->adopted) {
		error = adopt_activate(catalog, clone, origins);
		if (!error)
			consolidate_settle(catalog, origins);
		return error;
	}

	if (!error)
		error = snapshot_settle(catalog, origins, clone);
	/* This clone can be activated though another cannot follow. */
	if (!error)
		consolidate_settle(catalog, origins);
	if (!error)
		error = dm_clone_find(clone->uuid, &active);
	if (error)
		return error;
	if (active.active) {
		dm_clone_done(&active);
		return 0;
	}
	if (dm_name_taken(clone->name)) {
		report_error(clone->name, "another device is called /dev/mapper/%s",
			     clone->name);
		report_hint("remove or rename that device ('dmsetup rename')");
		return -EEXIST;
	}
	return bring_up(catalog, clone, origins, force);
}

/* What lies below, once the device is gone. */
static int detach(const struct catalog *catalog, const struct clone *clone)
{
	int error = clone_store_detach(clone);

	clone_table_down(catalog, clone);
	return error;
}

int clone_deactivate(const struct catalog *catalog, const struct clone *clone)
{
	struct dm_clone active;
	int error;

	if (clone->adopted)
		return adopt_deactivate(catalog, clone);
	error = dm_clone_find(clone->uuid, &active);
	if (error)
		return error;
	if (active.active)
		error = dm_clone_remove(active.name);
	dm_clone_done(&active);
	return error ? error : detach(catalog, clone);
}

/* Out of the way for its removal: an open device only with force. */
static int take_down(const struct catalog *catalog, const struct clone *clone,
		     bool force)
{
	struct dm_clone active;
	int error = dm_clone_find(clone->uuid, &active);

	if (error)
		return error;
	if (!active.active || !active.open_count || !force) {
		dm_clone_done(&active);
		return clone_deactivate(catalog, clone);
	}
	report_warning(clone->name, "it is open; who has it open gets I/O errors from now on");
	error = dm_clone_force_out(active.name, active.sectors);
	dm_clone_done(&active);
	return error ? error : detach(catalog, clone);
}

/*
 * A device is still there when a removal that was cut short is done with it.  Without a
 * header, and still to be overwritten, it may be anybody's.
 */
static enum store_presence presence_of(const struct clone *store, unsigned int flags)
{
	return flags & CLONE_REMOVE_BEGUN && !(flags & CLONE_REMOVE_WIPE) &&
	       clone_store_wiped(store) ? STORE_GONE : clone_store_presence(store);
}

/* Whether what is at its place, if anything is, is this store. */
static int check_store(const struct clone *clone, enum store_presence presence,
		       unsigned int flags)
{
	struct store_file store;
	int error;

	if (presence == STORE_GONE)
		return 0;
	if (presence == STORE_UNSEEN)
		return clone_store_report_unseen(clone);
	error = clone_store_up(clone);
	if (!error)
		error = clone_store_open(clone, clone->store_path, STORE_READ, &store);
	if (!error)
		store_close(&store);
	/* What was overwritten in part has no header. */
	return error && flags & CLONE_REMOVE_BEGUN && clone_store_surely_ours(clone, error) ?
	       0 : error;
}

/* It has been checked, or is removed though it is not what it should be. */
static int remove_store(const struct clone *clone, unsigned int flags)
{
	enum store_presence presence = presence_of(clone, flags);
	int error = check_store(clone, presence, flags);

	if (error && !(flags & CLONE_REMOVE_FORCE))
		return error;
	if (presence == STORE_GONE) {
		if (!(flags & CLONE_REMOVE_BEGUN))
			report_warning(clone->name, "its store %s is gone already",
				       clone->store_path);
		return 0;
	}
	if (presence == STORE_UNSEEN || (error && !clone_store_surely_ours(clone, error))) {
		report_warning(clone->name, "%s is left as it is",
			       clone->store_path);
		return 0;
	}
	error = flags & CLONE_REMOVE_WIPE ? clone_store_wipe(clone) : 0;
	return error ? error : clone_store_unmake(clone);
}

static bool is_own(const struct clone *layer, const struct clone *clone)
{
	return !memcmp(layer->uuid, clone->uuid, LC_UUID_BYTES);
}

/* Its next layer, whatever comes first; NULL when there is none left. */
static struct clone *own_layer(const struct catalog *catalog,
			       const struct clone *clone)
{
	size_t i;

	for (i = 0; i < catalog->layer_count; i++)
		if (is_own(&catalog->layers[i], clone))
			return &catalog->layers[i];
	return NULL;
}

/* Other clones may stand on its layers; then it has to stay. */
static int check_dependents(const struct catalog *catalog,
			    const struct clone *clone)
{
	size_t i;

	for (i = 0; i < catalog->layer_count; i++) {
		const struct clone *layer = &catalog->layers[i];
		char *names;

		if (!is_own(layer, clone))
			continue;
		names = catalog_dependents(catalog, layer, clone);
		if (!names)
			continue;
		report_error(clone->name, "%s stands on what it has frozen%s%s",
			     names, *layer->name ? ", its snapshot " : "",
			     layer->name);
		report_hint("remove these first");
		free(names);
		return -EBUSY;
	}
	return 0;
}

/* All of them, before the first is gone. */
static int check_stores(const struct catalog *catalog, const struct clone *clone,
			unsigned int flags)
{
	int error = check_store(clone, presence_of(clone, flags), flags);
	size_t i;

	for (i = 0; i < catalog->layer_count && !error; i++)
		if (is_own(&catalog->layers[i], clone))
			error = check_store(&catalog->layers[i],
					    presence_of(&catalog->layers[i], flags),
					    flags);
	if (error)
		report_hint("'lclone remove --force %s' removes the clone without looking at its stores",
			    clone->name);
	return error;
}

static int remove_layer(struct catalog *catalog, struct clone *layer,
			unsigned int flags)
{
	int error = clone_store_detach(layer);

	if (!error)
		error = remove_store(layer, layer->wiping ? flags | CLONE_REMOVE_WIPE : flags);
	if (!error)
		catalog_drop_layer(catalog, layer);
	return error;
}

/* While its layers are there, which tell what is left over. */
static void sweep(const struct catalog *catalog, const struct clone *clone, bool wipe)
{
	size_t i;

	clone_child_sweep(catalog, clone);
	consolidate_sweep(catalog, clone, clone->name, wipe);
	for (i = 0; i < catalog->layer_count; i++)
		if (is_own(&catalog->layers[i], clone))
			consolidate_sweep(catalog, &catalog->layers[i], clone->name, wipe);
}

/* What was put back is no clone any more, and what is left of it goes with force only. */
static int mark(struct catalog *catalog, struct clone *clone, unsigned int flags)
{
	if (clone->adopted || clone->removing)
		return 0;
	clone->removing = true;
	clone->wiping = flags & CLONE_REMOVE_WIPE;
	return catalog_save(catalog);
}

/* When the first of them could not go, all of the clone is there. */
static int remove_stores(struct catalog *catalog, struct clone *clone, unsigned int flags)
{
	size_t layers = catalog->layer_count;
	struct clone *layer;
	int error = mark(catalog, clone, flags);

	while (!error && (layer = own_layer(catalog, clone)))
		error = remove_layer(catalog, layer, flags);
	/* Last, for as long as it is there a scan finds the clone, and with it the layers. */
	if (!error)
		error = remove_store(clone, flags);
	if (error && catalog->layer_count == layers &&
	    !(flags & (CLONE_REMOVE_BEGUN | CLONE_REMOVE_WIPE))) {
		clone->removing = false;
		catalog_save(catalog);
	}
	return error;
}

int clone_remove(struct catalog *catalog, struct clone *clone,
		 unsigned int flags)
{
	int error;

	if (clone->removing)
		flags |= CLONE_REMOVE_BEGUN | (clone->wiping ? CLONE_REMOVE_WIPE : 0);

	/* Of one that was put back only what is left goes, seen or not. */
	if (clone->adopted && !(clone->returned && flags & CLONE_REMOVE_FORCE)) {
		report_error(clone->name, "it was adopted, and %s lacks what it has changed since",
			     clone->adopted);
		report_hint("'lclone adopt --undo %s' puts that back and removes the clone",
			    clone->name);
		return -EBUSY;
	}
	error = check_dependents(catalog, clone);
	if (!error && !(flags & CLONE_REMOVE_FORCE))
		error = check_stores(catalog, clone, flags);
	if (!error && !(flags & CLONE_REMOVE_FORCE))
		error = clone_check_owner(clone, "remove");
	if (!error)
		error = take_down(catalog, clone, flags & CLONE_REMOVE_FORCE);
	if (!error)
		sweep(catalog, clone, flags & CLONE_REMOVE_WIPE);
	if (!error)
		error = remove_stores(catalog, clone, flags);
	if (error)
		return error;
	catalog_drop_clone(catalog, clone);
	return catalog_save(catalog);
}

static bool is_there(const struct clone *store)
{
	struct lc_super super;

	return clone_store_presence(store) == STORE_THERE && !clone_store_up(store) &&
	       clone_store_look(store, &super);
}

/* Nothing of it has gone.  What was to be overwritten may be so in part, behind its head. */
static bool is_whole(const struct catalog *catalog, const struct clone *clone)
{
	bool whole = !clone->wiping && is_there(clone);
	size_t i;

	for (i = 0; i < catalog->layer_count && whole; i++)
		if (is_own(&catalog->layers[i], clone))
			whole = is_there(&catalog->layers[i]);
	return whole;
}

static int finish_removal(struct catalog *catalog, struct clone *clone)
{
	char *name = must_strdup(clone->name);
	int error = clone_remove(catalog, clone, 0);

	if (!error)
		report_warning(name, "its removal, which was cut short, has been finished");
	free(name);
	return error;
}

int clone_settle_removal(struct catalog *catalog, struct clone *clone, bool *removed)
{
	*removed = !is_whole(catalog, clone);
	if (*removed)
		return finish_removal(catalog, clone);
	clone->removing = false;
	report_warning(clone->name, "its removal, which was cut short, has been undone: all of it was there");
	return catalog_save(catalog);
}
