// SPDX-License-Identifier: GPL-2.0
/* lclone import: makes a frozen store of a stream. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "describe.h"
#include "import.h"
#include "options.h"
#include "output.h"

static const char usage[] =
"usage: lclone import STORE [--origin DEV] [--layer STORE]... [--name NAME]\n"
"                     [--input FILE] [--force] [--json]\n"
"\n"
"Makes STORE, a block device or a file of its full size, a frozen store of the\n"
"snapshot in a stream that 'lclone export' has written.  Refuses a device that is\n"
"in use, or that holds anything, and a stream over another origin or base.\n"
"\n"
"  --origin DEV   the origin, to be compared; needed unless the stream begins at\n"
"                 a snapshot\n"
"  --layer STORE  the store of the snapshot that the stream begins at, when it\n"
"                 cannot be found otherwise\n"
"  --name NAME    the name of the clone, instead of that in the stream\n"
"  --input FILE   read FILE; else standard input\n"
"  --force        overwrite what the device holds\n"
"  --json         print what was made as JSON\n";

enum { OPTION_ORIGIN = OPTION_FIRST, OPTION_LAYER, OPTION_NAME, OPTION_INPUT,
       OPTION_FORCE, OPTION_JSON };

static const struct option options[] = {
	{ "origin", required_argument, NULL, OPTION_ORIGIN },
	{ "layer", required_argument, NULL, OPTION_LAYER },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "input", required_argument, NULL, OPTION_INPUT },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

struct arguments {
	struct import_request request;
	const char *layer[LC_LAYERS_MAX + 1];	/* the last stays NULL */
	unsigned int layers;
	const char *input;
	bool json;
	bool help;
};

static void add_name(struct json_object *object, const char *key, const char *name)
{
	char clean[LC_PATH_BYTES];

	json_add_string(object, key, *name ? describe_text(name, clean) : NULL);
}

static int print_json(const char *path, const struct import_result *result)
{
	const struct stream_header *header = &result->header;
	struct json_object *object = json_object_new_object();

	json_add_string(object, "store", path);
	add_name(object, "name", header->clone_name);
	add_name(object, "snapshot", header->snapshot_name);
	json_add_uuid(object, "uuid", header->clone_uuid);
	json_add_uuid(object, "store_uuid", result->store_uuid);
	json_add_uuid(object, "content_uuid", header->end_uuid);
	json_add_uuid(object, "base_content_uuid", header->base_uuid);
	json_add_string(object, "base", result->base_path);
	json_add_number(object, "size_bytes", header->clone_sectors * 512);
	json_add_number(object, "store_bytes", result->store_bytes);
	json_add_number(object, "data_bytes", header->data_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "zero_bytes", header->zero_blocks * LC_BLOCK_SIZE);
	return json_print(object) ? STATUS_FAILED : STATUS_DONE;
}

static void print_text(const char *path, const struct import_result *result)
{
	const struct stream_header *header = &result->header;
	char clone[LC_PATH_BYTES], snapshot[LC_PATH_BYTES], data[SIZE_TEXT_BYTES];

	printf("%s: snapshot %s@%s above %s, %s of data\n", path,
	       describe_text(header->clone_name, clone),
	       describe_text(header->snapshot_name, snapshot),
	       result->base_path ? result->base_path : "the origin",
	       print_size(header->data_blocks * LC_BLOCK_SIZE, data));
}

static int import(const struct arguments *arguments)
{
	const char *path = arguments->request.store_path;
	struct import_result result;
	int fd = STDIN_FILENO;
	int error, status = STATUS_DONE;

	if (arguments->input)
		fd = open(arguments->input, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		report_errno(arguments->input, errno, "cannot be opened");
		return STATUS_FAILED;
	}
	error = import_stream(&arguments->request, fd, arguments->input ?
			      arguments->input : "standard input", &result);
	if (arguments->input)
		close(fd);
	if (error)
		return error == -EUCLEAN ? STATUS_DAMAGED : STATUS_FAILED;
	if (arguments->json)
		status = print_json(path, &result);
	else
		print_text(path, &result);
	free(result.base_path);
	return status;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
	struct import_request *request = &arguments->request;
	int c;

	request->layers = arguments->layer;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_ORIGIN:
			request->origin_path = optarg;
			break;
		case OPTION_LAYER:
			if (verb_layer_option(&verb_import, arguments->layer, &arguments->layers))
				return STATUS_USAGE;
			break;
		case OPTION_NAME:
			request->name = optarg;
			break;
		case OPTION_INPUT:
			arguments->input = optarg;
			break;
		case OPTION_FORCE:
			request->force = true;
			break;
		case OPTION_JSON:
			arguments->json = true;
			break;
		case 'h':
			arguments->help = true;
			return 0;
		default:
			return verb_bad_option(&verb_import, c, argv);
		}
	}
	if (optind + 1 != argc)
		return verb_misuse(&verb_import, "takes one STORE");
	request->store_path = argv[optind];
	return 0;
}

static int run(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	int status = parse(argc, argv, &arguments);

	if (status)
		return status;
	return arguments.help ? verb_help(&verb_import) : import(&arguments);
}

const struct verb verb_import = { "import", "make a frozen store of a stream", usage, run };
