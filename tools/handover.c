// SPDX-License-Identifier: GPL-2.0
/* From one table of a clone's device to the next. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "clock.h"
#include "clone.h"
#include "clone-store.h"
#include "clone-table.h"
#include "dm.h"
#include "handover.h"
#include "output.h"
#include "signals.h"
#include "status-parse.h"

static int check_device(const struct clone *clone, const struct dm_clone *dm)
{
	struct clone_status status;

	if (!dm->target || strcmp(dm->target, "lclone") ||
	    status_parse(dm->status, &status)) {
		report_error(clone->name, "its device has another table than ours");
		report_hint("'dmsetup table %s' shows it", dm->name);
		return -EBUSY;
	}
	if (status.mode == CLONE_FAILED) {
		report_error(clone->name, "it is in failed mode");
		report_hint("deactivate and activate it; 'dmesg | grep lclone' tells why");
		return -EIO;
	}
	if (dm->suspended || dm->inactive_table) {
		report_error(clone->name, dm->suspended ? "it is suspended" :
			     "somebody has loaded a table that waits to be resumed");
		report_hint(dm->suspended ? "'dmsetup resume %s' lets it go on" :
					    "'dmsetup clear %s' takes it away",
			    dm->name);
		return -EBUSY;
	}
	return 0;
}

bool handover_is_up(const struct clone *clone, const struct dm_clone *dm)
{
	return dm->active && !(clone->adopted && dm->target &&
			       strcmp(dm->target, "lclone"));
}

int handover_need_active(struct catalog *catalog, struct origins *origins,
			 struct clone *clone, bool *activated)
{
	struct dm_clone dm;
	int error = dm_clone_find(clone->uuid, &dm);

	*activated = false;
	if (error)
		return error;
	if (handover_is_up(clone, &dm)) {
		error = check_device(clone, &dm);
	} else {
		error = clone_activate(catalog, clone, origins, false);
		*activated = !error;
	}
	dm_clone_done(&dm);
	return error;
}

/* With @super the table is for what the store will be. */
static int load(const struct catalog *catalog, struct origins *origins,
		const struct clone *clone, const struct lc_super *super,
		bool follows, struct handover *handover)
{
	struct clone_table table;
	struct dm_clone dm;
	char *device;
	bool made;
	int error = dm_clone_find(clone->uuid, &dm);

	if (!error && !dm.active)
		error = -ENXIO;
	if (!error)
		error = clone_store_attach(clone, &device, &made);
	if (error) {
		dm_clone_done(&dm);
		return error;
	}
	error = super ? clone_table_as(catalog, clone, device, origins, super,
				       follows, &table) :
			clone_table(catalog, clone, device, origins, follows, &table);
	if (!error)
		error = dm_clone_load(dm.name, table.sectors, table.params);
	if (!error) {
		handover->name = must_strdup(dm.name);
		memcpy(handover->uuid, clone->uuid, LC_UUID_BYTES);
	}
	free(table.params);
	free(device);
	dm_clone_done(&dm);
	return error;
}

int handover_load(const struct catalog *catalog, struct origins *origins,
		  const struct clone *clone, bool follows,
		  struct handover *handover)
{
	return load(catalog, origins, clone, NULL, follows, handover);
}

int handover_load_as(const struct catalog *catalog, struct origins *origins,
		     const struct clone *clone, const struct lc_super *super,
		     struct handover *handover)
{
	return load(catalog, origins, clone, super, false, handover);
}

bool handover_short_of_space(const u8 *clone_uuid)
{
	struct clone_status status;
	struct dm_clone dm;
	bool is_short;

	if (dm_clone_find(clone_uuid, &dm))
		return false;
	is_short = dm.active && !status_parse(dm.status, &status) &&
		   (status.waiting || status.space == SPACE_FULL);
	dm_clone_done(&dm);
	return is_short;
}

/* @is_short: the first is, which was looked at before its I/O is held. */
static int suspend_all(struct handover *const *all, size_t count, bool is_short)
{
	int error = 0;
	size_t i;

	for (i = 0; i < count && !error; i++) {
		if (i)
			is_short = handover_short_of_space(all[i]->uuid);
		error = dm_clone_suspend(all[i]->name, is_short);
		all[i]->suspended = !error;
	}
	return error;
}

static int resume_all(struct handover *const *all, size_t count)
{
	int error = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if (dm_clone_resume(all[i]->name))
			error = -EUCLEAN;
		else
			all[i]->suspended = false;
	}
	return error;
}

/* The target goes on in failed mode when it cannot follow. */
static int check_mode(const struct handover *handover)
{
	struct clone_status status;
	struct dm_clone dm;
	int error = 0;

	if (dm_clone_find(handover->uuid, &dm))
		return 0;
	if (dm.active && !status_parse(dm.status, &status) &&
	    status.mode == CLONE_FAILED) {
		report_error(handover->name, "the kernel could not give it its new store, and it is in failed mode: it can be read, not written");
		report_hint("'dmesg | grep lclone' tells why; then deactivate and activate it, which loses nothing that was flushed");
		error = -EUCLEAN;
	}
	dm_clone_done(&dm);
	return error;
}

void handover_undo(struct handover *handover)
{
	if (!handover->name)
		return;
	dm_clone_clear(handover->name);
	if (handover->suspended)
		dm_clone_resume(handover->name);
	handover->suspended = false;
}

/*
 * Most of what is dirty is written while all I/O goes on; else the first of several
 * would be held for as long as the others take for theirs.  What goes wrong here goes
 * wrong in the suspend again, which writes the rest, and is told there.
 */
static void write_maps(struct handover *const *all, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		dm_clone_message(all[i]->name, "checkpoint", NULL);
}

int handover_run(struct handover *const *all, size_t count, u64 *pause_ns)
{
	sigset_t signals;
	bool is_short;
	u64 begin;
	int error;
	size_t i;

	/* Our own pages may lie on a clone that is suspended. */
	mlockall(MCL_CURRENT | MCL_FUTURE);
	dm_batch_begin();
	write_maps(all, count);
	signals_hold(&signals);
	is_short = handover_short_of_space(all[0]->uuid);
	begin = clock_ns();
	error = suspend_all(all, count, is_short);
	if (!error) {
		error = resume_all(all, count);
		*pause_ns = clock_ns() - begin;
	} else {
		for (i = 0; i < count; i++)
			handover_undo(all[i]);
	}
	signals_release(&signals);
	dm_batch_end();
	munlockall();
	for (i = 0; i < count && !error; i++)
		error = check_mode(all[i]);
	return error;
}

int handover_run_one(struct handover *handover, u64 *pause_ns)
{
	sigset_t signals;
	int error;

	/* A device that could not be resumed is held until it is undone. */
	signals_hold(&signals);
	error = handover_run(&handover, 1, pause_ns);
	if (error)
		handover_undo(handover);
	signals_release(&signals);
	return error;
}

void handover_done(struct handover *handover)
{
	free(handover->name);
	handover->name = NULL;
}

int handover_reset(const struct clone *clone)
{
	struct dm_clone dm;
	int error = dm_clone_find(clone->uuid, &dm);

	if (error)
		return error;
	if (handover_is_up(clone, &dm) && dm.inactive_table)
		dm_clone_clear(dm.name);
	if (dm.active && dm.suspended)
		error = dm_clone_resume(dm.name);
	dm_clone_done(&dm);
	return error;
}

int handover_left(const struct clone *clone, enum handover_left *left)
{
	struct dm_clone dm;
	int error = dm_clone_find(clone->uuid, &dm);

	if (error)
		return error;
	*left = !handover_is_up(clone, &dm) ? HANDOVER_INACTIVE :
		dm.suspended && dm.inactive_table ? HANDOVER_SUSPENDED :
						    HANDOVER_RUNNING;
	dm_clone_done(&dm);
	return 0;
}

int handover_resume(const struct clone *clone)
{
	struct handover handover = { 0 };
	struct dm_clone dm;
	int error = dm_clone_find(clone->uuid, &dm);

	if (!error)
		error = dm_clone_resume(dm.name);
	if (!error) {
		handover.name = dm.name;
		memcpy(handover.uuid, clone->uuid, LC_UUID_BYTES);
		error = check_mode(&handover);
	}
	dm_clone_done(&dm);
	return error;
}
