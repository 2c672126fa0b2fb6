// SPDX-License-Identifier: GPL-2.0
/*
 * Several layers become one.  Each step leaves a state in which nothing is lost:
 *
 *  1. the new layer is written, durably, with the identity of the content of the
 *     newest; the catalog is not held meanwhile.  A signal has it taken away again;
 *     killed here, it is a file or volume that nothing names, which
 *     consolidate_sweep() takes away
 *  2. the catalog has the new one in the place of the newest, and those which
 *     nothing else needs as replaced
 *  3. each active clone above gets its new table
 *  4. the replaced stores are removed
 *
 * Either set of layers shows the same, so a clone may be on the old one or on the
 * new one at any time; consolidate_settle() does steps 3 and 4.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "change.h"
#include "clone.h"
#include "clone-store.h"
#include "consolidate-plan.h"
#include "describe.h"
#include "dm.h"
#include "handover.h"
#include "merge.h"
#include "output.h"
#include "probe.h"
#include "signals.h"
#include "snapshot.h"

/* One run. */
struct work {
	const struct consolidate_request *request;
	struct consolidate_result *result;
	struct consolidate_plan plan;
	struct merge merge;
	struct clone made;		/* the place of the new layer, and its identity */
	struct store_file store;	/* held until the catalog knows it */
	struct lc_super super;
};

static bool stands_on(const struct catalog *catalog, const struct clone *clone,
		      const struct clone *layer)
{
	unsigned int most = LC_LAYERS_MAX;

	for (clone = catalog_parent(catalog, clone); clone && most--;
	     clone = catalog_parent(catalog, clone))
		if (clone == layer)
			return true;
	return false;
}

/* Step 1 --------------------------------------------------------------- */

/* A name that is free, made of those of the clone and of the newest layer. */
static int choose_place(const struct catalog *catalog, struct work *work,
			const struct clone *top, const struct lc_super *super)
{
	char owner[LC_PATH_BYTES];
	unsigned int n = 0;
	int error;

	describe_text(super->clone_name, owner);
	do {
		char *tag = print_string("%llu.m%u", (unsigned long long)
					 super->head_generation, ++n);

		clone_release(&work->made);
		clone_copy(top, &work->made);
		free(work->made.store_path);
		free(work->made.vg);
		free(work->made.lv);
		work->made.store_path = NULL;
		free(work->made.name);
		work->made.name = must_strdup(name_valid(owner) ? owner : "layer");
		error = clone_child_place(catalog, top, &work->request->place, tag,
					  &work->made);
		free(tag);
		if (error || work->made.kind == STORE_KIND_DEVICE)
			return error;
		if (n == 1)
			consolidate_sweep(catalog, &work->made, work->made.name,
					  work->request->wipe);
	} while (clone_store_presence(&work->made) == STORE_THERE);
	return 0;
}

/* The store of the newest layer, and those below it. */
static int open_levels(const struct catalog *catalog, struct work *work)
{
	const struct clone *top = consolidate_layer(catalog, &work->plan, 0);
	unsigned int i;
	int error = clone_store_up(top);

	if (!error)
		error = levels_open(top->store_path, NULL, NULL, &work->merge.levels);
	for (i = 0; i < work->plan.count && !error; i++) {
		if (i < work->merge.levels->count &&
		    !memcmp(level_super(work->merge.levels, i)->store_uuid,
			    work->plan.store_uuid[i], LC_UUID_BYTES) &&
		    level_super(work->merge.levels, i)->state == LC_STORE_FROZEN)
			continue;
		report_error(work->request->clone, "its layers are not those that the catalog has");
		report_hint("run 'lclone scan'");
		error = -ESTALE;
	}
	work->merge.count = work->plan.count;
	work->merge.layers = error ? 0 : work->merge.levels->count - work->plan.count;
	return error;
}

/* It must not lie on what it is made of. */
static int check_device(const struct work *work)
{
	const char *path = work->made.store_path;
	unsigned int i;
	int error = probe_unused(path);

	for (i = 0; i < work->merge.levels->count && !error; i++)
		error = probe_stacking(path, work->merge.levels->level[i].store.path);
	return error;
}

static int open_store(struct work *work)
{
	bool force = work->request->place.force;
	int error = work->made.kind == STORE_KIND_DEVICE ? check_device(work) : 0;

	if (!error)
		error = store_open(work->made.store_path,
				   STORE_WRITE | STORE_EXCLUSIVE, &work->store);
	if (!error)
		error = probe_empty(&work->store, force);
	if (!error && force)
		error = probe_wipe(&work->store);
	return error;
}

/* A clone that another host has on these layers gets no new table, and they would go. */
static int check_owners(const struct catalog *catalog, const struct clone *top)
{
	int error = 0;
	size_t i;

	for (i = 0; i < catalog->clone_count && !error; i++)
		if (stands_on(catalog, &catalog->clones[i], top))
			error = clone_check_owner(&catalog->clones[i], "activate");
	return error;
}

/* Finds out what there is to do, and makes the file or volume. */
static int begin(struct catalog *catalog, struct work *work)
{
	const struct clone *top;
	int error = consolidate_plan(catalog, work->request, &work->plan);

	if (error || work->plan.count < 2)
		return error;
	top = consolidate_layer(catalog, &work->plan, 0);
	error = check_owners(catalog, top);
	if (!error)
		error = open_levels(catalog, work);
	if (!error)
		error = merge_measure(&work->merge);
	if (error)
		return error;
	error = choose_place(catalog, work, top, level_super(work->merge.levels, 0));
	if (!error)
		error = clone_store_make(&work->made, work->request->place.store_bytes ?
					 work->request->place.store_bytes :
					 merge_store_bytes(&work->merge));
	if (error) {
		clone_release(&work->made);
		return error;
	}
	error = open_store(work);
	if (error && work->made.kind != STORE_KIND_DEVICE)
		clone_store_unmake(&work->made);
	if (error)
		clone_release(&work->made);
	return error;
}

static int copy(struct work *work)
{
	int error;

	work->merge.name = work->plan.name;
	work->merge.rate_bytes = work->request->rate_bytes;
	error = merge_write(&work->merge, &work->store, &work->super);
	/* It has not been entered yet, and the lock may take long. */
	if (!error && signals_told())
		error = -EINTR;
	if (error == -EINTR)
		report_error(work->request->clone, "stopped; its layers are what they were");
	if (error)
		return error;
	memcpy(work->made.store_uuid, work->super.store_uuid, LC_UUID_BYTES);
	memcpy(work->made.parent_uuid, work->super.parent_uuid, LC_UUID_BYTES);
	free(work->made.name);
	work->made.name = must_strdup(work->plan.name);
	return 0;
}

/* Step 2 --------------------------------------------------------------- */

/* Those below the newest that nothing needs any more, from the top down. */
static void drop_needless(struct catalog *catalog, const struct consolidate_plan *plan,
			  bool wipe)
{
	unsigned int i;

	for (i = 1; i < plan->count; i++) {
		struct clone *layer = consolidate_layer(catalog, plan, i);
		char *names = catalog_dependents(catalog, layer, NULL);

		if (!names && consolidate_drops(plan, layer))
			layer->replaced = true;
		layer->wiping = layer->replaced && wipe;
		free(names);
	}
}

/* @catalog has what @work->plan was made of; the new layer becomes its. */
static int enter(struct catalog *catalog, struct work *work)
{
	struct clone *top = consolidate_layer(catalog, &work->plan, 0);
	struct clone old = *top;

	work->made.replaced = false;
	memcpy(work->made.content_uuid, top->content_uuid, LC_UUID_BYTES);
	*top = work->made;
	memset(&work->made, 0, sizeof(work->made));
	*old.name = '\0';
	old.replaced = true;
	old.wiping = work->request->wipe;
	catalog_add_layer(catalog, &old);
	drop_needless(catalog, &work->plan, work->request->wipe);
	return catalog_save(catalog);
}

static bool same_plan(const struct consolidate_plan *a,
		      const struct consolidate_plan *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Somebody else may have had the catalog meanwhile. */
static int plan_again(const struct catalog *catalog, const struct work *work)
{
	struct consolidate_plan now;
	int error = consolidate_plan(catalog, work->request, &now);

	if (!error && same_plan(&now, &work->plan))
		return check_owners(catalog, consolidate_layer(catalog, &now, 0));
	if (error)
		return error;
	report_error(work->request->clone, "its layers were changed by another command meanwhile");
	report_hint("run it again");
	return -EAGAIN;
}

/* Steps 3 and 4 -------------------------------------------------------- */

static int give_table(const struct catalog *catalog, struct origins *origins,
		      const struct clone *clone, u64 *pause_ns)
{
	struct handover handover = { 0 };
	enum handover_left left;
	u64 held_ns = 0;
	int error = handover_left(clone, &left);

	if (error || left == HANDOVER_INACTIVE)
		return error;
	/* A table that an earlier run has loaded may name other layers. */
	error = handover_reset(clone);
	if (!error)
		error = handover_load(catalog, origins, clone, false, &handover);
	if (!error)
		error = handover_run_one(&handover, &held_ns);
	handover_done(&handover);
	*pause_ns = max(*pause_ns, held_ns);
	return error;
}

/* All that stand on the layer whose content @old had. */
static int give_tables(const struct catalog *catalog, struct origins *origins,
		       const struct clone *old, u64 *pause_ns)
{
	const struct clone *layer = catalog_layer(catalog, old->content_uuid);
	int error = 0, one;
	size_t i;

	for (i = 0; layer && i < catalog->clone_count; i++) {
		if (!stands_on(catalog, &catalog->clones[i], layer))
			continue;
		one = give_table(catalog, origins, &catalog->clones[i], pause_ns);
		if (one)
			error = one;
	}
	return error;
}

/* One that cannot be seen stays, and its content where it is, until it can be. */
static bool to_be_removed(const struct clone *layer)
{
	return layer->replaced && clone_store_presence(layer) != STORE_UNSEEN;
}

static struct clone *next_replaced(const struct catalog *catalog)
{
	size_t i;

	for (i = 0; i < catalog->layer_count; i++)
		if (to_be_removed(&catalog->layers[i]))
			return &catalog->layers[i];
	return NULL;
}

/* A device of the user's has no header, and may be anybody's by now. */
static void report_unwiped(const struct clone *old)
{
	report_warning(old->store_path, "is no store any more, but its wiping was cut short, and it may hold data still");
	report_hint("if it is still yours, 'blkdiscard -z %s' overwrites all of it", old->store_path);
}

static int remove_replaced(struct catalog *catalog, struct clone *old)
{
	struct store_file store;
	int error = 0;

	if (clone_store_wiped(old)) {
		if (old->wiping)
			report_unwiped(old);
	} else if (clone_store_presence(old) != STORE_GONE) {
		error = clone_store_up(old);
		if (!error) {
			error = clone_store_open(old, old->store_path, STORE_READ,
						 &store);
			store_close(&store);
			/* What was overwritten in part has no header. */
			if (error && old->wiping && clone_store_surely_ours(old, error))
				error = 0;
		}
		if (!error)
			error = clone_store_drop(old);
	}
	if (error)
		return error;
	catalog_drop_layer(catalog, old);
	return catalog_save(catalog);
}

static int settle(struct catalog *catalog, struct origins *origins,
		  unsigned int *removed, u64 *pause_ns)
{
	struct clone *old;
	int error = 0;
	size_t i;

	for (i = 0; i < catalog->layer_count && !error; i++)
		if (to_be_removed(&catalog->layers[i]))
			error = give_tables(catalog, origins, &catalog->layers[i],
					    pause_ns);
	while (!error && (old = next_replaced(catalog))) {
		error = remove_replaced(catalog, old);
		*removed += !error;
	}
	return error;
}

int consolidate_settle(struct catalog *catalog, struct origins *origins)
{
	unsigned int removed = 0;
	u64 pause_ns = 0;
	int error;

	if (!next_replaced(catalog))
		return 0;
	error = settle(catalog, origins, &removed, &pause_ns);
	if (removed)
		report_warning("layers", "%u that a command which was cut short has left, and that nothing needs, are removed now",
			       removed);
	return error;
}

/* All of it ------------------------------------------------------------ */

static int finish(struct catalog *catalog, struct origins *origins,
		  struct work *work)
{
	struct consolidate_result *result = work->result;
	int error = plan_again(catalog, work);

	if (error)
		return error;
	/* Volumes that are open cannot be removed. */
	levels_free(work->merge.levels);
	work->merge.levels = NULL;
	result->path = must_strdup(work->made.store_path);
	error = enter(catalog, work);
	/* Device-mapper needs it now. */
	store_close(&work->store);
	if (error)
		return error;
	result->merged = work->plan.count;
	result->data_bytes = work->merge.data_blocks * LC_BLOCK_SIZE;
	error = settle(catalog, origins, &result->removed, &result->pause_ns);
	if (error)
		report_hint("nothing is lost: the next 'lclone activate' or 'lclone consolidate' of a clone goes on with it");
	return error;
}

static void set_no_name(struct lc_super *super, const void *data)
{
	(void)data;
	memset(super->parent_name, 0, sizeof(super->parent_name));
	strcpy(super->parent_name, CATALOG_NO_NAME);
}

/* The store of @clone records that what it stands on has no name. */
static int forget_name(struct catalog *catalog, struct origins *origins,
		       struct clone *clone, u64 *pause_ns)
{
	struct lc_super now, next;
	enum handover_left left;
	int error = snapshot_settle(catalog, origins, clone);

	if (!error)
		error = handover_left(clone, &left);
	if (!error)
		error = change_super(clone, &now);
	if (error)
		return error;
	next = now;
	set_no_name(&next, NULL);
	if (left != HANDOVER_INACTIVE)
		return change_run(catalog, origins, clone, &now, &next, pause_ns);
	/* One that went down with its host learns it never: a scan may find the name. */
	if (now.owner_epoch)
		return 0;
	error = clone_store_detach(clone);
	return error ? error :
	       clone_store_edit(clone, clone->store_path,
				STORE_WRITE | STORE_EXCLUSIVE, set_no_name, NULL);
}

/*
 * A layer is never written, so its name stays on it; a scan takes it from there
 * unless what stands on the layer knows better.
 */
static int only_rename(struct catalog *catalog, struct origins *origins,
		       const struct work *work)
{
	struct clone *layer = work->plan.rename ?
			      consolidate_layer(catalog, &work->plan, 0) : NULL;
	int error = 0;
	size_t i;

	if (!layer)
		return 0;
	for (i = 0; i < catalog->clone_count && !error; i++)
		if (catalog_parent(catalog, &catalog->clones[i]) == layer)
			error = forget_name(catalog, origins, &catalog->clones[i],
					    &work->result->pause_ns);
	if (error)
		return error;
	*layer->name = '\0';
	return catalog_save(catalog);
}

/* What nothing names is taken away again. */
static void undo(struct work *work)
{
	store_close(&work->store);
	if (!work->made.store_path)
		return;
	if (work->request->wipe)
		clone_store_wipe(&work->made);
	clone_child_unmake(&work->made);
	clone_release(&work->made);
}

/* What was cut short before comes first. */
static int settle_all(struct catalog *catalog, struct origins *origins,
		      const char *name)
{
	struct clone *clone = catalog_need_clone(catalog, name);
	int error = clone ? snapshot_settle(catalog, origins, clone) : -ENOENT;

	return error ? error : consolidate_settle(catalog, origins);
}

static int run(struct work *work, struct origins *origins)
{
	struct catalog catalog;
	int error = catalog_open(&catalog, CATALOG_CHANGE);

	if (error)
		return error;
	error = settle_all(&catalog, origins, work->request->clone);
	if (!error)
		error = begin(&catalog, work);
	if (!error && work->plan.count < 2)
		error = only_rename(&catalog, origins, work);
	catalog_close(&catalog);
	if (error || work->plan.count < 2)
		return error;
	error = copy(work);
	if (!error)
		error = catalog_open(&catalog, CATALOG_CHANGE);
	if (!error) {
		error = finish(&catalog, origins, work);
		catalog_close(&catalog);
	}
	undo(work);
	return error;
}

int consolidate(const struct consolidate_request *request,
		struct consolidate_result *result)
{
	struct origins origins = { 0 };
	struct work *work = must_alloc(sizeof(*work));
	int error;

	memset(result, 0, sizeof(*result));
	work->request = request;
	work->result = result;
	work->store.fd = -1;
	signals_catch();
	error = run(work, &origins);
	signals_uncatch();
	if (work->merge.levels)
		levels_free(work->merge.levels);
	origins_done(&origins);
	free(work);
	return error;
}
