// SPDX-License-Identifier: GPL-2.0
/* For verbs that take several clones. */

#include <stdlib.h>
#include "clones-each.h"
#include "dm.h"
#include "options.h"
#include "output.h"

/* The names of all clones, ended by a NULL, for the list may shrink. */
static char **all_names(const struct catalog *catalog)
{
	char **names = must_alloc((catalog->clone_count + 1) * sizeof(*names));
	size_t i;

	for (i = 0; i < catalog->clone_count; i++)
		names[i] = must_strdup(catalog->clones[i].name);
	return names;
}

static void free_names(char **names)
{
	size_t i;

	for (i = 0; names[i]; i++)
		free(names[i]);
	free(names);
}

static int check_names(const struct catalog *catalog, char **names)
{
	int status = STATUS_DONE;

	for (; *names; names++)
		if (!catalog_need_clone(catalog, *names))
			status = STATUS_FAILED;
	return status;
}

static int call_each(struct catalog *catalog, char **names,
		     int (*one)(struct catalog *catalog, struct clone *clone,
				void *data),
		     void *data)
{
	int status = STATUS_DONE;
	struct clone *clone;

	dm_batch_begin();
	for (; *names; names++) {
		/* It is gone when it was named twice and removed. */
		clone = catalog_clone(catalog, *names);
		if (clone && one(catalog, clone, data))
			status = STATUS_FAILED;
	}
	dm_batch_end();
	return status;
}

int clones_each(const struct verb *verb, char **names, bool all,
		int (*one)(struct catalog *catalog, struct clone *clone,
			   void *data),
		void *data)
{
	struct catalog catalog;
	char **every;
	int status;

	if (all && *names)
		return verb_misuse(verb, "takes either names or --all");
	if (!all && !*names)
		return verb_misuse(verb, "takes the names of clones");
	if (catalog_open(&catalog, CATALOG_CHANGE))
		return STATUS_FAILED;
	if (all) {
		every = all_names(&catalog);
		status = call_each(&catalog, every, one, data);
		free_names(every);
	} else {
		status = check_names(&catalog, names);
		if (status == STATUS_DONE)
			status = call_each(&catalog, names, one, data);
	}
	catalog_close(&catalog);
	return status;
}
