// SPDX-License-Identifier: GPL-2.0
/* lclone remove: removes clones with all that they hold. */

#include "clone.h"
#include "clones-each.h"
#include "options.h"

static const char usage[] =
"usage: lclone remove [--wipe] [--force] NAME...\n"
"\n"
"Removes clones, and with them all that they have changed: the device, and the\n"
"file or logical volume of the store.  A device that was given with --store stays,\n"
"but is no store any more.  A clone that is in use is refused.\n"
"\n"
"  --wipe     overwrite what the store holds with zeros first\n"
"  --force    also when it is in use (who uses it gets I/O errors), and when its\n"
"             store is damaged\n";

enum { OPTION_WIPE = OPTION_FIRST, OPTION_FORCE };

static const struct option options[] = {
	{ "wipe", no_argument, NULL, OPTION_WIPE },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int remove_one(struct catalog *catalog, struct clone *clone, void *data)
{
	return clone_remove(catalog, clone, *(unsigned int *)data);
}

static int run(int argc, char **argv)
{
	unsigned int flags = 0;
	int c;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_WIPE:
			flags |= CLONE_REMOVE_WIPE;
			break;
		case OPTION_FORCE:
			flags |= CLONE_REMOVE_FORCE;
			break;
		case 'h':
			return verb_help(&verb_remove);
		default:
			return verb_bad_option(&verb_remove, c, argv);
		}
	}
	return clones_each(&verb_remove, argv + optind, false, remove_one,
			   &flags);
}

const struct verb verb_remove = { "remove", "remove clones and what they hold", usage, run };
