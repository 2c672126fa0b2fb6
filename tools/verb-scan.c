// SPDX-License-Identifier: GPL-2.0
/* lclone scan: finds stores, and rebuilds the catalog from them. */

#include <stdio.h>
#include "catalog.h"
#include "describe.h"
#include "options.h"
#include "output.h"
#include "scan.h"

static const char usage[] =
"usage: lclone scan [--json] [--no-catalog] [DEV|FILE|DIR...]\n"
"\n"
"Looks for stores on the devices, in the files and among the files of the\n"
"directories given, or else on all block devices of this host; prints them, and\n"
"rebuilds the catalog of clones and templates from what they record.\n"
"\n"
"  --json         as JSON\n"
"  --no-catalog   print only\n";

enum { OPTION_JSON = OPTION_FIRST, OPTION_NO_CATALOG };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "no-catalog", no_argument, NULL, OPTION_NO_CATALOG },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int print_json(const struct found_stores *found)
{
	struct json_object *object = json_object_new_object();
	struct json_object *stores = json_object_new_array();
	size_t i;

	for (i = 0; i < found->count; i++) {
		const struct found_store *store = &found->store[i];
		struct json_object *row = describe_super(&store->super);

		json_add_string(row, "device", store->device);
		json_add_string(row, "file", store->file);
		json_add_number(row, "device_bytes", store->bytes);
		json_object_array_add(stores, row);
	}
	json_object_object_add(object, "stores", stores);
	return json_print(object);
}

static void print_text(const struct found_stores *found)
{
	static const char *const headings[] = {
		"NAME", ">SIZE", ">STORE", "ON", "ORIGIN", "UUID"
	};
	struct text_table *table = text_table_new(6, headings);
	size_t i;

	for (i = 0; i < found->count; i++) {
		const struct found_store *store = &found->store[i];
		const struct lc_super *super = &store->super;
		char name[LC_PATH_BYTES], origin[LC_PATH_BYTES];
		char size[SIZE_TEXT_BYTES], bytes[SIZE_TEXT_BYTES];
		char uuid[UUID_TEXT_BYTES];
		const char *cells[] = {
			describe_text(super->clone_name, name),
			print_size(super->clone_sectors * 512, size),
			print_size(store->bytes, bytes),
			store->device ? store->device : store->file,
			describe_text(*super->origin_name ? super->origin_name :
				      super->origin_path, origin),
			print_uuid(super->clone_uuid, uuid),
		};

		text_table_row(table, cells);
	}
	text_table_print(table);
}

/* Nobody changes the catalog meanwhile: what was read before a change would undo it. */
static int scan_into_catalog(char *const *paths, size_t count,
			     struct found_stores *found)
{
	struct catalog catalog;
	int catalog_error = catalog_open(&catalog, CATALOG_CHANGE);
	int error = scan_stores(paths, count, found);

	if (!catalog_error)
		catalog_error = catalog_rebuild(&catalog, found, !count);
	catalog_close(&catalog);
	return error ? error : catalog_error;
}

static int scan(char *const *paths, size_t count, bool json, bool catalog)
{
	struct found_stores found;
	int error = catalog ? scan_into_catalog(paths, count, &found) :
			      scan_stores(paths, count, &found);

	if (!json)
		print_text(&found);
	else if (print_json(&found))
		error = -1;
	scan_free(&found);
	return error ? STATUS_FAILED : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	bool json = false, catalog = true;
	int c;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_JSON:
			json = true;
			break;
		case OPTION_NO_CATALOG:
			catalog = false;
			break;
		case 'h':
			return verb_help(&verb_scan);
		default:
			return verb_bad_option(&verb_scan, c, argv);
		}
	}
	return scan(argv + optind, (size_t)(argc - optind), json, catalog);
}

const struct verb verb_scan = { "scan", "find stores and rebuild the catalog", usage, run };
