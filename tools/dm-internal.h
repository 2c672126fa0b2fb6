/* SPDX-License-Identifier: GPL-2.0 */
/* What dm.c and dm-plain.c share. */
#ifndef LCLONE_DM_INTERNAL_H
#define LCLONE_DM_INTERNAL_H

#include <libdevmapper.h>
#include "dm.h"

/* What udev's rules are to leave alone: the content is a guest's. */
#define UDEV_FLAGS	(DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG | \
			 DM_UDEV_DISABLE_DISK_RULES_FLAG | \
			 DM_UDEV_DISABLE_OTHER_RULES_FLAG)

/* A task for a device called @name, or with @uuid, or for none; or NULL. */
struct dm_task *dm_task_for(int type, const char *name, const char *uuid);

/*
 * Runs it; with udev, waits for the event at its end.  Return 0 or a negative
 * errno, and report nothing.
 */
int dm_task_do(struct dm_task *task);
int dm_task_do_udev(struct dm_task *task, uint16_t flags);

/* Whether the kernel has device-mapper; else it has no devices of it either. */
bool dm_loaded(void);

/* The name under which a clone goes that has one of its own, or NULL. */
const char *dm_alias_of(const uint8_t *clone_uuid);
bool dm_is_alias(const char *name);

#endif
