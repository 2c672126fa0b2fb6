// SPDX-License-Identifier: GPL-2.0
/* lclone adopt: makes a clone of a device in use, and the way back. */

#include <stdio.h>
#include <stdlib.h>
#include "adopt.h"
#include "options.h"
#include "output.h"
#include "place-options.h"

static const char usage[] =
"usage: lclone adopt DEV NAME (--dir DIR | --vg VG | --store DEV)\n"
"                    [--store-size SIZE] [--force] [--json]\n"
"       lclone adopt --undo NAME [--drop-snapshots] [--rate SIZE]\n"
"                    [--dir DIR | --vg VG | --store DEV] [--store-size SIZE] [--json]\n"
"\n"
"Makes a clone NAME of DEV, a device of device-mapper such as a logical volume,\n"
"while it is in use.  It keeps its name; what it is at that moment becomes the\n"
"origin NAME-origin, and what is written from then on goes to a store.  So clones\n"
"can be made of it ('lclone create --from NAME').  Before 'lclone activate NAME',\n"
"after a boot, DEV must not be used.\n"
"\n"
"  --undo             write all that has changed into DEV, which is then what it was\n"
"                     before, and remove the clone; while it is in use\n"
"  --drop-snapshots   though it has snapshots, which are lost\n"
"  --rate SIZE        copy no more than SIZE in a second\n"
"  --json             print what was done as JSON\n"
"\n"
"Where the store goes; with --undo, those that are needed meanwhile:\n"
PLACE_USAGE;

enum { OPTION_UNDO = OPTION_FIRST, OPTION_DROP, OPTION_RATE, OPTION_JSON };

static const struct option options[] = {
	PLACE_OPTIONS,
	{ "undo", no_argument, NULL, OPTION_UNDO },
	{ "drop-snapshots", no_argument, NULL, OPTION_DROP },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

struct arguments {
	struct place_options places;
	bool undo;
	bool drop_snapshots;
	u64 rate_bytes;
	bool json;
	bool help;
};

static int parse(int argc, char **argv, struct arguments *arguments)
{
	int c, status;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		status = STATUS_DONE;
		switch (c) {
		case OPTION_UNDO:
			arguments->undo = true;
			break;
		case OPTION_DROP:
			arguments->drop_snapshots = true;
			break;
		case OPTION_RATE:
			status = verb_size_option(&verb_adopt, "rate", optarg,
						  &arguments->rate_bytes);
			break;
		case OPTION_JSON:
			arguments->json = true;
			break;
		case 'h':
			arguments->help = true;
			return STATUS_DONE;
		default:
			status = place_option(&verb_adopt, c, argv,
					      &arguments->places);
		}
		if (status)
			return status;
	}
	if (argc - optind != (arguments->undo ? 1 : 2))
		return verb_misuse(&verb_adopt, arguments->undo ?
				   "--undo takes the name of a clone" :
				   "takes a device and a name for the clone");
	if (!arguments->undo && !arguments->places.places)
		return verb_misuse(&verb_adopt, "needs --store, --dir or --vg");
	if (!arguments->undo && (arguments->drop_snapshots || arguments->rate_bytes))
		return verb_misuse(&verb_adopt, "--drop-snapshots and --rate go with --undo");
	return place_check(&verb_adopt, &arguments->places, 1);
}

static int take(const struct arguments *arguments, const struct store_place *place,
		char **words)
{
	struct adopt_request request = {
		.device = words[0], .name = words[1], .place = *place,
	};
	struct json_object *document;
	u64 pause_ns = 0;

	if (adopt(&request, &pause_ns))
		return STATUS_FAILED;
	if (!arguments->json) {
		printf("%s: clone of %s, which goes on as before; I/O was held for %.1f ms\n",
		       request.name, request.device, (double)pause_ns / 1e6);
		return STATUS_DONE;
	}
	document = json_object_new_object();
	json_add_string(document, "name", request.name);
	json_add_string(document, "device", request.device);
	json_add_number(document, "pause_us", pause_ns / 1000);
	return json_print(document) ? STATUS_FAILED : STATUS_DONE;
}

static int undo(const struct arguments *arguments, const struct store_place *place,
		const char *name)
{
	struct return_request request = {
		.name = name, .drop_snapshots = arguments->drop_snapshots,
		.place = *place, .rate_bytes = arguments->rate_bytes,
	};
	char size[SIZE_TEXT_BYTES];
	struct return_result result;
	struct json_object *document;

	if (adopt_return(&request, &result))
		return STATUS_FAILED;
	if (!arguments->json) {
		printf("%s: %s were written back; I/O was held for %.1f ms\n", name,
		       print_size(result.copied_bytes, size),
		       (double)result.pause_ns / 1e6);
		return STATUS_DONE;
	}
	document = json_object_new_object();
	json_add_string(document, "name", name);
	json_add_number(document, "copied_bytes", result.copied_bytes);
	json_add_number(document, "rounds", result.rounds);
	json_add_number(document, "pause_us", result.pause_ns / 1000);
	return json_print(document) ? STATUS_FAILED : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	struct store_place *place;
	int status = parse(argc, argv, &arguments);

	if (status)
		return status;
	if (arguments.help)
		return verb_help(&verb_adopt);
	place = place_for_each(&arguments.places, 1);
	status = arguments.undo ? undo(&arguments, place, argv[optind]) :
				  take(&arguments, place, argv + optind);
	free(place);
	return status;
}

const struct verb verb_adopt = { "adopt", "make a clone of a device in use", usage, run };
