// SPDX-License-Identifier: GPL-2.0
/* The stores that one state of a clone consists of: finding and reading them. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "catalog.h"
#include "clone-store.h"
#include "describe.h"
#include "dm.h"
#include "journal-read.h"
#include "levels.h"
#include "live.h"
#include "owner.h"
#include "probe.h"
#include "scan.h"
#include "snapshot.h"
#include "status-parse.h"
#include "walk.h"

/* Where stores are looked for; the catalog and the devices when they are needed. */
struct finder {
	const char *what;
	const char *const *layers;
	struct catalog catalog;
	bool live;		/* the newest may be active */
	bool has_catalog;
	struct found_stores found;
	bool has_found;
};

static int need_catalog(struct finder *finder, enum catalog_access access)
{
	int error;

	if (finder->has_catalog)
		return 0;
	error = catalog_open(&finder->catalog, access);
	finder->has_catalog = !error;
	return error;
}

static void finder_done(struct finder *finder)
{
	if (finder->has_catalog)
		catalog_close(&finder->catalog);
	if (finder->has_found)
		scan_free(&finder->found);
}

static int check_owner(const char *path, const struct lc_super *super)
{
	char host[LC_PATH_BYTES];

	if (!owner_is_elsewhere(super))
		return 0;
	report_error(path, "is marked as active on host %s",
		     describe_text(super->owner_host, host));
	report_hint("deactivate the clone there, or take a snapshot of it and name that");
	return -EBUSY;
}

/* A store that its target has active.  -ENXIO, not reported: none has. */
static int take_live(const char *path, struct level *level)
{
	const char *why;
	int error = store_open_idle(path, STORE_QUIET, &level->store);

	store_close(&level->store);
	if (error != -EBUSY)
		return -ENXIO;
	error = store_open(path, STORE_DIRECT, &level->store);
	if (error)
		return error;
	/* For the header; the superblock may be about to be written. */
	store_load_quietly(&level->store, &why);
	error = live_checkpoint(&level->store);
	level->live = !error;
	return error;
}

/* A store that is not frozen must be ours while it is read. */
static int take_idle(const char *path, struct level *level)
{
	int error;

	store_close(&level->store);
	error = store_open_idle(path, STORE_READ, &level->store);
	if (error == -EBUSY)
		report_hint("or take a snapshot of the clone with 'lclone snapshot', and name that: CLONE@SNAP");
	if (!error)
		error = store_load(&level->store);
	return error ? error : check_owner(path, store_super(&level->store));
}

/* The superblock of an active store changes while it is read, so that may fail. */
static int open_level(const struct finder *finder, const char *path,
		      struct levels *levels)
{
	struct level *level = &levels->level[levels->count];
	bool newest = !levels->count;
	const char *why;
	int error;

	error = store_open(path, STORE_READ, &level->store);
	if (error)
		return error;
	levels->count++;
	if (!store_load_quietly(&level->store, &why) &&
	    store_super(&level->store)->state == LC_STORE_FROZEN)
		return 0;
	if (finder->live && newest) {
		store_close(&level->store);
		error = take_live(path, level);
		if (error != -ENXIO)
			return error;
	}
	return take_idle(path, level);
}

static int open_clone(const struct finder *finder, const struct clone *clone,
		      struct levels *levels)
{
	const struct lc_super *super;
	int error = clone_store_up(clone);

	if (!error)
		error = open_level(finder, clone->store_path, levels);
	if (error)
		return error;
	super = level_super(levels, levels->count - 1);
	if (!memcmp(super->store_uuid, clone->store_uuid, LC_UUID_BYTES))
		return 0;
	report_error(clone->store_path, "holds another store than the catalog says");
	report_hint("run 'lclone scan'");
	return -ESTALE;
}

/* A verb that was cut short may have left it running on another one. */
static int check_store(const struct clone *clone)
{
	struct clone_status status;
	struct dm_clone dm;
	int error = dm_clone_find(clone->uuid, &dm);

	if (!error && dm.target && !strcmp(dm.target, "lclone") &&
	    !status_parse(dm.status, &status) &&
	    memcmp(status.store_uuid, clone->store_uuid, LC_UUID_BYTES)) {
		report_error(clone->name, "it runs on another store than the catalog says");
		report_hint("'lclone activate %s' settles what was cut short", clone->name);
		error = -ESTALE;
	}
	dm_clone_done(&dm);
	return error;
}

static int open_present(const struct finder *finder, const struct clone *clone,
			struct levels *levels)
{
	int error = finder->live ? check_store(clone) : 0;

	if (!error && finder->live)
		error = snapshot_check_return(&finder->catalog, clone);
	return error ? error : open_clone(finder, clone, levels);
}

static int open_snapshot(const struct finder *finder, const struct clone *clone,
			 const char *name, struct levels *levels)
{
	const struct clone *layer = snapshot_need(&finder->catalog, clone, name);

	return layer ? open_clone(finder, layer, levels) : -ENOENT;
}

static int open_named(struct finder *finder, struct levels *levels)
{
	char *name = must_strdup(finder->what);
	char *snapshot = strchr(name, '@');
	const struct clone *clone;
	int error = -ENOENT;

	if (snapshot)
		*snapshot++ = '\0';
	clone = catalog_clone(&finder->catalog, name);
	if (!clone && !access(finder->what, F_OK)) {
		error = open_level(finder, finder->what, levels);
	} else if (!clone) {
		report_error(name, "there is no such clone, and no such device or file");
		report_hint("'lclone list' shows all clones");
	} else {
		error = snapshot ? open_snapshot(finder, clone, snapshot, levels) :
				   open_present(finder, clone, levels);
	}
	free(name);
	return error;
}

static int open_top(struct finder *finder, struct levels *levels)
{
	int error;

	if (strchr(finder->what, '/'))
		return open_level(finder, finder->what, levels);
	/* Who suspends a clone, or gives it another store, has it locked meanwhile. */
	error = need_catalog(finder, finder->live && !strchr(finder->what, '@') ?
			     CATALOG_CHANGE : CATALOG_READ);
	return error ? error : open_named(finder, levels);
}

static bool is_parent(const struct lc_super *super, const struct lc_super *child)
{
	return !memcmp(super->content_uuid, child->parent_uuid, LC_UUID_BYTES);
}

/* One of those that were named.  Returns 1 when it is none of them. */
static int open_given(struct finder *finder, struct levels *levels,
		      const struct lc_super *child)
{
	const char *const *path;

	for (path = finder->layers; path && *path; path++) {
		struct store_file store;
		int error = store_open_load(*path, STORE_READ, &store);
		bool parent;

		if (error)
			return error;
		parent = is_parent(store_super(&store), child);
		store_close(&store);
		if (parent)
			return open_level(finder, *path, levels);
	}
	return 1;
}

static int open_found(struct finder *finder, struct levels *levels,
		      const struct lc_super *child)
{
	char uuid[UUID_TEXT_BYTES];
	size_t i;

	if (!finder->has_found) {
		finder->has_found = true;
		if (scan_stores(NULL, 0, &finder->found))
			return -EIO;
	}
	for (i = 0; i < finder->found.count; i++) {
		const struct found_store *store = &finder->found.store[i];

		if (store->super.state == LC_STORE_FROZEN &&
		    is_parent(&store->super, child))
			return open_level(finder, store->device ? store->device :
					  store->file, levels);
	}
	report_error(finder->what, "the layer below it, with the content %s, cannot be found",
		     print_uuid(child->parent_uuid, uuid));
	report_hint("attach it and run 'lclone scan', or name the device or file that it is on");
	return -ENODEV;
}

static int open_parent(struct finder *finder, struct levels *levels,
		       const struct lc_super *child)
{
	const struct clone *layer;
	int error = open_given(finder, levels, child);

	if (error <= 0)
		return error;
	error = need_catalog(finder, CATALOG_READ);
	if (error)
		return error;
	layer = catalog_layer(&finder->catalog, child->parent_uuid);
	return layer ? open_clone(finder, layer, levels) :
		       open_found(finder, levels, child);
}

/* From the newest down, each compared with what stands on it. */
static int open_parents(struct finder *finder, struct levels *levels,
			const u8 *base)
{
	const struct lc_super *child = level_super(levels, 0);
	const char *why;
	int error;

	while (child->layers &&
	       (!base || memcmp(child->content_uuid, base, LC_UUID_BYTES))) {
		if (levels->count > LC_LAYERS_MAX)
			return -EMLINK;
		error = open_parent(finder, levels, child);
		if (error)
			return error;
		why = lc_chain_fault(child, level_super(levels, levels->count - 1));
		if (why) {
			report_error(finder->what, "layer %s %s",
				     levels->level[levels->count - 1].store.path, why);
			report_hint("'lclone info' shows what each store records");
			return -ESTALE;
		}
		child = level_super(levels, levels->count - 1);
	}
	return 0;
}

static int open_all(struct finder *finder, const u8 *base, struct levels **levels)
{
	int error;

	*levels = must_alloc(sizeof(**levels));
	error = open_top(finder, *levels);
	if (!error)
		error = open_parents(finder, *levels, base);
	finder_done(finder);
	return error;
}

int levels_open(const char *what, const char *const *layers, const u8 *base,
		struct levels **levels)
{
	struct finder finder = { .what = what, .layers = layers };

	return open_all(&finder, base, levels);
}

int levels_open_live(const char *what, const char *const *layers, const u8 *base,
		     struct levels **levels)
{
	struct finder finder = { .what = what, .layers = layers, .live = true };

	return open_all(&finder, base, levels);
}

int levels_open_newest(const char *what, struct levels **levels)
{
	struct finder finder = { .what = what };
	int error;

	*levels = must_alloc(sizeof(**levels));
	error = open_top(&finder, *levels);
	finder_done(&finder);
	return error;
}

int levels_open_content(const char *what, const char *const *layers,
			const u8 *content_uuid, struct levels **levels)
{
	struct finder finder = { .what = what, .layers = layers };
	struct lc_super child = { 0 };
	int error;

	*levels = must_alloc(sizeof(**levels));
	memcpy(child.parent_uuid, content_uuid, LC_UUID_BYTES);
	error = open_parent(&finder, *levels, &child);
	finder_done(&finder);
	return error;
}

struct loader {
	struct level *level;
	bool damaged;
};

static void see_page(void *ctx, const struct walk_page *page)
{
	struct loader *loader = ctx;

	if (!page->why)
		return;
	report_error(loader->level->store.path, "page at store block %u: %s",
		     page->ref->address, page->why);
	loader->damaged = true;
}

static void take_run(void *ctx, u64 first, u64 count, u32 value)
{
	run_list_add(&((struct loader *)ctx)->level->map, first, count, value);
}

static int load_level(struct level *level)
{
	static const struct walk_ops ops = { .page = see_page, .run = take_run };
	const struct lc_super *super = store_super(&level->store);
	struct loader loader = { .level = level };
	struct journal_contents journal = { 0 };
	int error = 0;

	/* The last checkpoint of a frozen store is all of it. */
	if (super->state != LC_STORE_FROZEN)
		error = journal_read(&level->store, super, &journal);
	if (error || journal.damage) {
		report_error(level->store.path, "%s", error ?
			     "the journal cannot be read" : journal.damage);
		loader.damaged = true;
	}
	walk_map(&level->store, super, &journal.overlay, &ops, &loader);
	journal_free(&journal);
	if (!loader.damaged)
		return 0;
	report_hint("'lclone check %s' lists the damage", level->store.path);
	return -EUCLEAN;
}

int levels_load(struct levels *levels, unsigned int count)
{
	unsigned int i;
	int error = 0;

	for (i = 0; i < count && !error; i++)
		error = levels->level[i].live ?
			live_read(&levels->level[i].store, &levels->level[i].map) :
			load_level(&levels->level[i]);
	return error;
}

void levels_free(struct levels *levels)
{
	unsigned int i;

	for (i = 0; i < levels->count; i++) {
		store_close(&levels->level[i].store);
		run_list_free(&levels->level[i].map);
	}
	free(levels);
}

const struct lc_super *level_super(const struct levels *levels, unsigned int n)
{
	return store_super(&levels->level[n].store);
}

char *level_name(const struct levels *levels, unsigned int n)
{
	const struct lc_super *super = level_super(levels, n);
	char clone[LC_PATH_BYTES], snapshot[LC_PATH_BYTES];

	describe_text(super->clone_name, clone);
	describe_text(super->snapshot_name, snapshot);
	if (!*clone)
		return must_strdup(levels->level[n].store.path);
	return print_string("%s%s%s", clone, *snapshot ? "@" : "", snapshot);
}

unsigned int levels_find(const struct levels *levels, const u8 *content_uuid)
{
	unsigned int i;

	for (i = 0; i < levels->count; i++)
		if (!memcmp(level_super(levels, i)->content_uuid, content_uuid,
			    LC_UUID_BYTES))
			break;
	return i;
}
