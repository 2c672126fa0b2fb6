// SPDX-License-Identifier: GPL-2.0
/* Clones that get larger or smaller. */

#include <errno.h>
#include <stdlib.h>
#include "change.h"
#include "clone.h"
#include "dm.h"
#include "handover.h"
#include "output.h"
#include "resize.h"
#include "snapshot.h"
#include "zero-range.h"

static int check_size(const struct clone *clone, const struct resize_result *result,
		      bool force)
{
	char now[SIZE_TEXT_BYTES], wanted[SIZE_TEXT_BYTES];

	if (result->new_bytes / 512 > LC_CLONE_SECTORS_MAX) {
		report_error(clone->name, "no clone can be as large as %s",
			     print_size(result->new_bytes, wanted));
		report_hint("the largest have %s",
			    print_size(LC_CLONE_SECTORS_MAX * 512, now));
		return -ERANGE;
	}
	if (result->new_bytes >= result->old_bytes || force)
		return 0;
	report_error(clone->name, "it has %s, and what lies behind %s would be lost",
		     print_size(result->old_bytes, now),
		     print_size(result->new_bytes, wanted));
	report_hint("make what is on it smaller first (a filesystem, partitions), then give --force");
	return -EINVAL;
}

/* What is cut off must not come back when the clone grows again. */
static int discard_tail(const struct clone *clone, const struct resize_result *result)
{
	struct dm_clone dm;
	char *path;
	int error = dm_clone_find(clone->uuid, &dm);

	if (error)
		return error;
	if (dm.open_count)
		report_warning(clone->name, "it is open; who has it open finds it cut");
	path = print_string("/dev/mapper/%s", dm.name);
	error = zero_range(path, result->new_bytes,
			   result->old_bytes - result->new_bytes);
	free(path);
	dm_clone_done(&dm);
	return error;
}

static int resize(struct catalog *catalog, struct origins *origins,
		  struct clone *clone, const struct lc_super *super,
		  struct resize_result *result)
{
	struct lc_super next = *super;
	int error = 0;

	if (result->new_bytes < result->old_bytes)
		error = discard_tail(clone, result);
	if (error)
		return error;
	next.clone_sectors = result->new_bytes / 512;
	next.overlap_sectors = min(super->overlap_sectors, next.clone_sectors);
	return change_run(catalog, origins, clone, super, &next, &result->pause_ns);
}

int resize_run(struct catalog *catalog, struct origins *origins,
	       struct clone *clone, u64 bytes, bool more, bool force,
	       struct resize_result *result)
{
	struct lc_super super;
	bool activated = false;
	int error = snapshot_settle(catalog, origins, clone);

	if (!error)
		error = change_super(clone, &super);
	if (error)
		return error;
	*result = (struct resize_result) { .old_bytes = super.clone_sectors * 512 };
	result->new_bytes = more ? result->old_bytes + bytes : bytes;
	error = check_size(clone, result, force);
	if (error || result->new_bytes == result->old_bytes)
		return error;
	error = handover_need_active(catalog, origins, clone, &activated);
	if (!error)
		error = change_super(clone, &super);
	if (!error)
		error = resize(catalog, origins, clone, &super, result);
	if (activated)
		clone_deactivate(catalog, clone);
	return error;
}
