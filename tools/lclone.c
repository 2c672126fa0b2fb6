// SPDX-License-Identifier: GPL-2.0
/* lclone: the table of verbs, and the way to them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"
#include "output.h"
#include "verbs.h"

static const struct verb *const verbs[] = {
	&verb_template,
	&verb_create,
	&verb_activate,
	&verb_deactivate,
	&verb_list,
	&verb_tree,
	&verb_status,
	&verb_remove,
	&verb_snapshot,
	&verb_rollback,
	&verb_reset,
	&verb_consolidate,
	&verb_commit,
	&verb_resize,
	&verb_extend,
	&verb_set,
	&verb_flatten,
	&verb_rebase,
	&verb_rethin,
	&verb_adopt,
	&verb_map,
	&verb_diff,
	&verb_export,
	&verb_import,
	&verb_format,
	&verb_table,
	&verb_info,
	&verb_check,
	&verb_repair,
	&verb_dump,
	&verb_restore,
	&verb_scan,
};

#define VERBS	(sizeof(verbs) / sizeof(*verbs))

static void print_verbs(FILE *to)
{
	size_t i;

	fputs("usage: lclone VERB [ARGUMENT...]\n"
	      "       lclone VERB --help\n\n"
	      "Writable linked clones of a read-only block device.\n\n", to);
	for (i = 0; i < VERBS; i++)
		fprintf(to, "  %-13s%s\n", verbs[i]->name, verbs[i]->summary);
}

static const struct verb *find_verb(const char *name)
{
	size_t i;

	for (i = 0; i < VERBS; i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

static int run_help(int argc, char **argv)
{
	const struct verb *verb = argc > 2 ? find_verb(argv[2]) : NULL;

	if (verb)
		return verb_help(verb);
	print_verbs(stdout);
	return STATUS_DONE;
}

/* What was printed counts only when it arrived. */
static int finish(int status)
{
	if (fflush(stdout) == EOF || ferror(stdout)) {
		report_error("output", "cannot be written");
		return status == STATUS_DONE ? STATUS_FAILED : status;
	}
	return status;
}

int main(int argc, char **argv)
{
	const struct verb *verb;

	if (argc < 2) {
		print_verbs(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") ||
	    !strcmp(argv[1], "-h"))
		return finish(run_help(argc, argv));
	if (!strcmp(argv[1], "--version")) {
		puts("lclone " LCLONE_VERSION);
		return finish(STATUS_DONE);
	}
	verb = find_verb(argv[1]);
	if (!verb) {
		report_error(argv[1], "there is no such verb");
		report_hint("see 'lclone --help'");
		return STATUS_USAGE;
	}
	opterr = 0;
	return finish(verb->run(argc - 1, argv + 1));
}
