// SPDX-License-Identifier: GPL-2.0
/* lclone dump: a store's superblock and map as text. */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "dump.h"
#include "durable.h"
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

/* The file is there as a whole or not at all; that of a damaged store is, too. */
static int dump_to(const struct store_file *store, const char *output, bool json)
{
	struct part_file file;
	FILE *to;
	int error = part_open(&file, output), named;

	if (error) {
		part_close(&file);
		return error;
	}
	to = fdopen(dup(file.fd), "w");
	error = to ? dump_store(store, to, json) : -errno;
	if (!to || (fclose(to) && !error)) {
		report_errno(output, errno, "cannot be written");
		error = -EIO;
	}
	if (!error || error == -EUCLEAN) {
		named = part_name(&file);
		error = named ? named : error;
	}
	part_close(&file);
	return error;
}

static int dump(const char *path, const char *output, bool json)
{
	struct store_file store;
	int error;

	if (store_open_idle(path, STORE_READ, &store))
		return STATUS_FAILED;
	if (store_load(&store)) {
		store_close(&store);
		return STATUS_FAILED;
	}
	error = output ? dump_to(&store, output, json) :
			 dump_store(&store, stdout, json);
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
