// SPDX-License-Identifier: GPL-2.0
/* lclone snapshot: freezes clones as they are at one point in time. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "options.h"
#include "output.h"
#include "place-options.h"
#include "snapshot.h"

static const char usage[] =
"usage: lclone snapshot CLONE... SNAP [--dir DIR | --vg VG | --store DEV...]\n"
"                       [--store-size SIZE] [--force] [--json]\n"
"\n"
"Keeps what each CLONE is now as its snapshot SNAP, while it is in use: its store\n"
"is frozen, and the clone goes on with a new, empty one.  Several clones, such as\n"
"the disks of a guest, are kept as they are at one point in time.  Tells for how\n"
"long their I/O was held.  See 'lclone rollback' for the way back, and 'lclone\n"
"create --from CLONE@SNAP' for a clone of it.\n"
"\n"
"The new store goes where the clone's own is.  To have it elsewhere:\n"
PLACE_USAGE
"  --json             print what was made as JSON\n";

enum { OPTION_JSON = OPTION_FIRST };

static const struct option options[] = {
	PLACE_OPTIONS,
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static struct json_object *one_json(const struct clone *clone)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "name", clone->name);
	json_add_uuid(object, "uuid", clone->uuid);
	json_add_string(object, "store", clone->store_path);
	json_add_uuid(object, "store_uuid", clone->store_uuid);
	json_add_uuid(object, "parent_uuid", clone->parent_uuid);
	return object;
}

static int print_json(const struct snapshot_request *request, u64 pause_ns)
{
	struct json_object *document = json_object_new_object();
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < request->count; i++)
		json_object_array_add(list, one_json(request->clones[i]));
	json_add_string(document, "snapshot", request->name);
	json_object_object_add(document, "clones", list);
	json_add_number(document, "pause_us", pause_ns / 1000);
	return json_print(document);
}

static void print_text(const struct snapshot_request *request, u64 pause_ns)
{
	size_t i;

	for (i = 0; i < request->count; i++)
		printf("%s%s", i ? ", " : "", request->clones[i]->name);
	printf(": snapshot %s; I/O was held for %.1f ms\n", request->name,
	       (double)pause_ns / 1e6);
}

static int find_clones(const struct catalog *catalog, char **names, size_t count,
		       struct clone **clones)
{
	size_t i, j;

	for (i = 0; i < count; i++) {
		clones[i] = catalog_need_clone(catalog, names[i]);
		if (!clones[i])
			return -ENOENT;
		for (j = 0; j < i; j++) {
			if (clones[j] != clones[i])
				continue;
			report_error(names[i], "it is named twice");
			return -EINVAL;
		}
	}
	return 0;
}

static int take(char **names, size_t count, const char *name,
		const struct place_options *places, bool json)
{
	struct clone **clones = must_alloc(count * sizeof(*clones));
	struct store_place *each = place_for_each(places, count);
	struct snapshot_request request = {
		.clones = clones, .count = count, .name = name, .places = each,
	};
	struct origins origins = { 0 };
	struct catalog catalog;
	u64 pause_ns = 0;
	int error = catalog_open(&catalog, CATALOG_CHANGE);

	if (error)
		goto free;
	error = name_check(name);
	if (!error)
		error = find_clones(&catalog, names, count, clones);
	if (!error)
		error = snapshot_take(&catalog, &origins, &request, &pause_ns);
	if (!error && json)
		error = print_json(&request, pause_ns);
	else if (!error)
		print_text(&request, pause_ns);
	origins_done(&origins);
	catalog_close(&catalog);
free:
	free(each);
	free(clones);
	return error;
}

static int run(int argc, char **argv)
{
	struct place_options places = { 0 };
	bool json = false;
	size_t count;
	int c, status;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == OPTION_JSON) {
			json = true;
			continue;
		}
		if (c == 'h')
			return verb_help(&verb_snapshot);
		status = place_option(&verb_snapshot, c, argv, &places);
		if (status)
			return status;
	}
	if (argc - optind < 2)
		return verb_misuse(&verb_snapshot, "takes names of clones and one for the snapshot");
	count = (size_t)(argc - optind - 1);
	status = place_check(&verb_snapshot, &places, count);
	if (status)
		return status;
	return take(argv + optind, count, argv[argc - 1], &places, json) ?
	       STATUS_FAILED : STATUS_DONE;
}

const struct verb verb_snapshot = { "snapshot", "keep what clones are now", usage, run };
