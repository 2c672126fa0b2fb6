// SPDX-License-Identifier: GPL-2.0
/* lclone dump: a store's superblock and map as text. */

#include <errno.h>
#include <stdio.h>
#include "dump.h"
#include "options.h"
#include "output.h"
#include "probe.h"

static const char usage[] =
"usage: lclone dump STORE [--json] [--output FILE]\n"
"\n"
"Prints the superblock and the map of the store on STORE, a block device or a\n"
"file, with the journal applied.  The clone must not be active.  Guest data is\n"
"not part of it.\n"
"\n"
"  --json          as one JSON document\n"
"  --output FILE   into FILE, which must not exist\n";

enum { OPTION_JSON = OPTION_FIRST, OPTION_OUTPUT };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "output", required_argument, NULL, OPTION_OUTPUT },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int dump(const char *path, const char *output, bool json)
{
	struct store_file store;
	FILE *to = stdout;
	int error;

	if (store_open_idle(path, STORE_READ, &store))
		return STATUS_FAILED;
	if (store_load(&store)) {
		store_close(&store);
		return STATUS_FAILED;
	}
	if (output)
		to = fopen(output, "wxe");
	if (!to) {
		report_errno(output, errno, "cannot be made");
		store_close(&store);
		return STATUS_FAILED;
	}
	error = dump_store(&store, to, json);
	if (output && fclose(to) && !error) {
		report_errno(output, errno, "cannot be written");
		error = -EIO;
	}
	store_close(&store);
	if (error == -EUCLEAN)
		return STATUS_DAMAGED;
	return error ? STATUS_FAILED : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	const char *output = NULL;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_JSON:
			json = true;
			break;
		case OPTION_OUTPUT:
			output = optarg;
			break;
		case 'h':
			return verb_help(&verb_dump);
		default:
			return verb_bad_option(&verb_dump, c, argv);
		}
	}
	if (optind + 1 != argc)
		return verb_misuse(&verb_dump, "takes one STORE");
	return dump(argv[optind], output, json);
}

const struct verb verb_dump = { "dump", "print the map of a store", usage, run };
