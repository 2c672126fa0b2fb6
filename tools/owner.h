/* SPDX-License-Identifier: GPL-2.0 */
/* The host that a store is marked with while it is active (P8). */

#ifndef LCLONE_OWNER_H
#define LCLONE_OWNER_H

#include <stdbool.h>
#include "core/super.h"

/*
 * Whether @super bears the mark of a host that is not this one, by the name that
 * the module has for this host: its parameter host_id, or else the node name.
 */
bool owner_is_elsewhere(const struct lc_super *super);

/* -EBUSY, reported, when it does.  'lclone @verb --force @name' is what goes on all the same. */
int owner_check(const char *name, const struct lc_super *super, const char *verb);

#endif
