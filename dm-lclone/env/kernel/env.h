/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What core/ sees of its environment, in the kernel: the kernel's own names.
 * env/user/env.h gives the same names to the tool and the tests.
 */
#ifndef LCLONE_ENV_H
#define LCLONE_ENV_H

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

#endif
