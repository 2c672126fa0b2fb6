// SPDX-License-Identifier: GPL-2.0
/*
 * Chains of layers.  A frozen store is opened once on this host and shared by
 * all tables that name it, as is the index over layers that several tables name
 * in the same order.
 *
 * The newest layer of a table may still be the live store of its device: then the
 * table makes a snapshot, and the store is frozen when the table is resumed.
 */

#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "lclone.h"

/* Layers come one at a time; chains have a lock of their own. */
static DEFINE_MUTEX(layers_lock);
static DEFINE_MUTEX(chains_lock);
static LIST_HEAD(chains);

static const struct lc_chain_ops chain_ops = {
	.merged_get = lclone_merged_get,
	.merged_put = lclone_merged_put,
	.root_get = lclone_index_root_get,
	.index_get = lclone_index_get,
	.index_put = lclone_index_put,
};

/* Layers -------------------------------------------------------------- */

static const char *open_frozen(struct lclone_store *store,
			       struct block_device *bdev,
			       const struct lc_super *super)
{
	int error;

	store->bdev = bdev;
	error = lc_store_init(&store->core, &lclone_ops, store, super, true);
	if (error)
		return "Out of memory";
	error = lc_store_open(&store->core, -1);
	if (error) {
		lc_store_destroy(&store->core);
		return "A layer cannot be read: see the kernel log, and lclone check";
	}
	store->md = NULL;
	WRITE_ONCE(store->state, LCLONE_LAYER);
	return NULL;
}

static const char *not_shared(long error)
{
	if (error == -EBUSY)
		return "A layer is in use as the store of another device: freeze it by a snapshot";
	if (error == -EEXIST)
		return "A layer is open from another device: one of the two is a copy";
	return "Out of memory";
}

/* The layer on @layer->dev, which nobody has open, becomes one that all share. */
static const char *open_layer(struct lclone *lc, struct lclone_layer *layer,
			      const struct lc_super *super)
{
	struct block_device *bdev = layer->dev->bdev;
	struct lclone_store *store;
	const char *why;

	if (super->state != LC_STORE_FROZEN)
		return "A layer is not frozen: take a snapshot of it with lclone snapshot";
	if (bdev_nr_sectors(bdev) / LC_BLOCK_SECTORS < super->layout.store_blocks)
		return "A layer's device is smaller than the layer: give it its size back";
	store = lclone_registry_get(super->store_uuid,
				    dm_table_get_md(lc->ti->table));
	if (IS_ERR(store))
		return not_shared(PTR_ERR(store));
	why = open_frozen(store, bdev, super);
	if (why)
		lclone_registry_put(store);
	else
		layer->store = store;
	return why;
}

/* The clone would get the sectors of the layer, and its partitions be gone. */
static bool larger_sectors(struct lclone *lc, struct block_device *bdev)
{
	unsigned int sector = 0;

	if (lc->origin)
		sector = bdev_logical_block_size(lc->origin->bdev);
	if (lc->store_dev)
		sector = max_t(unsigned int, sector,
			       bdev_logical_block_size(lc->store_dev->bdev));
	return sector && bdev_logical_block_size(bdev) > sector;
}

static const char *get_layer(struct lclone *lc, struct lclone_layer *layer,
			     struct lc_super *super)
{
	struct block_device *bdev = layer->dev->bdev;
	struct lclone_store *store;
	const char *why;
	int stale;

	if (larger_sectors(lc, bdev))
		return "A layer's device has larger sectors than the store and the origin";
	why = lclone_super_look(bdev, super, &stale);
	if (why) {
		DMERR("layer %pg %s", bdev, why);
		return "A layer is not usable, see the kernel log, and lclone check";
	}
	store = lclone_registry_get_layer(super->store_uuid, bdev,
					  dm_table_get_md(lc->ti->table));
	if (IS_ERR(store))
		return not_shared(PTR_ERR(store));
	if (!store)
		return open_layer(lc, layer, super);
	layer->store = store;
	return NULL;
}

const char *lclone_child_fault(const struct lc_super *child, const struct lc_super *parent)
{
	if (child->root.state != LC_REF_NONE || child->epoch ||
	    child->clone_sectors != parent->clone_sectors)
		return "is not the empty child of the store that it is to follow";
	return NULL;
}

/* @child is NULL above the newest layer of a view. */
static const char *check_layer(struct lclone *lc, unsigned int i,
			       const struct lc_super *child)
{
	struct lclone_store *store = lc->layer[i].store;
	const struct lc_super *super = &store->core.super;
	const char *why = NULL;

	if (store->state != LCLONE_LAYER) {
		if (i + 1 < lc->layers || !child || store == lc->store)
			return "A layer is not frozen: only the newest may be the live store";
		why = lc_chain_fits(child, super) ?: lclone_child_fault(child, super);
	} else if (child) {
		why = lc_chain_fault(child, super);
	}
	if (!why && !i && super->layers)
		why = "has layers below it that the table does not name";
	if (why) {
		DMERR("layer %u, %pg, %s", i + 1, store->bdev, why);
		return "The layers do not fit together, see the kernel log: use lclone table";
	}
	return NULL;
}

static const char *get_layers(struct lclone *lc, const struct lc_super *head,
			      struct lc_super *scratch)
{
	const char *why = NULL;
	unsigned int i;

	for (i = 0; i < lc->layers && !why; i++)
		why = get_layer(lc, &lc->layer[i], scratch);
	for (i = lc->layers; i-- && !why;) {
		why = check_layer(lc, i, head);
		head = &lc->layer[i].store->core.super;
	}
	return why;
}

struct lclone_store *lclone_layers_unfrozen(struct lclone *lc)
{
	struct lclone_store *store;

	if (!lc->layers)
		return NULL;
	store = lc->layer[lc->layers - 1].store;
	return store->state == LCLONE_LAYER ? NULL : store;
}

/* Chains -------------------------------------------------------------- */

static bool same_chain(const struct lclone_chain *chain, const struct lclone *lc)
{
	unsigned int i;

	if (chain->core.layers != lc->layers)
		return false;
	for (i = 0; i < lc->layers; i++)
		if (chain->core.layer[i] != &lc->layer[i].store->core)
			return false;
	return true;
}

static struct lclone_chain *make_chain(struct lclone *lc)
{
	struct lclone_chain *chain = kzalloc(sizeof(*chain), GFP_KERNEL);
	struct lc_store *layer[LC_LAYERS_MAX];
	unsigned int i;

	if (!chain)
		return NULL;
	for (i = 0; i < lc->layers; i++)
		layer[i] = &lc->layer[i].store->core;
	if (lc_chain_init(&chain->core, &chain_ops, chain, layer, lc->layers)) {
		kfree(chain);
		return NULL;
	}
	list_add_tail(&chain->link, &chains);
	return chain;
}

static struct lclone_chain *get_chain(struct lclone *lc)
{
	struct lclone_chain *chain;
	unsigned int noio;

	mutex_lock(&chains_lock);
	noio = memalloc_noio_save();
	list_for_each_entry(chain, &chains, link)
		if (same_chain(chain, lc))
			goto found;
	chain = make_chain(lc);
found:
	if (chain)
		chain->users++;
	memalloc_noio_restore(noio);
	mutex_unlock(&chains_lock);
	return chain;
}

static void put_chain(struct lclone_chain *chain)
{
	bool last;

	mutex_lock(&chains_lock);
	last = !--chain->users;
	if (last)
		list_del(&chain->link);
	mutex_unlock(&chains_lock);
	if (!last)
		return;
	lc_chain_destroy(&chain->core);
	kfree(chain);
}

const char *lclone_layers_get(struct lclone *lc, const struct lc_super *head,
			      int *error)
{
	struct lc_super *scratch;
	const char *why;

	*error = -EINVAL;
	if (!lc->layers)
		return NULL;
	scratch = kmalloc(sizeof(*scratch), GFP_KERNEL);
	if (!scratch) {
		*error = -ENOMEM;
		return "Out of memory";
	}
	mutex_lock(&layers_lock);
	why = get_layers(lc, head, scratch);
	mutex_unlock(&layers_lock);
	kfree(scratch);
	if (why)
		return why;
	lc->chain = get_chain(lc);
	if (lc->chain)
		return NULL;
	*error = -ENOMEM;
	return "Out of memory";
}

void lclone_layers_put(struct lclone *lc)
{
	unsigned int i;

	if (lc->chain)
		put_chain(lc->chain);
	for (i = 0; i < lc->layers; i++) {
		if (lc->layer[i].store)
			lclone_registry_put(lc->layer[i].store);
		if (lc->layer[i].dev)
			dm_put_device(lc->ti, lc->layer[i].dev);
	}
	kfree(lc->layer);
}

/* Memory is short: nobody is waited for. */
unsigned long lclone_chains_pages(void)
{
	struct lclone_chain *chain;
	unsigned long pages = 0;

	if (!mutex_trylock(&chains_lock))
		return 0;
	list_for_each_entry(chain, &chains, link)
		pages += READ_ONCE(chain->core.pages_in_memory);
	mutex_unlock(&chains_lock);
	return pages;
}

unsigned long lclone_chains_evict(unsigned long most)
{
	struct lclone_chain *chain;
	unsigned long evicted = 0;

	if (!mutex_trylock(&chains_lock))
		return 0;
	list_for_each_entry(chain, &chains, link) {
		if (evicted >= most)
			break;
		evicted += lc_chain_evict(&chain->core, most - evicted);
	}
	list_rotate_left(&chains);
	mutex_unlock(&chains_lock);
	return evicted;
}

static void sweep_chain(struct lc_chain *chain)
{
	unsigned int left = READ_ONCE(chain->pages_in_memory);

	while (left) {
		lc_chain_evict(chain, min_t(unsigned int, left, LCLONE_EVICT_BATCH));
		left -= min_t(unsigned int, left, 4 * LCLONE_EVICT_BATCH);
	}
}

bool lclone_chains_sweep(void)
{
	struct lclone_chain *chain;
	bool more = false;

	mutex_lock(&chains_lock);
	list_for_each_entry(chain, &chains, link) {
		sweep_chain(&chain->core);
		more |= READ_ONCE(chain->core.pages_in_memory);
	}
	mutex_unlock(&chains_lock);
	return more;
}
