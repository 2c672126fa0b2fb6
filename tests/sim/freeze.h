/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A snapshot: the clone's store is frozen and becomes a layer, and an empty store goes on
 * above it.
 */
#ifndef LCLONE_SIM_FREEZE_H
#define LCLONE_SIM_FREEZE_H

#include <env.h>

/* Of a new world: no snapshot has been begun. */
void freeze_reset(void);

/*
 * Takes one of the clone, which is suspended.  Returns true when its life goes on; false
 * when the power has gone.
 */
bool freeze_take(void);

/*
 * After a cut, before anything is opened: one that was cut short has been taken or has not,
 * as the tool finds out.
 */
void freeze_settle(void);

#endif
