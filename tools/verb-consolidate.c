// SPDX-License-Identifier: GPL-2.0
/* lclone consolidate: makes one of the layers of a clone. */

#include <stdio.h>
#include <stdlib.h>
#include "consolidate.h"
#include "options.h"
#include "output.h"
#include "place-options.h"

static const char usage[] =
"usage: lclone consolidate CLONE [--drop-snapshots] [--rate SIZE]\n"
"                          [--dir DIR | --vg VG | --store DEV] [--store-size SIZE]\n"
"                          [--force] [--json]\n"
"\n"
"Makes one of the layers that CLONE stands on, while it is in use.  What they hold\n"
"is copied; then the clone, and what else stands on its newest layer, goes on above\n"
"the new one, and the old ones are removed.  A layer on which something else stands\n"
"stays, and so does a snapshot of another clone.  The newest snapshot keeps its name;\n"
"those below it would be lost.  Tells for how long I/O was held.\n"
"\n"
"  --drop-snapshots   though snapshots below the newest are lost\n"
"  --rate SIZE        copy no more than SIZE in a second\n"
"  --json             print what was done as JSON\n"
"\n"
"The new layer goes where the newest one is.  To have it elsewhere:\n"
PLACE_USAGE;

enum { OPTION_DROP = OPTION_FIRST, OPTION_RATE, OPTION_JSON };

static const struct option options[] = {
	PLACE_OPTIONS,
	{ "drop-snapshots", no_argument, NULL, OPTION_DROP },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int print_json(const char *clone, const struct consolidate_result *result)
{
	struct json_object *document = json_object_new_object();

	json_add_string(document, "clone", clone);
	json_add_number(document, "merged_layers", result->merged);
	json_add_number(document, "removed_layers", result->removed);
	json_add_number(document, "copied_bytes", result->data_bytes);
	json_add_string(document, "layer", result->path);
	json_add_number(document, "pause_us", result->pause_ns / 1000);
	return json_print(document);
}

static void print_text(const char *clone, const struct consolidate_result *result)
{
	char size[SIZE_TEXT_BYTES];

	if (!result->merged) {
		printf("%s: it stands on no more than one layer\n", clone);
		return;
	}
	printf("%s: %u layers became one, %s were copied, %u removed; I/O was held for %.1f ms\n",
	       clone, result->merged, print_size(result->data_bytes, size),
	       result->removed, (double)result->pause_ns / 1e6);
}

static int consolidate_clone(struct consolidate_request *request,
			     const struct place_options *places, bool json)
{
	struct store_place *place = place_for_each(places, 1);
	struct consolidate_result result;
	int error;

	request->place = *place;
	error = consolidate(request, &result);
	if (!error && json)
		error = print_json(request->clone, &result);
	else if (!error)
		print_text(request->clone, &result);
	free(result.path);
	free(place);
	return error ? STATUS_FAILED : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	struct consolidate_request request = { 0 };
	struct place_options places = { 0 };
	bool json = false;
	int c, status;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		status = STATUS_DONE;
		switch (c) {
		case OPTION_DROP:
			request.drop_snapshots = true;
			break;
		case OPTION_RATE:
			status = verb_size_option(&verb_consolidate, "rate",
						  optarg, &request.rate_bytes);
			break;
		case OPTION_JSON:
			json = true;
			break;
		case 'h':
			return verb_help(&verb_consolidate);
		default:
			status = place_option(&verb_consolidate, c, argv, &places);
		}
		if (status)
			return status;
	}
	if (argc - optind != 1)
		return verb_misuse(&verb_consolidate, "takes the name of a clone");
	status = place_check(&verb_consolidate, &places, 1);
	if (status)
		return status;
	request.clone = argv[optind];
	return consolidate_clone(&request, &places, json);
}

const struct verb verb_consolidate = { "consolidate", "make one of the layers of a clone", usage, run };
