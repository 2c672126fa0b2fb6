/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What core/ sees of its environment in the crash simulator: the userspace one,
 * where each access to shared memory is a point at which another simulated
 * thread may run, and where locks make threads wait.
 */
#ifndef LCLONE_SIM_ENV_H
#define LCLONE_SIM_ENV_H

#include "../../../dm-lclone/env/user/env.h"

extern int sim_points_left;	/* until the running thread is interrupted */
void sim_preempt(void);

static inline void sim_point(void)
{
	if (__builtin_expect(--sim_points_left < 0, 0))
		sim_preempt();
}

void sim_spin_lock(bool *held);
void sim_spin_unlock(bool *held);
void sim_mutex_lock(bool *held);
void sim_mutex_unlock(bool *held);
void sim_assert_held(bool held);

#undef READ_ONCE
#define READ_ONCE(x) \
	({ sim_point(); *(const volatile __typeof__(x) *)&(x); })
#undef WRITE_ONCE
#define WRITE_ONCE(x, v) do {						\
		sim_point();						\
		*(volatile __typeof__(x) *)&(x) = (v);			\
		sim_point();						\
	} while (0)
#undef smp_rmb
#define smp_rmb()		sim_point()
#undef smp_load_acquire
#define smp_load_acquire(p)	({ sim_point(); *(p); })
#undef smp_store_release
#define smp_store_release(p, v)	do { sim_point(); *(p) = (v); sim_point(); } while (0)

#undef spin_lock_irqsave
#define spin_lock_irqsave(lock, flags)	((flags) = 0, sim_spin_lock(&(lock)->held))
#undef spin_unlock_irqrestore
#define spin_unlock_irqrestore(lock, flags) \
	((void)(flags), sim_spin_unlock(&(lock)->held))
#undef mutex_lock
#define mutex_lock(mutex)	sim_mutex_lock(&(mutex)->held)
#undef mutex_unlock
#define mutex_unlock(mutex)	sim_mutex_unlock(&(mutex)->held)
#undef lockdep_assert_held
#define lockdep_assert_held(lock) sim_assert_held((lock)->held)

#endif
