// SPDX-License-Identifier: GPL-2.0
/* lclone rollback, lclone reset: clones become what they were. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "options.h"
#include "output.h"
#include "place-options.h"
#include "snapshot.h"

#define FORCE_USAGE \
"  --force            also when it is open: what has it open finds it changed; also\n" \
"                     when another host has it active, or had when it went down;\n" \
"                     and overwrite what DEV holds\n" \
"  --json             print what was done as JSON\n"

#define PLACE_USAGE_ONE \
"  --store DEV        an empty block device\n" \
"  --dir DIR          a directory\n" \
"  --vg VG            a volume group of LVM\n" \
"  --store-size SIZE  its size; when not given, as the manual page says\n"

static const char rollback_usage[] =
"usage: lclone rollback CLONE [SNAP] [--dir DIR | --vg VG | --store DEV]\n"
"                       [--store-size SIZE] [--force] [--json]\n"
"\n"
"Makes CLONE what it was when its snapshot SNAP was made, or its newest when none\n"
"is named.  What it has changed since is lost; its snapshots stay, also those\n"
"that were made later.  A clone that is open is refused.  Tells for how long its\n"
"I/O was held, if it is active.\n"
"\n"
"The clone gets a new store where its own is.  To have it elsewhere:\n"
PLACE_USAGE_ONE FORCE_USAGE;

static const char reset_usage[] =
"usage: lclone reset CLONE [--dir DIR | --vg VG | --store DEV]\n"
"                    [--store-size SIZE] [--force] [--json]\n"
"\n"
"Makes CLONE what its template is.  What it has changed is lost; its snapshots\n"
"stay.  A clone that is open is refused.  Tells for how long its I/O was held, if\n"
"it is active.\n"
"\n"
"The clone gets a new store where its own is.  To have it elsewhere:\n"
PLACE_USAGE_ONE FORCE_USAGE;

enum { OPTION_JSON = OPTION_FIRST };

static const struct option options[] = {
	PLACE_OPTIONS,
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

/* The layer to go back to; NULL with *@error 0 is the origin. */
static struct clone *find_layer(const struct catalog *catalog,
				const struct clone *clone, const char *name,
				bool reset, int *error)
{
	struct clone *layer;

	*error = 0;
	if (reset)
		return NULL;
	layer = name ? snapshot_need(catalog, clone, name) :
		       snapshot_newest(catalog, clone);
	if (layer)
		return layer;
	*error = -ENOENT;
	if (!name) {
		report_error(clone->name, "it stands on no snapshot of its own");
		report_hint("'lclone reset %s' makes it what its template is",
			    clone->name);
	}
	return NULL;
}

/* @snapshot "": the template. */
static int print_json(const struct clone *clone, const char *snapshot, u64 pause_ns)
{
	struct json_object *document = json_object_new_object();

	json_add_string(document, "name", clone->name);
	json_add_uuid(document, "uuid", clone->uuid);
	json_add_string(document, "snapshot", *snapshot ? snapshot : NULL);
	json_add_string(document, "store", clone->store_path);
	json_add_uuid(document, "store_uuid", clone->store_uuid);
	json_add_number(document, "pause_us", pause_ns / 1000);
	return json_print(document);
}

static void print_text(const char *clone_name, const char *snapshot, u64 pause_ns)
{
	printf("%s: is what %s%s", clone_name,
	       *snapshot ? "it was at snapshot " : "its template is", snapshot);
	print_held(NULL, pause_ns);
	printf("\n");
}

static int go_back(struct catalog *catalog, const char *clone_name, const char *name,
		   bool reset, const struct store_place *place, bool json)
{
	struct clone *clone = catalog_need_clone(catalog, clone_name);
	struct origins origins = { 0 };
	struct clone *layer;
	char *to;
	u64 pause_ns;
	int error;

	if (!clone)
		return -ENOENT;
	/* First, for it may take layers out of the catalog. */
	error = snapshot_settle(catalog, &origins, clone);
	layer = error ? NULL : find_layer(catalog, clone, name, reset, &error);
	if (error) {
		origins_done(&origins);
		return error;
	}
	to = must_strdup(layer ? layer->name : "");
	error = snapshot_return(catalog, &origins, clone, layer, place,
				place->force, &pause_ns);
	origins_done(&origins);
	if (!error && json)
		error = print_json(catalog_clone(catalog, clone_name), to, pause_ns);
	else if (!error)
		print_text(clone_name, to, pause_ns);
	free(to);
	return error;
}

static int run_one(const struct verb *verb, int argc, char **argv, bool reset)
{
	struct place_options places = { 0 };
	struct store_place *place;
	struct catalog catalog;
	bool json = false;
	int c, status, error;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == OPTION_JSON) {
			json = true;
			continue;
		}
		if (c == 'h')
			return verb_help(verb);
		status = place_option(verb, c, argv, &places);
		if (status)
			return status;
	}
	if (argc - optind < 1 || argc - optind > (reset ? 1 : 2))
		return verb_misuse(verb, reset ? "takes the name of a clone" :
				   "takes the name of a clone, and of a snapshot");
	status = place_check(verb, &places, 1);
	if (status)
		return status;
	if (catalog_open(&catalog, CATALOG_CHANGE))
		return STATUS_FAILED;
	place = place_for_each(&places, 1);
	error = go_back(&catalog, argv[optind], argv[optind + 1], reset, place, json);
	free(place);
	catalog_close(&catalog);
	return error ? STATUS_FAILED : STATUS_DONE;
}

static int run_rollback(int argc, char **argv)
{
	return run_one(&verb_rollback, argc, argv, false);
}

static int run_reset(int argc, char **argv)
{
	return run_one(&verb_reset, argc, argv, true);
}

const struct verb verb_rollback = { "rollback", "go back to a snapshot", rollback_usage, run_rollback };
const struct verb verb_reset = { "reset", "go back to the template", reset_usage, run_reset };
