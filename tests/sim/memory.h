/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of the simulated host: pages, leaves and nodes.  All of it is
 * forgotten at once when the power goes.
 */
#ifndef LCLONE_SIM_MEMORY_H
#define LCLONE_SIM_MEMORY_H

#include "core/layers.h"

void *memory_page_get(void);
void memory_page_put(void *page);

/* Memory of a scan; zeroed. */
void *memory_bitmap_get(size_t bytes);
void memory_bitmap_put(void *bitmap);

/* Zeroed.  They violate when somebody has written to what had been given back. */
struct lc_leaf *memory_leaf_get(void);
struct lc_node *memory_node_get(void);
struct lc_merged *memory_merged_get(void);
struct lc_index_node *memory_index_get(void);

/* To be free with the next memory_grace(), when no reader can have them. */
void memory_leaf_put(struct lc_leaf *leaf);
void memory_node_put(struct lc_node *node);
void memory_merged_put(struct lc_merged *merged);
void memory_index_put(struct lc_index_node *node);
void memory_grace(void);

/* A store that is not open yet; zeroed. */
struct lc_store *memory_store_get(void);
void memory_store_put(struct lc_store *store);

/* Pieces that are in use, but for stores. */
u32 memory_out(void);
u32 memory_leaves_out(void);
u32 memory_nodes_out(void);

void memory_reset(void);

#endif
