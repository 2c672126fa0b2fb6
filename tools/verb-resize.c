// SPDX-License-Identifier: GPL-2.0
/* lclone resize: a clone becomes larger or smaller. */

#include <errno.h>
#include <stdio.h>
#include "options.h"
#include "output.h"
#include "resize.h"

static const char usage[] =
"usage: lclone resize CLONE [+]SIZE [--force] [--json]\n"
"\n"
"Gives CLONE another size, while it is in use; with a '+', SIZE more than it has.\n"
"What is new reads as zeros.  Tells for how long its I/O was held.  The filesystem\n"
"on it is yours to grow.  See 'lclone extend' for more room in its store.\n"
"\n"
"  --force            also make it smaller: what lies behind SIZE is discarded\n"
"  --json             print the sizes as JSON\n";

enum { OPTION_FORCE = OPTION_FIRST, OPTION_JSON };

static const struct option options[] = {
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int print_json(const char *name, const struct resize_result *result)
{
	struct json_object *document = json_object_new_object();

	json_add_string(document, "name", name);
	json_add_number(document, "old_size_bytes", result->old_bytes);
	json_add_number(document, "size_bytes", result->new_bytes);
	json_add_number(document, "pause_us", result->pause_ns / 1000);
	return json_print(document);
}

static void print_text(const char *name, const struct resize_result *result)
{
	char size[SIZE_TEXT_BYTES];

	print_size(result->new_bytes, size);
	if (result->pause_ns)
		printf("%s: has %s; I/O was held for %.1f ms\n", name, size,
		       (double)result->pause_ns / 1e6);
	else
		printf("%s: has %s already\n", name, size);
}

static int resize(const char *name, u64 bytes, bool more, bool force, bool json)
{
	struct origins origins = { 0 };
	struct resize_result result;
	struct catalog catalog;
	struct clone *clone;
	int error = catalog_open(&catalog, CATALOG_CHANGE);

	if (error)
		return error;
	clone = catalog_need_clone(&catalog, name);
	error = clone ? resize_run(&catalog, &origins, clone, bytes, more, force,
				   &result) : -ENOENT;
	if (!error && json)
		error = print_json(name, &result);
	else if (!error)
		print_text(name, &result);
	origins_done(&origins);
	catalog_close(&catalog);
	return error;
}

static int run(int argc, char **argv)
{
	bool force = false, json = false, more;
	const char *size;
	uint64_t bytes;
	int c;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == OPTION_FORCE)
			force = true;
		else if (c == OPTION_JSON)
			json = true;
		else if (c == 'h')
			return verb_help(&verb_resize);
		else
			return verb_bad_option(&verb_resize, c, argv);
	}
	if (argc - optind != 2)
		return verb_misuse(&verb_resize, "takes the name of a clone, and a size");
	size = argv[optind + 1];
	more = *size == '+';
	if (verb_size(&verb_resize, size, size + more, &bytes))
		return STATUS_USAGE;
	return resize(argv[optind], bytes, more, force, json) ? STATUS_FAILED :
								STATUS_DONE;
}

const struct verb verb_resize = { "resize", "make a clone larger or smaller", usage, run };
