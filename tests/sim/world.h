/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A world: one store from its format on, through a number of lives, each of
 * which begins with a recovery and ends with a loss of power, or in good order.
 */
#ifndef LCLONE_SIM_WORLD_H
#define LCLONE_SIM_WORLD_H

#include <env.h>

/* Whether journals are damaged now and then, which recovery has to find. */
extern bool world_damage;

/* Runs the world of @seed.  Ends the process when something is wrong. */
void world_run(u64 seed);

#endif
