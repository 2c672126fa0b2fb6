// SPDX-License-Identifier: GPL-2.0
/* Asking the target for what a store is to be read for. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "dm.h"
#include "dm-plain.h"
#include "live.h"
#include "output.h"
#include "probe.h"
#include "status-parse.h"

/* The device of device-mapper that writes to a store. */
struct writer {
	struct dm_clone dm;
	struct clone_status status;
};

/* Whether @holder ("dm-3") has the store in its table of now, and as its store. */
static bool is_writer(const struct store_file *store, const char *holder,
		      struct writer *writer)
{
	char *path = print_string("/dev/%s", holder);
	char *name = dm_plain_name(path);
	bool is;

	free(path);
	if (!name)
		return false;
	is = !dm_clone_find_name(name, &writer->dm) && writer->dm.target &&
	     !strcmp(writer->dm.target, "lclone") &&
	     !status_parse(writer->dm.status, &writer->status) &&
	     !memcmp(writer->status.store_uuid, store->header.store_uuid,
		     LC_UUID_BYTES);
	if (!is)
		dm_clone_done(&writer->dm);
	free(name);
	return is;
}

/*
 * By who holds the device, not by the clone's uuid: that a copy of the store has as
 * well, and a table that was made by hand need not have it.  -ENXIO, not reported:
 * none.
 */
static int find_writer(const struct store_file *store, struct writer *writer)
{
	dev_t device = store->block_device ? store->device :
					     loop_over_file(store->path);
	char *holders = device ? device_holders(device) : NULL;
	char *holder, *save = NULL;

	for (holder = holders ? strtok_r(holders, " ", &save) : NULL; holder;
	     holder = strtok_r(NULL, " ", &save))
		if (is_writer(store, holder, writer))
			break;
	free(holders);
	return holder ? 0 : -ENXIO;
}

static int check_writer(const struct writer *writer)
{
	const char *name = writer->dm.name;

	if (writer->status.mode != CLONE_RW) {
		report_error(name, "it is active in mode %s, and its map cannot be written out",
			     clone_mode_name(writer->status.mode));
		report_hint("deactivate it");
		return -EIO;
	}
	if (writer->dm.suspended) {
		report_error(name, "it is suspended, and its map cannot be written out");
		report_hint("'dmsetup resume %s' lets it go on", name);
		return -EBUSY;
	}
	return 0;
}

/* What the target has told of is what the device is to show. */
static int load_newest(struct store_file *store, u64 generation)
{
	int error = store_load(store);

	if (error || store_super(store)->generation >= generation)
		return error;
	report_error(store->path, "does not show what the clone has written to it");
	report_hint("take a snapshot of the clone with 'lclone snapshot', and name that: CLONE@SNAP");
	return -EIO;
}

int live_checkpoint(struct store_file *store)
{
	struct writer writer;
	int error = find_writer(store, &writer);

	if (error)
		return error;
	error = check_writer(&writer);
	if (!error)
		error = dm_clone_tell(writer.dm.name, "checkpoint");
	dm_clone_done(&writer.dm);
	/* It may have been given another store before the message came. */
	if (!error)
		error = find_writer(store, &writer);
	if (error)
		return error;
	error = load_newest(store, writer.status.generation);
	dm_clone_done(&writer.dm);
	return error;
}
