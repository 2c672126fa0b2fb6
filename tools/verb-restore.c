// SPDX-License-Identifier: GPL-2.0
/* lclone restore: writes the metadata of a store from a dump. */

#include <stdio.h>
#include "options.h"
#include "output.h"
#include "restore.h"

static const char usage[] =
"usage: lclone restore STORE [--input FILE] [--force] [--json]\n"
"\n"
"Writes superblock and map of a store, as 'lclone dump' printed them, to STORE, a\n"
"block device or a file.  The data blocks that the dump names must be in place\n"
"there already: they are neither written nor looked at.\n"
"\n"
"  --input FILE   the dump; standard input when not given\n"
"  --force        overwrite what the device holds, as a store that is damaged\n"
"  --json         print what was restored as JSON\n";

enum { OPTION_INPUT = OPTION_FIRST, OPTION_FORCE, OPTION_JSON };

static const struct option options[] = {
	{ "input", required_argument, NULL, OPTION_INPUT },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int print_json(const char *path, const struct restore_result *result)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "store", path);
	json_add_uuid(object, "uuid", result->super.clone_uuid);
	json_add_uuid(object, "store_uuid", result->super.store_uuid);
	json_add_number(object, "size_bytes", result->super.clone_sectors * 512);
	json_add_number(object, "data_bytes",
			result->data_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "zero_bytes",
			result->zero_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "metadata_bytes",
			result->page_blocks * LC_BLOCK_SIZE);
	return json_print(object) ? STATUS_FAILED : STATUS_DONE;
}

static void print_text(const char *path, const struct restore_result *result)
{
	char uuid[UUID_TEXT_BYTES], data[SIZE_TEXT_BYTES];

	printf("%s: store of clone %s restored; %llu blocks of data (%s) are expected to be in place\n",
	       path, print_uuid(result->super.clone_uuid, uuid),
	       (unsigned long long)result->data_blocks,
	       print_size(result->data_blocks * LC_BLOCK_SIZE, data));
}

static int restore(const char *path, const char *input, bool force, bool json)
{
	struct restore_result result;
	struct dump_reader dump;
	int error = dump_open(input, &dump);

	if (error)
		return STATUS_FAILED;
	error = restore_store(&dump, path, force, &result);
	dump_close(&dump);
	if (error)
		return STATUS_FAILED;
	if (json)
		return print_json(path, &result);
	print_text(path, &result);
	return STATUS_DONE;
}

static int run(int argc, char **argv)
{
	bool force = false, json = false;
	const char *input = NULL;
	int c;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_INPUT:
			input = optarg;
			break;
		case OPTION_FORCE:
			force = true;
			break;
		case OPTION_JSON:
			json = true;
			break;
		case 'h':
			return verb_help(&verb_restore);
		default:
			return verb_bad_option(&verb_restore, c, argv);
		}
	}
	if (optind + 1 != argc)
		return verb_misuse(&verb_restore, "takes one STORE");
	return restore(argv[optind], input, force, json);
}

const struct verb verb_restore = { "restore", "write the map of a store from a dump", usage, run };
