// SPDX-License-Identifier: GPL-2.0
/* lclone remove: removes clones with all that they hold. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clone.h"
#include "clone-store.h"
#include "clones-each.h"
#include "consolidate.h"
#include "options.h"
#include "output.h"
#include "place-options.h"
#include "snapshot.h"

static const char usage[] =
"usage: lclone remove [--wipe] [--force] NAME|NAME@SNAP...\n"
"       lclone remove NAME@SNAP [--wipe] [--rate SIZE]\n"
"                     [--dir DIR | --vg VG | --store DEV] [--store-size SIZE]\n"
"                     [--force]\n"
"\n"
"Removes clones, and with them all that they have changed: the device, and the\n"
"file or logical volume of the store.  A device that was given with --store stays,\n"
"but is no store any more.  A clone that is in use is refused, and so is one on\n"
"whose snapshots other clones stand.  NAME@SNAP removes a snapshot; what it holds\n"
"goes into the one thing that stands on it, while that is in use.\n"
"\n"
"  --wipe             overwrite what the store holds with zeros first; of a\n"
"                     snapshot that is merged, both stores that go\n"
"  --force            also when it is in use (who uses it gets I/O errors), when its\n"
"                     store is damaged, and when another host has it active, or had\n"
"                     when it went down\n"
"\n"
"A snapshot and the layer on it become one, where that layer is.  To have it\n"
"elsewhere, as one must when that is a device of yours:\n"
"  --store DEV        an empty block device\n"
"  --dir DIR          a directory\n"
"  --vg VG            a volume group of LVM\n"
"  --store-size SIZE  its size; as large as it needs to be when not given\n"
"  --force            overwrite what DEV holds\n"
"  --rate SIZE        copy no more than SIZE in a second\n";

enum { OPTION_WIPE = OPTION_FIRST, OPTION_RATE };

static const struct option options[] = {
	PLACE_OPTIONS,
	{ "wipe", no_argument, NULL, OPTION_WIPE },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

struct arguments {
	unsigned int flags;		/* CLONE_REMOVE_* */
	struct place_options places;
	u64 rate_bytes;
};

static int remove_one(struct catalog *catalog, struct clone *clone, void *data)
{
	return clone_remove(catalog, clone, *(unsigned int *)data);
}

/* An earlier run, or a consolidation, has not come to its end: all that is left is its store. */
static int remove_going(struct catalog *catalog, struct clone *going, bool wipe)
{
	struct origins origins = { 0 };
	int error;

	if (clone_store_presence(going) == STORE_UNSEEN)
		return clone_store_report_unseen(going);
	if (wipe && !going->wiping) {
		going->wiping = true;
		error = catalog_save(catalog);
		if (error)
			return error;
	}
	error = consolidate_settle(catalog, &origins);
	origins_done(&origins);
	if (error)
		report_hint("it is no snapshot any more, and nothing needs it: the same command goes on with it");
	return error;
}

/* Nothing stands on it: it can go as it is.  1: something does. */
static int remove_unused(const char *clone_name, const char *snapshot, bool wipe)
{
	struct catalog catalog;
	struct clone *clone, *layer = NULL, *going = NULL;
	char *names;
	int error = catalog_open(&catalog, CATALOG_CHANGE);

	if (error)
		return error;
	clone = catalog_need_clone(&catalog, clone_name);
	if (clone && !catalog_snapshot(&catalog, clone, snapshot))
		going = catalog_snapshot_going(&catalog, clone, snapshot);
	if (clone && !going)
		layer = snapshot_need(&catalog, clone, snapshot);
	if (going) {
		error = remove_going(&catalog, going, wipe);
	} else if (layer) {
		names = catalog_dependents(&catalog, layer, NULL);
		error = names ? 1 : snapshot_remove(&catalog, layer, wipe);
		free(names);
	} else {
		error = -ENOENT;
	}
	catalog_close(&catalog);
	return error;
}

/* Something stands on it. */
static int merge_snapshot(const struct arguments *arguments, const char *name,
			  const char *clone_name, const char *snapshot)
{
	struct store_place *place = place_for_each(&arguments->places, 1);
	struct consolidate_request request = {
		.clone = clone_name, .snapshot = snapshot, .place = *place,
		.rate_bytes = arguments->rate_bytes,
		.wipe = arguments->flags & CLONE_REMOVE_WIPE,
	};
	struct consolidate_result result;
	int error = consolidate(&request, &result);

	if (!error) {
		printf("%s: %s", name, result.merged ?
		       "merged into the layer that stands on it" :
		       "its layer stays, without a name");
		print_held(NULL, result.pause_ns);
		printf("\n");
	}
	free(result.path);
	free(place);
	return error;
}

static int remove_snapshot(const struct arguments *arguments, const char *name)
{
	char *clone_name = must_strdup(name);
	char *snapshot = strchr(clone_name, '@');
	int error;

	*snapshot++ = '\0';
	error = remove_unused(clone_name, snapshot, arguments->flags & CLONE_REMOVE_WIPE);
	if (error == 1)
		error = merge_snapshot(arguments, name, clone_name, snapshot);
	free(clone_name);
	return error;
}

/* Snapshots, which are taken out of @names. */
static int remove_snapshots(const struct arguments *arguments, char **names)
{
	int status = STATUS_DONE;
	char **keep = names;

	for (; *names; names++) {
		if (!strchr(*names, '@'))
			*keep++ = *names;
		else if (remove_snapshot(arguments, *names))
			status = STATUS_FAILED;
	}
	*keep = NULL;
	return status;
}

static int remove_all(struct arguments *arguments, char **names)
{
	int status = STATUS_DONE, clones_status;
	bool any = *names;

	if (any)
		status = remove_snapshots(arguments, names);
	if (any && !*names)
		return status;
	clones_status = clones_each(&verb_remove, names, false, remove_one,
				    &arguments->flags);
	return clones_status ? clones_status : status;
}

/* Where a store goes is asked of what makes one only. */
static int check_arguments(const struct arguments *arguments, char **names)
{
	const struct place_options *places = &arguments->places;
	bool one = names[0] && !names[1] && strchr(names[0], '@');

	if (!one && (places->places || places->store_bytes || arguments->rate_bytes))
		return verb_misuse(&verb_remove, "--store, --dir, --vg, --store-size and --rate go with one NAME@SNAP");
	return place_check(&verb_remove, places, 1);
}

static int run(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	int c, status = STATUS_DONE;

	while (!status &&
	       (c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_WIPE:
			arguments.flags |= CLONE_REMOVE_WIPE;
			break;
		case OPTION_RATE:
			status = verb_size_option(&verb_remove, "rate", optarg,
						  &arguments.rate_bytes);
			break;
		case 'h':
			return verb_help(&verb_remove);
		default:
			status = place_option(&verb_remove, c, argv, &arguments.places);
		}
	}
	if (!status)
		status = check_arguments(&arguments, argv + optind);
	if (status)
		return status;
	if (arguments.places.force)
		arguments.flags |= CLONE_REMOVE_FORCE;
	return remove_all(&arguments, argv + optind);
}

const struct verb verb_remove = { "remove", "remove clones and what they hold", usage, run };
