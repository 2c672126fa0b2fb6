// SPDX-License-Identifier: GPL-2.0
/* What all verbs do alike with their command line. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "core/super.h"
#include "options.h"
#include "output.h"

int verb_help(const struct verb *verb)
{
	fputs(verb->usage, stdout);
	return STATUS_DONE;
}

int verb_misuse(const struct verb *verb, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	fprintf(stderr, "lclone: %s: ", verb->name);
	vfprintf(stderr, why, args);
	fputc('\n', stderr);
	va_end(args);
	report_hint("see 'lclone %s --help'", verb->name);
	return STATUS_USAGE;
}

int verb_bad_option(const struct verb *verb, int c, char **argv)
{
	if (c == ':')
		return verb_misuse(verb, "option '%s' needs a value",
				   argv[optind - 1]);
	if (optopt && optopt < OPTION_FIRST)
		return verb_misuse(verb, "there is no option '-%c'", optopt);
	return verb_misuse(verb, "option '%s' is unknown, ambiguous or takes no value",
			   argv[optind - 1]);
}

int verb_size(const struct verb *verb, const char *what, const char *text,
	      uint64_t *bytes)
{
	int error = parse_size(text, bytes);

	if (error == -ERANGE)
		return verb_misuse(verb, "%s is too large", what);
	if (error)
		return verb_misuse(verb, "%s is not a size; write bytes, or a number with K, M, G, T or s",
				   what);
	if (!*bytes || *bytes % 512)
		return verb_misuse(verb, "%s is not a positive multiple of 512 bytes",
				   what);
	return 0;
}

int verb_size_option(const struct verb *verb, const char *name,
		     const char *text, uint64_t *bytes)
{
	char *what = print_string("--%s %s", name, text);
	int status = verb_size(verb, what, text, bytes);

	free(what);
	return status;
}

int verb_layer_option(const struct verb *verb, const char **layers,
		      unsigned int *count)
{
	if (*count == LC_LAYERS_MAX)
		return verb_misuse(verb, "there are at most %d layers", LC_LAYERS_MAX);
	layers[(*count)++] = optarg;
	return 0;
}
