// SPDX-License-Identifier: GPL-2.0
/* An open store: brought up, handed from table to table, taken down. */

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

static const struct lc_ops lclone_ops = {
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
	.node_get = lclone_node_get,
	.node_put = lclone_node_put,
	.bitmap_get = lclone_bitmap_get,
	.bitmap_put = lclone_bitmap_put,
	.kick = lclone_kick,
	.answer = lclone_round_answer,
	.report = lclone_meta_report,
};

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

const char *lclone_super_read(struct lclone *lc, struct lc_super *super,
			      int *stale)
{
	static const struct lc_ops read_only = { .read = read_unopened };
	struct block_device *bdev = lc->store_dev->bdev;
	void *page = lclone_page_get(NULL, true);
	enum lc_header_fault fault;
	const char *why;

	why = lc_super_load(&read_only, bdev, page, super, &fault, stale);
	if (!why && !table_read_only(lc))
		why = check_writable(bdev, page);
	lclone_page_put(NULL, page);
	return why;
}

const char *lclone_store_check(struct lclone *lc, const struct lc_super *super)
{
	struct block_device *bdev = lc->store_dev->bdev;
	bool origin = super->origin_kind != LC_ORIGIN_NONE;

	if (super->state != LC_STORE_WRITABLE && !table_read_only(lc))
		return "The store is frozen: load the table read-only";
	if (super->layers)
		return "The store has layers, which this version does not support";
	if (super->clone_sectors != lc->ti->len)
		return "The table's length is not the clone's size: use lclone table";
	if (origin && !lc->origin)
		return "The store needs its origin, and the table names none";
	if (!origin && lc->origin)
		return "The store has no origin, and the table names one";
	if (origin && bdev_nr_sectors(lc->origin->bdev) != super->origin_sectors)
		return "This is not the store's origin: it has another size";
	if (bdev_nr_sectors(bdev) / LC_BLOCK_SECTORS < super->layout.store_blocks)
		return "The store's device is smaller than the store";
	if (bdev_logical_block_size(bdev) > LC_BLOCK_SIZE)
		return "The store's device has sectors of more than 4096 bytes";
	if (lc->origin && bdev_logical_block_size(bdev) >
			  bdev_logical_block_size(lc->origin->bdev))
		return "The store's device has larger sectors than the origin";
	if (*super->owner_host && !table_read_only(lc) &&
	    strncmp(super->owner_host, lclone_host(), LC_NAME_BYTES - 1))
		return "The store is active on another host, or was: see lclone activate --force";
	return NULL;
}

/* The devices and features of the table that goes live. */
static void take_table(struct lclone_store *store, struct lclone *lc)
{
	store->ti = lc->ti;
	store->bdev = lc->store_dev->bdev;
	store->origin = lc->origin ? lc->origin->bdev : NULL;
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
	const char *why = lclone_store_check(lc, &core->super);

	if (!why && moved)
		why = check_same(lc);
	if (why) {
		DMERR("%s: %s", dm_table_device_name(lc->ti->table), why);
		return -EINVAL;
	}
	/* In failed mode reads go on, under the new table too. */
	if (!core->read_only && !lc_failed(core))
		lc_store_resume(core, lclone_host(), lclone_boot);
	return 0;
}

int lclone_store_activate(struct lclone *lc)
{
	struct lclone_store *store = lc->store;
	unsigned int noio = memalloc_noio_save();
	bool moved = store->bdev != lc->store_dev->bdev;
	int error;

	take_table(store, lc);
	if (store->state == LCLONE_PARKED &&
	    store->core.read_only != table_read_only(lc)) {
		lc_store_destroy(&store->core);
		store->state = LCLONE_UNOPENED;
	}
	error = store->state == LCLONE_PARKED ? take_over(lc, moved) :
						open_store(lc);
	if (!error) {
		store->below_sectors = lc_below_sectors(&store->core.super);
		store->state = LCLONE_LIVE;
		if (!store->core.read_only && !lc_failed(&store->core))
			lc_store_extend(&store->core,
					bdev_nr_sectors(store->bdev));
		lclone_defer_resume(store);
		lclone_work_start(store);
	}
	memalloc_noio_restore(noio);
	return error;
}

void lclone_store_park(struct lclone_store *store)
{
	unsigned int noio;

	if (store->state != LCLONE_LIVE)
		return;
	noio = memalloc_noio_save();
	/* Failed mode is for lclone_round_sync() and lc_store_park() to tell. */
	lclone_round_sync(store);
	lclone_work_stop(store);
	lclone_drain_wait(&store->drain);
	lc_store_park(&store->core);
	lclone_round_settle(store);
	store->state = LCLONE_PARKED;
	memalloc_noio_restore(noio);
}
