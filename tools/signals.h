/* SPDX-License-Identifier: GPL-2.0 */
/* Signals while the tool is at something that must not just end. */
#ifndef LCLONE_SIGNALS_H
#define LCLONE_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/*
 * While the I/O of a device is held, which a tool that dies would leave so.  Signals that
 * ask the tool to end or to stop wait until signals_release(), which is given what was
 * blocked @before.  Pairs may be nested.
 */
void signals_hold(sigset_t *before);
void signals_release(const sigset_t *before);

/*
 * Between these SIGINT and SIGTERM do not end the program: signals_told() tells
 * whether there was one, and sleeps and waits end with it.  Not to be nested.
 */
void signals_catch(void);
void signals_uncatch(void);
bool signals_told(void);

#endif
