// SPDX-License-Identifier: GPL-2.0
/* lclone table: the device-mapper table of a store. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"
#include "output.h"
#include "table.h"

static const char usage[] =
"usage: lclone table STORE [--origin DEV] [--layer DEV]... [--command NAME] [--json]\n"
"                    [--error-if-no-space] [--no-discard-passdown]\n"
"\n"
"Prints the device-mapper table of the clone on STORE, for dmsetup:\n"
"    dmsetup create vm1 --table \"$(lclone table /dev/vg/vm1)\"\n"
"The layers are found by what the store records, on the devices of this host.\n"
"The origin is found by the path that the store records, and must have the size\n"
"and the fingerprint that the store records.\n"
"\n"
"  --origin DEV            look for the origin there\n"
"  --layer DEV             a layer that the store stands on, the oldest first; when\n"
"                          none is given they are found on the devices of this host\n"
"  --command NAME          print the whole dmsetup command that makes\n"
"                          /dev/mapper/NAME, with a UUID that keeps the host\n"
"                          from probing the guest's disk\n"
"  --error-if-no-space     writes fail when the store is full, and do not wait\n"
"  --no-discard-passdown   do not pass discards on to the store's device\n"
"  --json                  as JSON\n";

enum { OPTION_ORIGIN = OPTION_FIRST, OPTION_LAYER, OPTION_COMMAND,
       OPTION_ERROR, OPTION_NO_PASSDOWN, OPTION_JSON };

static const struct option options[] = {
	{ "origin", required_argument, NULL, OPTION_ORIGIN },
	{ "layer", required_argument, NULL, OPTION_LAYER },
	{ "command", required_argument, NULL, OPTION_COMMAND },
	{ "error-if-no-space", no_argument, NULL, OPTION_ERROR },
	{ "no-discard-passdown", no_argument, NULL, OPTION_NO_PASSDOWN },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

struct arguments {
	struct table_request request;
	const char *feature[3];		/* the last stays NULL */
	const char *layer[LC_LAYERS_MAX + 1];	/* the last stays NULL */
	unsigned int layers;
	const char *command;
	bool json;
	bool help;
};

/* Both features at most once, whatever the number of options. */
static void add_feature(struct arguments *arguments, const char *feature)
{
	unsigned int i;

	for (i = 0; arguments->feature[i]; i++)
		if (!strcmp(arguments->feature[i], feature))
			return;
	arguments->feature[i] = feature;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
	int c;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_ORIGIN:
			arguments->request.origin_path = optarg;
			break;
		case OPTION_LAYER:
			if (verb_layer_option(&verb_table, arguments->layer, &arguments->layers))
				return STATUS_USAGE;
			break;
		case OPTION_COMMAND:
			arguments->command = optarg;
			break;
		case OPTION_ERROR:
			add_feature(arguments, "error_if_no_space");
			break;
		case OPTION_NO_PASSDOWN:
			add_feature(arguments, "no_discard_passdown");
			break;
		case OPTION_JSON:
			arguments->json = true;
			break;
		case 'h':
			arguments->help = true;
			return 0;
		default:
			return verb_bad_option(&verb_table, c, argv);
		}
	}
	if (optind + 1 != argc)
		return verb_misuse(&verb_table, "takes one STORE");
	if (arguments->command && (!*arguments->command ||
				   strpbrk(arguments->command, "/ \t\n'\"\\$`")))
		return verb_misuse(&verb_table, "--command '%s' is no name for a device",
				   arguments->command);
	arguments->request.store_path = argv[optind];
	arguments->request.features = arguments->feature;
	if (arguments->layers)
		arguments->request.layers = arguments->layer;
	return 0;
}

static int print_table_json(const struct table_line *table)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "table", table->line);
	json_add_number(object, "size_bytes", table->sectors * 512);
	json_add_string(object, "origin", table->origin_path);
	json_add_string(object, "name", *table->name ? table->name : NULL);
	json_add_uuid(object, "uuid", table->clone_uuid);
	json_add_uuid(object, "store_uuid", table->store_uuid);
	json_add_string(object, "dm_uuid", table->dm_uuid);
	return json_print(object) ? STATUS_FAILED : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	struct table_line table;
	int status = parse(argc, argv, &arguments);

	if (status)
		return status;
	if (arguments.help)
		return verb_help(&verb_table);
	if (table_for_store(&arguments.request, &table))
		return STATUS_FAILED;
	if (arguments.json)
		status = print_table_json(&table);
	else if (arguments.command)
		printf("dmsetup create %s --uuid %s --table \"%s\"\n",
		       arguments.command, table.dm_uuid, table.line);
	else
		puts(table.line);
	table_free(&table);
	return status;
}

const struct verb verb_table = { "table", "print the device-mapper table of a store", usage, run };
