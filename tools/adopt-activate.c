// SPDX-License-Identifier: GPL-2.0
/*
 * Bringing up what was adopted.  After a boot the device, if it is there, is what
 * it was before: then it gets its table again, if nobody has used it so.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "adopt-internal.h"
#include "clone-store.h"
#include "clone-table.h"
#include "command.h"
#include "dm.h"
#include "handover.h"
#include "output.h"
#include "snapshot.h"

/* Whether the device has a table of ours. */
static int shows_clone(const struct clone *clone, bool *ours)
{
	struct dm_clone dm;
	int error = dm_clone_find(clone->uuid, &dm);

	if (error)
		return error;
	*ours = dm.active && dm.target && !strcmp(dm.target, "lclone");
	dm_clone_done(&dm);
	return 0;
}

static int read_super(const struct clone *clone, struct lc_super *super)
{
	struct store_file store;
	int error = clone_store_up(clone);

	if (!error)
		error = clone_store_open(clone, clone->store_path, STORE_READ, &store);
	if (error)
		return error;
	*super = *store_super(&store);
	store_close(&store);
	return 0;
}

static void bring_up_volume(const struct clone *clone)
{
	char *path = print_string("/dev/mapper/%s", clone->adopted);
	const char *const command[] = {
		"lvchange", "--quiet", "--ignoreactivationskip", "--activate", "y",
		path, NULL,
	};
	struct command_result result;

	/* It may be no volume; what comes next tells. */
	command_run(command, 0, &result);
	command_done(&result);
	free(path);
}

int adopt_release(const struct clone *clone)
{
	struct dm_plain plain;
	int error = 0;

	if (dm_plain_get(clone->adopted, &plain))
		return 0;
	if (plain.inactive_table)
		dm_clone_clear(clone->adopted);
	if (plain.suspended)
		error = dm_clone_resume(clone->adopted);
	dm_plain_done(&plain);
	return error;
}

static int report_returned(const struct clone *clone)
{
	report_error(clone->name, "it has been put back into %s already",
		     clone->adopted);
	report_hint("'lclone adopt --undo %s' removes what is left of the clone",
		    clone->name);
	return -ESTALE;
}

bool adopt_is_cut_short(const struct lc_super *super)
{
	return store_is_unused(super) && !super->layers && super->head_generation == 1;
}

int adopt_check_store(const struct clone *clone, const struct lc_super *super)
{
	if (super->state == LC_STORE_RETIRED)
		return report_returned(clone);
	if (!adopt_is_cut_short(super))
		return 0;
	adopt_release(clone);
	report_error(clone->name, "its adoption was cut short, and %s is what it always was",
		     clone->adopted);
	report_hint("'lclone adopt --undo %s' removes what is left; then adopt it again",
		    clone->name);
	return -ESTALE;
}

/* For a moment it may be open by somebody who just looks. */
static int open_count(const struct clone *clone)
{
	const struct timespec pause = { 0, 50000000l };
	unsigned int tries = 20;
	struct dm_plain plain;
	int count;

	do {
		if (dm_plain_get(clone->adopted, &plain))
			return 0;
		count = plain.open_count;
		dm_plain_done(&plain);
		if (count)
			nanosleep(&pause, NULL);
	} while (count && --tries);
	return count;
}

static int check_idle(const struct clone *clone, const struct dm_plain *plain)
{
	int error = adopt_check(plain);

	if (error || !open_count(clone))
		return error;
	report_error(clone->name, "%s is in use as it was before it was adopted",
		     clone->adopted);
	report_hint("what was written to the clone is not in it: stop who uses it at once; if it was written to meanwhile, the clone is lost");
	return -EBUSY;
}

static int redo(struct catalog *catalog, struct clone *clone,
		struct origins *origins, const struct dm_plain *plain)
{
	u64 pause_ns;
	int error = adopt_remove_origin(clone);

	if (!error)
		error = adopt_make_origin(clone, plain->table);
	if (error)
		return error;
	error = adopt_take_over(catalog, clone, plain, origins, false, &pause_ns);
	if (error)
		adopt_remove_origin(clone);
	return error;
}

/* Its way back was cut short, perhaps while it was suspended. */
static int go_on(struct catalog *catalog, struct clone *clone,
		 struct origins *origins)
{
	int error = snapshot_settle(catalog, origins, clone);

	return error ? error : handover_reset(clone);
}

/*
 * A run that was cut short, while it gave the device its table, may have left it
 * suspended.  The origin's device, which comes first, tells that it was one of ours.
 */
static int release_left(const struct clone *clone)
{
	return adopt_helper_exists(clone, "origin") ? adopt_release(clone) : 0;
}

/* The device, which is there as it was before it was adopted, or gets there. */
static int find_idle(const struct clone *clone, struct dm_plain *plain)
{
	if (dm_plain_get(clone->adopted, plain)) {
		bring_up_volume(clone);
		if (dm_plain_get(clone->adopted, plain)) {
			report_error(clone->name, "the device %s that it took the place of is not there",
				     clone->adopted);
			report_hint("bring it up as it was, and do not use it before 'lclone activate %s'",
				    clone->name);
			return -ENODEV;
		}
	}
	return check_idle(clone, plain);
}

static int bring_back(struct catalog *catalog, struct clone *clone,
		      struct origins *origins)
{
	struct dm_plain plain = { 0 };
	int error = snapshot_settle(catalog, origins, clone);

	if (!error)
		error = release_left(clone);
	if (!error)
		error = find_idle(clone, &plain);
	if (!error)
		error = redo(catalog, clone, origins, &plain);
	dm_plain_done(&plain);
	return error;
}

int adopt_activate(struct catalog *catalog, struct clone *clone,
		   struct origins *origins)
{
	struct lc_super super;
	bool ours;
	int error = shows_clone(clone, &ours);

	if (error)
		return error;
	/* Its store may be gone already. */
	if (clone->returned)
		return report_returned(clone);
	if (ours && !clone->returning)
		return snapshot_settle(catalog, origins, clone);
	error = read_super(clone, &super);
	if (!error)
		error = adopt_check_store(clone, &super);
	if (error)
		return error;
	return ours ? go_on(catalog, clone, origins) :
		      bring_back(catalog, clone, origins);
}

int adopt_deactivate(const struct catalog *catalog, const struct clone *clone)
{
	bool ours;
	int error = shows_clone(clone, &ours);

	if (error || !ours)
		return error;
	error = dm_clone_remove(clone->adopted);
	if (!error)
		error = clone_store_detach(clone);
	clone_table_down(catalog, clone);
	return error ? error : adopt_remove_origin(clone);
}
