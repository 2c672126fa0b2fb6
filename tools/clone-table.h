/* SPDX-License-Identifier: GPL-2.0 */
/* The table of a clone: its devices, found, brought up and checked. */
#ifndef LCLONE_CLONE_TABLE_H
#define LCLONE_CLONE_TABLE_H

#include "catalog.h"
#include "origin.h"

struct clone_table {
	u64 sectors;
	char *params;			/* of the target; to be freed */
	struct lc_super super;		/* of the store, as it is on its device */
};

/*
 * Composes the table of @clone, whose store is up at @device: finds the origin
 * and the layers, brings them up, and compares all with what the store records.
 * With @follows the newest layer may be the live store that @clone's is to
 * follow.  Returns 0 or a negative errno, which has been reported.
 */
int clone_table(const struct catalog *catalog, const struct clone *clone,
		const char *device, struct origins *origins, bool follows,
		struct clone_table *table);

/* The same for a store that will be @super. */
int clone_table_as(const struct catalog *catalog, const struct clone *clone,
		   const char *device, struct origins *origins,
		   const struct lc_super *super, bool follows,
		   struct clone_table *table);

/*
 * Templates may differ where no fingerprint takes a sample: refuses when the catalog
 * has another one for @clone than its store, which is @super, names.  Returns 0 or a
 * negative errno, which has been reported.
 */
int clone_check_template(const struct catalog *catalog, const struct clone *clone,
			 const struct lc_super *super);

/* Lets go of what was brought up for it, unless something else uses it. */
void clone_table_down(const struct catalog *catalog, const struct clone *clone);

#endif
