/* SPDX-License-Identifier: GPL-2.0 */
/* For verbs that take several clones. */
#ifndef LCLONE_CLONES_EACH_H
#define LCLONE_CLONES_EACH_H

#include "catalog.h"
#include "verbs.h"

/*
 * Opens the catalog for changing and calls @one for each of @names (which end
 * in a NULL), or with @all for each clone.  One that fails does not keep the
 * others from their turn.  All names are looked up before the first is taken.
 * @one may drop the clone that it was given from the catalog.
 *
 * Returns STATUS_DONE, STATUS_FAILED, or STATUS_USAGE when there are neither
 * names nor @all, or both; all has been reported.
 */
int clones_each(const struct verb *verb, char **names, bool all,
		int (*one)(struct catalog *catalog, struct clone *clone,
			   void *data),
		void *data);

#endif
