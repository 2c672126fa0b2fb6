// SPDX-License-Identifier: GPL-2.0
/* lclone commit: a new template of what a clone is. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commit.h"
#include "options.h"
#include "output.h"

static const char usage[] =
"usage: lclone commit CLONE[@SNAP] --template NEW [--to DEV|FILE]\n"
"                     [--clone-store DEV] [--rate SIZE] [--quick] [--force] [--json]\n"
"\n"
"Writes what CLONE is now, or was at its snapshot SNAP, as the origin of a new\n"
"template NEW.  The old template stays as it is, for its clones; no origin is\n"
"written.  CLONE may be in use: then it is frozen as by a snapshot without a name,\n"
"and goes on above that.\n"
"\n"
"  --template NEW     the name of the new template\n"
"  --to DEV|FILE      a block device that holds nothing, or a file, which must not\n"
"                     exist; when not given, NEW.raw beside the file of the old one\n"
"  --clone-store DEV  an empty block device for the next store of a clone in use, which\n"
"                     it needs when its store is a device of yours\n"
"  --rate SIZE        copy no more than SIZE in a second\n"
"  --quick            leave out the full fingerprint\n"
"  --force            overwrite what DEV of --to holds\n"
"  --json             print what was made as JSON\n";

enum { OPTION_TEMPLATE = OPTION_FIRST, OPTION_TO, OPTION_CLONE_STORE, OPTION_RATE,
       OPTION_QUICK, OPTION_FORCE, OPTION_JSON };

static const struct option options[] = {
	{ "template", required_argument, NULL, OPTION_TEMPLATE },
	{ "to", required_argument, NULL, OPTION_TO },
	{ "clone-store", required_argument, NULL, OPTION_CLONE_STORE },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "quick", no_argument, NULL, OPTION_QUICK },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int print_json(const struct commit_request *request,
		      const struct commit_result *result)
{
	struct json_object *document = json_object_new_object();

	json_add_string(document, "clone", request->clone);
	json_add_string(document, "snapshot", request->snapshot);
	json_add_string(document, "template", request->template);
	json_add_string(document, "path", result->path);
	json_add_number(document, "size_bytes", result->size_bytes);
	json_add_number(document, "written_bytes", result->written_bytes);
	json_add_number(document, "shared_bytes", result->shared_bytes);
	json_add_number(document, "pause_us", result->pause_ns / 1000);
	return json_print(document);
}

static void print_text(const struct commit_request *request,
		       const struct commit_result *result)
{
	char size[SIZE_TEXT_BYTES], written[SIZE_TEXT_BYTES];

	printf("%s: template of %s, %s written", request->template,
	       print_size(result->size_bytes, size),
	       print_size(result->written_bytes, written));
	if (result->shared_bytes)
		printf(", %s shared with the old one",
		       print_size(result->shared_bytes, size));
	printf(", in %s", result->path);
	print_held(NULL, result->pause_ns);
	printf("\n");
}

static int commit_clone(struct commit_request *request, const char *name, bool json)
{
	char *clone = must_strdup(name), *snapshot = strchr(clone, '@');
	struct commit_result result;
	int error;

	if (snapshot)
		*snapshot++ = '\0';
	request->clone = clone;
	request->snapshot = snapshot;
	error = commit(request, &result);
	if (!error && json)
		error = print_json(request, &result);
	else if (!error)
		print_text(request, &result);
	free(result.path);
	free(clone);
	return error ? STATUS_FAILED : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	struct commit_request request = { 0 };
	bool json = false;
	int c, status;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		status = STATUS_DONE;
		switch (c) {
		case OPTION_TEMPLATE:
			request.template = optarg;
			break;
		case OPTION_TO:
			request.to = optarg;
			break;
		case OPTION_CLONE_STORE:
			request.clone_store = optarg;
			break;
		case OPTION_RATE:
			status = verb_size_option(&verb_commit, "rate", optarg,
						  &request.rate_bytes);
			break;
		case OPTION_QUICK:
			request.quick_only = true;
			break;
		case OPTION_FORCE:
			request.force = true;
			break;
		case OPTION_JSON:
			json = true;
			break;
		case 'h':
			return verb_help(&verb_commit);
		default:
			return verb_bad_option(&verb_commit, c, argv);
		}
		if (status)
			return status;
	}
	if (argc - optind != 1)
		return verb_misuse(&verb_commit, "takes the name of a clone, or CLONE@SNAP");
	if (!request.template)
		return verb_misuse(&verb_commit, "needs --template");
	return commit_clone(&request, argv[optind], json);
}

const struct verb verb_commit = { "commit", "make a template of what a clone is", usage, run };
