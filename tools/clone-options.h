/* SPDX-License-Identifier: GPL-2.0 */
/* The command line of verbs that take one clone, a size at most, and --json. */
#ifndef LCLONE_CLONE_OPTIONS_H
#define LCLONE_CLONE_OPTIONS_H

#include <stdbool.h>
#include "options.h"

enum { CLONE_OPTION_SIZE = OPTION_FIRST, CLONE_OPTION_JSON };

/* The options of a verb whose size is called @name. */
#define CLONE_OPTIONS(name) { \
	{ name, required_argument, NULL, CLONE_OPTION_SIZE }, \
	{ "json", no_argument, NULL, CLONE_OPTION_JSON }, \
	{ "help", no_argument, NULL, 'h' }, \
	{ NULL, 0, NULL, 0 } \
}

struct clone_options {
	const char *clone;
	uint64_t bytes;			/* 0: not given */
	bool json;
};

/*
 * Takes the command line of @verb, with @options of CLONE_OPTIONS(), apart.
 * Returns true when there is something to do; else @status is what is left.
 */
bool clone_options(const struct verb *verb, const struct option *options,
		   int argc, char **argv, struct clone_options *found, int *status);

#endif
