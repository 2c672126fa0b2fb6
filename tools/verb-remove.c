// SPDX-License-Identifier: GPL-2.0
/* lclone remove: removes clones with all that they hold. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clone.h"
#include "clones-each.h"
#include "consolidate.h"
#include "options.h"
#include "output.h"
#include "snapshot.h"

static const char usage[] =
"usage: lclone remove [--wipe] [--force] NAME|NAME@SNAP...\n"
"\n"
"Removes clones, and with them all that they have changed: the device, and the\n"
"file or logical volume of the store.  A device that was given with --store stays,\n"
"but is no store any more.  A clone that is in use is refused, and so is one on\n"
"whose snapshots other clones stand.  NAME@SNAP removes a snapshot; what it holds\n"
"goes into the one thing that stands on it, while that is in use.\n"
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

/* Nothing stands on it: it can go as it is.  1: something does. */
static int remove_unused(const char *clone_name, const char *snapshot)
{
	struct catalog catalog;
	struct clone *clone, *layer;
	char *names;
	int error = catalog_open(&catalog, CATALOG_CHANGE);

	if (error)
		return error;
	clone = catalog_need_clone(&catalog, clone_name);
	layer = clone ? snapshot_need(&catalog, clone, snapshot) : NULL;
	if (layer) {
		names = catalog_dependents(&catalog, layer, NULL);
		error = names ? 1 : snapshot_remove(&catalog, layer);
		free(names);
	} else {
		error = -ENOENT;
	}
	catalog_close(&catalog);
	return error;
}

static int remove_snapshot(const char *name)
{
	char *clone_name = must_strdup(name);
	char *snapshot = strchr(clone_name, '@');
	struct consolidate_request request = { .clone = clone_name };
	struct consolidate_result result;
	int error;

	*snapshot++ = '\0';
	request.snapshot = snapshot;
	error = remove_unused(clone_name, snapshot);
	if (error == 1) {
		error = consolidate(&request, &result);
		if (!error && result.merged)
			printf("%s: merged into the layer that stands on it; I/O was held for %.1f ms\n",
			       name, (double)result.pause_ns / 1e6);
		free(result.path);
	}
	free(clone_name);
	return error;
}

/* Snapshots, which are taken out of @names. */
static int remove_snapshots(char **names)
{
	int status = STATUS_DONE;
	char **keep = names;

	for (; *names; names++) {
		if (!strchr(*names, '@'))
			*keep++ = *names;
		else if (remove_snapshot(*names))
			status = STATUS_FAILED;
	}
	*keep = NULL;
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
