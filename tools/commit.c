// SPDX-License-Identifier: GPL-2.0
/*
 * A new template of what a clone is.
 *
 * The image is written and durable before anything names it; a run that was cut
 * short leaves a file "NAME.raw.part", which the next one begins anew, or a file
 * that is complete and no template yet.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "change.h"
#include "clone-store.h"
#include "clone-table.h"
#include "commit.h"
#include "dm.h"
#include "durable.h"
#include "origin.h"
#include "output.h"
#include "probe.h"
#include "raw-image.h"
#include "snapshot.h"
#include "table.h"
#include "template.h"

struct work {
	const struct commit_request *request;
	struct commit_result *result;
	struct raw_image image;
	char *origin_path;		/* or NULL */
	char *path;			/* of the new origin */
};

static int check_new(const struct catalog *catalog, const char *name)
{
	if (name_check(name))
		return -EINVAL;
	if (!catalog_template(catalog, name))
		return 0;
	report_error(name, "there is a template of this name");
	report_hint("choose another name; 'lclone template show %s' shows that one", name);
	return -EEXIST;
}

/* Whose template counts: a snapshot keeps its own when the clone moves. */
static const struct clone *owner_of_origin(const struct catalog *catalog,
					   const struct clone *clone,
					   const struct work *work)
{
	const char *snapshot = work->request->snapshot;
	const struct clone *layer = snapshot ? catalog_snapshot(catalog, clone, snapshot) : NULL;

	return layer ? layer : clone;
}

/* DIRECTORY/NAME.raw, where the template's own file is. */
static int choose_beside(const struct catalog *catalog, const struct clone *clone,
			 struct work *work)
{
	const struct template *template =
		catalog_template_of(catalog, owner_of_origin(catalog, clone, work));
	const char *slash = template && template->is_file ?
			    strrchr(template->path, '/') : NULL;

	if (!slash) {
		report_error(clone->name, "its template is no file, beside which a new one could be put");
		report_hint("give a device, or a file that does not exist yet, with --to");
		return -EINVAL;
	}
	work->path = print_string("%.*s/%s.raw", (int)(slash - template->path),
				  template->path, work->request->template);
	return 0;
}

/* What it was before must not be found in it when this is cut short. */
static int wipe_device(const struct work *work)
{
	struct store_file device;
	int error = store_open(work->path, STORE_WRITE | STORE_EXCLUSIVE, &device);

	if (error)
		return error;
	error = probe_wipe(&device);
	store_close(&device);
	return error;
}

static int check_device(const struct catalog *catalog, const struct clone *clone,
			const struct work *work)
{
	struct lc_super super;
	u64 bytes;
	int error = clone_device_check_empty(catalog, work->path, work->request->force, &bytes);

	/* What a snapshot was is looked at when it is opened: nobody is held up for that. */
	if (error || work->request->snapshot)
		return error;
	error = change_super(clone, &super);
	return error ? error : raw_image_check_size(work->path, bytes,
						    super.clone_sectors * 512);
}

/* That its file can be made, of which nothing is left. */
static int check_file(const struct work *work)
{
	struct part_file file;
	int error = part_open(&file, work->path);

	part_close(&file);
	return error;
}

static int choose_place(const struct catalog *catalog, const struct clone *clone,
			struct work *work)
{
	struct stat st;
	int error = 0;

	if (work->request->to)
		work->path = must_strdup(work->request->to);
	else
		error = choose_beside(catalog, clone, work);
	if (error)
		return error;
	if (stat(work->path, &st))
		return check_file(work);
	work->image.is_device = S_ISBLK(st.st_mode);
	if (work->image.is_device)
		return check_device(catalog, clone, work);
	report_error(work->path, "there is a file of this name");
	report_hint("give another one with --to; if it is what an earlier 'lclone commit' has made, 'lclone template add %s %s --format raw' registers it",
		    work->request->template, work->path);
	return -EEXIST;
}

/* The clone goes on above what it was until now. */
static int freeze(struct catalog *catalog, struct clone *clone,
		  const char *clone_store, u64 *pause_ns)
{
	struct store_place place = {
		.given = clone_store, .kind = STORE_KIND_DEVICE, .place = clone_store,
	};
	struct origins origins = { 0 };
	struct snapshot_request request = {
		.clones = &clone, .count = 1, .name = "", .places = &place,
	};
	int error;

	if (clone->kind == STORE_KIND_DEVICE && !clone_store) {
		report_error(clone->name, "it is active, and its store is a device of yours: it needs a next one");
		report_hint("give an empty device with --clone-store DEV; or take a snapshot with 'lclone snapshot %s SNAP --dir DIR', and commit %s@SNAP",
			    clone->name, clone->name);
		return -EINVAL;
	}
	error = snapshot_take(catalog, &origins, &request, pause_ns);
	origins_done(&origins);
	return error;
}

/* The store that shows what is to be committed; NULL: reported. */
static const struct clone *find_state(struct catalog *catalog, struct clone *clone,
				      const struct work *work)
{
	struct origins origins = { 0 };
	struct dm_clone dm;
	int error;

	if (work->request->snapshot)
		return snapshot_need(catalog, clone, work->request->snapshot);
	error = snapshot_settle(catalog, &origins, clone);
	origins_done(&origins);
	if (error || dm_clone_find(clone->uuid, &dm))
		return NULL;
	if (!dm.active) {
		dm_clone_done(&dm);
		return clone;
	}
	dm_clone_done(&dm);
	error = freeze(catalog, clone, work->request->clone_store,
		       &work->result->pause_ns);
	return error ? NULL : catalog_parent(catalog, clone);
}

static int find_origin(const struct catalog *catalog, const struct clone *clone,
		       struct work *work)
{
	const struct lc_super *super = level_super(work->image.levels, 0);
	const struct clone *owner = owner_of_origin(catalog, clone, work);
	const struct template *template = catalog_template_of(catalog, owner);
	int error;

	if (super->origin_kind == LC_ORIGIN_NONE)
		return 0;
	error = clone_check_template(catalog, owner, super);
	if (error)
		return error;
	work->origin_path = must_strdup(template ? template->path :
					super->origin_path);
	work->image.origin_path = work->origin_path;
	return origin_matches(clone->name, super, work->origin_path);
}

/* All that needs the catalog. */
static int begin(struct catalog *catalog, struct work *work)
{
	struct clone *clone = catalog_need_clone(catalog, work->request->clone);
	const struct clone *state;
	int error = clone ? check_new(catalog, work->request->template) : -ENOENT;

	if (!error)
		error = choose_place(catalog, clone, work);
	if (error)
		return error;
	state = find_state(catalog, clone, work);
	if (!state)
		return -ENOENT;
	error = clone_store_up(state);
	if (!error)
		error = levels_open(state->store_path, NULL, NULL,
				    &work->image.levels);
	if (!error)
		error = find_origin(catalog, clone, work);
	if (!error && work->image.is_device && work->request->force)
		error = wipe_device(work);
	return error;
}

static int add_template(const struct work *work)
{
	struct template_request request = {
		.name = work->request->template, .path = work->path,
		/* What a guest wrote may look like an image of another format. */
		.format = TEMPLATE_RAW, .quick_only = work->request->quick_only,
	};
	struct catalog catalog;
	int error = catalog_open(&catalog, CATALOG_CHANGE);

	if (!error) {
		error = template_add(&catalog, &request);
		catalog_close(&catalog);
	}
	if (error)
		report_hint("the image %s is complete: 'lclone template add %s %s --format raw' registers it",
			    work->path, request.name, work->path);
	return error;
}

static int run(struct work *work)
{
	struct catalog catalog;
	int error = catalog_open(&catalog, CATALOG_CHANGE);

	if (error)
		return error;
	error = begin(&catalog, work);
	catalog_close(&catalog);
	if (error)
		return error;
	work->image.path = work->path;
	work->image.rate_bytes = work->request->rate_bytes;
	error = raw_image_write(&work->image);
	if (!error)
		error = add_template(work);
	return error;
}

int commit(const struct commit_request *request, struct commit_result *result)
{
	struct work work = { .request = request, .result = result };
	int error;

	memset(result, 0, sizeof(*result));
	error = run(&work);
	if (work.image.levels) {
		result->size_bytes = level_super(work.image.levels, 0)->clone_sectors * 512;
		levels_free(work.image.levels);
	}
	result->written_bytes = work.image.written_bytes;
	result->shared_bytes = work.image.shared_bytes;
	result->path = work.path;
	free(work.origin_path);
	return error;
}
