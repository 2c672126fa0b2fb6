// SPDX-License-Identifier: GPL-2.0
/* lclone remove: removes clones with all that they hold. */

#include <stdlib.h>
#include <string.h>
#include "clone.h"
#include "clones-each.h"
#include "options.h"
#include "output.h"
#include "snapshot.h"

static const char usage[] =
"usage: lclone remove [--wipe] [--force] NAME|NAME@SNAP...\n"
"\n"
"Removes clones, and with them all that they have changed: the device, and the\n"
"file or logical volume of the store.  A device that was given with --store stays,\n"
"but is no store any more.  A clone that is in use is refused, and so is one on\n"
"whose snapshots other clones stand.  NAME@SNAP removes a snapshot, when nothing\n"
"stands on it.\n"
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

static int remove_snapshot(struct catalog *catalog, const char *name)
{
	char *clone_name = must_strdup(name);
	char *snapshot = strchr(clone_name, '@');
	struct clone *clone, *layer;

	*snapshot++ = '\0';
	clone = catalog_need_clone(catalog, clone_name);
	layer = clone ? snapshot_need(catalog, clone, snapshot) : NULL;
	free(clone_name);
	return layer ? snapshot_remove(catalog, layer) : -ENOENT;
}

/* Snapshots, which are taken out of @names. */
static int remove_snapshots(char **names)
{
	struct catalog catalog;
	int status = STATUS_DONE;
	char **keep = names;

	if (catalog_open(&catalog, CATALOG_CHANGE))
		return STATUS_FAILED;
	for (; *names; names++) {
		if (!strchr(*names, '@'))
			*keep++ = *names;
		else if (remove_snapshot(&catalog, *names))
			status = STATUS_FAILED;
	}
	*keep = NULL;
	catalog_close(&catalog);
	return status;
}

static int remove_all(char **names, unsigned int flags)
{
	int status = STATUS_DONE, clones_status;
	bool any = *names;

	if (any)
		status = remove_snapshots(names);
	if (any && !*names)
		return status;
	clones_status = clones_each(&verb_remove, names, false, remove_one, &flags);
	return clones_status ? clones_status : status;
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
	return remove_all(argv + optind, flags);
}

const struct verb verb_remove = { "remove", "remove clones and what they hold", usage, run };
