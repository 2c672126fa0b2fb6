// SPDX-License-Identifier: GPL-2.0
/*
 * A device in use becomes a clone.
 *
 *  1. a private, read-only device NAME-origin gets a copy of its table
 *  2. a store is made over that, and the catalog has the clone
 *  3. the device is suspended; the fingerprint of what it is at that moment goes
 *     into the store; the table of the target is loaded; it is resumed
 *
 * Only with step 3 is the store brought up, which its epoch tells for ever.  Another
 * store of the clone may have none as well: one that was restored from a dump, or
 * the empty one of a reset.  The first store, without an epoch and with an empty map,
 * tells of a step 3 that was not taken: the device is what it always was.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "adopt-internal.h"
#include "clock.h"
#include "clone-store.h"
#include "clone-table.h"
#include "command.h"
#include "dm.h"
#include "format-store.h"
#include "output.h"
#include "probe.h"
#include "signals.h"

/* Targets that hold no state, so that two devices may have one table. */
static const char *const plain_targets[] = { "linear", "striped", NULL };

char *adopt_origin_path(const struct clone *clone)
{
	return print_string("/dev/mapper/%s-origin", clone->name);
}

/* Where lvm2 has not brought it up, it is lvm2 that is asked. */
static bool is_volume(const char *name, const char *path)
{
	const char *const ask[] = { "lvs", "--noheadings", path, NULL };
	struct command_result result;
	struct dm_plain plain;
	bool is;

	if (!dm_plain_get(name, &plain)) {
		is = !strncmp(plain.uuid, "LVM-", 4);
		dm_plain_done(&plain);
		return is;
	}
	is = !command_run(ask, 0, &result) && !result.status;
	command_done(&result);
	return is;
}

int adopt_lvm_skip(const char *name, bool skip)
{
	char *path = print_string("/dev/mapper/%s", name);
	const char *const change[] = {
		"lvchange", "--quiet", "--setactivationskip", skip ? "y" : "n",
		path, NULL,
	};
	int error = is_volume(name, path) ? command_must(change, 0, path) : 0;

	free(path);
	return error;
}

/* What is wrong with the device for a table of ours. */
int adopt_check(const struct dm_plain *plain)
{
	char *other;

	if (!dm_plain_targets(plain, plain_targets, &other)) {
		report_error(plain->name, "its table has the target %s", other);
		report_hint("only devices of the targets linear and striped can be adopted");
		free(other);
		return -EINVAL;
	}
	if (plain->suspended || plain->inactive_table || plain->read_only) {
		report_error(plain->name, plain->read_only ? "it is read-only" :
			     "it is suspended, or a table waits to be resumed");
		report_hint("'dmsetup info %s' shows it", plain->name);
		return -EBUSY;
	}
	return 0;
}

static int find_device(const char *path, struct dm_plain *plain)
{
	char *name = dm_plain_name(path);
	int error = -ENODEV;

	if (name)
		error = dm_plain_get(name, plain);
	if (error) {
		report_error(path, "is no device of device-mapper");
		report_hint("logical volumes are, and what is in /dev/mapper");
	} else {
		error = adopt_check(plain);
	}
	free(name);
	return error;
}

char *adopt_helper_name(const char *clone_name, const char *what)
{
	return print_string("%s-%s", clone_name, what);
}

/* To be freed. */
static char *helper_uuid(const struct clone *clone, const char *what)
{
	char text[UUID_TEXT_BYTES];

	return print_string("LCLONE-%s-%s", what, print_uuid(clone->uuid, text));
}

bool adopt_helper_exists(const struct clone *clone, const char *what)
{
	char *name = adopt_helper_name(clone->name, what);
	char *uuid = helper_uuid(clone, what);
	struct dm_plain plain;
	bool exists = false;

	if (!dm_plain_get(name, &plain)) {
		exists = !strcmp(plain.uuid, uuid);
		dm_plain_done(&plain);
	}
	free(uuid);
	free(name);
	return exists;
}

static int check_name_free(const char *name)
{
	if (!dm_name_taken(name))
		return 0;
	report_error(name, "another device has this name");
	report_hint("rename, deactivate or remove it ('dmsetup info %s' shows it)", name);
	return -EEXIST;
}

int adopt_make_helper(const struct clone *clone, const char *what, const char *table,
		      bool read_only)
{
	char *name = adopt_helper_name(clone->name, what);
	char *uuid = helper_uuid(clone, what);
	int error = check_name_free(name);

	if (!error)
		error = dm_plain_create(name, uuid, table, read_only);
	free(uuid);
	free(name);
	return error;
}

int adopt_remove_helper(const struct clone *clone, const char *what)
{
	char *name = adopt_helper_name(clone->name, what);
	int error = adopt_helper_exists(clone, what) ? dm_clone_remove(name) : 0;

	free(name);
	return error;
}

int adopt_make_origin(const struct clone *clone, const char *table)
{
	return adopt_make_helper(clone, "origin", table, true);
}

int adopt_remove_origin(const struct clone *clone)
{
	return adopt_remove_helper(clone, "origin");
}

/* Under the pause ------------------------------------------------------- */

/* What was read of it while it was written is of no use. */
static int forget_cached(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error = fd < 0 || ioctl(fd, BLKFLSBUF) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (error)
		report_errno(path, error, "cannot be read");
	return error;
}

static void set_fingerprint(struct lc_super *super, const void *fingerprint)
{
	memcpy(super->fingerprint, fingerprint, LC_FINGERPRINT_BYTES);
}

/* The store learns what its origin is at this moment. */
static int note_fingerprint(const struct clone *clone, const char *device,
			    struct origins *origins)
{
	char *path = adopt_origin_path(clone);
	struct origin *origin;
	int error = forget_cached(path);

	if (!error)
		error = origins_look(origins, path, &origin);
	if (!error)
		error = clone_store_edit(clone, device, STORE_WRITE | STORE_EXCLUSIVE,
					 set_fingerprint, origin->quick);
	free(path);
	return error;
}

static int load(const struct catalog *catalog, const struct clone *clone,
		const char *device, struct origins *origins)
{
	struct clone_table table;
	int error = clone_table(catalog, clone, device, origins, false, &table);

	if (!error)
		error = dm_clone_load(clone->adopted, table.sectors, table.params);
	free(table.params);
	return error;
}

/*
 * lvm2 may have moved or extended it since: what would be made its origin, and what
 * it would be put back to, is not the device any more.  To be asked when it is
 * suspended.
 */
static int check_same(const struct dm_plain *plain)
{
	struct dm_plain now;
	bool same = !dm_plain_get(plain->name, &now) &&
		    !strcmp(now.table, plain->table) && !now.inactive_table;

	dm_plain_done(&now);
	if (same)
		return 0;
	report_error(plain->name, "its table has been changed meanwhile");
	report_hint("let what changes it come to its end, and try again");
	return -EBUSY;
}

/* A resume that failed may have left it without any table. */
static int put_back(const struct clone *clone, const struct dm_plain *plain)
{
	dm_clone_clear(clone->adopted);
	if (dm_plain_load(clone->adopted, plain->table))
		return -EUCLEAN;
	return dm_clone_resume(clone->adopted);
}

int adopt_take_over(const struct catalog *catalog, const struct clone *clone,
		    const struct dm_plain *plain, struct origins *origins,
		    bool fresh, u64 *pause_ns)
{
	sigset_t signals;
	char *device;
	bool made;
	u64 begin;
	int lock;
	int error = clone_store_share(clone, &lock);

	if (!error)
		error = clone_store_attach(clone, &device, &made);
	if (error) {
		store_unshare(lock);
		return error;
	}
	mlockall(MCL_CURRENT | MCL_FUTURE);
	/* So that the resume does not wait for udev while we count. */
	dm_batch_begin();
	signals_hold(&signals);
	begin = clock_ns();
	error = dm_clone_suspend(clone->adopted, false);
	if (!error && check_same(plain)) {
		error = -EBUSY;
		dm_clone_resume(clone->adopted);
	} else if (!error) {
		if (fresh)
			error = note_fingerprint(clone, device, origins);
		if (!error)
			error = load(catalog, clone, device, origins);
		if (!error)
			error = dm_clone_resume(clone->adopted);
		if (error)
			put_back(clone, plain);
	}
	*pause_ns = clock_ns() - begin;
	signals_release(&signals);
	dm_batch_end();
	munlockall();
	store_unshare(lock);
	free(device);
	return error;
}

/* Adopting --------------------------------------------------------------- */

static int compose(const struct adopt_request *request,
		   const struct dm_plain *plain, struct clone *clone)
{
	const struct store_place *place = &request->place;
	char *directory;
	int error;

	clone->kind = place->kind;
	clone->name = must_strdup(request->name);
	clone->adopted = must_strdup(plain->name);
	uuid_generate(clone->uuid);
	switch (place->kind) {
	case STORE_KIND_DIR:
		directory = realpath(place->place, NULL);
		if (!directory) {
			error = -errno;
			report_errno(place->place, error, "no directory to put a store in");
			return error;
		}
		clone->store_path = print_string("%s/%s.lclone", directory,
						 request->name);
		free(directory);
		return 0;
	case STORE_KIND_VG:
		clone->vg = must_strdup(place->place);
		clone->lv = must_strdup(request->name);
		clone->store_path = print_string("/dev/%s/%s", clone->vg, clone->lv);
		return 0;
	default:
		clone->store_path = origin_stable_path(place->place);
		return 0;
	}
}

/* The origin's device of an adoption that was cut short before the catalog knew it. */
static int remove_left_origin(const struct catalog *catalog, const char *name)
{
	char *origin = adopt_helper_name(name, "origin");
	struct dm_plain plain;
	int error = 0;

	if (!catalog_clone(catalog, name) && !dm_plain_get(origin, &plain)) {
		if (!strncmp(plain.uuid, "LCLONE-origin-", 14) && !plain.open_count)
			error = dm_clone_remove(origin);
		dm_plain_done(&plain);
	}
	free(origin);
	return error;
}

/* And its store: none yet, or one that was never active. */
static int remove_left_store(const struct catalog *catalog, const struct clone *clone)
{
	char *path = adopt_origin_path(clone);
	struct store_file store;
	const char *why;
	bool left = false;
	int error;

	if (clone->kind != STORE_KIND_DEVICE && clone_store_exists(clone) &&
	    !clone_store_known(catalog, clone->store_path) &&
	    !store_open(clone->store_path, STORE_READ | STORE_QUIET, &store)) {
		error = store_load_quietly(&store, &why);
		left = error ? error == -EMEDIUMTYPE && clone_store_begun(clone, &store) :
		       store_is_unused(store_super(&store)) &&
		       !strcmp(store_super(&store)->origin_path, path);
		store_close(&store);
	}
	free(path);
	if (!left)
		return 0;
	clone_store_detach(clone);
	return clone_store_unmake(clone);
}

static int check_new(const struct catalog *catalog,
		     const struct adopt_request *request)
{
	char *origin = adopt_helper_name(request->name, "origin");
	int error = name_check(request->name);

	if (!error)
		error = remove_left_origin(catalog, request->name);
	if (!error && (catalog_clone(catalog, request->name) ||
		       dm_name_taken(origin))) {
		report_error(request->name, catalog_clone(catalog, request->name) ?
			     "there is a clone of this name" :
			     "there is a device for the origin of a clone of this name");
		report_hint("choose another name");
		error = -EEXIST;
	}
	if (!error)
		error = clone_device_check(catalog, request->device);
	if (!error && request->place.kind == STORE_KIND_DEVICE)
		error = clone_device_check(catalog, request->place.place);
	free(origin);
	return error;
}

/* A store on the device itself would have to be written while that is suspended. */
static int check_apart(const struct clone *clone)
{
	char *device = print_string("/dev/mapper/%s", clone->adopted);
	int error = probe_stacking(clone->store_path, device);

	free(device);
	return error;
}

/* The fingerprint of what is still written means nothing: that comes later. */
static int format(const struct adopt_request *request, struct clone *clone)
{
	static const u8 unknown[LC_FINGERPRINT_BYTES];
	char *path = adopt_origin_path(clone);
	struct format_request format_request = {
		.store_path = clone->store_path, .origin_path = path,
		.clone_name = clone->name, .fingerprint = unknown,
		.clone_uuid = clone->uuid,
		.force = request->place.force || clone->kind != STORE_KIND_DEVICE,
	};
	struct format_result result;
	int error = format_store(&format_request, &result);

	free(path);
	if (error)
		return error;
	memcpy(clone->store_uuid, result.store_uuid, LC_UUID_BYTES);
	memcpy(clone->content_uuid, result.content_uuid, LC_UUID_BYTES);
	return 0;
}

static int enter(struct catalog *catalog, const struct dm_plain *plain,
		 struct clone *clone, u64 *pause_ns)
{
	struct origins origins = { 0 };
	struct clone *entered;
	int error;

	dm_alias_set(clone->uuid, clone->adopted);
	entered = catalog_add_clone(catalog, clone);
	error = catalog_save(catalog);
	if (!error)
		error = adopt_lvm_skip(plain->name, true);
	if (!error) {
		error = adopt_take_over(catalog, entered, plain, &origins,
					true, pause_ns);
		if (error)
			adopt_lvm_skip(plain->name, false);
	}
	catalog_forget_clone(catalog, entered);
	if (error)
		catalog_save(catalog);
	origins_done(&origins);
	return error;
}

static int make(struct catalog *catalog, const struct adopt_request *request,
		const struct dm_plain *plain, struct clone *clone, u64 *pause_ns)
{
	u64 bytes = request->place.store_bytes ? request->place.store_bytes :
		    store_bytes_for(plain->sectors * 512);
	int error = adopt_make_origin(clone, plain->table);

	if (error)
		return error;
	error = clone_store_make(clone, bytes - bytes % LC_BLOCK_SIZE);
	if (!error) {
		error = check_apart(clone);
		if (!error)
			error = format(request, clone);
		if (!error)
			error = enter(catalog, plain, clone, pause_ns);
		if (error)
			clone_store_detach(clone);
		if (error && (clone->kind != STORE_KIND_DEVICE ||
			      !lc_uuid_is_null(clone->store_uuid)))
			clone_store_unmake(clone);
	}
	if (error)
		adopt_remove_origin(clone);
	return error;
}

int adopt(const struct adopt_request *request, u64 *pause_ns)
{
	struct dm_plain plain = { 0 };
	struct clone clone = { 0 };
	struct catalog catalog;
	int error = dm_need_target();

	if (!error)
		error = catalog_open(&catalog, CATALOG_CHANGE);
	if (error)
		return error;
	error = check_new(&catalog, request);
	if (!error)
		error = find_device(request->device, &plain);
	if (!error)
		error = compose(request, &plain, &clone);
	if (!error)
		error = remove_left_store(&catalog, &clone);
	if (!error)
		error = make(&catalog, request, &plain, &clone, pause_ns);
	clone_release(&clone);
	dm_plain_done(&plain);
	catalog_close(&catalog);
	return error;
}
