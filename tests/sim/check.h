/* SPDX-License-Identifier: GPL-2.0 */
/* What has to hold when nothing is under way. */
#ifndef LCLONE_SIM_CHECK_H
#define LCLONE_SIM_CHECK_H

#include "core/map.h"

/* lc_lookup() of one block, whose leaf is loaded.  In a thread. */
void check_lookup(u64 block, struct lc_extent *extent);

/*
 * Right after recovery: every watched block holds what the model allows, and
 * is so from now on.  In a thread.
 */
void check_recovered(void);

/* Every watched block can be read for what it is now.  In a thread. */
void check_content(void);

/* The tree on the device, of which the journal must be empty, against the core. */
void check_device(void);

/* The allocator against a walk of the whole map in memory.  In a thread. */
void check_accounts(void);

/*
 * Damages a block of the journal that is neither of its last group nor behind
 * it.  Returns false when there is none.  check_mend() puts it back.
 */
bool check_damage(void);
void check_mend(void);

#endif
