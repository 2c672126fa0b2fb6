// SPDX-License-Identifier: GPL-2.0
/* The command line of verbs that take one clone, a size at most, and --json. */

#include <stddef.h>
#include "clone-options.h"

static int take(const struct verb *verb, const struct option *options, int c,
		char **argv, struct clone_options *found)
{
	switch (c) {
	case CLONE_OPTION_SIZE:
		return verb_size_option(verb, options[0].name, optarg, &found->bytes);
	case CLONE_OPTION_JSON:
		found->json = true;
		return STATUS_DONE;
	default:
		return verb_bad_option(verb, c, argv);
	}
}

bool clone_options(const struct verb *verb, const struct option *options,
		   int argc, char **argv, struct clone_options *found, int *status)
{
	int c;

	*found = (struct clone_options) { 0 };
	*status = STATUS_DONE;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h') {
			*status = verb_help(verb);
			return false;
		}
		*status = take(verb, options, c, argv, found);
		if (*status)
			return false;
	}
	if (argc - optind != 1) {
		*status = verb_misuse(verb, "takes the name of a clone");
		return false;
	}
	found->clone = argv[optind];
	return true;
}
