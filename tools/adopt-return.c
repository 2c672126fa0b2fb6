// SPDX-License-Identifier: GPL-2.0
/*
 * The way back of a device that was adopted, while it is in use.
 *
 *  1. the clone is frozen, again and again, and what was frozen is written into
 *     the old device.  Nobody sees that: a layer covers each block which is written
 *  2. when little is left, the device is suspended, and the rest is written
 *  3. the clone's own store is retired: from here on the old device has all of it
 *  4. the device gets its old table and is resumed
 *  5. the stores are removed
 *
 * Until step 3 the chain is whole, and all can be done again; after it only the
 * old device counts, and it has not been written to before step 4.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "adopt-internal.h"
#include "clock.h"
#include "clone-store.h"
#include "dm.h"
#include "dm-plain.h"
#include "handover.h"
#include "output.h"
#include "raw-image.h"
#include "signals.h"
#include "snapshot.h"

/* So little may be copied while I/O is held; so often it is tried to have no more. */
#define LITTLE_BYTES	(8u << 20)
#define ROUNDS_MAX	8

struct work {
	const struct return_request *request;
	struct return_result *result;
	struct catalog *catalog;
	struct origins origins;
	struct clone *clone;		/* in the catalog */
	char *back;			/* path of a writable device like the origin */
	char *table;			/* of the origin */
};

/* What stands in the way ------------------------------------------------ */

static bool is_own(const struct work *work, const struct clone *layer)
{
	return !memcmp(layer->uuid, work->clone->uuid, LC_UUID_BYTES);
}

static int check_layers(const struct work *work)
{
	const struct catalog *catalog = work->catalog;
	size_t i;

	for (i = 0; i < catalog->layer_count; i++) {
		const struct clone *layer = &catalog->layers[i];
		char *names;

		if (!is_own(work, layer))
			continue;
		names = catalog_dependents(catalog, layer, work->clone);
		if (names) {
			report_error(work->clone->name, "%s stands on it, and needs its origin",
				     names);
			report_hint("remove these first");
			free(names);
			return -EBUSY;
		}
		if (*layer->name && !layer->replaced && !work->request->drop_snapshots) {
			report_error(work->clone->name, "its snapshot %s would be lost",
				     layer->name);
			report_hint("give --drop-snapshots if that is meant");
			return -EBUSY;
		}
	}
	return 0;
}

/* Templates over it, and clones of those that did not come from the clone. */
static int check_origin(const struct work *work)
{
	char *path = print_string("/dev/mapper/%s-origin", work->clone->name);
	size_t i;
	int error = 0;

	for (i = 0; i < work->catalog->template_count && !error; i++) {
		const struct template *template = &work->catalog->templates[i];

		if (strcmp(template->path, path))
			continue;
		report_error(work->clone->name, "its origin is that of template %s",
			     template->name);
		report_hint("remove the clones of that, and then the template");
		error = -EBUSY;
	}
	free(path);
	return error;
}

/* Copying ------------------------------------------------------------------ */

static int write_back(struct work *work, struct levels *levels,
		      unsigned int count, u64 rate_bytes, u64 *bytes)
{
	struct raw_image image = {
		.levels = levels, .count = count, .path = work->back,
		.is_device = true, .in_place = true,
		.rate_bytes = rate_bytes,
	};
	int error = raw_image_write(&image);

	*bytes = image.written_bytes;
	work->result->copied_bytes += image.written_bytes;
	return error;
}

/* One state of the clone, or the newest layers of it. */
static int copy_layers(struct work *work, const struct clone *top, bool all,
		       u64 *bytes)
{
	struct levels *levels = NULL;
	int error = clone_store_up(top);

	if (!error)
		error = levels_open(top->store_path, NULL, NULL, &levels);
	if (!error)
		error = write_back(work, levels, all ? levels->count : 1,
				   work->request->rate_bytes, bytes);
	if (levels)
		levels_free(levels);
	return error;
}

static int freeze(struct work *work)
{
	struct snapshot_request request = {
		.clones = &work->clone, .count = 1, .name = "",
		.places = &work->request->place,
	};
	u64 pause_ns = 0;
	int error = snapshot_take(work->catalog, &work->origins, &request, &pause_ns);

	work->result->pause_ns = max(work->result->pause_ns, pause_ns);
	return error;
}

/* The origin is about to be written: its fingerprint will not be that of before. */
static int mark_returning(struct work *work)
{
	if (work->clone->returning)
		return 0;
	work->clone->returning = true;
	return catalog_save(work->catalog);
}

/* Step 1.  A device of the user's can be given for one round only. */
static int copy_running(struct work *work)
{
	bool one = work->request->place.given ?
		   work->request->place.kind == STORE_KIND_DEVICE :
		   work->clone->kind == STORE_KIND_DEVICE;
	unsigned int rounds = one ? 1 : ROUNDS_MAX;
	u64 bytes = LITTLE_BYTES + 1;
	int error = 0;

	while (!error && bytes > LITTLE_BYTES && work->result->rounds < rounds) {
		error = freeze(work);
		if (!error)
			error = mark_returning(work);
		if (!error)
			error = copy_layers(work, catalog_parent(work->catalog, work->clone),
					    !work->result->rounds, &bytes);
		work->result->rounds++;
	}
	return error;
}

/* Under the pause ----------------------------------------------------------- */

/* The tool may have read it when it was older. */
static void forget_cached(const char *device)
{
	int fd = open(device, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	ioctl(fd, BLKFLSBUF);
	close(fd);
}

/* Its store while it is suspended: all is on the disk, and nothing in the journal. */
static int copy_parked(struct work *work, const char *device)
{
	struct levels *levels = must_alloc(sizeof(*levels));
	u64 bytes;
	int error;

	forget_cached(device);
	error = clone_store_open(work->clone, device, STORE_READ,
				 &levels->level[0].store);
	if (!error) {
		levels->count = 1;
		if (level_super(levels, 0)->owner_epoch) {
			report_error(work->clone->name, "its store has not come to rest");
			error = -EBUSY;
		}
	}
	/* As fast as it can: I/O is held. */
	if (!error)
		error = write_back(work, levels, 1, 0, &bytes);
	levels_free(levels);
	return error;
}

/* Step 3. */
static void retire(struct lc_super *super, const void *data)
{
	(void)data;
	super->state = LC_STORE_RETIRED;
}

static int old_table(const struct work *work)
{
	int error;

	dm_clone_clear(work->clone->adopted);
	error = dm_plain_load(work->clone->adopted, work->table);
	return error ? error : dm_clone_resume(work->clone->adopted);
}

/* Steps 2 to 4. */
static int hand_back(struct work *work)
{
	bool retired = false, made;
	sigset_t signals;
	char *device;
	u64 begin;
	int error = clone_store_attach(work->clone, &device, &made);

	if (error)
		return error;
	mlockall(MCL_CURRENT | MCL_FUTURE);
	dm_batch_begin();
	signals_hold(&signals);
	begin = clock_ns();
	error = dm_clone_suspend(work->clone->adopted,
				 handover_short_of_space(work->clone->uuid));
	if (!error) {
		error = copy_parked(work, device);
		if (!error) {
			error = clone_store_edit(work->clone, device, STORE_WRITE,
						 retire, NULL);
			retired = !error;
		}
		if (retired)
			error = old_table(work);
		else
			dm_clone_resume(work->clone->adopted);
	}
	work->result->pause_ns = max(work->result->pause_ns, clock_ns() - begin);
	signals_release(&signals);
	dm_batch_end();
	munlockall();
	free(device);
	return error;
}

/* Around it ----------------------------------------------------------------- */

/* A device like the origin that can be written, and the table of both. */
static int make_back(struct work *work, const char *from)
{
	char *name = adopt_helper_name(work->clone->name, "return");
	struct dm_plain plain;
	int error = adopt_remove_helper(work->clone, "return");

	if (!error)
		error = dm_plain_get(from, &plain);
	if (!error) {
		work->table = must_strdup(plain.table);
		dm_plain_done(&plain);
		error = adopt_make_helper(work->clone, "return", work->table, false);
	} else {
		report_error(work->clone->name, "the device %s cannot be found", from);
		report_hint("bring it up as it was before it was adopted, and do not use it");
	}
	work->back = print_string("/dev/mapper/%s", name);
	free(name);
	return error;
}

static struct clone *own_layer(const struct work *work)
{
	size_t i;

	for (i = 0; i < work->catalog->layer_count; i++)
		if (is_own(work, &work->catalog->layers[i]))
			return &work->catalog->layers[i];
	return NULL;
}

static int drop_store(const struct work *work, const struct clone *store)
{
	int error = clone_store_drop(store);

	if (error)
		report_hint("%s has all of it again: if the store is gone for good, 'lclone remove --force %s' removes the clone",
			    work->clone->adopted, work->clone->name);
	return error;
}

/* Step 5: the device is what it was, and the clone goes; its own store last. */
static int clean_up(struct work *work)
{
	struct clone *layer;
	int error = adopt_remove_helper(work->clone, "return");

	work->clone->returned = true;
	if (!error)
		error = adopt_remove_helper(work->clone, "origin");
	if (!error)
		error = catalog_save(work->catalog);
	while (!error && (layer = own_layer(work))) {
		error = drop_store(work, layer);
		if (!error)
			catalog_drop_layer(work->catalog, layer);
	}
	if (!error)
		error = adopt_lvm_skip(work->clone->adopted, false);
	if (!error)
		error = drop_store(work, work->clone);
	if (!error) {
		catalog_drop_clone(work->catalog, work->clone);
		error = catalog_save(work->catalog);
	}
	return error;
}

/* What the device and the store are now. */
struct present {
	bool active;			/* the device shows the clone */
	struct lc_super super;
};

static int look(struct work *work, struct present *present)
{
	struct store_file store;
	struct dm_clone dm;
	int error = dm_clone_find(work->clone->uuid, &dm);

	if (error)
		return error;
	present->active = dm.active && dm.target && !strcmp(dm.target, "lclone");
	dm_clone_done(&dm);
	error = clone_store_up(work->clone);
	if (!error)
		error = clone_store_open(work->clone, work->clone->store_path,
					 STORE_READ, &store);
	if (error)
		return error;
	present->super = *store_super(&store);
	store_close(&store);
	return 0;
}

/* The old device has all of it; a device that still shows the clone is suspended. */
static int finish(struct work *work, bool active)
{
	char *origin = adopt_helper_name(work->clone->name, "origin");
	int error = active ? make_back(work, origin) : 0;

	if (!error && active)
		error = old_table(work);
	free(origin);
	return error ? error : clean_up(work);
}

static int go_back(struct work *work)
{
	struct present present;
	bool unused;
	char *origin;
	int error;

	if (work->clone->returned)
		return clean_up(work);
	error = look(work, &present);
	if (error)
		return error;
	if (present.super.state == LC_STORE_RETIRED)
		return finish(work, present.active);
	unused = !present.active && adopt_is_cut_short(&present.super);
	if (unused)
		error = adopt_release(work->clone);
	if (!error)
		error = check_layers(work);
	if (!error)
		error = check_origin(work);
	if (!error && unused)
		return clean_up(work);
	if (!error)
		error = adopt_activate(work->catalog, work->clone, &work->origins);
	if (error)
		return error;
	origin = adopt_helper_name(work->clone->name, "origin");
	error = make_back(work, origin);
	free(origin);
	if (!error)
		error = copy_running(work);
	if (!error)
		error = hand_back(work);
	if (!error)
		return clean_up(work);
	adopt_remove_helper(work->clone, "return");
	return error;
}

static int find_adopted(struct catalog *catalog, const char *name,
			struct clone **clone)
{
	*clone = catalog_need_clone(catalog, name);
	if (!*clone)
		return -ENOENT;
	if ((*clone)->adopted)
		return 0;
	report_error(name, "it was not adopted");
	report_hint("'lclone remove' removes a clone");
	return -EINVAL;
}

int adopt_return(const struct return_request *request,
		 struct return_result *result)
{
	struct work work = { .request = request, .result = result };
	struct catalog catalog;
	int error;

	memset(result, 0, sizeof(*result));
	error = catalog_open(&catalog, CATALOG_CHANGE);
	if (error)
		return error;
	work.catalog = &catalog;
	error = find_adopted(&catalog, request->name, &work.clone);
	if (!error)
		error = go_back(&work);
	if (error && work.back)
		report_hint("nothing is lost: 'lclone adopt --undo %s' can be run again",
			    request->name);
	origins_done(&work.origins);
	free(work.back);
	free(work.table);
	catalog_close(&catalog);
	return error;
}
