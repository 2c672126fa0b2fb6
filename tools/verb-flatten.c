// SPDX-License-Identifier: GPL-2.0
/* lclone flatten: a clone becomes independent of its template. */

#include <stdio.h>
#include "clone-options.h"
#include "flatten.h"
#include "output.h"

static const char usage[] =
"usage: lclone flatten CLONE [--rate SIZE] [--json]\n"
"\n"
"Copies all that CLONE still reads from its template and its layers into its store,\n"
"while it is in use, and then parts it from them: the template can go when no other\n"
"clone needs it.  Snapshots stay, and still need the template.  It can be stopped\n"
"(Ctrl-C) and goes on where it was when it is started again.\n"
"\n"
"  --rate SIZE        copy no more than SIZE a second\n"
"  --json             print what was done as JSON\n";

static const struct option options[] = CLONE_OPTIONS("rate");

static int print_json(const char *name, const struct flatten_result *result)
{
	struct json_object *document = json_object_new_object();

	json_add_string(document, "name", name);
	json_add_number(document, "copied_bytes", result->copied_bytes);
	json_add_number(document, "zero_bytes", result->zero_bytes);
	json_add_number(document, "pause_us", result->pause_ns / 1000);
	return json_print(document);
}

static void print_text(const char *name, const struct flatten_result *result)
{
	char copied[SIZE_TEXT_BYTES], zero[SIZE_TEXT_BYTES];

	if (result->already)
		printf("%s: is independent already\n", name);
	else
		printf("%s: is independent; %s copied, %s were zero; I/O was held for %.1f ms\n",
		       name, print_size(result->copied_bytes, copied),
		       print_size(result->zero_bytes, zero),
		       (double)result->pause_ns / 1e6);
}

static int run(int argc, char **argv)
{
	struct flatten_result result;
	struct clone_options found;
	int error, status;

	if (!clone_options(&verb_flatten, options, argc, argv, &found, &status))
		return status;
	error = flatten_run(found.clone, found.bytes, &result);
	if (!error && found.json)
		error = print_json(found.clone, &result);
	else if (!error)
		print_text(found.clone, &result);
	return error ? STATUS_FAILED : STATUS_DONE;
}

const struct verb verb_flatten = { "flatten", "make a clone independent", usage, run };
