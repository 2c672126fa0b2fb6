/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of the simulated host: pages, leaves and nodes.  All of it is
 * forgotten at once when the power goes.
 */
#ifndef LCLONE_SIM_MEMORY_H
#define LCLONE_SIM_MEMORY_H

#include "core/map.h"

void *memory_page_get(void);
void memory_page_put(void *page);

/* Zeroed.  They violate when somebody has written to what had been given back. */
struct lc_leaf *memory_leaf_get(void);
struct lc_node *memory_node_get(void);

/* To be free with the next memory_grace(), when no reader can have them. */
void memory_leaf_put(struct lc_leaf *leaf);
void memory_node_put(struct lc_node *node);
void memory_grace(void);

/* Pieces that are in use. */
u32 memory_out(void);

void memory_reset(void);

#endif
