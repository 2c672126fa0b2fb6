// SPDX-License-Identifier: GPL-2.0
/* lclone set: what a clone does when its store is full. */

#include <errno.h>
#include <stdio.h>
#include "catalog.h"
#include "dm.h"
#include "options.h"
#include "output.h"

static const char usage[] =
"usage: lclone set CLONE --error-if-no-space | --queue-if-no-space\n"
"\n"
"Changes what CLONE does when its store is full: at once, also while it is in use,\n"
"and from now on at each activation.\n"
"\n"
"  --error-if-no-space  writes fail with ENOSPC, also those that wait now\n"
"  --queue-if-no-space  writes wait until there is room\n";

enum { OPTION_ERROR = OPTION_FIRST, OPTION_QUEUE };

static const struct option options[] = {
	{ "error-if-no-space", no_argument, NULL, OPTION_ERROR },
	{ "queue-if-no-space", no_argument, NULL, OPTION_QUEUE },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

/* The names of the messages are those of the features. */
static int tell(const struct clone *clone, bool fail)
{
	struct dm_clone dm;
	int error = dm_clone_find(clone->uuid, &dm);

	if (error || !dm.active)
		return error;
	error = dm_clone_tell(dm.name, fail ? "error_if_no_space" : "queue_if_no_space");
	dm_clone_done(&dm);
	return error;
}

/* The catalog first: what runs is never what no activation would bring up again. */
static int change(struct catalog *catalog, struct clone *clone, bool fail)
{
	bool before = clone->error_if_no_space;
	int error;

	clone->error_if_no_space = fail;
	error = catalog_save(catalog);
	if (error)
		return error;
	error = tell(clone, fail);
	if (error) {
		clone->error_if_no_space = before;
		catalog_save(catalog);
	}
	return error;
}

static int set(const char *name, bool fail)
{
	struct catalog catalog;
	struct clone *clone;
	int error = catalog_open(&catalog, CATALOG_CHANGE);

	if (error)
		return error;
	clone = catalog_need_clone(&catalog, name);
	error = clone ? change(&catalog, clone, fail) : -ENOENT;
	catalog_close(&catalog);
	return error;
}

static int run(int argc, char **argv)
{
	int c, wanted = 0;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h')
			return verb_help(&verb_set);
		if (c != OPTION_ERROR && c != OPTION_QUEUE)
			return verb_bad_option(&verb_set, c, argv);
		if (wanted && wanted != c)
			return verb_misuse(&verb_set, "takes one of --error-if-no-space and --queue-if-no-space");
		wanted = c;
	}
	if (argc - optind != 1)
		return verb_misuse(&verb_set, "takes the name of a clone");
	if (!wanted)
		return verb_misuse(&verb_set, "--error-if-no-space or --queue-if-no-space is missing");
	return set(argv[optind], wanted == OPTION_ERROR) ? STATUS_FAILED : STATUS_DONE;
}

const struct verb verb_set = { "set", "say what a clone does when its store is full", usage, run };
