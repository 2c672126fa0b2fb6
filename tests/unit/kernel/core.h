/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Comes before each source of the core.  What the tests make of one thread, where
 * other things happen while the core sleeps, takes its mutexes in orders that
 * threads of their own never would: lockdep must not take them for a lesson.
 */
#ifndef LCLONE_UNIT_KERNEL_CORE_H
#define LCLONE_UNIT_KERNEL_CORE_H

#include <env.h>

static inline void mutex_init_unordered(struct mutex *mutex)
{
	static struct lock_class_key key;

	__mutex_init(mutex, "unit", &key);
	lockdep_set_novalidate_class(mutex);
}

#undef mutex_init
#define mutex_init(mutex) mutex_init_unordered(mutex)

#endif
