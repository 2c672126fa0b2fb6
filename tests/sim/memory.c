// SPDX-License-Identifier: GPL-2.0
/*
 * Pools.  What has been given back is filled with a pattern, which has to be
 * whole when the piece is given out again.
 */

#include <stdlib.h>
#include "memory.h"
#include "report.h"

#define PIECES_MAX	4096
#define POISON		0x6b
#define BITMAP_MOST	32768

struct pool {
	const char *name;
	size_t bytes;
	bool strict;			/* poisoned and zeroed */
	u32 made;
	u32 out;
	u32 free_count;
	u32 limbo_count;
	void *every[PIECES_MAX];
	void *free[PIECES_MAX];
	void *limbo[PIECES_MAX];
};

static struct pool pages = { .name = "page", .bytes = LC_BLOCK_SIZE };
static struct pool bitmaps = { .name = "bitmap", .bytes = BITMAP_MOST };
static struct pool leaves = {
	.name = "leaf", .bytes = sizeof(struct lc_leaf), .strict = true
};
static struct pool nodes = {
	.name = "node", .bytes = sizeof(struct lc_node), .strict = true
};
static struct pool merged_leaves = {
	.name = "merged leaf", .bytes = sizeof(struct lc_merged), .strict = true
};
static struct pool index_nodes = {
	.name = "index node", .bytes = sizeof(struct lc_index_node), .strict = true
};
static struct pool stores = {
	.name = "store", .bytes = sizeof(struct lc_store), .strict = true
};

/* Each piece has a word in front: whether it is poisoned. */
static u64 *mark_of(void *piece)
{
	return (u64 *)piece - 2;
}

static void *get(struct pool *pool)
{
	u64 *piece;
	u8 *bytes;

	pool->out++;
	if (pool->free_count) {
		piece = pool->free[--pool->free_count];
	} else {
		if (pool->made == PIECES_MAX)
			violation("more than %u pieces of memory: %s", PIECES_MAX,
				  pool->name);
		piece = (u64 *)calloc(1, pool->bytes + 16) + 2;
		pool->every[pool->made++] = piece;
	}
	bytes = (u8 *)piece;
	if (*mark_of(piece) &&
	    (bytes[0] != POISON || memcmp(bytes, bytes + 1, pool->bytes - 1)))
		violation("somebody wrote to a %s that had been given back", pool->name);
	*mark_of(piece) = 0;
	if (pool->strict)
		memset(piece, 0, pool->bytes);
	return piece;
}

static void put(struct pool *pool, void *piece)
{
	pool->out--;
	pool->free[pool->free_count++] = piece;
}

static void grace(struct pool *pool)
{
	while (pool->limbo_count) {
		void *piece = pool->limbo[--pool->limbo_count];

		memset(piece, POISON, pool->bytes);
		*mark_of(piece) = 1;
		put(pool, piece);
	}
}

static void reset(struct pool *pool)
{
	pool->limbo_count = 0;
	pool->out = 0;
	memcpy(pool->free, pool->every, pool->made * sizeof(*pool->free));
	pool->free_count = pool->made;
}

void *memory_page_get(void)
{
	return get(&pages);
}

void memory_page_put(void *page)
{
	put(&pages, page);
}

void *memory_bitmap_get(size_t bytes)
{
	if (bytes > BITMAP_MOST)
		violation("a bitmap of %zu bytes", bytes);
	return memset(get(&bitmaps), 0, bytes);
}

void memory_bitmap_put(void *bitmap)
{
	put(&bitmaps, bitmap);
}

struct lc_leaf *memory_leaf_get(void)
{
	return get(&leaves);
}

struct lc_node *memory_node_get(void)
{
	return get(&nodes);
}

struct lc_merged *memory_merged_get(void)
{
	return get(&merged_leaves);
}

struct lc_index_node *memory_index_get(void)
{
	return get(&index_nodes);
}

struct lc_store *memory_store_get(void)
{
	return get(&stores);
}

static void put_later(struct pool *pool, void *piece)
{
	pool->limbo[pool->limbo_count++] = piece;
}

void memory_leaf_put(struct lc_leaf *leaf)
{
	put_later(&leaves, leaf);
}

void memory_node_put(struct lc_node *node)
{
	put_later(&nodes, node);
}

void memory_merged_put(struct lc_merged *merged)
{
	put_later(&merged_leaves, merged);
}

void memory_index_put(struct lc_index_node *node)
{
	put_later(&index_nodes, node);
}

void memory_store_put(struct lc_store *store)
{
	put_later(&stores, store);
}

void memory_grace(void)
{
	grace(&leaves);
	grace(&nodes);
	grace(&merged_leaves);
	grace(&index_nodes);
	grace(&stores);
}

u32 memory_out(void)
{
	return pages.out + bitmaps.out + leaves.out + nodes.out + merged_leaves.out + index_nodes.out;
}

u32 memory_leaves_out(void)
{
	return leaves.out;
}

u32 memory_nodes_out(void)
{
	return nodes.out;
}

void memory_reset(void)
{
	reset(&pages);
	reset(&bitmaps);
	reset(&leaves);
	reset(&nodes);
	reset(&merged_leaves);
	reset(&index_nodes);
	reset(&stores);
}
