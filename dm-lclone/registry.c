// SPDX-License-Identifier: GPL-2.0
/*
 * The stores that are in use on this host.  All dm tables share one claim on a
 * device, so that an exclusive open keeps nobody out; this does.  A store is
 * used by the tables of one mapped device only, of which there are two while a
 * new one is loaded.
 */

#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "lclone.h"

static LIST_HEAD(stores);
static DEFINE_MUTEX(stores_lock);

static struct lclone_store *find(const u8 *uuid)
{
	struct lclone_store *store;

	lockdep_assert_held(&stores_lock);
	if (lc_uuid_is_null(uuid))
		return NULL;
	list_for_each_entry(store, &stores, registry_link)
		if (!memcmp(store->uuid, uuid, LC_UUID_BYTES))
			return store;
	return NULL;
}

static struct lclone_store *make(const u8 *uuid, struct mapped_device *md)
{
	struct lclone_store *store = kzalloc(sizeof(*store), GFP_KERNEL);
	int error;

	if (!store)
		return ERR_PTR(-ENOMEM);
	error = lclone_drain_init(&store->drain);
	if (error) {
		kfree(store);
		return ERR_PTR(error);
	}
	lclone_defer_init(store);
	lclone_work_setup(store);
	ratelimit_state_init(&store->damage_limit, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	ratelimit_state_init(&store->space_limit, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	mutex_init(&store->message_lock);
	mutex_init(&store->state_lock);
	memcpy(store->uuid, uuid, LC_UUID_BYTES);
	store->md = md;
	return store;
}

static void unmake(struct lclone_store *store)
{
	lclone_drain_exit(&store->drain);
	kfree(store);
}

struct lclone_store *lclone_registry_get(const u8 *uuid, struct mapped_device *md)
{
	/* Suspends and I/O take the lock, so its holder must not wait for memory. */
	struct lclone_store *fresh = make(uuid, md);
	struct lclone_store *store;

	if (IS_ERR(fresh))
		return fresh;
	mutex_lock(&stores_lock);
	store = find(uuid);
	if (!store) {
		store = fresh;
		fresh = NULL;
		list_add_tail(&store->registry_link, &stores);
	} else if (store->md != md) {
		store = ERR_PTR(-EBUSY);
	}
	if (!IS_ERR(store))
		store->users++;
	mutex_unlock(&stores_lock);
	if (fresh)
		unmake(fresh);
	return store;
}

struct lclone_store *lclone_registry_view(struct mapped_device *md)
{
	static const u8 no_uuid[LC_UUID_BYTES];

	return lclone_registry_get(no_uuid, md);
}

static bool is_layer(const struct lclone_store *store, struct mapped_device *md)
{
	if (store->state == LCLONE_LAYER)
		return !lc_failed(&store->core);
	return store->md == md && !store->core.read_only &&
	       (store->state == LCLONE_LIVE || store->state == LCLONE_PARKED);
}

struct lclone_store *lclone_registry_get_layer(const u8 *uuid,
					       struct block_device *bdev,
					       struct mapped_device *md)
{
	struct lclone_store *store;

	mutex_lock(&stores_lock);
	store = find(uuid);
	if (store && !is_layer(store, md))
		store = ERR_PTR(-EBUSY);
	else if (store && store->bdev != bdev)
		store = ERR_PTR(-EEXIST);
	else if (store)
		store->users++;
	mutex_unlock(&stores_lock);
	return store;
}

void lclone_registry_put(struct lclone_store *store)
{
	bool last;

	mutex_lock(&stores_lock);
	last = !--store->users;
	if (last)
		list_del_init(&store->registry_link);
	mutex_unlock(&stores_lock);
	if (!last)
		return;
	lclone_work_stop(store);
	cancel_work_sync(&store->round_work);
	cancel_work_sync(&store->io_work);
	if (store->state != LCLONE_UNOPENED)
		lc_store_destroy(&store->core);
	kfree(store->change);
	unmake(store);
}

static bool may_evict(const struct lclone_store *store)
{
	return READ_ONCE(store->live) || READ_ONCE(store->state) == LCLONE_LAYER;
}

/* Memory is short: nobody is waited for. */
unsigned long lclone_registry_pages(void)
{
	struct lclone_store *store;
	unsigned long pages = 0;

	if (!mutex_trylock(&stores_lock))
		return 0;
	list_for_each_entry(store, &stores, registry_link)
		if (may_evict(store))
			pages += READ_ONCE(store->core.map.ends_in_memory);
	mutex_unlock(&stores_lock);
	return pages;
}

unsigned long lclone_registry_evict(unsigned long most)
{
	struct lclone_store *store;
	unsigned long evicted = 0;

	if (!mutex_trylock(&stores_lock))
		return 0;
	list_for_each_entry(store, &stores, registry_link) {
		if (evicted >= most)
			break;
		if (may_evict(store))
			evicted += lc_map_evict(&store->core, most - evicted);
	}
	/* So that the next call does not begin with the same store. */
	list_rotate_left(&stores);
	mutex_unlock(&stores_lock);
	return evicted;
}

void lclone_registry_hurry(void)
{
	struct lclone_store *store;

	mutex_lock(&stores_lock);
	list_for_each_entry(store, &stores, registry_link)
		lclone_tick_now(store);
	mutex_unlock(&stores_lock);
	lclone_sweep_now();
}

bool lclone_registry_sweep(void)
{
	struct lclone_store *store;
	bool more = false;

	mutex_lock(&stores_lock);
	list_for_each_entry(store, &stores, registry_link) {
		if (READ_ONCE(store->state) != LCLONE_LAYER)
			continue;
		lclone_evict(&store->core);
		more |= lc_map_evictable(&store->core);
	}
	mutex_unlock(&stores_lock);
	return more;
}

void lclone_registry_settle(void)
{
	mutex_lock(&stores_lock);
	mutex_unlock(&stores_lock);
}
