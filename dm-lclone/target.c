// SPDX-License-Identifier: GPL-2.0
/* The target type and the module. */

#include <linux/module.h>
#include <linux/random.h>

#include "lclone.h"

static int lclone_preresume(struct dm_target *ti)
{
	return lclone_store_activate(ti->private);
}

static void lclone_presuspend(struct dm_target *ti)
{
	struct lclone *lc = ti->private;

	if (lc->store->state != LCLONE_LIVE || lc->store->ti != ti)
		return;
	/* While I/O still goes on, so that the pause is short. */
	if (lc_checkpoint_wanted(&lc->store->core))
		lc_checkpoint(&lc->store->core);
	/* What waits for space is given back from here on, and dm may send it again at once. */
	lclone_defer_suspend(lc->store);
}

static void lclone_presuspend_undo(struct dm_target *ti)
{
	struct lclone *lc = ti->private;

	lclone_defer_resume(lc->store);
}

static void lclone_postsuspend(struct dm_target *ti)
{
	struct lclone *lc = ti->private;

	if (lc->store->ti == ti)
		lclone_store_park(lc->store);
}

static int lclone_iterate_devices(struct dm_target *ti,
				  iterate_devices_callout_fn fn, void *data)
{
	struct lclone *lc = ti->private;
	int result = 0;
	unsigned int i;

	if (lc->origin)
		result = fn(ti, lc->origin, 0, bdev_nr_sectors(lc->origin->bdev),
			    data);
	for (i = 0; i < lc->layers && !result; i++)
		result = fn(ti, lc->layer[i].dev, 0,
			    bdev_nr_sectors(lc->layer[i].dev->bdev), data);
	if (!result && lc->store_dev)
		result = fn(ti, lc->store_dev, 0,
			    bdev_nr_sectors(lc->store_dev->bdev), data);
	return result;
}

static void lclone_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	/* Whole blocks spare the guest the reading of what lies below. */
	limits->physical_block_size = max_t(unsigned int, LC_BLOCK_SIZE,
					    limits->physical_block_size);
	limits->io_min = max_t(unsigned int, LC_BLOCK_SIZE, limits->io_min);
	/* A bio holds less than 4 GiB; discards need nothing of the devices. */
	lclone_set_discard_limits(limits, UINT_MAX >> SECTOR_SHIFT &
				  ~(LC_BLOCK_SECTORS - 1), LC_BLOCK_SIZE);
	lclone_set_write_zeroes_limits(limits, UINT_MAX >> SECTOR_SHIFT &
				       ~(LC_BLOCK_SECTORS - 1));
}

static struct target_type lclone_target = {
	.name = "lclone",
	.version = {1, 0, 0},
	.features = DM_TARGET_SINGLETON | DM_TARGET_NOWAIT,
	.module = THIS_MODULE,
	.ctr = lclone_ctr,
	.dtr = lclone_dtr,
	.map = lclone_map,
	.end_io = lclone_end_io,
	.presuspend = lclone_presuspend,
	.presuspend_undo = lclone_presuspend_undo,
	.postsuspend = lclone_postsuspend,
	.preresume = lclone_preresume,
	.status = lclone_status,
	.message = lclone_message,
	.iterate_devices = lclone_iterate_devices,
	.io_hints = lclone_io_hints,
};

static int __init lclone_init(void)
{
	int error;

	get_random_bytes(lclone_boot, sizeof(lclone_boot));
	error = lclone_memory_init();
	if (error)
		return error;
	error = lclone_meta_io_init();
	if (error)
		goto exit_memory;
	error = lclone_work_init();
	if (error)
		goto exit_meta_io;
	error = lclone_copy_init();
	if (error)
		goto exit_work;
	error = lclone_shrink_init();
	if (error)
		goto exit_copy;
	error = dm_register_target(&lclone_target);
	if (error < 0)
		goto exit_shrink;
	return 0;

exit_shrink:
	lclone_shrink_exit();
exit_copy:
	lclone_copy_exit();
exit_work:
	lclone_work_exit();
exit_meta_io:
	lclone_meta_io_exit();
exit_memory:
	lclone_memory_exit();
	return error;
}

static void __exit lclone_exit(void)
{
	dm_unregister_target(&lclone_target);
	lclone_shrink_exit();
	lclone_copy_exit();
	lclone_work_exit();
	lclone_meta_io_exit();
	lclone_memory_exit();
}

module_init(lclone_init);
module_exit(lclone_exit);

MODULE_DESCRIPTION("device-mapper linked clones of block devices");
MODULE_AUTHOR("The dm-lclone authors");
MODULE_LICENSE("GPL");
