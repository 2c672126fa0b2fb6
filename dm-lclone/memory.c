// SPDX-License-Identifier: GPL-2.0
/*
 * Pools of the module.  They belong to all clones together, so that an idle
 * clone owns nothing, and hold enough for I/O to make progress when the kernel
 * has no memory to give.
 */

#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "lclone.h"

#define PAGE_RESERVE	64
#define LEAF_RESERVE	64
#define NODE_RESERVE	16

#define MERGED_RESERVE	16
#define INDEX_RESERVE	16

static struct kmem_cache *leaf_cache, *node_cache, *merged_cache, *index_cache;
static mempool_t *page_pool, *leaf_pool, *node_pool, *merged_pool, *index_pool;

/* Whoever has to wait for nodes does so alone. */
static DEFINE_MUTEX(node_turn);
static DEFINE_MUTEX(index_turn);

/*
 * The reserve is for those who wait, and give the page back before they wait for
 * anything else.  Pages without a wait may be kept for longer.
 */
void *lclone_page_get(void *ctx, bool wait)
{
	struct page *page = wait ? mempool_alloc(page_pool, GFP_NOIO) :
				   alloc_page(GFP_NOWAIT | __GFP_NOWARN);

	return page ? page_address(page) : NULL;
}

void lclone_page_put(void *ctx, void *page)
{
	mempool_free(virt_to_page(page), page_pool);
}

/* How many wait for an object that somebody else has to give back. */
static atomic_t waiters;

bool lclone_memory_awaited(void)
{
	return atomic_read(&waiters);
}

/*
 * A zeroed object of @bytes.  When there is neither memory nor a reserve, all of
 * it is in the maps of clones, which would give it back in some seconds; they are
 * asked to do so now.
 */
static void *get(mempool_t *pool, size_t bytes)
{
	void *object = mempool_alloc(pool, GFP_NOWAIT | __GFP_NOWARN);

	if (!object) {
		atomic_inc(&waiters);
		lclone_registry_hurry();
		object = mempool_alloc(pool, GFP_NOIO);
		atomic_dec(&waiters);
	}
	return memset(object, 0, bytes);
}

static bool try_all(mempool_t *pool, void **object, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		object[i] = mempool_alloc(pool, GFP_NOWAIT | __GFP_NOWARN);
		if (object[i])
			continue;
		while (i)
			mempool_free(object[--i], pool);
		return false;
	}
	return true;
}

/*
 * @count zeroed objects.  If several collected theirs, each could have a part of the
 * reserve and wait for the rest of it.  So one at a time does, for whom the reserve is
 * enough, and who comes later waits behind him.
 */
static void get_all(mempool_t *pool, struct mutex *turn, void **object, u32 count,
		    size_t bytes)
{
	u32 i;

	if (!mutex_is_locked(turn) && try_all(pool, object, count)) {
		for (i = 0; i < count; i++)
			memset(object[i], 0, bytes);
		return;
	}
	mutex_lock(turn);
	for (i = 0; i < count; i++)
		object[i] = get(pool, bytes);
	mutex_unlock(turn);
}

struct lc_leaf *lclone_leaf_get(void *ctx)
{
	return get(leaf_pool, sizeof(struct lc_leaf));
}

/* It stays for as long as its store, so it is not to come from the reserve. */
struct lc_node *lclone_root_get(void *ctx)
{
	return kmem_cache_zalloc(node_cache, GFP_NOIO);
}

bool lclone_nodes_get(void *ctx, struct lc_node **node, u32 count)
{
	BUILD_BUG_ON(NODE_RESERVE < LC_MAX_HEIGHT);
	get_all(node_pool, &node_turn, (void **)node, count, sizeof(**node));
	return true;
}

static void leaf_free(struct rcu_head *rcu)
{
	mempool_free(container_of(rcu, struct lc_leaf, page.rcu), leaf_pool);
}

static void node_free(struct rcu_head *rcu)
{
	mempool_free(container_of(rcu, struct lc_node, page.rcu), node_pool);
}

/* Look-ups read leaves and nodes under RCU. */
void lclone_leaf_put(void *ctx, struct lc_leaf *leaf)
{
	call_rcu(&leaf->page.rcu, leaf_free);
}

void lclone_node_put(void *ctx, struct lc_node *node)
{
	call_rcu(&node->page.rcu, node_free);
}

struct lc_merged *lclone_merged_get(void *ctx)
{
	return get(merged_pool, sizeof(struct lc_merged));
}

struct lc_index_node *lclone_index_root_get(void *ctx)
{
	return kmem_cache_zalloc(index_cache, GFP_NOIO);
}

bool lclone_index_get(void *ctx, struct lc_index_node **node, u32 count)
{
	BUILD_BUG_ON(INDEX_RESERVE < LC_MAX_HEIGHT);
	get_all(index_pool, &index_turn, (void **)node, count, sizeof(**node));
	return true;
}

static void merged_free(struct rcu_head *rcu)
{
	mempool_free(container_of(rcu, struct lc_merged, page.rcu), merged_pool);
}

static void index_free(struct rcu_head *rcu)
{
	mempool_free(container_of(rcu, struct lc_index_node, page.rcu), index_pool);
}

void lclone_merged_put(void *ctx, struct lc_merged *merged)
{
	call_rcu(&merged->page.rcu, merged_free);
}

void lclone_index_put(void *ctx, struct lc_index_node *node)
{
	call_rcu(&node->page.rcu, index_free);
}

void *lclone_bitmap_get(void *ctx, size_t bytes)
{
	unsigned int noio = memalloc_noio_save();
	void *bitmap = kvzalloc(bytes, GFP_KERNEL | __GFP_NOWARN);

	memalloc_noio_restore(noio);
	return bitmap;
}

void lclone_bitmap_put(void *ctx, void *bitmap)
{
	kvfree(bitmap);
}

static void destroy(void)
{
	mempool_destroy(index_pool);
	mempool_destroy(merged_pool);
	mempool_destroy(node_pool);
	mempool_destroy(leaf_pool);
	mempool_destroy(page_pool);
	kmem_cache_destroy(index_cache);
	kmem_cache_destroy(merged_cache);
	kmem_cache_destroy(node_cache);
	kmem_cache_destroy(leaf_cache);
}

static mempool_t *slab_pool(int reserve, struct kmem_cache *cache)
{
	return cache ? mempool_create_slab_pool(reserve, cache) : NULL;
}

int lclone_memory_init(void)
{
	leaf_cache = KMEM_CACHE(lc_leaf, 0);
	node_cache = KMEM_CACHE(lc_node, 0);
	merged_cache = KMEM_CACHE(lc_merged, 0);
	index_cache = KMEM_CACHE(lc_index_node, 0);
	page_pool = mempool_create_page_pool(PAGE_RESERVE, 0);
	leaf_pool = slab_pool(LEAF_RESERVE, leaf_cache);
	node_pool = slab_pool(NODE_RESERVE, node_cache);
	merged_pool = slab_pool(MERGED_RESERVE, merged_cache);
	index_pool = slab_pool(INDEX_RESERVE, index_cache);
	if (page_pool && leaf_pool && node_pool && merged_pool && index_pool)
		return 0;
	destroy();
	return -ENOMEM;
}

void lclone_memory_exit(void)
{
	rcu_barrier();
	destroy();
}
