// SPDX-License-Identifier: GPL-2.0
/* lclone info: what a store says of itself. */

#include <stdio.h>
#include "describe.h"
#include "options.h"
#include "output.h"
#include "store-file.h"

static const char usage[] =
"usage: lclone info STORE [--json]\n"
"\n"
"Prints what the store on STORE, a block device or a file, records of itself.\n"
"Sizes of data are those of the last checkpoint; the status of an active clone\n"
"has the current ones.\n"
"\n"
"  --json   as JSON\n";

enum { OPTION_JSON = OPTION_FIRST };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static void print_bytes(const char *label, u64 bytes)
{
	char size[SIZE_TEXT_BYTES];

	printf("%-14s%llu (%s)\n", label, (unsigned long long)bytes,
	       print_size(bytes, size));
}

static void print_origin(const struct lc_super *super)
{
	char uuid[UUID_TEXT_BYTES], hex[2 * LC_FINGERPRINT_BYTES + 1];
	char text[LC_PATH_BYTES];

	if (super->origin_kind == LC_ORIGIN_NONE) {
		printf("%-14s%s\n", "origin", "-");
		return;
	}
	printf("%-14s%s\n", "origin",
	       *super->origin_path ?
	       describe_text(super->origin_path, text) : "(path not recorded)");
	print_bytes("origin size", super->origin_sectors * 512);
	printf("%-14s%s\n", "fingerprint",
	       print_hex(super->fingerprint, LC_FINGERPRINT_BYTES, hex));
	if (*super->origin_name)
		printf("%-14s%s (%s)\n", "template",
		       describe_text(super->origin_name, text),
		       describe_uuid(super->origin_uuid, uuid));
}

static void print_text(const struct store_file *store)
{
	const struct lc_super *super = store_super(store);
	char uuid[UUID_TEXT_BYTES], text[LC_PATH_BYTES];
	unsigned int copy;

	printf("%-14s%s\n", "store", store->path);
	printf("%-14s%s\n", "store uuid", describe_uuid(super->store_uuid, uuid));
	printf("%-14s%s\n", "clone", *super->clone_name ?
	       describe_text(super->clone_name, text) : "-");
	printf("%-14s%s\n", "clone uuid", describe_uuid(super->clone_uuid, uuid));
	print_bytes("clone size", super->clone_sectors * 512);
	print_origin(super);
	printf("%-14s%s, %u layers below\n", "state", describe_state(super),
	       super->layers);
	if (*super->snapshot_name)
		printf("%-14s%s\n", "snapshot",
		       describe_text(super->snapshot_name, text));
	if (super->layers)
		printf("%-14s%s%s%s\n", "parent",
		       describe_uuid(super->parent_uuid, uuid),
		       *super->parent_name ? ", snapshot " : "",
		       describe_text(super->parent_name, text));
	print_bytes("store size", (u64)super->layout.store_blocks * LC_BLOCK_SIZE);
	print_bytes("data", (u64)super->root.data_blocks * LC_BLOCK_SIZE);
	print_bytes("zeros", super->root.zero_blocks * LC_BLOCK_SIZE);
	print_bytes("metadata", (u64)super->page_blocks * LC_BLOCK_SIZE);
	printf("%-14s%llu\n", "generation",
	       (unsigned long long)super->generation);
	printf("%-14s%s\n", "active on",
	       *super->owner_host ? describe_text(super->owner_host, text) : "-");
	for (copy = 0; copy < 2; copy++)
		if (store->super_fault[copy])
			printf("superblock copy %u %s\n", copy,
			       store->super_fault[copy]);
}

static struct json_object *copies(const struct store_file *store)
{
	struct json_object *array = json_object_new_array();
	unsigned int copy;

	for (copy = 0; copy < 2; copy++) {
		struct json_object *object = json_object_new_object();
		bool whole = !store->super_fault[copy];

		json_add_bool(object, "whole", whole);
		json_add_string(object, "fault", store->super_fault[copy]);
		json_add_number(object, "generation",
				whole ? store->super[copy].generation : 0);
		json_object_array_add(array, object);
	}
	return array;
}

static int print_json(const struct store_file *store)
{
	struct json_object *object = describe_super(store_super(store));

	json_add_string(object, "device", store->path);
	json_add_number(object, "device_bytes", store->bytes);
	json_object_object_add(object, "superblocks", copies(store));
	return json_print(object) ? STATUS_FAILED : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	struct store_file store;
	int c, status = STATUS_DONE;
	bool json = false;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_JSON:
			json = true;
			break;
		case 'h':
			return verb_help(&verb_info);
		default:
			return verb_bad_option(&verb_info, c, argv);
		}
	}
	if (optind + 1 != argc)
		return verb_misuse(&verb_info, "takes one STORE");
	if (store_open_load(argv[optind], STORE_READ, &store))
		return STATUS_FAILED;
	if (json)
		status = print_json(&store);
	else
		print_text(&store);
	store_close(&store);
	return status;
}

const struct verb verb_info = { "info", "print what a store records", usage, run };
