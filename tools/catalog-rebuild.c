// SPDX-License-Identifier: GPL-2.0
/* Making the catalog agree with what the stores say of themselves. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "catalog-internal.h"
#include "clone-store.h"
#include "loop.h"
#include "lvm.h"
#include "origin.h"
#include "output.h"
#include "probe.h"
#include "scan.h"
#include "store-file.h"
#include "table.h"

static bool clone_name_taken(const struct catalog *catalog, const char *name)
{
	return catalog_clone(catalog, name);
}

static bool template_name_taken(const struct catalog *catalog, const char *name)
{
	return catalog_template(catalog, name);
}

/*
 * The name that a store gives, if it is one and is free; else one that is, made
 * with the first digits of @uuid.  To be freed.
 */
static char *free_name(const struct catalog *catalog, const char *name,
		       const u8 *uuid,
		       bool (*taken)(const struct catalog *, const char *))
{
	char hex[9], *other;

	if (name_valid(name) && !taken(catalog, name))
		return must_strdup(name);
	print_hex(uuid, 4, hex);
	if (!name_valid(name))
		return print_string("unnamed-%s", hex);
	other = print_string("%.50s-%s", name, hex);
	report_warning(name, "this name is taken by another; this one is called %s",
		       other);
	return other;
}

static void note_directory(struct clone *clone)
{
	clone->directory = clone->kind == STORE_KIND_DIR ?
			   clone_store_directory(clone->store_path) : 0;
}

/* Where a store was found: as a file, as a volume of ours, or as a device. */
static void note_place(const struct found_store *found, struct clone *clone)
{
	free(clone->store_path);
	free(clone->vg);
	free(clone->lv);
	clone->vg = NULL;
	clone->lv = NULL;
	/* A loop device that somebody made is theirs, and so is its file. */
	if (found->file && (!found->device || loop_is_ours(found->device))) {
		clone->kind = STORE_KIND_DIR;
		clone->store_path = origin_stable_path(found->file);
	} else if (lvm_is_ours(found->device, &clone->vg, &clone->lv)) {
		clone->kind = STORE_KIND_VG;
		clone->store_path = lvm_path(clone->vg, clone->lv);
	} else {
		clone->kind = STORE_KIND_DEVICE;
		clone->store_path = origin_stable_path(found->device);
	}
	note_directory(clone);
}

static const char *place_of(const struct found_store *found)
{
	return found->device ? found->device : found->file;
}

/* Whether @found is the place that the catalog knows already. */
static bool same_place(const struct found_store *found, const struct clone *clone)
{
	struct stat a, b;

	if (stat(clone->store_path, &b))
		return false;
	if (found->device && S_ISBLK(b.st_mode))
		return !stat(found->device, &a) && a.st_rdev == b.st_rdev;
	return found->file && !stat(found->file, &a) &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool is_known(const struct lc_super *super, const struct clone *known)
{
	return known && !memcmp(known->store_uuid, super->store_uuid, LC_UUID_BYTES);
}

/* Whether one device lies on the other, as a multipath device does on its paths. */
static bool lies_together(const struct found_store *found, const struct clone *known)
{
	struct stat a, b;

	return found->device && !stat(found->device, &a) &&
	       !stat(known->store_path, &b) && S_ISBLK(b.st_mode) &&
	       (device_lies_on(a.st_rdev, b.st_rdev) ||
		device_lies_on(b.st_rdev, a.st_rdev));
}

/*
 * Whether the store that was found is in the place that the catalog has, too.  That
 * is the one in use: a clone that went on with a copy would go back in time.  A store
 * that was moved is not where it was.
 */
static bool is_copy(const struct found_store *found, const struct clone *known)
{
	struct lc_super has;

	if (!is_known(&found->super, known) || same_place(found, known) ||
	    !clone_store_look(known, &has) || lies_together(found, known))
		return false;
	report_warning(place_of(found), "holds a copy of the store on %s, which the catalog has; it is left out",
		       known->store_path);
	report_hint("to go on with the copy, take %s away and scan again; a copy that is not needed is better wiped",
		    known->store_path);
	return true;
}

static bool same_clone(const struct lc_super *a, const struct lc_super *b)
{
	return b->state == LC_STORE_WRITABLE &&
	       !memcmp(a->clone_uuid, b->clone_uuid, LC_UUID_BYTES);
}

/* The content that @super stands on: the store that has it, frozen or not, or NULL. */
static const struct lc_super *parent_of(const struct found_stores *found,
					const struct lc_super *super)
{
	size_t i;

	for (i = 0; super->layers && i < found->count; i++)
		if (!memcmp(found->store[i].super.content_uuid,
			    super->parent_uuid, LC_UUID_BYTES))
			return &found->store[i].super;
	return NULL;
}

/*
 * Whether another clone of its snapshot set has got its snapshot: then this one is
 * to have it, too, and the next activation sees to that.
 */
static bool set_begun(const struct found_stores *found, const struct lc_super *super)
{
	size_t i;

	for (i = 0; i < found->count; i++) {
		const struct lc_super *other = &found->store[i].super;
		const struct lc_super *below = parent_of(found, other);

		if (below && below->state == LC_STORE_FROZEN &&
		    !lc_uuid_is_null(super->snapshot_set) &&
		    !memcmp(other->snapshot_set, super->snapshot_set, LC_UUID_BYTES))
			return true;
	}
	return false;
}

/* Whether what it is to follow is still live: then it follows nothing yet. */
static bool unfinished(const struct found_stores *found, const struct lc_super *super)
{
	size_t i;

	if (set_begun(found, super))
		return false;

	for (i = 0; i < found->count; i++)
		if (super->layers && same_clone(super, &found->store[i].super) &&
		    !memcmp(found->store[i].super.content_uuid,
			    super->parent_uuid, LC_UUID_BYTES))
			return true;
	return false;
}

/* The store of the same clone that is to follow this one, or NULL. */
static const struct lc_super *follower(const struct found_stores *found,
				       const struct lc_super *super)
{
	size_t i;

	for (i = 0; i < found->count; i++) {
		const struct lc_super *other = &found->store[i].super;

		if (same_clone(super, other) && set_begun(found, other) &&
		    parent_of(found, other) == super)
			return other;
	}
	return NULL;
}

/*
 * Whether it was made for a rollback or a snapshot that came to nothing: the clone
 * has another store, though of a lower generation, and goes on with that.
 */
static bool never_begun(const struct found_stores *found,
			const struct lc_super *super, const struct clone *known)
{
	struct lc_super has;
	bool seen = false;
	size_t i;

	if (!store_is_unused(super) || is_known(super, known))
		return false;
	for (i = 0; i < found->count; i++) {
		const struct lc_super *other = &found->store[i].super;

		seen |= is_known(other, known);
		if (other != super && same_clone(super, other) &&
		    !unfinished(found, other) && !follower(found, other) &&
		    (!store_is_unused(other) || is_known(other, known) ||
		     other->head_generation < super->head_generation))
			return true;
	}
	return !seen && known && clone_store_look(known, &has) && same_clone(super, &has);
}

/* Whether a snapshot or a rollback has left it behind: it is no store of anything. */
static bool left_behind(const struct found_stores *found, size_t i,
			const struct clone *known)
{
	const struct lc_super *super = &found->store[i].super;
	struct lc_super has;
	size_t j;

	for (j = 0; j < found->count; j++) {
		const struct lc_super *other = &found->store[j].super;

		if (same_clone(super, other) && !unfinished(found, other) &&
		    !never_begun(found, other, known) &&
		    other->head_generation > super->head_generation)
			return true;
	}
	return known && clone_store_look(known, &has) &&
	       has.head_generation > super->head_generation;
}

/*
 * Another store of the same clone, of the same generation, that comes before it:
 * one that the catalog has already, or one found earlier.  Or NULL.
 */
static const struct found_store *rival(const struct found_stores *found,
				       size_t i, const struct clone *known)
{
	const struct lc_super *super = &found->store[i].super;
	size_t j;

	for (j = 0; j < found->count; j++)
		if (j != i && same_clone(super, &found->store[j].super) &&
		    !never_begun(found, &found->store[j].super, known) &&
		    found->store[j].super.head_generation == super->head_generation &&
		    (j < i || same_place(&found->store[j], known)))
			return &found->store[j];
	return NULL;
}

static void report_rival(const struct clone *clone, const struct found_store *a,
			 const struct found_store *b)
{
	report_warning(clone->name, "%s and %s are both its store; one must be a copy of the other",
		       place_of(a), place_of(b));
	report_hint("the catalog has %s; wipe the copy ('wipefs -a' clears a device) or keep it away from this host",
		    clone->store_path);
}

static struct clone *new_clone(struct catalog *catalog,
			       const struct lc_super *super)
{
	struct clone clone = { 0 };

	clone.name = free_name(catalog, super->clone_name, super->clone_uuid,
			       clone_name_taken);
	if (name_valid(super->origin_name))
		clone.template_name = must_strdup(super->origin_name);
	memcpy(clone.uuid, super->clone_uuid, LC_UUID_BYTES);
	memcpy(clone.template_uuid, super->origin_uuid, LC_UUID_BYTES);
	return catalog_add_clone(catalog, &clone);
}

/*
 * What a clone writes to is no layer, though it was to become one, or to go: the
 * store that was to follow it is gone.
 */
static void forget_layers(struct catalog *catalog, const u8 *store_uuid)
{
	size_t i = 0;

	while (i < catalog->layer_count)
		if (!memcmp(catalog->layers[i].store_uuid, store_uuid, LC_UUID_BYTES))
			catalog_drop_layer(catalog, &catalog->layers[i]);
		else
			i++;
}

/* What it shows, and what it stands on. */
static void note_contents(struct clone *clone, const struct lc_super *super)
{
	memcpy(clone->content_uuid, super->content_uuid, LC_UUID_BYTES);
	memcpy(clone->parent_uuid, super->parent_uuid, LC_UUID_BYTES);
	memcpy(clone->template_uuid, super->origin_uuid, LC_UUID_BYTES);
}

static void take_clone(struct catalog *catalog, const struct found_stores *found,
		       size_t i)
{
	const struct found_store *store = &found->store[i];
	const struct lc_super *super = &store->super;
	struct clone *known = catalog_clone_by_uuid(catalog, super->clone_uuid);
	const struct found_store *other;

	if (super->state != LC_STORE_WRITABLE || follower(found, super))
		return;
	if (unfinished(found, super)) {
		report_warning(place_of(store), "made for a snapshot that was not finished; nothing uses it");
		return;
	}
	if (never_begun(found, super, known)) {
		report_warning(place_of(store), "made for a snapshot or a rollback that was not finished; nothing uses it");
		return;
	}
	if (left_behind(found, i, known)) {
		report_warning(place_of(store), "an older store of clone %s; nothing uses it",
			       known ? known->name : "(no name)");
		return;
	}
	if (is_copy(store, known))
		return;
	if (is_known(super, known) && same_place(store, known)) {
		note_contents(known, super);
		note_directory(known);
		forget_layers(catalog, super->store_uuid);
		return;
	}
	other = known ? rival(found, i, known) : NULL;
	if (other) {
		report_rival(known, other, store);
		return;
	}
	if (!known)
		known = new_clone(catalog, super);
	forget_layers(catalog, super->store_uuid);
	memcpy(known->store_uuid, super->store_uuid, LC_UUID_BYTES);
	note_contents(known, super);
	note_place(store, known);
}

/*
 * A frozen store of the same content that stands on fewer layers: some were merged
 * into it, and the command that did so was cut short.  Or NULL.
 */
static const struct found_store *merged(const struct found_stores *found,
					const struct lc_super *super)
{
	size_t i;

	for (i = 0; i < found->count; i++) {
		const struct lc_super *other = &found->store[i].super;

		if (other->state == LC_STORE_FROZEN && other->layers < super->layers &&
		    !memcmp(other->content_uuid, super->content_uuid, LC_UUID_BYTES))
			return &found->store[i];
	}
	return NULL;
}

/* Whether a store says that the layer below it has lost the name that it bears. */
static bool name_lost(const struct found_stores *found, const struct lc_super *super)
{
	size_t i;

	for (i = 0; i < found->count; i++) {
		const struct lc_super *above = &found->store[i].super;

		if (above->layers && !strcmp(above->parent_name, CATALOG_NO_NAME) &&
		    !memcmp(above->parent_uuid, super->content_uuid, LC_UUID_BYTES))
			return true;
	}
	return false;
}

/* Its content is in another store now, or is not needed: it is to be removed. */
static bool is_replaced(const struct catalog *catalog, const struct lc_super *super)
{
	size_t i;

	for (i = 0; i < catalog->layer_count; i++)
		if (catalog->layers[i].replaced &&
		    !memcmp(catalog->layers[i].store_uuid, super->store_uuid,
			    LC_UUID_BYTES))
			return true;
	return false;
}

static void take_layer(struct catalog *catalog, const struct found_stores *found,
		       const struct found_store *store)
{
	const struct lc_super *super = &store->super;
	const struct found_store *better = merged(found, super);
	const struct lc_super *next = super->state == LC_STORE_WRITABLE ?
				      follower(found, super) : NULL;
	const char *name = next ? next->parent_name :
			   name_lost(found, super) ? "" : super->snapshot_name;
	struct clone *known = catalog_layer(catalog, super->content_uuid);
	struct clone layer = { 0 };

	if (super->state == LC_STORE_FROZEN && better) {
		report_warning(place_of(store), "its layers were merged into %s; nothing uses it",
			       place_of(better));
		return;
	}
	if ((super->state != LC_STORE_FROZEN && !next) || is_replaced(catalog, super))
		return;
	if (is_copy(store, known))
		return;
	if (known && same_place(store, known)) {
		note_directory(known);
		return;
	}
	if (!known) {
		layer.name = must_strdup(name_valid(name) ? name : "");
		if (name_valid(super->origin_name))
			layer.template_name = must_strdup(super->origin_name);
		memcpy(layer.uuid, super->clone_uuid, LC_UUID_BYTES);
		memcpy(layer.content_uuid, super->content_uuid, LC_UUID_BYTES);
		memcpy(layer.parent_uuid, super->parent_uuid, LC_UUID_BYTES);
		memcpy(layer.template_uuid, super->origin_uuid, LC_UUID_BYTES);
		known = catalog_add_layer(catalog, &layer);
	}
	memcpy(known->store_uuid, super->store_uuid, LC_UUID_BYTES);
	memcpy(known->parent_uuid, super->parent_uuid, LC_UUID_BYTES);
	note_place(store, known);
}

static bool template_known(const struct catalog *catalog, const u8 *uuid)
{
	size_t i;

	for (i = 0; i < catalog->template_count; i++)
		if (!memcmp(catalog->templates[i].uuid, uuid, LC_UUID_BYTES))
			return true;
	return false;
}

static void take_template(struct catalog *catalog,
			  const struct found_store *found)
{
	const struct lc_super *super = &found->super;
	struct template template = { 0 };
	struct stat st;

	if (lc_uuid_is_null(super->origin_uuid) ||
	    template_known(catalog, super->origin_uuid))
		return;
	template.name = free_name(catalog, super->origin_name,
				  super->origin_uuid, template_name_taken);
	memcpy(template.uuid, super->origin_uuid, LC_UUID_BYTES);
	template.path = must_strdup(super->origin_path);
	template.is_file = !stat(template.path, &st) && S_ISREG(st.st_mode);
	template.size_bytes = super->origin_sectors * 512;
	memcpy(template.quick, super->fingerprint, LC_FINGERPRINT_BYTES);
	if (access(template.path, F_OK))
		report_warning(template.name, "its origin %s cannot be found",
			       template.path);
	else if (origin_matches(place_of(found), super, template.path))
		report_warning(template.name, "what is at %s now is not its origin",
			       template.path);
	catalog_add_template(catalog, &template);
}

int catalog_rebuild(struct catalog *catalog, const struct found_stores *found,
		    bool whole)
{
	size_t i;

	for (i = 0; i < found->count; i++) {
		take_clone(catalog, found, i);
		take_layer(catalog, found, &found->store[i]);
		take_template(catalog, &found->store[i]);
	}
	if (whole)
		catalog_drop_lost(catalog, found);
	return catalog_save(catalog);
}
