/* SPDX-License-Identifier: GPL-2.0 */
/* Which layers become one. */
#ifndef LCLONE_CONSOLIDATE_PLAN_H
#define LCLONE_CONSOLIDATE_PLAN_H

#include "consolidate.h"

struct consolidate_plan {
	unsigned int count;		/* of layers; fewer than 2: there is nothing to merge */
	u8 store_uuid[LC_LAYERS_MAX][LC_UUID_BYTES];	/* the newest first */
	u8 content_uuid[LC_UUID_BYTES];	/* of the newest */
	u8 clone_uuid[LC_UUID_BYTES];	/* whose snapshots may go */
	char name[LC_NAME_BYTES];	/* of what they become */
	bool rename;			/* the newest alone loses its name */
};

/* Returns 0 or a negative errno, reported: what keeps the layers is named. */
int consolidate_plan(const struct catalog *catalog,
		     const struct consolidate_request *request,
		     struct consolidate_plan *plan);

/* The layer number @n of the plan, 0 the newest; NULL when it is not there. */
struct clone *consolidate_layer(const struct catalog *catalog,
				const struct consolidate_plan *plan,
				unsigned int n);

/* Whether a layer that nothing stands on any more is to go. */
bool consolidate_drops(const struct consolidate_plan *plan,
		       const struct clone *layer);

#endif
