// SPDX-License-Identifier: GPL-2.0
/* lclone rebase: a clone moves to another template. */

#include <stdio.h>
#include "options.h"
#include "output.h"
#include "rebase.h"

static const char usage[] =
"usage: lclone rebase CLONE --template T2 [--rate SIZE] [--update --force] [--json]\n"
"\n"
"Puts CLONE over template T2, while it is in use.  It shows what it showed: where T2\n"
"differs from its own template, what it had not changed is copied into its store, and\n"
"so is what it reads from layers.  Where the two differ is found out once for all\n"
"clones.  Snapshots stay, over the template that they were made with.  It can be\n"
"stopped (Ctrl-C) and goes on where it was when it is started again.\n"
"\n"
"  --template T2      the template to move to\n"
"  --update           show T2 where nothing was changed, instead of what was there;\n"
"                     filesystems do not survive that.  Not while the clone is open\n"
"  --force            with --update: that is what is wanted\n"
"  --rate SIZE        copy no more than SIZE a second\n"
"  --json             print what was done as JSON\n";

enum { OPTION_TEMPLATE = OPTION_FIRST, OPTION_UPDATE, OPTION_FORCE, OPTION_RATE,
       OPTION_JSON };

static const struct option options[] = {
	{ "template", required_argument, NULL, OPTION_TEMPLATE },
	{ "update", no_argument, NULL, OPTION_UPDATE },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int print_json(const struct rebase_request *request,
		      const struct rebase_result *result)
{
	struct json_object *document = json_object_new_object();

	json_add_string(document, "name", request->name);
	json_add_string(document, "template", request->template);
	json_add_bool(document, "compared", result->compared);
	json_add_number(document, "differ_bytes", result->differ_bytes);
	json_add_number(document, "copied_bytes", result->copied_bytes);
	json_add_number(document, "zero_bytes", result->zero_bytes);
	json_add_number(document, "pause_us", result->pause_ns / 1000);
	return json_print(document);
}

static void print_text(const struct rebase_request *request,
		       const struct rebase_result *result)
{
	char copied[SIZE_TEXT_BYTES];

	if (result->already) {
		printf("%s: stands on %s already\n", request->name, request->template);
		return;
	}
	printf("%s: stands on %s; %s copied; I/O was held for %.1f ms\n",
	       request->name, request->template,
	       print_size(result->copied_bytes, copied),
	       (double)result->pause_ns / 1e6);
}

static int rebase(const struct rebase_request *request, bool json)
{
	struct rebase_result result;
	int error = rebase_run(request, &result);

	if (!error && json)
		error = print_json(request, &result);
	else if (!error)
		print_text(request, &result);
	return error ? STATUS_FAILED : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	struct rebase_request request = { 0 };
	bool json = false;
	uint64_t rate = 0;
	int c;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_TEMPLATE:
			request.template = optarg;
			break;
		case OPTION_UPDATE:
			request.update = true;
			break;
		case OPTION_FORCE:
			request.force = true;
			break;
		case OPTION_RATE:
			if (verb_size_option(&verb_rebase, "rate", optarg, &rate))
				return STATUS_USAGE;
			break;
		case OPTION_JSON:
			json = true;
			break;
		case 'h':
			return verb_help(&verb_rebase);
		default:
			return verb_bad_option(&verb_rebase, c, argv);
		}
	}
	if (argc - optind != 1 || !request.template)
		return verb_misuse(&verb_rebase, "takes the name of a clone, and --template");
	request.name = argv[optind];
	request.rate = rate;
	return rebase(&request, json);
}

const struct verb verb_rebase = { "rebase", "move a clone to another template", usage, run };
