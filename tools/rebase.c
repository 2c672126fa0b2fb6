// SPDX-License-Identifier: GPL-2.0
/*
 * Clones that move to another template:
 *
 *  1. what would look different is copied into the clone's store, while it is in
 *     use: the blocks in which the templates differ, and those that its layers have
 *  2. its table becomes one over the new template, without layers: see change.c
 *  3. layers of its own that nobody can name, and nobody stands on, are removed
 *
 * With update the templates are not compared: the clone is to look different.
 *
 * A layer may let one see less of what is below it than the clone lets one see of
 * that layer, since it was cut and made larger again.  What is behind its end are
 * zeros, and has to stay so without it: the clone's overlap ends there, then.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "change.h"
#include "clone-store.h"
#include "clone-table.h"
#include "difference.h"
#include "dm.h"
#include "hold.h"
#include "output.h"
#include "pass.h"
#include "rebase.h"
#include "sectors.h"
#include "snapshot.h"
#include "walk.h"

struct rebase {
	const struct rebase_request *request;
	struct hold hold;
	struct lc_super super;		/* of its store, as this began */
	struct difference_side from, to;
	struct overlay runs;		/* blocks that the store has to have */
	u64 seen_sectors;		/* as far as it sees what its layers stand on */
};

static struct template *need_target(const struct rebase *rebase)
{
	return catalog_need_template(&rebase->hold.catalog,
				     rebase->request->template);
}

/* With the catalog open.  A filesystem that is in use does not survive it. */
static int check_closed(const struct rebase *rebase)
{
	struct dm_clone dm;
	int error;

	if (!rebase->request->update)
		return 0;
	error = dm_clone_find(rebase->hold.clone_uuid, &dm);
	if (!error && dm.open_count) {
		report_error(rebase->request->name, "it is open, and would change under who has it open");
		report_hint("unmount it or stop the guest first");
		error = -EBUSY;
	}
	dm_clone_done(&dm);
	return error;
}

static int check_from(const struct rebase *rebase, const struct template *from)
{
	const struct lc_super *super = &rebase->super;
	const char *name = rebase->request->name;

	if (super->origin_kind == LC_ORIGIN_NONE) {
		report_error(name, "it stands on no template");
		report_hint("what is independent has nothing that a template could take the place of");
		return -EINVAL;
	}
	if (!from && !rebase->request->update) {
		report_error(name, "its template is not registered, so it cannot be compared with %s",
			     rebase->request->template);
		report_hint("'lclone scan' takes it in again, as its store records it");
		return -ENOENT;
	}
	return clone_check_template(&rebase->hold.catalog, rebase->hold.clone, super);
}

/* Which blocks have to be there ------------------------------------------- */

struct layer_walk {
	struct overlay *runs;
	const char *why;		/* what is wrong with one of its pages; or NULL */
};

static void see_page(void *ctx, const struct walk_page *page)
{
	struct layer_walk *walk = ctx;

	if (page->why)
		walk->why = page->why;
}

static void add_run(struct overlay *runs, u64 first, u64 count)
{
	struct lc_run run = { first, 0, LC_ENTRY_ZERO };

	for (; count; run.first += run.count, count -= run.count) {
		run.count = (u32)min_t(u64, count, 1u << 30);
		overlay_add(runs, &run);
	}
}

static void see_run(void *ctx, u64 first, u64 count, u32 value)
{
	struct layer_walk *walk = ctx;

	(void)value;
	add_run(walk->runs, first, count);
}

/* All that a layer has; @seen_sectors ends where it sees nothing below. */
static int add_layer(const struct clone *layer, struct overlay *runs,
		     u64 *seen_sectors)
{
	static const struct walk_ops ops = { .page = see_page, .run = see_run };
	struct layer_walk walk = { runs, NULL };
	const struct overlay nothing = { 0 };
	struct store_file store;
	int error = clone_store_open(layer, layer->store_path, STORE_READ, &store);

	if (error)
		return error;
	*seen_sectors = min(*seen_sectors, store_super(&store)->overlap_sectors);
	walk_map(&store, store_super(&store), &nothing, &ops, &walk);
	store_close(&store);
	if (!walk.why)
		return 0;
	report_error(layer->store_path, "a page of its map is damaged: %s", walk.why);
	report_hint("'lclone check' tells what is lost; 'lclone repair' mends what can be");
	return -EUCLEAN;
}

static int add_layers(struct rebase *rebase)
{
	const struct catalog *catalog = &rebase->hold.catalog;
	const struct clone *layer = catalog_parent(catalog, rebase->hold.clone);
	unsigned int most = LC_LAYERS_MAX;
	u64 *seen = &rebase->seen_sectors;
	int error = 0;

	*seen = rebase->super.overlap_sectors;
	for (; layer && most-- && !error; layer = catalog_parent(catalog, layer))
		error = add_layer(layer, &rebase->runs, seen);
	/* The block in which that ends shows both. */
	if (!error && *seen < rebase->super.overlap_sectors &&
	    *seen % LC_BLOCK_SECTORS)
		add_run(&rebase->runs, *seen / LC_BLOCK_SECTORS, 1);
	return error;
}

/*
 * With update, a template is refused of which the clone would show the first part
 * and then zeros: that is neither the old one nor the new one.
 */
static int check_end(const struct rebase *rebase)
{
	const struct rebase_request *request = rebase->request;
	u64 seen = rebase->seen_sectors * 512;
	u64 clone_bytes = rebase->super.clone_sectors * 512;
	char text[SIZE_TEXT_BYTES];

	if (!request->update || rebase->to.bytes <= seen)
		return 0;
	print_size(seen, text);
	if (seen < clone_bytes) {
		report_error(request->name, "it shows no more than the first %s of a template, and %s is longer",
			     text, request->template);
		report_hint("a clone reads zeros behind that; 'lclone create NAME --template %s' makes a new one, which shows all of it",
			    request->template);
		return -EINVAL;
	}
	report_warning(request->name, "%s is longer: the clone keeps its size of %s, and what is new will read as zeros if it is made larger",
		       request->template, text);
	return 0;
}

static int prepare(struct rebase *rebase, struct rebase_result *result)
{
	struct hold *hold = &rebase->hold;
	struct template *from, *to = need_target(rebase);
	int error;

	if (!to)
		return -ENOENT;
	error = hold_activate(hold, &rebase->super);
	if (error)
		return error;
	difference_side(to, &rebase->to);
	result->already = !rebase->super.layers &&
			  !memcmp(rebase->super.origin_uuid, to->uuid, LC_UUID_BYTES);
	if (result->already)
		/* What a run that was cut short at its end has left. */
		return snapshot_drop_unused(&hold->catalog, hold->clone);
	from = catalog_template_of(&hold->catalog, hold->clone);
	error = check_from(rebase, from);
	if (!error)
		error = check_closed(rebase);
	if (!error)
		error = sectors_kept(hold->clone, to->path);
	if (error)
		return error;
	if (from)
		difference_side(from, &rebase->from);
	error = add_layers(rebase);
	return error ? error : check_end(rebase);
}

/* Cuts the runs where the clone sees nothing below; returns their blocks. */
static u64 cut_runs(struct overlay *runs, u64 end)
{
	u64 blocks = 0;
	size_t i;

	for (i = 0; i < runs->runs && runs->run[i].first < end; i++) {
		struct lc_run *run = &runs->run[i];

		run->count = (u32)min_t(u64, run->count, end - run->first);
		blocks += run->count;
	}
	runs->runs = i;
	return blocks;
}

static int find_differences(struct rebase *rebase, struct rebase_result *result)
{
	struct overlay *runs = &rebase->runs;
	size_t i = runs->runs;
	int error;

	if (rebase->request->update)
		return 0;
	error = difference_find(&rebase->from, &rebase->to, runs, &result->compared);
	for (; !error && i < runs->runs; i++)
		result->differ_bytes += (u64)runs->run[i].count * LC_BLOCK_SIZE;
	return error;
}

static int copy(struct rebase *rebase, struct rebase_result *result)
{
	struct pass pass = {
		.name = rebase->request->name, .message = "hydrate",
		.clone_uuid = rebase->hold.clone_uuid, .rate = rebase->request->rate,
	};
	struct overlay *runs = &rebase->runs;
	u64 total, before = 0;
	int error = 0;
	size_t i;

	overlay_build(runs);
	total = cut_runs(runs, lc_blocks_of(rebase->super.overlap_sectors));
	pass_begin(&pass);
	for (i = 0; i < runs->runs && !error; i++) {
		error = pass_range(&pass, runs->run[i].first, runs->run[i].count,
				   before, total);
		before += runs->run[i].count;
	}
	pass_end();
	result->copied_bytes += pass.answer[0] * LC_BLOCK_SIZE;
	result->zero_bytes += pass.answer[1] * LC_BLOCK_SIZE;
	return error;
}

/* The handover -------------------------------------------------------------- */

static void set_text(char *field, size_t bytes, const char *text)
{
	memset(field, 0, bytes);
	if (strlen(text) < bytes)
		strcpy(field, text);
}

/* @super is to stand on @template alone. */
static void stand_on(struct lc_super *super, const struct template *template)
{
	super->layers = 0;
	memset(super->parent_uuid, 0, sizeof(super->parent_uuid));
	memset(super->parent_name, 0, sizeof(super->parent_name));
	super->origin_kind = LC_ORIGIN_DEVICE;
	super->origin_sectors = template->size_bytes / 512;
	super->fingerprint_algorithm = LC_FINGERPRINT_SHA256_SAMPLED;
	memcpy(super->fingerprint, template->quick, LC_FINGERPRINT_BYTES);
	memcpy(super->origin_uuid, template->uuid, LC_UUID_BYTES);
	set_text(super->origin_name, LC_NAME_BYTES, template->name);
	set_text(super->origin_path, LC_PATH_BYTES, template->path);
}

/* With the catalog open.  @again: it has another store than was copied into. */
static int hand_over(struct rebase *rebase, bool *again, u64 *pause_ns)
{
	struct hold *hold = &rebase->hold;
	struct template *to = need_target(rebase);
	struct lc_super now, next;
	int error;

	if (!to || memcmp(to->uuid, rebase->to.uuid, LC_UUID_BYTES))
		return -ENOENT;
	error = hold_activate(hold, &now);
	*again = !error && memcmp(now.store_uuid, rebase->super.store_uuid,
				  LC_UUID_BYTES);
	if (error || *again)
		return error;
	error = check_closed(rebase);
	if (error)
		return error;
	next = now;
	stand_on(&next, to);
	next.overlap_sectors = min(now.overlap_sectors, rebase->seen_sectors);
	error = change_run(&hold->catalog, &hold->origins, hold->clone, &now, &next,
			   pause_ns);
	return error ? error : snapshot_drop_chain(&hold->catalog, now.parent_uuid);
}

static int once(struct rebase *rebase, bool *again, struct rebase_result *result)
{
	struct hold *hold = &rebase->hold;
	int error = hold_open(hold);

	*again = false;
	if (!error)
		error = prepare(rebase, result);
	hold_close(hold);
	if (error || result->already)
		return error;
	error = find_differences(rebase, result);
	if (!error)
		error = copy(rebase, result);
	if (error)
		return error;
	error = hold_open(hold);
	if (!error)
		error = hand_over(rebase, again, &result->pause_ns);
	hold_close(hold);
	return error;
}

int rebase_run(const struct rebase_request *request, struct rebase_result *result)
{
	struct rebase rebase = {
		.request = request, .hold = { .name = request->name },
	};
	bool again;
	int error;

	if (request->update && !request->force) {
		report_error(request->name, "what it shows would change, and filesystems do not merge");
		report_hint("--force does it; without --update the clone keeps what it shows");
		return -EINVAL;
	}
	do {
		memset(result, 0, sizeof(*result));
		error = once(&rebase, &again, result);
		difference_side_done(&rebase.from);
		difference_side_done(&rebase.to);
		overlay_free(&rebase.runs);
	} while (!error && again);
	hold_release(&rebase.hold);
	return error;
}
