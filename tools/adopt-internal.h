/* SPDX-License-Identifier: GPL-2.0 */
/* What adopting, activating what was adopted, and the way back share. */
#ifndef LCLONE_ADOPT_INTERNAL_H
#define LCLONE_ADOPT_INTERNAL_H

#include "adopt.h"
#include "dm-plain.h"

/* Path of the device that stands for the origin; to be freed. */
char *adopt_origin_path(const struct clone *clone);

/* What is wrong with a device for a table of ours; reported. */
int adopt_check(const struct dm_plain *plain);

/* Whether @super, of the clone's store, tells that it never took the device's place. */
bool adopt_is_cut_short(const struct lc_super *super);

/*
 * What stands beside the device, NAME-origin or NAME-return, is known by the uuid that
 * we give it: something else may have its name, and is left alone.  Removing one that is
 * not there is no error; making one where the name is taken is.  Names are to be freed.
 */
char *adopt_helper_name(const char *clone_name, const char *what);
bool adopt_helper_exists(const struct clone *clone, const char *what);
int adopt_make_helper(const struct clone *clone, const char *what, const char *table,
		      bool read_only);
int adopt_remove_helper(const struct clone *clone, const char *what);

/* The device for the origin. */
int adopt_make_origin(const struct clone *clone, const char *table);
int adopt_remove_origin(const struct clone *clone);

/*
 * Gives the device, which is @plain now, the table of the target.  With @fresh the
 * store learns the fingerprint of its origin, else it is compared.  When it fails
 * the device is what it was.
 */
int adopt_take_over(const struct catalog *catalog, const struct clone *clone,
		    const struct dm_plain *plain, struct origins *origins,
		    bool fresh, u64 *pause_ns);

#endif
