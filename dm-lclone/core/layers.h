/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The frozen layers below a store, and one index over all of them: a look-up
 * costs the same whatever their number.
 *
 * The index is a tree with one slot for each leaf's worth of blocks (1008).
 * Where one layer alone has something the slot names that layer, and the look-up
 * goes on in its own map, whose leaves all chains share.  Where layers mix it has
 * a merged leaf: for each block the layer and the block there.  Slots are filled
 * when they are first needed, and may be given back at any time, since nothing
 * below ever changes.
 */
#ifndef LCLONE_LAYERS_H
#define LCLONE_LAYERS_H

#include "store.h"

struct lc_index_node;

/* What nodes and merged leaves have in common.  Under the chain's lock. */
struct lc_index_page {
	struct lc_index_node *parent;	/* NULL for the root */
	struct list_head pages_link;	/* in chain->pages; not the root */
	u32 pins;			/* pages below it, and whoever fills a slot */
	u16 slot;			/* in the parent */
	u8 level;			/* 0: a merged leaf */
	bool referenced;		/* looked up since the last try to evict it */
	struct rcu_head rcu;		/* the environment's, for *_put() */
};

struct lc_merged {
	struct lc_index_page page;
	u32 block[LC_LEAF_ENTRIES];	/* as an entry of a leaf; unmapped: the origin */
	u8 layer[LC_LEAF_ENTRIES];	/* that has it */
};

struct lc_index_node {
	struct lc_index_page page;
	/* NULL: not known yet; a page; or at level 1 a layer, see layers.c. */
	void *slot[LC_NODE_CHILDREN];	/* read without the lock */
};

/* What a chain asks of its environment; contexts as in struct lc_ops. */
struct lc_chain_ops {
	/* Zeroed memory.  Process context; may sleep; NULL when there is none. */
	struct lc_merged *(*merged_get)(void *ctx);
	struct lc_index_node *(*root_get)(void *ctx);
	/* @count of them, all at once as in struct lc_ops, or none: false. */
	bool (*index_get)(void *ctx, struct lc_index_node **node, u32 count);
	/* Any context.  They go when lock-free readers are done. */
	void (*merged_put)(void *ctx, struct lc_merged *merged);
	void (*index_put)(void *ctx, struct lc_index_node *node);
};

struct lc_chain {
	const struct lc_chain_ops *ops;
	void *ctx;
	spinlock_t lock;		/* nests in nothing, and nothing in it */
	struct mutex load_mutex;	/* one slot is being filled; before a layer's */

	u32 layers;
	struct lc_store *layer[LC_LAYERS_MAX];	/* oldest first */
	/* Sectors of each that are seen through those above it, and of the origin. */
	u64 limit[LC_LAYERS_MAX];
	u64 origin_limit;
	u64 blocks;			/* that the newest layer has */
	u64 span[LC_MAX_HEIGHT + 1];	/* leaves below one slot, by level */

	struct lc_index_node *root;
	struct list_head pages;		/* all but the root, oldest first */
	u32 pages_in_memory;
};

/*
 * Sets a chain up over @count layers, oldest first, which lc_store_init() has
 * set up and lc_chain_fits() has passed.  Returns 0 or -ENOMEM.  No I/O.
 * lc_chain_destroy() with nobody looking up any more.
 */
int lc_chain_init(struct lc_chain *chain, const struct lc_chain_ops *ops,
		  void *ctx, struct lc_store *const *layer, u32 count);
void lc_chain_destroy(struct lc_chain *chain);

/*
 * What lies below @store at @block, and as many blocks behind it, up to @most,
 * as are alike: LC_BELOW is the origin, LC_DATA a layer of the chain; from sector
 * extent->limit on there are zeros in either.  Any context, lock-free; RCU as for
 * lc_lookup().
 */
void lc_lookup_below(struct lc_store *store, u64 block, u64 most,
		     struct lc_extent *extent);

/*
 * Brings what lc_lookup_below() called LC_UNLOADED into memory.  Process context.
 * Returns as lc_map_load().
 */
int lc_load_below(struct lc_store *store, u64 block);

/* As lc_map_evict(), for merged leaves and the nodes above them. */
u32 lc_chain_evict(struct lc_chain *chain, u32 most);

#endif
