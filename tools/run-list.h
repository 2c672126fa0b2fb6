/* SPDX-License-Identifier: GPL-2.0 */
/* The map of a store in memory: runs, ascending and apart. */
#ifndef LCLONE_RUN_LIST_H
#define LCLONE_RUN_LIST_H

#include <env.h>

struct level_run {
	u64 first;		/* block of the clone */
	u64 count;
	u32 value;		/* first store block, or LC_ENTRY_ZERO */
};

struct run_list {
	struct level_run *run;
	size_t count;
	size_t room;
};

/* Adds a run behind all others. */
void run_list_add(struct run_list *list, u64 first, u64 count, u32 value);
void run_list_free(struct run_list *list);

#endif
