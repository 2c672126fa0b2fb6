// SPDX-License-Identifier: GPL-2.0
/*
 * Bios that wait: for process context (ready), for a checkpoint, a round or a
 * scan (busy), or for space (space).  None of them is in the drain counter.
 */

#include <linux/wait_bit.h>

#include "lclone.h"

static void io_work(struct work_struct *work)
{
	struct lclone_store *store = container_of(work, struct lclone_store, io_work);
	struct blk_plug plug;
	unsigned long flags;
	struct bio *bio;

	blk_start_plug(&plug);
	for (;;) {
		spin_lock_irqsave(&store->defer_lock, flags);
		bio = bio_list_pop(&store->ready);
		spin_unlock_irqrestore(&store->defer_lock, flags);
		if (!bio)
			break;
		lclone_io_resume(store, bio);
	}
	blk_finish_plug(&plug);
}

void lclone_defer_init(struct lclone_store *store)
{
	spin_lock_init(&store->defer_lock);
	bio_list_init(&store->ready);
	bio_list_init(&store->busy);
	bio_list_init(&store->space);
	INIT_WORK(&store->io_work, io_work);
}

void lclone_defer(struct lclone_store *store, struct bio *bio)
{
	unsigned long flags;

	spin_lock_irqsave(&store->defer_lock, flags);
	bio_list_add(&store->ready, bio);
	/* Outside of the lock the bio may have ended already, and the store be gone. */
	queue_work(lclone_io_wq, &store->io_work);
	spin_unlock_irqrestore(&store->defer_lock, flags);
}

struct lclone_seen lclone_seen(struct lclone_store *store)
{
	return (struct lclone_seen) {
		.retries = READ_ONCE(store->retries),
		.spaces = READ_ONCE(store->spaces),
	};
}

void lclone_park(struct lclone_store *store, struct bio *bio,
		 enum lc_take result, struct lclone_seen seen)
{
	bool full = result == LC_FULL;
	blk_status_t status = BLK_STS_OK;
	unsigned long flags;

	spin_lock_irqsave(&store->defer_lock, flags);
	if (full && store->suspending) {
		/* dm makes an I/O error of it unless the suspend is noflush. */
		status = BLK_STS_DM_REQUEUE;
	} else if (full && READ_ONCE(store->error_if_no_space)) {
		status = BLK_STS_NOSPC;
	} else if (full ? seen.spaces != store->spaces :
			  seen.retries != store->retries) {
		bio_list_add(&store->ready, bio);
		queue_work(lclone_io_wq, &store->io_work);	/* as in lclone_defer() */
	} else if (full) {
		bio_list_add(&store->space, bio);
		WRITE_ONCE(store->space_waiters, store->space_waiters + 1);
	} else {
		bio_list_add(&store->busy, bio);
	}
	spin_unlock_irqrestore(&store->defer_lock, flags);
	if (status)
		lclone_io_end(bio, status);
}

/* Who sleeps in a message waits for what a bio on @busy waits for. */
static void wake_message(struct lclone_store *store)
{
	/* Between what it waits for and the look whether somebody does. */
	smp_mb();
	wake_up_var(&store->retries);
}

void lclone_unpark_busy(struct lclone_store *store)
{
	unsigned long flags;

	spin_lock_irqsave(&store->defer_lock, flags);
	WRITE_ONCE(store->retries, store->retries + 1);
	bio_list_merge(&store->ready, &store->busy);
	bio_list_init(&store->busy);
	spin_unlock_irqrestore(&store->defer_lock, flags);
	queue_work(lclone_io_wq, &store->io_work);
	wake_message(store);
}

void lclone_unpark_space(struct lclone_store *store)
{
	unsigned long flags;

	spin_lock_irqsave(&store->defer_lock, flags);
	WRITE_ONCE(store->spaces, store->spaces + 1);
	WRITE_ONCE(store->space_waiters, 0);
	bio_list_merge(&store->ready, &store->space);
	bio_list_init(&store->space);
	spin_unlock_irqrestore(&store->defer_lock, flags);
	queue_work(lclone_io_wq, &store->io_work);
}

static void set_suspending(struct lclone_store *store, bool suspending)
{
	unsigned long flags;

	spin_lock_irqsave(&store->defer_lock, flags);
	WRITE_ONCE(store->suspending, suspending);
	spin_unlock_irqrestore(&store->defer_lock, flags);
}

void lclone_defer_suspend(struct lclone_store *store)
{
	set_suspending(store, true);
	wake_message(store);
	lclone_unpark_space(store);
}

void lclone_defer_resume(struct lclone_store *store)
{
	set_suspending(store, false);
}
