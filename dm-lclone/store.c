// SPDX-License-Identifier: GPL-2.0
/* An open store: brought up, handed from table to table, frozen, taken down. */

#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/utsname.h>

#include "lclone.h"

u8 lclone_boot[LC_UUID_BYTES];

static char *host_id = "";
module_param(host_id, charp, 0444);
MODULE_PARM_DESC(host_id, "Name of this host in the superblocks of its active stores (default: its node name)");

const char *lclone_host(void)
{
	return *host_id ? host_id : init_utsname()->nodename;
}

static void wait_for_drain(void *ctx)
{
	struct lclone_store *store = ctx;

	lclone_drain_wait(&store->drain);
}

const struct lc_ops lclone_ops = {
	.read = lclone_meta_read,
	.write = lclone_meta_write,
	.flush = lclone_meta_flush,
	.discard = lclone_meta_discard,
	.drain = wait_for_drain,
	.round_io = lclone_round_io,
	.page_get = lclone_page_get,
	.page_put = lclone_page_put,
	.leaf_get = lclone_leaf_get,
	.leaf_put = lclone_leaf_put,
	.root_get = lclone_root_get,
	.nodes_get = lclone_nodes_get,
	.node_put = lclone_node_put,
	.bitmap_get = lclone_bitmap_get,
	.bitmap_put = lclone_bitmap_put,
	.kick = lclone_kick,
	.answer = lclone_round_answer,
	.report = lclone_meta_report,
};

/* Whoever looks at the core of a store that is open has done so afterwards. */
static void set_state(struct lclone_store *store, enum lclone_state state)
{
	mutex_lock(&store->state_lock);
	WRITE_ONCE(store->state, state);
	mutex_unlock(&store->state_lock);
}

static int read_unopened(void *ctx, u32 block, void *page)
{
	return lclone_read_block(ctx, block, page);
}

static bool table_read_only(struct lclone *lc)
{
	return !(dm_table_get_mode(lc->ti->table) & BLK_OPEN_WRITE);
}

/* Who does not know a feature of the kind ro_compat may read all the same. */
static const char *check_writable(struct block_device *bdev, void *page)
{
	enum lc_header_fault fault;
	struct lc_header header;
	const char *why;

	if (lclone_read_block(bdev, LC_HEADER_BLOCK, page))
		return "cannot be read";
	why = lc_header_decode(page, &header, &fault);
	if (!why && header.features_ro_compat & ~LC_FEATURES_RO_COMPAT)
		why = "has a feature that is not known here: load the table read-only";
	return why;
}

const char *lclone_super_look(struct block_device *bdev, struct lc_super *super,
			      int *stale)
{
	static const struct lc_ops read_only = { .read = read_unopened };
	void *page = lclone_page_get(NULL, true);
	enum lc_header_fault fault;
	const char *why;

	why = lc_super_load(&read_only, bdev, page, super, &fault, stale);
	lclone_page_put(NULL, page);
	if (!why && lc_uuid_is_null(super->store_uuid))
		why = "has no identity";
	return why;
}

const char *lclone_super_read(struct lclone *lc, struct lc_super *super,
			      int *stale)
{
	struct block_device *bdev = lc->store_dev->bdev;
	const char *why = lclone_super_look(bdev, super, stale);
	void *page;

	if (!why && !table_read_only(lc)) {
		page = lclone_page_get(NULL, true);
		why = check_writable(bdev, page);
		lclone_page_put(NULL, page);
	}
	return why;
}

static const char *check_device(struct lclone *lc, const struct lc_super *super)
{
	struct block_device *bdev = lc->store_dev->bdev;

	if (bdev_nr_sectors(bdev) / LC_BLOCK_SECTORS < super->layout.store_blocks)
		return "The store's device is smaller than the store: give it its size back";
	if (bdev_logical_block_size(bdev) > LC_BLOCK_SIZE)
		return "The store's device has sectors of more than 4096 bytes: use another";
	if (lc->origin && bdev_logical_block_size(bdev) >
			  bdev_logical_block_size(lc->origin->bdev))
		return "The store's device has larger sectors than the origin: use another";
	if (*super->owner_host && !table_read_only(lc) &&
	    strncmp(super->owner_host, lclone_host(), LC_NAME_BYTES - 1))
		return "The store is active on another host, or was: see lclone activate --force";
	return NULL;
}

const char *lclone_store_check(struct lclone *lc, const struct lc_super *super)
{
	bool origin = super->origin_kind != LC_ORIGIN_NONE;

	if (super->state != LC_STORE_WRITABLE && !table_read_only(lc))
		return super->state == LC_STORE_FROZEN ?
		       "The store is frozen: load the table read-only" :
		       "The store is retired, another is in its place: use lclone table";
	/* Which layers, and how many, is for the chain to tell: see check_layer(). */
	if (lc->store_dev && !super->layers != !lc->layers)
		return super->layers ?
		       "The store stands on layers, and the table names none: use lclone table" :
		       "The store stands on no layers, and the table names some: use lclone table";
	if (super->clone_sectors != lc->ti->len)
		return "The table's length is not the clone's size: use lclone table";
	if (origin && !lc->origin)
		return "The store needs its origin, and the table names none: use lclone table";
	if (!origin && lc->origin)
		return "The store has no origin, and the table names one: use lclone table";
	if (origin && bdev_nr_sectors(lc->origin->bdev) != super->origin_sectors)
		return "This is not the store's origin: it has another size; see lclone table";
	return lc->store_dev ? check_device(lc, super) : NULL;
}

/* The devices and features of the table that goes live. */
static void take_table(struct lclone_store *store, struct lclone *lc)
{
	store->ti = lc->ti;
	store->bdev = lc->store_dev ? lc->store_dev->bdev : NULL;
	store->origin = lc->origin ? lc->origin->bdev : NULL;
	WRITE_ONCE(store->sector_bytes, lc->sector_bytes);
	store->discard_passdown = lc->discard_passdown;
	WRITE_ONCE(store->error_if_no_space, lc->error_if_no_space);
}

static int open_super(struct lclone *lc, struct lc_super *super)
{
	struct lclone_store *store = lc->store;
	int stale;
	const char *why = lclone_super_read(lc, super, &stale);
	int error;

	if (!why && memcmp(super->store_uuid, store->uuid, LC_UUID_BYTES))
		why = "is another store than when the table was loaded";
	if (why) {
		DMERR("%s: store %pg %s",
		      dm_table_device_name(lc->ti->table), store->bdev, why);
		return -EINVAL;
	}
	why = lclone_store_check(lc, super);
	if (why) {
		DMERR("%s: %s", dm_table_device_name(lc->ti->table), why);
		return -EINVAL;
	}
	error = lc_store_init(&store->core, &lclone_ops, store, super,
			      table_read_only(lc));
	if (error)
		return error;
	lc_store_own(&store->core, lclone_host(), lclone_boot);
	error = lc_store_open(&store->core, stale);
	if (error) {
		DMERR("%s: store %pg cannot be brought up (%d): %s",
		      dm_table_device_name(lc->ti->table), store->bdev, error,
		      store->core.fail_reason ?: "run lclone check on it");
		lclone_work_stop(store);
		lc_store_destroy(&store->core);
	}
	return error;
}

static int open_store(struct lclone *lc)
{
	struct lc_super *super = kmalloc(sizeof(*super), GFP_NOIO);
	int error;

	if (!super)
		return -ENOMEM;
	error = open_super(lc, super);
	kfree(super);
	return error;
}

/*
 * A copy of a store has its UUID: the map in memory is that of the device which
 * was parked, and of no other state of it.
 */
static const char *check_same(struct lclone *lc)
{
	struct lc_super *super = kmalloc(sizeof(*super), GFP_NOIO);
	const char *why = "Out of memory";
	int stale;

	if (super)
		why = lclone_super_read(lc, super, &stale);
	if (!why && super->generation != lc->store->core.super.generation)
		why = "The store's device is not the one that was suspended";
	kfree(super);
	return why;
}

/* From the table before, which has parked it. */
static int take_over(struct lclone *lc, bool moved)
{
	struct lc_store *core = &lc->store->core;
	const char *why = NULL;

	if (moved)
		why = check_same(lc);
	if (!why && lc->change)
		return lclone_change_run(lc);
	if (!why)
		why = lclone_store_check(lc, &core->super);
	if (why) {
		DMERR("%s: %s", dm_table_device_name(lc->ti->table), why);
		return -EINVAL;
	}
	/* In failed mode reads go on, under the new table too. */
	if (!core->read_only && !lc_failed(core))
		lc_store_resume(core, lclone_host(), lclone_boot);
	return 0;
}

/* A store without anything in it: all shows from the layers. */
static int open_empty(struct lclone *lc, bool read_only)
{
	const struct lc_super *top = &lc->layer[lc->layers - 1].store->core.super;
	struct lc_super *super = kmemdup(top, sizeof(*top), GFP_NOIO);
	struct lc_store *core = &lc->store->core;
	int error;

	if (!super)
		return -ENOMEM;
	memcpy(super->store_uuid, lc->store->uuid, LC_UUID_BYTES);
	memcpy(super->parent_uuid, top->content_uuid, LC_UUID_BYTES);
	super->state = LC_STORE_WRITABLE;
	super->layers = min_t(u32, top->layers + 1, LC_LAYERS_MAX);
	super->overlap_sectors = super->clone_sectors;
	super->root = (struct lc_ref) { .state = LC_REF_NONE };
	super->page_blocks = 0;
	/* A later table is compared with it. */
	if (lc->store_dev)
		lc_layout_new(bdev_nr_sectors(lc->store_dev->bdev), &super->layout);
	error = lc_store_init(core, &lclone_ops, lc->store, super, read_only);
	if (!error) {
		error = lc_map_open(core);
		if (error)
			lc_store_destroy(core);
	}
	kfree(super);
	return error;
}

/* From here on any table may use it for reading. */
static void make_layer(struct lclone_store *store)
{
	store->md = NULL;
	store->ti = NULL;
	store->core.chain = NULL;
	store->kicks = 0;
	set_state(store, LCLONE_LAYER);
	lclone_sweep_soon();
}

static const char *freeze(struct lclone *lc, struct lclone_store *old,
			  struct lc_super *super)
{
	int stale;
	const char *why;

	if (old->state != LCLONE_PARKED)
		return "the store below was never active";
	why = lclone_super_read(lc, super, &stale);
	if (!why && memcmp(super->store_uuid, lc->store->uuid, LC_UUID_BYTES))
		why = "is another store than when the table was loaded";
	if (!why)
		why = lclone_store_check(lc, super);
	if (!why)
		why = lc_chain_fits(super, &old->core.super);
	if (!why)
		why = lclone_child_fault(super, &old->core.super);
	if (!why && lc_store_freeze(&old->core, super->parent_name))
		why = "could not be made to follow: freezing of the old store failed";
	return why;
}

/*
 * A snapshot: the store that the table before had is frozen, and ours goes on
 * above it.  There is no way back to that table.  When anything fails the clone
 * goes on over the old store in failed mode: with the same content, of which all
 * that was flushed is on the disk, in the one store or in the other.
 */
static int follow(struct lclone *lc, struct lclone_store *old)
{
	struct lc_super *super = kmalloc(sizeof(*super), GFP_NOIO);
	const char *why = super ? freeze(lc, old, super) : "got no memory";
	int error = 0;

	kfree(super);
	make_layer(old);
	if (!why) {
		error = open_store(lc);
		if (!error)
			return 0;
		why = "cannot be brought up";
	}
	DMERR("%s: the new store %pg %s; no writes until the clone is activated anew",
	      dm_table_device_name(lc->ti->table), lc->store->bdev, why);
	error = open_empty(lc, false);
	if (!error)
		lc_fail(&lc->store->core, "a snapshot failed");
	return error;
}

/* It may have got here without being frozen: see follow(). */
static bool newest_is_frozen(struct lclone *lc)
{
	const struct lc_store *newest;

	if (!lc->layers)
		return true;
	newest = &lc->layer[lc->layers - 1].store->core;
	return newest->super.state == LC_STORE_FROZEN && !lc_failed(newest);
}

static int bring_up(struct lclone *lc, bool moved)
{
	struct lclone_store *store = lc->store;
	struct lclone_store *old = lclone_layers_unfrozen(lc);

	/* A view is what its layers are, and they do not change. */
	if (store->state == LCLONE_PARKED && !lc->store_dev)
		return 0;
	if (store->state == LCLONE_PARKED)
		return old ? -EBUSY : take_over(lc, moved);
	if (lc->change)
		return -EINVAL;
	if (old)
		return follow(lc, old);
	if (!newest_is_frozen(lc)) {
		DMERR("%s: its newest layer could not be frozen",
		      dm_table_device_name(lc->ti->table));
		return -EIO;
	}
	return lc->store_dev ? open_store(lc) : open_empty(lc, true);
}

int lclone_store_activate(struct lclone *lc)
{
	struct lclone_store *store = lc->store;
	unsigned int noio = memalloc_noio_save();
	bool moved = lc->store_dev && store->bdev != lc->store_dev->bdev;
	int error;

	take_table(store, lc);
	/* It was for a table that has not come. */
	kfree(xchg(&store->change, NULL));
	/* Failed mode does not end by it: the device may have been open all the time. */
	if (store->state == LCLONE_PARKED && lc->store_dev &&
	    store->core.read_only != table_read_only(lc) &&
	    !lc_failed(&store->core)) {
		set_state(store, LCLONE_UNOPENED);
		lc_store_destroy(&store->core);
	}
	error = bring_up(lc, moved);
	if (!error) {
		store->core.chain = lc->chain ? &lc->chain->core : NULL;
		set_state(store, LCLONE_LIVE);
		if (!store->core.read_only && !lc_failed(&store->core))
			lc_store_extend(&store->core,
					bdev_nr_sectors(store->bdev));
		lclone_defer_resume(store);
		lclone_work_start(store);
	} else if (store->state == LCLONE_PARKED) {
		/* That of the table before, which goes now. */
		store->core.chain = NULL;
		/* Whoever tries again with the same device is asked again: see check_same(). */
		if (moved)
			store->bdev = NULL;
	}
	memalloc_noio_restore(noio);
	return error;
}

void lclone_store_park(struct lclone_store *store)
{
	unsigned int noio;

	if (store->state != LCLONE_LIVE)
		return;
	/* A message that is under way ends soon, and there is no other: lclone_message(). */
	mutex_lock(&store->message_lock);
	mutex_unlock(&store->message_lock);
	noio = memalloc_noio_save();
	/* Failed mode is for lclone_round_sync() and lc_store_park() to tell. */
	if (lclone_round_sync(store) == -ENOSPC)
		DMWARN("store %pg: no space below: what was not flushed yet stays in memory",
		       store->bdev);
	lclone_work_stop(store);
	lc_round_give_up(&store->core);
	/*
	 * The drain counter is empty: dm has seen the end of each bio, which has left
	 * it before, and what a message does ends with it.  To wait for that would
	 * hold all I/O for a grace period.
	 */
	lc_store_park(&store->core);
	lclone_round_settle(store);
	set_state(store, LCLONE_PARKED);
	memalloc_noio_restore(noio);
}
