/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices of device-mapper that others have made, and what we put beside them.
 * Functions that return int return 0 or a negative errno, and have reported what
 * went wrong.
 */
#ifndef LCLONE_DM_PLAIN_H
#define LCLONE_DM_PLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct dm_plain {
	char *name;
	char *uuid;		/* "" when it has none */
	char *table;		/* lines "START LENGTH TARGET PARAMETERS" */
	uint64_t sectors;
	unsigned int targets;
	int open_count;
	bool suspended;
	bool read_only;
	bool inactive_table;
};

/*
 * The device called @name; -ENXIO, not reported, when there is none.
 * dm_plain_done() frees it.
 */
int dm_plain_get(const char *name, struct dm_plain *plain);
void dm_plain_done(struct dm_plain *plain);

/* Whether all targets are among @types (to a NULL); else @other is set, to be freed. */
bool dm_plain_targets(const struct dm_plain *plain, const char *const *types,
		      char **other);

/* The name of the block device @path, if it is one of device-mapper's; to be freed. */
char *dm_plain_name(const char *path);

/* The name of a device that has this store active, or NULL; to be freed.  Reports nothing. */
char *dm_store_user(const uint8_t *store_uuid);

/* Makes /dev/mapper/@name with a table of such lines, which udev leaves alone. */
int dm_plain_create(const char *name, const char *uuid, const char *table,
		    bool read_only);

/* Puts such a table into the inactive slot. */
int dm_plain_load(const char *name, const char *table);

/*
 * From now on the clone is looked for under this name, not by its uuid: it has
 * taken the place of a device that keeps its own name and uuid.
 */
void dm_alias_set(const uint8_t *clone_uuid, const char *name);

#endif
