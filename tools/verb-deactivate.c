// SPDX-License-Identifier: GPL-2.0
/* lclone deactivate: takes the devices of clones down. */

#include "clone.h"
#include "clones-each.h"
#include "options.h"

static const char usage[] =
"usage: lclone deactivate NAME...\n"
"       lclone deactivate --all\n"
"\n"
"Removes /dev/mapper/NAME of each clone, after all of it is on its store; nothing\n"
"of the clone is lost.  A clone that is in use is refused; one that is not active\n"
"is left as it is.\n"
"\n"
"  --all      all clones of the catalog\n";

enum { OPTION_ALL = OPTION_FIRST };

static const struct option options[] = {
	{ "all", no_argument, NULL, OPTION_ALL },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int deactivate_one(struct catalog *catalog, struct clone *clone,
			  void *data)
{
	(void)data;
	return clone_deactivate(catalog, clone);
}

static int run(int argc, char **argv)
{
	bool all = false;
	int c;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_ALL:
			all = true;
			break;
		case 'h':
			return verb_help(&verb_deactivate);
		default:
			return verb_bad_option(&verb_deactivate, c, argv);
		}
	}
	return clones_each(&verb_deactivate, argv + optind, all, deactivate_one,
			   NULL);
}

const struct verb verb_deactivate = { "deactivate", "take the devices of clones down", usage, run };
