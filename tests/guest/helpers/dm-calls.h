/* SPDX-License-Identifier: GPL-2.0 */
/* Which call of device-mapper an ioctl is; to be asked before it, for the kernel changes the flags. */
#ifndef LCLONE_TEST_DM_CALLS_H
#define LCLONE_TEST_DM_CALLS_H

#include <linux/dm-ioctl.h>
#include <stdbool.h>

static inline bool suspends(unsigned long request, const void *argument)
{
	const struct dm_ioctl *dm = argument;

	return request == DM_DEV_SUSPEND && (dm->flags & DM_SUSPEND_FLAG);
}

static inline bool resumes(unsigned long request, const void *argument)
{
	const struct dm_ioctl *dm = argument;

	return request == DM_DEV_SUSPEND && !(dm->flags & DM_SUSPEND_FLAG);
}

#endif
