/* SPDX-License-Identifier: GPL-2.0 */
/* Signals while the I/O of a device is held: a tool that dies would leave it so. */
#ifndef LCLONE_SIGNALS_H
#define LCLONE_SIGNALS_H

#include <signal.h>

/*
 * Those that ask the tool to end or to stop wait until signals_release(), which is
 * given what was blocked @before.  Pairs may be nested.
 */
void signals_hold(sigset_t *before);
void signals_release(const sigset_t *before);

#endif
