/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of struct lc_ops that says nothing about a program which runs the core
 * in one thread over a file or an image: memory from malloc(), and nothing to flush,
 * to discard or to drain.
 */
#ifndef TESTS_PLAIN_OPS_H
#define TESTS_PLAIN_OPS_H

#include <stdlib.h>
#include "core/store.h"

static int plain_flush(void *ctx)
{
	(void)ctx;
	return 0;
}

static void plain_discard(void *ctx, u32 block, u32 count)
{
	(void)ctx;
	(void)block;
	(void)count;
}

static void plain_drain(void *ctx)
{
	(void)ctx;
}

static void plain_put(void *ctx, void *memory)
{
	(void)ctx;
	free(memory);
}

static struct lc_leaf *plain_leaf_get(void *ctx)
{
	(void)ctx;
	return calloc(1, sizeof(struct lc_leaf));
}

static struct lc_node *plain_root_get(void *ctx)
{
	(void)ctx;
	return calloc(1, sizeof(struct lc_node));
}

static bool plain_nodes_get(void *ctx, struct lc_node **node, u32 count)
{
	(void)ctx;
	while (count--)
		*node++ = calloc(1, sizeof(struct lc_node));
	return true;
}

static void *plain_bitmap_get(void *ctx, size_t bytes)
{
	(void)ctx;
	return calloc(1, bytes);
}

static void plain_leaf_put(void *ctx, struct lc_leaf *leaf)
{
	plain_put(ctx, leaf);
}

static void plain_node_put(void *ctx, struct lc_node *node)
{
	plain_put(ctx, node);
}

#define PLAIN_OPS					\
	.flush = plain_flush,				\
	.discard = plain_discard,			\
	.drain = plain_drain,				\
	.page_put = plain_put,				\
	.leaf_get = plain_leaf_get,			\
	.root_get = plain_root_get,			\
	.nodes_get = plain_nodes_get,			\
	.bitmap_get = plain_bitmap_get,			\
	.leaf_put = plain_leaf_put,			\
	.node_put = plain_node_put,			\
	.bitmap_put = plain_put

#endif
