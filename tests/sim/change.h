/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Another table for the clone: another size, or nothing below it any more, as rebind.c of
 * the core, change.c of the module and the tool's resize and flatten have it.
 */
#ifndef LCLONE_SIM_CHANGE_H
#define LCLONE_SIM_CHANGE_H

#include <env.h>

struct lc_super;

/* Of a new world: none is under way. */
void change_reset(void);

/*
 * Chooses one for the clone, which is idle, and does what has to be done before it is
 * suspended.
 */
void change_choose(void);

/*
 * Carries out what was chosen; the clone is suspended.  Returns true when its life goes on;
 * false when the power has gone.
 */
bool change_take(void);

/* Whether one has been chosen. */
bool change_chosen(void);

/* Before anything is opened: what was cut short has been done as a whole or not at all. */
void change_settle(void);

/* Whether that, which the table says, is what @super says. */
bool change_fits(const struct lc_super *super);

/* The clone has been brought up as it was found. */
void change_settled(void);

/* While it is in use: asks whether it could do without what lies below. */
void change_announce(void);

#endif
