// SPDX-License-Identifier: GPL-2.0
/* lclone activate: brings clones up as devices. */

#include "clone.h"
#include "clones-each.h"
#include "options.h"

static const char usage[] =
"usage: lclone activate [--force] NAME...\n"
"       lclone activate --all\n"
"\n"
"Makes /dev/mapper/NAME of each clone.  One that is active already is left as it\n"
"is.  The origin is compared with the fingerprint that the store records, and a\n"
"store that is marked as active on another host is refused.\n"
"\n"
"  --all      all clones of the catalog\n"
"  --force    take the mark of another host off; only when that host is certainly\n"
"             down, for two hosts that write to one store destroy it\n";

enum { OPTION_ALL = OPTION_FIRST, OPTION_FORCE };

static const struct option options[] = {
	{ "all", no_argument, NULL, OPTION_ALL },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

struct context {
	struct origins origins;
	bool force;
};

static int activate_one(struct catalog *catalog, struct clone *clone, void *data)
{
	struct context *context = data;
	bool removed = false;
	int error = clone->removing ?
		    clone_settle_removal(catalog, clone, &removed) : 0;

	if (error || removed)
		return error;
	error = clone_activate(catalog, clone, &context->origins, context->force);
	if (error || !clone->held)
		return error;
	clone->held = false;
	return catalog_save(catalog);
}

static int run(int argc, char **argv)
{
	struct context context = { .force = false };
	bool all = false;
	int c, status;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_ALL:
			all = true;
			break;
		case OPTION_FORCE:
			context.force = true;
			break;
		case 'h':
			return verb_help(&verb_activate);
		default:
			return verb_bad_option(&verb_activate, c, argv);
		}
	}
	if (all && context.force)
		return verb_misuse(&verb_activate, "--force needs names, not --all");
	status = clones_each(&verb_activate, argv + optind, all, activate_one,
			     &context);
	origins_done(&context.origins);
	return status;
}

const struct verb verb_activate = { "activate", "bring clones up as devices", usage, run };
