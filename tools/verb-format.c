// SPDX-License-Identifier: GPL-2.0
/* lclone format: writes an empty store. */

#include <stdio.h>
#include <stdlib.h>
#include "chain.h"
#include "format-store.h"
#include "options.h"
#include "output.h"

static const char usage[] =
"usage: lclone format STORE --origin DEV|- [--layer DEV]... [--size SIZE] [--name NAME]\n"
"                     [--force] [--json]\n"
"\n"
"Makes STORE, a block device or a file of its full size, the empty store of a\n"
"new clone of the origin DEV.  Refuses a device that is in use, or that holds\n"
"anything (a filesystem, a physical volume, partitions, another store).\n"
"\n"
"  --origin DEV    the device that the clone shares; - for none\n"
"  --layer DEV     a layer that it stands on, the oldest first.  When the newest is\n"
"                  not frozen STORE is to follow it, as the next store of the\n"
"                  same clone: see 'Snapshots by hand' in lclone-format(8)\n"
"  --size SIZE     of the clone; as large as the origin when not given.  In\n"
"                  bytes, or with K, M, G, T (powers of 1024) or s (sectors)\n"
"  --name NAME     recorded in the store, for people and for 'lclone scan'\n"
"  --force         overwrite what the device holds\n"
"  --json          print what was made as JSON\n";

enum { OPTION_ORIGIN = OPTION_FIRST, OPTION_SIZE, OPTION_NAME, OPTION_LAYER,
       OPTION_FORCE, OPTION_JSON };

static const struct option options[] = {
	{ "origin", required_argument, NULL, OPTION_ORIGIN },
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "layer", required_argument, NULL, OPTION_LAYER },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

struct arguments {
	struct format_request request;
	const char *origin;
	const char *layer[LC_LAYERS_MAX + 1];	/* the last stays NULL */
	unsigned int layers;
	bool json;
	bool help;
};

static int parse(int argc, char **argv, struct arguments *arguments)
{
	struct format_request *request = &arguments->request;
	int c, status = 0;

	while (!status &&
	       (c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_ORIGIN:
			arguments->origin = optarg;
			break;
		case OPTION_SIZE:
			status = verb_size_option(&verb_format, "size", optarg,
						  &request->clone_bytes);
			break;
		case OPTION_NAME:
			request->clone_name = optarg;
			break;
		case OPTION_LAYER:
			status = verb_layer_option(&verb_format, arguments->layer,
						   &arguments->layers);
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
			return verb_bad_option(&verb_format, c, argv);
		}
	}
	if (status)
		return status;
	if (optind + 1 != argc)
		return verb_misuse(&verb_format, "takes one STORE");
	if (!arguments->origin)
		return verb_misuse(&verb_format, "--origin DEV (or -) is missing");
	if (request->clone_name && !*request->clone_name)
		return verb_misuse(&verb_format, "--name is empty");
	request->store_path = argv[optind];
	if (strcmp(arguments->origin, "-"))
		request->origin_path = arguments->origin;
	else if (!request->clone_bytes && !arguments->layers)
		return verb_misuse(&verb_format, "--origin - needs --size");
	return 0;
}

static int print_json(const struct format_request *request,
		      const struct format_result *result)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "store", request->store_path);
	json_add_string(object, "name", request->clone_name);
	json_add_uuid(object, "uuid", result->clone_uuid);
	json_add_uuid(object, "store_uuid", result->store_uuid);
	json_add_string(object, "origin", request->origin_path);
	json_add_number(object, "origin_bytes", result->origin_bytes);
	json_add_number(object, "size_bytes", result->clone_bytes);
	json_add_number(object, "store_bytes", result->store_bytes);
	json_add_number(object, "written_bytes", result->written_bytes);
	return json_print(object) ? STATUS_FAILED : STATUS_DONE;
}

static void print_text(const struct format_request *request,
		       const struct format_result *result)
{
	char size[SIZE_TEXT_BYTES], store[SIZE_TEXT_BYTES];
	char uuid[UUID_TEXT_BYTES];

	printf("%s: store of clone %s, %s over %s, room for %s\n",
	       request->store_path, print_uuid(result->clone_uuid, uuid),
	       print_size(result->clone_bytes, size),
	       request->origin_path ? request->origin_path : "no origin",
	       print_size(result->store_bytes, store));
}

/* The clone of a frozen layer is a new one; what is not frozen yet is followed. */
static void follow(struct format_request *request, const struct chain *chain)
{
	const struct lc_super *parent = &chain->layer[chain->count - 1].super;

	request->parent = parent;
	request->layers = chain->count;
	if (parent->state != LC_STORE_WRITABLE)
		return;
	request->clone_uuid = parent->clone_uuid;
	request->head_generation = parent->head_generation + 1;
	if (!request->clone_name && *parent->clone_name)
		request->clone_name = parent->clone_name;
}

static int format(struct arguments *arguments, struct format_result *result)
{
	struct format_request *request = &arguments->request;
	struct chain chain;
	int error;

	if (!arguments->layers)
		return format_store(request, result);
	error = chain_open(request->store_path, NULL, arguments->layer, &chain);
	if (!error)
		error = chain_origin_matches(request->store_path, &chain,
					     request->origin_path);
	if (!error)
		error = chain_stacking(request->store_path, &chain);
	if (!error) {
		follow(request, &chain);
		error = format_store(request, result);
	}
	chain_free(&chain);
	return error;
}

static int run(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	struct format_result result;
	int status = parse(argc, argv, &arguments);

	if (status)
		return status;
	if (arguments.help)
		return verb_help(&verb_format);
	if (format(&arguments, &result))
		return STATUS_FAILED;
	if (arguments.json)
		return print_json(&arguments.request, &result);
	print_text(&arguments.request, &result);
	return STATUS_DONE;
}

const struct verb verb_format = { "format", "write an empty store", usage, run };
