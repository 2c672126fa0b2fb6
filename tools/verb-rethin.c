// SPDX-License-Identifier: GPL-2.0
/* lclone rethin: frees what a store holds for nothing. */

#include <stdio.h>
#include "clone-options.h"
#include "output.h"
#include "rethin.h"

static const char usage[] =
"usage: lclone rethin CLONE [--rate SIZE] [--json]\n"
"\n"
"Compares what the store of CLONE holds with what lies below it, while the clone is\n"
"in use, and frees the blocks that are the same there, or zero.  It can be stopped\n"
"(Ctrl-C): what has been freed stays so.\n"
"\n"
"  --rate SIZE        look at no more than SIZE of the clone a second\n"
"  --json             print what was freed as JSON\n";

static const struct option options[] = CLONE_OPTIONS("rate");

static int print_json(const char *name, u64 freed_bytes)
{
	struct json_object *document = json_object_new_object();

	json_add_string(document, "name", name);
	json_add_number(document, "freed_bytes", freed_bytes);
	return json_print(document);
}

static int rethin(const char *name, u64 rate, bool json)
{
	char size[SIZE_TEXT_BYTES];
	u64 freed_bytes;
	int error = rethin_run(name, rate, &freed_bytes);

	if (error)
		return STATUS_FAILED;
	if (json)
		return print_json(name, freed_bytes) ? STATUS_FAILED : STATUS_DONE;
	printf("%s: %s freed\n", name, print_size(freed_bytes, size));
	return STATUS_DONE;
}

static int run(int argc, char **argv)
{
	struct clone_options found;
	int status;

	if (!clone_options(&verb_rethin, options, argc, argv, &found, &status))
		return status;
	return rethin(found.clone, found.bytes, found.json);
}

const struct verb verb_rethin = { "rethin", "free what a store holds for nothing", usage, run };
