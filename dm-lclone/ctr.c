// SPDX-License-Identifier: GPL-2.0
/*
 * Parsing of the table:
 *
 *	<origin dev | -> <store dev | -> <#layers> <layer dev>... [<#features> <feature>...]
 */

#include <linux/slab.h>

#include "lclone.h"

#define MAX_FEATURES	16

static const char *parse_layers(struct lclone *lc, struct dm_arg_set *args,
				char ***names)
{
	unsigned int count;

	if (kstrtouint(dm_shift_arg(args), 10, &count) || count > LC_LAYERS_MAX)
		return "The number of layers is not a number from 0 to 64";
	if (count > args->argc)
		return "There are fewer layers than the table says";
	*names = args->argv;
	dm_consume_args(args, count);
	if (!count)
		return NULL;
	lc->layer = kcalloc(count, sizeof(*lc->layer), GFP_KERNEL);
	if (!lc->layer)
		return "Out of memory";
	lc->layers = count;
	return NULL;
}

static const char *parse_features(struct lclone *lc, struct dm_arg_set *args)
{
	unsigned int count;
	const char *feature;

	if (!args->argc)
		return NULL;
	if (kstrtouint(dm_shift_arg(args), 10, &count) || count > MAX_FEATURES)
		return "The number of features is not a number from 0 to 16";
	if (count != args->argc)
		return "The number of features is not that of those which follow";
	while (count--) {
		feature = dm_shift_arg(args);
		if (!strcmp(feature, "error_if_no_space"))
			lc->error_if_no_space = true;
		else if (!strcmp(feature, "no_discard_passdown"))
			lc->discard_passdown = false;
		else
			return "Unknown feature: there are error_if_no_space, no_discard_passdown";
	}
	return NULL;
}

/* Two devices that share sectors, as far as partitions show it. */
static bool overlap(struct block_device *a, struct block_device *b)
{
	sector_t a_start = get_start_sect(a), b_start = get_start_sect(b);

	return a->bd_disk == b->bd_disk &&
	       a_start < b_start + bdev_nr_sectors(b) &&
	       b_start < a_start + bdev_nr_sectors(a);
}

static const char *open_store_device(struct lclone *lc, const char *name)
{
	blk_mode_t mode = dm_table_get_mode(lc->ti->table);
	int error;

	if (!strcmp(name, "-")) {
		if (!lc->layers)
			return "A table without a store needs layers to show";
		if (mode & BLK_OPEN_WRITE)
			return "A table without a store is a view: load it read-only";
		return NULL;
	}
	error = dm_get_device(lc->ti, name, mode, &lc->store_dev);
	if (!error)
		return NULL;
	lc->store_dev = NULL;
	return error == -EBUSY ?
	       "The store is in use: unmount it, or remove the device that has it" :
	       "The store cannot be opened: is it there, a block device, and writable?";
}

static const char *open_origin(struct lclone *lc, const char *name)
{
	int error;

	if (!strcmp(name, "-"))
		return NULL;
	/* The claim on the store keeps out what shares sectors with it. */
	error = dm_get_device(lc->ti, name, BLK_OPEN_READ, &lc->origin);
	if (error) {
		lc->origin = NULL;
		return error == -EBUSY ?
		       "The origin is in use, or it and the store lie in each other: unmount it" :
		       "The origin cannot be opened: is it there, and a block device?";
	}
	if (bdev_logical_block_size(lc->origin->bdev) > LC_BLOCK_SIZE)
		return "The origin has sectors of more than 4096 bytes: use another device";
	return NULL;
}

static const char *open_layer_device(struct lclone *lc, struct dm_dev **dev,
				     const char *name)
{
	int error = dm_get_device(lc->ti, name, BLK_OPEN_READ, dev);

	if (!error)
		return NULL;
	*dev = NULL;
	return error == -EBUSY ?
	       "A layer is in use, or it and another of the table's devices lie in each other" :
	       "A layer cannot be opened: is it there, and a block device?";
}

/* No device of a table may be there twice, or lie in another. */
static const char *check_apart(struct lclone *lc)
{
	struct block_device *bdev;
	unsigned int i, j;

	if (lc->origin && lc->store_dev &&
	    overlap(lc->origin->bdev, lc->store_dev->bdev))
		return "Origin and store are the same device, or one lies in the other";
	for (i = 0; i < lc->layers; i++) {
		bdev = lc->layer[i].dev->bdev;
		if (lc->origin && overlap(lc->origin->bdev, bdev))
			return "The origin is one of the layers, or one lies in the other";
		if (lc->store_dev && overlap(lc->store_dev->bdev, bdev))
			return "The store is one of its own layers, or one lies in the other";
		for (j = 0; j < i; j++)
			if (overlap(lc->layer[j].dev->bdev, bdev))
				return "A layer is named twice, or one lies in another";
	}
	return NULL;
}

static const char *open_devices(struct lclone *lc, const char *origin,
				const char *store, char **layers)
{
	/*
	 * What is to be written comes first: dm opens a device anew that it has for reading
	 * only, and what it gave out for it before is freed.
	 */
	const char *why = open_store_device(lc, store);
	unsigned int i;

	if (!why)
		why = open_origin(lc, origin);
	for (i = 0; i < lc->layers && !why; i++)
		why = open_layer_device(lc, &lc->layer[i].dev, layers[i]);
	return why ?: check_apart(lc);
}

/* The store names itself; an open one is asked, not its device. */
static const char *find_store(struct lclone *lc, int *error)
{
	struct lc_super *super = kmalloc(sizeof(*super), GFP_KERNEL);
	struct lclone_store *store;
	const char *why;
	int stale;

	*error = -ENOMEM;
	if (!super)
		return "Out of memory";
	*error = -EINVAL;
	why = lclone_super_read(lc, super, &stale);
	if (why) {
		DMERR("store %pg %s", lc->store_dev->bdev, why);
		why = "The store is not usable, see the kernel log, and lclone check";
		goto out;
	}
	store = lclone_registry_get(super->store_uuid,
				    dm_table_get_md(lc->ti->table));
	if (IS_ERR(store)) {
		*error = PTR_ERR(store);
		why = *error == -EBUSY ?
		      "The store is in use by another device: remove that one first" :
		      "Out of memory";
		goto out;
	}
	lc->store = store;
	/* What is on the device of a live store may be older than the store. */
	mutex_lock(&store->state_lock);
	if (store->state != LCLONE_UNOPENED)
		*super = store->core.super;
	mutex_unlock(&store->state_lock);
	why = lclone_change_take(lc, super);
	if (!why)
		why = lclone_store_check(lc, super);
	if (!why)
		why = lclone_layers_get(lc, super, error);
out:
	kfree(super);
	return why;
}

/* A view shows what its newest layer is. */
static const char *find_view(struct lclone *lc, int *error)
{
	const struct lc_super *super;
	struct lclone_store *store;
	const char *why = lclone_layers_get(lc, NULL, error);

	if (why)
		return why;
	super = &lc->layer[lc->layers - 1].store->core.super;
	why = lclone_store_check(lc, super);
	if (why)
		return why;
	store = lclone_registry_view(dm_table_get_md(lc->ti->table));
	if (IS_ERR(store)) {
		*error = PTR_ERR(store);
		return "Out of memory";
	}
	lc->store = store;
	return NULL;
}

static void see_sectors(struct lclone *lc, struct dm_dev *dev)
{
	if (dev)
		lc->sector_bytes = max_t(unsigned int, lc->sector_bytes,
					 bdev_logical_block_size(dev->bdev));
}

/* Partitions are counted in sectors: those of a clone in use must not change. */
static const char *check_sectors(struct lclone *lc)
{
	struct lclone_store *live = lclone_layers_unfrozen(lc) ?: lc->store;
	unsigned int now = READ_ONCE(live->sector_bytes);
	unsigned int i;

	see_sectors(lc, lc->origin);
	see_sectors(lc, lc->store_dev);
	for (i = 0; i < lc->layers; i++)
		see_sectors(lc, lc->layer[i].dev);
	return now && now != lc->sector_bytes ?
	       "The clone in use would get sectors of another size, and lose its partitions" :
	       NULL;
}

static const char *construct(struct lclone *lc, unsigned int argc, char **argv,
			     int *error)
{
	struct dm_arg_set args = { .argc = argc, .argv = argv };
	const char *origin, *store, *why;
	char **layers;

	*error = -EINVAL;
	if (lc->ti->begin)
		return "The table does not begin at sector 0";
	if (argc < 3)
		return "Too few arguments: origin, store, number of layers, layers, features";
	origin = dm_shift_arg(&args);
	store = dm_shift_arg(&args);
	why = parse_layers(lc, &args, &layers);
	if (!why)
		why = parse_features(lc, &args);
	if (!why)
		why = open_devices(lc, origin, store, layers);
	if (!why)
		why = lc->store_dev ? find_store(lc, error) :
				      find_view(lc, error);
	return why ?: check_sectors(lc);
}

static void destruct(struct lclone *lc)
{
	if (lc->store)
		lclone_registry_put(lc->store);
	lclone_layers_put(lc);
	kfree(lc->change);
	if (lc->store_dev)
		dm_put_device(lc->ti, lc->store_dev);
	if (lc->origin)
		dm_put_device(lc->ti, lc->origin);
	kfree(lc);
}

int lclone_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct lclone *lc = kzalloc(sizeof(*lc), GFP_KERNEL);
	const char *why;
	int error;

	if (!lc) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	lc->ti = ti;
	lc->discard_passdown = true;
	why = construct(lc, argc, argv, &error);
	if (why) {
		ti->error = (char *)why;
		destruct(lc);
		return error;
	}
	ti->private = lc;
	ti->num_flush_bios = 1;
	ti->num_discard_bios = 1;
	ti->num_write_zeroes_bios = 1;
	ti->flush_supported = true;
	ti->discards_supported = true;
	ti->per_io_data_size = sizeof(struct lclone_io);
	return 0;
}

void lclone_dtr(struct dm_target *ti)
{
	destruct(ti->private);
}
