/* SPDX-License-Identifier: GPL-2.0 */
/* Operations over ranges, as bulk.c and message.c of the module have them. */
#ifndef LCLONE_SIM_BULK_H
#define LCLONE_SIM_BULK_H

#include <env.h>

enum bulk_kind {
	BULK_NONE,
	BULK_HYDRATE,
	BULK_RETHIN,
};

/* What is under way. */
extern enum bulk_kind bulk_kind;

/* Nothing is. */
void bulk_reset(void);

/* Begins one over blocks that are watched, unless one is under way. */
void bulk_start(enum bulk_kind kind);

/*
 * Hydrates all blocks that are watched, if there is the space, with the clone idle.  Not in
 * a thread.
 */
void bulk_hydrate_all(void);

/* In a suspend: waits for its end.  In a thread. */
void bulk_wait(void);

#endif
