/* SPDX-License-Identifier: GPL-2.0 */
/* The power goes. */
#ifndef LCLONE_SIM_POWER_H
#define LCLONE_SIM_POWER_H

/* Counts what it would meet now. */
void power_cover(void);

/* The host forgets everything, the device what it may. */
void power_cut(void);

#endif
