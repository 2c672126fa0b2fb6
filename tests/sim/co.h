/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The simulated threads: coroutines, of which one runs at a time.  One that
 * blocks does so on an address, until somebody wakes all that wait for it.
 */
#ifndef LCLONE_SIM_CO_H
#define LCLONE_SIM_CO_H

#include <env.h>

struct co {
	void *context;		/* the stack pointer, or the whole context */
	void *stack;
	void (*run)(void *arg);
	void *arg;
	const char *name;
	const void *key;	/* what it waits for */
	struct co *next;	/* of the free ones */
	u32 spins;		/* spinlocks that it holds */
	bool atomic;		/* completion context: it must not sleep */
};

extern struct co *co_current;	/* NULL: the scheduler itself */
extern u32 co_ready;		/* how many could run */
extern u32 co_blocked;		/* how many wait */
extern u32 co_spins;		/* spinlocks that are held, by all of them */

/* Makes a thread that is ready to run. */
struct co *co_start(const char *name, void (*run)(void *arg), void *arg);

/* Runs one of the ready ones, by chance, until it yields, blocks or ends. */
void co_step(void);

/* Of the running one. */
void co_yield(void);
void co_block(const void *key);

/* All that wait for @key are ready. */
void co_wake(const void *key);

/* Forgets all of them. */
void co_reset(void);

/* The threads that wait, for the report of a hang. */
struct co *co_blocked_at(u32 i);

/* How many points until the next interruption, on average; 0: no interruptions. */
void co_set_mean(u32 points);

#endif
