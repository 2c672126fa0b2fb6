// SPDX-License-Identifier: GPL-2.0
/* lclone export: a snapshot, or what changed since another, as a stream. */

#include <errno.h>
#include <unistd.h>
#include "durable.h"
#include "export.h"
#include "options.h"
#include "output.h"

static const char usage[] =
"usage: lclone export SNAP [--base SNAP] [--layer STORE]... [--output FILE]\n"
"\n"
"Writes what the snapshot SNAP has changed since its origin as a stream for\n"
"'lclone import'.  SNAP is CLONE@SNAP, or the block device or file of its store.\n"
"\n"
"  --base SNAP    only what has changed since this earlier snapshot\n"
"  --layer STORE  a store below it that cannot be found otherwise\n"
"  --output FILE  into FILE, which must not exist; else to standard output\n";

enum { OPTION_BASE = OPTION_FIRST, OPTION_LAYER, OPTION_OUTPUT };

static const struct option options[] = {
	{ "base", required_argument, NULL, OPTION_BASE },
	{ "layer", required_argument, NULL, OPTION_LAYER },
	{ "output", required_argument, NULL, OPTION_OUTPUT },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int export_to_stdout(const struct export_request *request)
{
	if (isatty(STDOUT_FILENO)) {
		report_error("export", "a stream is not for a terminal");
		report_hint("redirect it, or give --output FILE");
		return -EINVAL;
	}
	return export_stream(request, STDOUT_FILENO, "standard output");
}

static int export_to_file(const struct export_request *request, const char *path)
{
	struct part_file file;
	int error = part_open(&file, path);

	if (!error)
		error = export_stream(request, file.fd, path);
	if (!error)
		error = part_name(&file);
	part_close(&file);
	return error;
}

static int run(int argc, char **argv)
{
	const char *layers[LC_LAYERS_MAX + 2] = { NULL };	/* the base, and a NULL */
	struct export_request request = { .layers = layers };
	const char *output = NULL;
	int c, error;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_BASE:
			request.base = optarg;
			break;
		case OPTION_LAYER:
			if (verb_layer_option(&verb_export, layers, &request.layer_count))
				return STATUS_USAGE;
			break;
		case OPTION_OUTPUT:
			output = optarg;
			break;
		case 'h':
			return verb_help(&verb_export);
		default:
			return verb_bad_option(&verb_export, c, argv);
		}
	}
	if (optind + 1 != argc)
		return verb_misuse(&verb_export, "takes one SNAP");
	request.end = argv[optind];
	error = output ? export_to_file(&request, output) :
			 export_to_stdout(&request);
	if (error == -EUCLEAN)
		return STATUS_DAMAGED;
	return error ? STATUS_FAILED : STATUS_DONE;
}

const struct verb verb_export = { "export", "write a snapshot as a stream", usage, run };
