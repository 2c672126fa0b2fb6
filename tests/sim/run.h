/* SPDX-License-Identifier: GPL-2.0 */
/* The scheduler: what happens next, by chance. */
#ifndef LCLONE_SIM_RUN_H
#define LCLONE_SIM_RUN_H

#include <env.h>

#define STEPS_MOST	200000	/* to settle: more is a loop */

/* What a life does how often: chances out of their sum. */
struct mood {
	u32 ready;
	u32 io;
	u32 work;
	u32 submit;
	u32 most_ops;
	u32 combs;		/* percent of what is submitted, where there are any */
};

extern struct mood mood;

/* A thread that the world waits for, of run_task(). */
struct task {
	bool done;
	const char *why;
	int error;
};

extern struct task task;

/* Moments that are too short to be met by chance. */
enum aim {
	AIM_SUPER,		/* a superblock is on its way */
	AIM_GROUP,		/* several blocks of a group are */
	AIM_ROOM,		/* a round waits for room in the ring */
};

/* Nothing new is begun, and what is under way goes on. */
void run_quietly(void);

/* Something happens.  Returns false when nothing can. */
bool run_step(void);

/* Runs @steps steps; returns false when nothing happens any more before that. */
bool run_steps(u32 steps);

/* Goes on until the moment is there, or that takes too long. */
void run_to(enum aim aim, u32 steps);

/* Lets all that is under way end; only who waits for space goes on waiting. */
void run_settle(void);

/*
 * Runs a thread to its end, at which it sets task.done; false: it has not come there in
 * @steps or, with @to_super, a superblock is on its way.
 */
bool run_task(const char *name, void (*run)(void *arg), u32 steps, bool to_super);

#endif
