// SPDX-License-Identifier: GPL-2.0
/*
 * Taking a snapshot.  Each step leaves a state that the next activation knows
 * what to do with:
 *
 *  1. the new store is made and formatted; it names the old one as its parent
 *  2. the catalog has the new one as the clone's, and the old one as a layer
 *  3. the new table is loaded: the kernel checks all there is to check
 *  4. the clones are suspended, all of them before the first goes on
 *  5. they are resumed: the kernel freezes the old stores
 *
 * A new store above one that is not frozen is a snapshot that was not taken.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>
#include "change.h"
#include "clone.h"
#include "clone-store.h"
#include "clone-table.h"
#include "dm.h"
#include "handover.h"
#include "output.h"
#include "snapshot.h"

/* One clone on its way. */
struct member {
	struct clone *clone;		/* in the catalog */
	const struct store_place *place;
	struct lc_super super;		/* of its store */
	struct clone child;		/* the next one, once it was made */
	struct handover handover;
	bool activated;			/* only for this */
	bool made;
	bool entered;
};

static int check_name(const struct catalog *catalog, const struct clone *clone,
		      const char *name)
{
	if (!*name)
		return 0;
	if (name_check(name))
		return -EINVAL;
	if (!catalog_snapshot(catalog, clone, name))
		return 0;
	report_error(clone->name, "it has a snapshot %s already", name);
	report_hint("choose another name, or remove that one with 'lclone remove %s@%s'",
		    clone->name, name);
	return -EEXIST;
}

/* Step 1. */
static int make_child(struct catalog *catalog, struct origins *origins,
		      struct member *member, const char *name, const u8 *set)
{
	struct child_request request = {
		.place = member->place, .head = &member->super,
		.parent = &member->super, .parent_name = name,
		.snapshot_set = set,
	};
	int error = snapshot_settle(catalog, origins, member->clone);

	if (!error)
		error = check_name(catalog, member->clone, name);
	if (!error)
		error = handover_need_active(catalog, origins, member->clone,
					     &member->activated);
	if (!error)
		error = change_super(member->clone, &member->super);
	if (!error)
		error = clone_child_make(catalog, member->clone, &request,
					 &member->child);
	member->made = !error;
	return error;
}

/* Step 2, for one of them. */
static void enter(struct catalog *catalog, struct member *member, const char *name)
{
	struct clone layer = *member->clone;

	free(layer.name);
	layer.name = must_strdup(name);
	free(layer.adopted);
	layer.adopted = NULL;
	/* The super has it of any store, the catalog perhaps not yet. */
	memcpy(layer.content_uuid, member->super.content_uuid, LC_UUID_BYTES);
	memcpy(layer.parent_uuid, member->super.parent_uuid, LC_UUID_BYTES);
	catalog_add_layer(catalog, &layer);
	clone_copy(&member->child, member->clone);
	member->entered = true;
}

/* Its parent is its store again, and what was to follow is nothing. */
static void leave(struct catalog *catalog, struct clone *clone)
{
	struct clone *layer = catalog_parent(catalog, clone);
	struct clone back;

	clone_copy(layer, &back);
	free(back.name);
	back.name = must_strdup(clone->name);
	back.adopted = clone->adopted ? must_strdup(clone->adopted) : NULL;
	back.returning = clone->returning;
	clone_release(clone);
	*clone = back;
	catalog_drop_layer(catalog, layer);
}

static void undo(struct catalog *catalog, struct member *members, size_t count)
{
	bool entered = false;
	size_t i;

	for (i = 0; i < count; i++)
		handover_undo(&members[i].handover);
	for (i = 0; i < count; i++) {
		if (members[i].entered)
			leave(catalog, members[i].clone);
		entered |= members[i].entered;
	}
	/* The catalog on the disk may name them still. */
	if (entered && catalog_save(catalog))
		return;
	for (i = 0; i < count; i++)
		if (members[i].made)
			clone_child_unmake(&members[i].child);
}

static int take(struct catalog *catalog, struct origins *origins,
		struct member *members, const struct snapshot_request *request,
		u64 *pause_ns)
{
	u8 set[LC_UUID_BYTES];
	size_t i;
	int error = 0;

	uuid_generate(set);
	for (i = 0; i < request->count && !error; i++)
		error = make_child(catalog, origins, &members[i], request->name,
				   request->count > 1 ? set : NULL);
	if (error)
		return error;
	for (i = 0; i < request->count; i++)
		enter(catalog, &members[i], request->name);
	error = catalog_save(catalog);
	for (i = 0; i < request->count && !error; i++)
		error = handover_load(catalog, origins, members[i].clone, true,
				      &members[i].handover);
	if (!error) {
		struct handover *all[request->count];

		for (i = 0; i < request->count; i++)
			all[i] = &members[i].handover;
		error = handover_run(all, request->count, pause_ns);
	}
	return error;
}

int snapshot_take(struct catalog *catalog, struct origins *origins,
		  const struct snapshot_request *request, u64 *pause_ns)
{
	struct member *members = must_alloc(request->count * sizeof(*members));
	size_t i;
	int error;

	for (i = 0; i < request->count; i++) {
		members[i].clone = request->clones[i];
		members[i].place = &request->places[i];
	}
	error = take(catalog, origins, members, request, pause_ns);
	/* What the kernel has begun to freeze is for the next activation to settle. */
	if (error && error != -EUCLEAN)
		undo(catalog, members, request->count);
	for (i = 0; i < request->count; i++) {
		handover_done(&members[i].handover);
		if (members[i].made)
			clone_release(&members[i].child);
		if (members[i].activated)
			clone_deactivate(catalog, members[i].clone);
	}
	free(members);
	return error;
}

/* Settling ------------------------------------------------------------- */

/* As change_super(); 0 too for a store that is gone: it stands in nobody's way. */
static int super_if_there(const struct clone *store, struct lc_super *super)
{
	int error = change_super(store, super);

	if (!error || clone_store_presence(store) != STORE_GONE)
		return error;
	memset(super, 0, sizeof(*super));
	return 0;
}

/* Whether @store was made for the set, and what it follows is frozen; or a negative errno. */
static int follows_in_set(const struct catalog *catalog, const struct clone *store,
			  const u8 *set)
{
	const struct clone *parent = catalog_parent(catalog, store);
	struct lc_super super, below;
	int error;

	if (!parent)
		return 0;
	error = super_if_there(store, &super);
	if (error || memcmp(super.snapshot_set, set, LC_UUID_BYTES))
		return error;
	error = super_if_there(parent, &below);
	return error ? error : below.state == LC_STORE_FROZEN;
}

/*
 * Whether another clone of the set has got its snapshot.  What it got then may be a layer
 * now: nothing keeps that clone from having another snapshot before this one is looked at.
 * A negative errno, which has been reported, where that cannot be told: one that has not
 * been seen may be the one that has.
 */
static int set_begun(const struct catalog *catalog, const struct clone *but, const u8 *set)
{
	int begun = 0, unseen = 0;
	size_t i;

	if (lc_uuid_is_null(set))
		return 0;
	for (i = 0; i < catalog->clone_count + catalog->layer_count && begun <= 0; i++) {
		const struct clone *store = i < catalog->clone_count ?
			&catalog->clones[i] : &catalog->layers[i - catalog->clone_count];

		if (store == but)
			continue;
		begun = follows_in_set(catalog, store, set);
		if (begun < 0)
			unseen = begun;
	}
	if (begun > 0 || !unseen)
		return begun > 0;
	report_error(but->name, "its snapshot was cut short, and whether it is to be finished or undone depends on a store that cannot be read");
	report_hint("make that store available, or take its clone out of the catalog with 'lclone remove --force'");
	return unseen;
}

static void report_finished(const struct catalog *catalog, const struct clone *clone)
{
	report_warning(clone->name, "its snapshot %s, which was cut short, has been finished",
		       catalog_parent(catalog, clone)->name);
}

/* Nothing has been written since the power went. */
static int finish(struct catalog *catalog, struct origins *origins,
		  struct clone *clone, const struct lc_super *below)
{
	struct handover handover = { 0 };
	struct clone child;
	char *name = must_strdup(catalog_parent(catalog, clone)->name);
	struct member member = { .clone = clone, .super = *below };
	u64 pause_ns;
	int error;

	clone_copy(clone, &child);
	leave(catalog, clone);
	error = handover_need_active(catalog, origins, clone, &member.activated);
	member.child = child;
	enter(catalog, &member, name);
	if (!error)
		error = handover_load(catalog, origins, clone, true, &handover);
	if (!error)
		error = handover_run_one(&handover, &pause_ns);
	if (!error)
		report_finished(catalog, clone);
	handover_done(&handover);
	clone_release(&child);
	free(name);
	if (member.activated)
		clone_deactivate(catalog, clone);
	return error;
}

/* Its I/O is held since the point in time, and the new table is loaded. */
static int finish_suspended(const struct catalog *catalog, const struct clone *clone)
{
	int error = handover_resume(clone);

	if (!error)
		report_finished(catalog, clone);
	return error;
}

static int take_back(struct catalog *catalog, struct clone *clone)
{
	char *name = must_strdup(catalog_parent(catalog, clone)->name);
	struct clone child;
	int error;

	clone_copy(clone, &child);
	leave(catalog, clone);
	error = catalog_save(catalog);
	if (!error) {
		clone_child_unmake(&child);
		report_warning(clone->name, "its snapshot %s, which was cut short, has been undone",
			       name);
	}
	clone_release(&child);
	free(name);
	return error;
}

static int settle_snapshot(struct catalog *catalog, struct origins *origins,
			   struct clone *clone)
{
	struct clone *parent = catalog_parent(catalog, clone);
	struct lc_super super, below;
	enum handover_left left;
	int begun, error;

	if (!parent || memcmp(parent->uuid, clone->uuid, LC_UUID_BYTES))
		return 0;
	error = change_super(parent, &below);
	if (error || below.state == LC_STORE_FROZEN)
		return error;
	error = change_super(clone, &super);
	if (error)
		return error;
	if (super.root.state != LC_REF_NONE) {
		report_error(clone->name, "its store holds data, and the layer below it is not frozen");
		report_hint("'lclone check' both %s and %s", clone->store_path,
			    parent->store_path);
		return -EUCLEAN;
	}
	error = handover_left(clone, &left);
	if (error)
		return error;
	begun = left == HANDOVER_INACTIVE || left == HANDOVER_SUSPENDED ?
		set_begun(catalog, clone, super.snapshot_set) : 0;
	if (begun < 0)
		return begun;
	if (left == HANDOVER_INACTIVE)
		return begun ? finish(catalog, origins, clone, &below) :
			       take_back(catalog, clone);
	if (begun)
		return finish_suspended(catalog, clone);
	/* It runs, and has perhaps been written to since. */
	error = handover_reset(clone);
	return error ? error : take_back(catalog, clone);
}

int snapshot_settle(struct catalog *catalog, struct origins *origins,
		    struct clone *clone)
{
	int error = change_settle(catalog, origins, clone);

	if (!error)
		error = settle_snapshot(catalog, origins, clone);
	return error ? error : snapshot_settle_return(catalog, clone);
}
