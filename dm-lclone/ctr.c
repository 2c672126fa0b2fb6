// SPDX-License-Identifier: GPL-2.0
/*
 * Parsing of the table:
 *
 *	<origin dev | -> <store dev> <#layers> [<#features> <feature>...]
 */

#include <linux/slab.h>

#include "lclone.h"

#define MAX_FEATURES	16

static const char *parse_layers(struct dm_arg_set *args)
{
	unsigned int layers;

	if (kstrtouint(dm_shift_arg(args), 10, &layers))
		return "The number of layers is not a number";
	if (layers)
		return "Layers are not supported by this version";
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

static const char *open_devices(struct lclone *lc, const char *origin,
				const char *store)
{
	blk_mode_t mode = dm_table_get_mode(lc->ti->table);
	int error;

	if (!strcmp(store, "-"))
		return "A table without a store needs layers: not supported by this version";
	if (strcmp(origin, "-")) {
		error = dm_get_device(lc->ti, origin, BLK_OPEN_READ, &lc->origin);
		if (error) {
			lc->origin = NULL;
			return error == -EBUSY ?
			       "The origin is in use by something else than device-mapper" :
			       "The origin cannot be opened: is it there, and a block device?";
		}
	}
	/* The claim on the origin keeps out what shares sectors with it. */
	error = dm_get_device(lc->ti, store, mode, &lc->store_dev);
	if (error) {
		lc->store_dev = NULL;
		return error == -EBUSY ?
		       "The store is in use, or it and the origin lie in each other" :
		       "The store cannot be opened: is it there, a block device, and writable?";
	}
	if (lc->origin && overlap(lc->origin->bdev, lc->store_dev->bdev))
		return "Origin and store are the same device, or one lies in the other";
	return NULL;
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
		why = *error == -EBUSY ? "The store is in use by another device" :
					 "Out of memory";
		goto out;
	}
	lc->store = store;
	/* What is on the device of a live store may be older than the store. */
	why = lclone_store_check(lc, store->state == LCLONE_UNOPENED ?
				 super : &store->core.super);
out:
	kfree(super);
	return why;
}

static const char *construct(struct lclone *lc, unsigned int argc, char **argv,
			     int *error)
{
	struct dm_arg_set args = { .argc = argc, .argv = argv };
	const char *origin, *store, *why;

	*error = -EINVAL;
	if (lc->ti->begin)
		return "The table does not begin at sector 0";
	if (argc < 3)
		return "Too few arguments: <origin|-> <store> <#layers> [<#features> <feature>...]";
	origin = dm_shift_arg(&args);
	store = dm_shift_arg(&args);
	why = parse_layers(&args);
	if (!why)
		why = parse_features(lc, &args);
	if (!why)
		why = open_devices(lc, origin, store);
	if (!why)
		why = find_store(lc, error);
	return why;
}

static void destruct(struct lclone *lc)
{
	if (lc->store)
		lclone_registry_put(lc->store);
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
