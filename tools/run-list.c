// SPDX-License-Identifier: GPL-2.0
/* The map of a store in memory. */

#include <stdlib.h>
#include "output.h"
#include "run-list.h"

void run_list_add(struct run_list *list, u64 first, u64 count, u32 value)
{
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		list->run = must_realloc(list->run, list->room * sizeof(*list->run));
	}
	list->run[list->count++] = (struct level_run){ first, count, value };
}

void run_list_free(struct run_list *list)
{
	free(list->run);
	memset(list, 0, sizeof(*list));
}
