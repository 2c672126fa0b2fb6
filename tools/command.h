/* SPDX-License-Identifier: GPL-2.0 */
/* Running other programs, without a shell. */
#ifndef LCLONE_COMMAND_H
#define LCLONE_COMMAND_H

struct command_result {
	int status;		/* its exit status; 128 and more: a signal */
	char *output;		/* what it wrote to stdout; a string */
	char *errors;		/* the last line that it wrote to stderr; a string */
};

enum command_flags {
	COMMAND_SHOW_OUTPUT = 1,	/* its stdout goes to our stderr */
};

/*
 * Runs @argv[0], looked up in PATH, with @argv (which ends in a NULL) under
 * LC_ALL=C and waits for its end.  Returns 0 when it ran, whatever its status,
 * or a negative errno (-ENOENT: there is no such program).  Reports nothing.
 * command_done() frees @result, also after a failure.
 */
int command_run(const char *const *argv, unsigned int flags,
		struct command_result *result);
void command_done(struct command_result *result);

/*
 * The same, and reports a failure as "lclone: @what: ...".  Returns 0 when the
 * command ran and left 0, else a negative errno.
 */
int command_must(const char *const *argv, unsigned int flags, const char *what);

#endif
