// SPDX-License-Identifier: GPL-2.0
/* lclone extend: more room in the store of a clone. */

#include <errno.h>
#include <stdio.h>
#include "clone-options.h"
#include "extend.h"
#include "output.h"

static const char usage[] =
"usage: lclone extend CLONE [--size SIZE] [--json]\n"
"\n"
"Gives the store of CLONE more room, while the clone is in use; writes that wait\n"
"for space go on.  With --size a file or a volume that lclone made is made as large\n"
"as SIZE; without, what its device has grown by is taken into use.\n"
"\n"
"  --size SIZE        of the store\n"
"  --json             print the sizes as JSON\n";

static const struct option options[] = CLONE_OPTIONS("size");

static int print_json(const char *name, const struct extend_result *result)
{
	struct json_object *document = json_object_new_object();

	json_add_string(document, "name", name);
	json_add_number(document, "store_bytes", result->store_bytes);
	json_add_bool(document, "active", result->active);
	if (result->active) {
		json_add_number(document, "old_room_bytes", result->old_room_bytes);
		json_add_number(document, "room_bytes", result->room_bytes);
	}
	return json_print(document);
}

static void print_text(const char *name, const struct extend_result *result)
{
	char size[SIZE_TEXT_BYTES], old_room[SIZE_TEXT_BYTES], room[SIZE_TEXT_BYTES];

	print_size(result->store_bytes, size);
	if (!result->active)
		printf("%s: its store has %s, all of which is used from the next activation on\n",
		       name, size);
	else
		printf("%s: its store has %s, and room for %s; it was %s\n", name,
		       size, print_size(result->room_bytes, room),
		       print_size(result->old_room_bytes, old_room));
}

static int extend(const char *name, u64 bytes, bool json)
{
	struct extend_result result;
	struct catalog catalog;
	struct clone *clone;
	int error = catalog_open(&catalog, CATALOG_CHANGE);

	if (error)
		return error;
	clone = catalog_need_clone(&catalog, name);
	error = clone ? extend_run(clone, bytes, &result) : -ENOENT;
	if (!error && json)
		error = print_json(name, &result);
	else if (!error)
		print_text(name, &result);
	catalog_close(&catalog);
	return error;
}

static int run(int argc, char **argv)
{
	struct clone_options found;
	int status;

	if (!clone_options(&verb_extend, options, argc, argv, &found, &status))
		return status;
	return extend(found.clone, found.bytes, found.json) ? STATUS_FAILED : STATUS_DONE;
}

const struct verb verb_extend = { "extend", "give the store of a clone more room", usage, run };
