// SPDX-License-Identifier: GPL-2.0
/* A clone on which a verb works for long. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "change.h"
#include "clone.h"
#include "handover.h"
#include "hold.h"
#include "output.h"
#include "snapshot.h"

int hold_open(struct hold *hold)
{
	int error;

	hold->clone = NULL;
	error = catalog_open(&hold->catalog, CATALOG_CHANGE);
	if (error)
		return error;
	hold->clone = catalog_need_clone(&hold->catalog, hold->name);
	return hold->clone ? 0 : -ENOENT;
}

void hold_close(struct hold *hold)
{
	origins_done(&hold->origins);
	memset(&hold->origins, 0, sizeof(hold->origins));
	catalog_close(&hold->catalog);
	hold->clone = NULL;
}

/* One byte of a file stands for the clone: its place is a part of the uuid. */
static int lock_clone(struct hold *hold)
{
	char *path = print_string("%s/working", catalog_directory());
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	u64 place;
	int error = 0;

	memcpy(&place, hold->clone_uuid, sizeof(place));
	lock.l_start = (off_t)(place >> 2);
	hold->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (hold->lock < 0 || fcntl(hold->lock, F_OFD_SETLK, &lock))
		error = -errno;
	if (error == -EAGAIN || error == -EACCES) {
		error = -EBUSY;
		report_error(hold->name, "another lclone works on it (flatten, rethin or rebase)");
		report_hint("wait for its end, or stop it: what it has done stays done");
	} else if (error) {
		report_errno(path, error, "cannot be locked");
	}
	if (error && hold->lock >= 0)
		close(hold->lock);
	if (error)
		hold->lock = 0;
	free(path);
	return error;
}

/*
 * The note is made while the catalog is locked, so that whoever activates the clone,
 * too, comes later, and takes it away.
 */
static int activate(struct hold *hold)
{
	struct clone *clone = hold->clone;
	bool activated;
	int error = handover_need_active(&hold->catalog, &hold->origins, clone,
					 &activated);

	if (error || !activated)
		return error;
	hold->activated = true;
	clone->held = true;
	return catalog_save(&hold->catalog);
}

int hold_activate(struct hold *hold, struct lc_super *super)
{
	int error;

	memcpy(hold->clone_uuid, hold->clone->uuid, LC_UUID_BYTES);
	error = hold->lock ? 0 : lock_clone(hold);
	if (!error)
		error = snapshot_settle(&hold->catalog, &hold->origins, hold->clone);
	if (!error)
		error = activate(hold);
	return error ? error : change_super(hold->clone, super);
}

/* Unless somebody else wants it active by now. */
static void let_down(struct hold *hold)
{
	struct clone *clone = hold->clone;

	if (!clone->held)
		return;
	clone->held = false;
	if (!clone_deactivate(&hold->catalog, clone))
		catalog_save(&hold->catalog);
}

void hold_release(struct hold *hold)
{
	if (hold->activated) {
		if (!hold_open(hold))
			let_down(hold);
		hold_close(hold);
	}
	if (hold->lock)
		close(hold->lock);
}
