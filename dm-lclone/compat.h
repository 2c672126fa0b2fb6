/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels that are supported: Debian 12's 6.1, Debian
 * 13's 6.12 and newer ones.  All else is written for the newest.
 */
#ifndef LCLONE_COMPAT_H
#define LCLONE_COMPAT_H

#include <linux/blkdev.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/workqueue.h>

/* By 6.12 hex2bin() has moved out of kernel.h, which later ceases to include it. */
#if KERNEL_VERSION(6, 12, 0) > LINUX_VERSION_CODE
#include <linux/kernel.h>
#else
#include <linux/hex.h>
#endif

/* 6.5 gave block devices an open mode of their own instead of fmode_t. */
#if KERNEL_VERSION(6, 5, 0) > LINUX_VERSION_CODE
#define blk_mode_t	fmode_t
#define BLK_OPEN_READ	FMODE_READ
#define BLK_OPEN_WRITE	FMODE_WRITE
#endif

/* 6.8 told what a device can discard apart from what its user wants. */
static inline void lclone_set_discard_limits(struct queue_limits *limits,
					     unsigned int sectors,
					     unsigned int granularity)
{
#if KERNEL_VERSION(6, 8, 0) > LINUX_VERSION_CODE
	limits->max_discard_sectors = sectors;
#endif
	limits->max_hw_discard_sectors = sectors;
	limits->discard_granularity = granularity;
	limits->discard_alignment = 0;
}

/*
 * 6.17 tells apart what unmaps when it writes zeroes, and takes no other value for it than that
 * or none: not the one of the devices below.
 */
static inline void lclone_set_write_zeroes_limits(struct queue_limits *limits,
						  unsigned int sectors)
{
	limits->max_write_zeroes_sectors = sectors;
#if KERNEL_VERSION(6, 17, 0) <= LINUX_VERSION_CODE
	limits->max_hw_wzeroes_unmap_sectors = 0;
#endif
}

/* 6.17 wants to be told that a queue works where work was queued. */
#if KERNEL_VERSION(6, 17, 0) > LINUX_VERSION_CODE
#define WQ_PERCPU	0
#endif

/* 6.7 allocates shrinkers itself. */
#if KERNEL_VERSION(6, 7, 0) > LINUX_VERSION_CODE
static inline struct shrinker *shrinker_alloc(unsigned int flags, const char *name)
{
	return kzalloc(sizeof(struct shrinker), GFP_KERNEL);
}

/* A shrinker that could not be registered is one that is never called. */
static inline void shrinker_register(struct shrinker *shrinker)
{
	if (register_shrinker(shrinker, "lclone"))
		shrinker->count_objects = NULL;
}

static inline void shrinker_free(struct shrinker *shrinker)
{
	if (shrinker->count_objects)
		unregister_shrinker(shrinker);
	kfree(shrinker);
}
#endif

/*
 * A bio that has completed once and is submitted again: forget what the first
 * completion has settled already.
 */
static inline void lclone_bio_rearm(struct bio *bio)
{
	bio_clear_flag(bio, BIO_QOS_THROTTLED);
	bio_clear_flag(bio, BIO_QOS_MERGED);
	atomic_set(&bio->__bi_remaining, 1);
	bio->bi_status = BLK_STS_OK;
}

#endif
