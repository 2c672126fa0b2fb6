// SPDX-License-Identifier: GPL-2.0
/* Signals while the tool is at something that must not just end. */

#include <stddef.h>
#include "signals.h"

void signals_hold(sigset_t *before)
{
	static const int ends[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTOU,
	};
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		sigaddset(&set, ends[i]);
	sigprocmask(SIG_BLOCK, &set, before);
}

void signals_release(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}

static volatile sig_atomic_t told_to_stop;

static struct sigaction old_int, old_term;

static void stop(int signal)
{
	(void)signal;
	told_to_stop = 1;
}

void signals_catch(void)
{
	struct sigaction action = { .sa_handler = stop };

	told_to_stop = 0;
	sigaction(SIGINT, &action, &old_int);
	sigaction(SIGTERM, &action, &old_term);
}

void signals_uncatch(void)
{
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	told_to_stop = 0;
}

bool signals_told(void)
{
	return told_to_stop;
}
