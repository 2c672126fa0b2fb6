/* SPDX-License-Identifier: GPL-2.0 */
/* What all verbs do alike with their command line. */
#ifndef LCLONE_OPTIONS_H
#define LCLONE_OPTIONS_H

#include <getopt.h>
#include <stdint.h>
#include "verbs.h"

/* Values of long options without a letter start here. */
#define OPTION_FIRST	256

/* Prints @verb->usage on stdout.  Returns STATUS_DONE. */
int verb_help(const struct verb *verb);

/*
 * Reports "lclone: VERB: WHY" and where help is to be found.
 * Returns STATUS_USAGE.
 */
int verb_misuse(const struct verb *verb, const char *why, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * For the '?' and ':' that getopt_long() returns; with opterr = 0 and an
 * option string that begins with ':' (as lclone.c and verbs set them) getopt
 * prints nothing itself.  Returns STATUS_USAGE.
 */
int verb_bad_option(const struct verb *verb, int c, char **argv);

/*
 * Reads the size @text in bytes; @what is what stands on the command line.
 * Returns 0, or STATUS_USAGE when it has been reported as wrong; a size of 0
 * or one that is no multiple of 512 is wrong.  The second is for what option
 * @name was given.
 */
int verb_size(const struct verb *verb, const char *what, const char *text,
	      uint64_t *bytes);
int verb_size_option(const struct verb *verb, const char *name,
		     const char *text, uint64_t *bytes);

/*
 * For --layer DEV, which may be given up to LC_LAYERS_MAX times: @layers has
 * @count of them.  The same.
 */
int verb_layer_option(const struct verb *verb, const char **layers,
		      unsigned int *count);

#endif
