// SPDX-License-Identifier: GPL-2.0
/*
 * Operations over ranges of blocks, which messages ask for: their I/O, and where
 * they wait.  All of it is synchronous, in the context of the message.  Nobody
 * waits for it, so its memory is its own and not of the pools.
 */

#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "lclone.h"

/* One call.  Under message_lock. */
struct lclone_bulk {
	struct lc_bulk core;
	struct bio bio;
	struct bio_vec vec[LC_BULK_PAGES];
};

static int bulk_enter(void *ctx)
{
	struct lclone_store *store = ctx;

	return lclone_drain_enter(&store->drain);
}

static void bulk_leave(void *ctx, int phase)
{
	struct lclone_store *store = ctx;

	lclone_drain_leave(&store->drain, phase);
}

/* A bio over @sectors of @page, from @skip sectors of the first page on. */
static struct bio *make_bio(struct lclone_store *store, u8 *const *page,
			    unsigned int skip, unsigned int sectors,
			    enum req_op op)
{
	struct lclone_bulk *bulk = store->bulk;
	struct bio *bio = &bulk->bio;
	unsigned int part;

	bio_init(bio, NULL, bulk->vec, LC_BULK_PAGES, op);
	for (; sectors; sectors -= part, skip = 0) {
		part = min_t(unsigned int, sectors, LC_BLOCK_SECTORS - skip);
		__bio_add_page(bio, virt_to_page(*page++), part << SECTOR_SHIFT,
			       skip << SECTOR_SHIFT);
	}
	return bio;
}

static int wait_bio(struct bio *bio)
{
	int error = submit_bio_wait(bio);

	bio_uninit(bio);
	return error;
}

static int store_io(struct lclone_store *store, u32 block, u8 *const *page,
		    u32 count, enum req_op op)
{
	struct bio *bio = make_bio(store, page, 0, count * LC_BLOCK_SECTORS, op);

	bio_set_dev(bio, store->bdev);
	bio->bi_iter.bi_sector = (sector_t)block * LC_BLOCK_SECTORS;
	return wait_bio(bio);
}

static int bulk_read_store(void *ctx, u32 block, u8 *const *page, u32 count)
{
	return store_io(ctx, block, page, count, REQ_OP_READ);
}

static int bulk_write_store(void *ctx, u32 block, u8 *const *page, u32 count)
{
	int error = store_io(ctx, block, page, count, REQ_OP_WRITE);

	if (error == -ENOSPC)
		lclone_below_full(ctx);
	return error;
}

static void clear_sectors(u8 *const *page, unsigned int skip, unsigned int sectors)
{
	unsigned int part;

	for (; sectors; sectors -= part, skip = 0) {
		part = min_t(unsigned int, sectors, LC_BLOCK_SECTORS - skip);
		memset(*page++ + (skip << SECTOR_SHIFT), 0, part << SECTOR_SHIFT);
	}
}

static int read_place(struct lclone_store *store, const struct lclone_place *place,
		      u8 *const *page, unsigned int skip)
{
	struct bio *bio;

	if (!place->bdev) {
		clear_sectors(page, skip, place->sectors);
		return 0;
	}
	bio = make_bio(store, page, skip, place->sectors, REQ_OP_READ);
	return lclone_remap_below(bio, place) ? wait_bio(bio) : -EIO;
}

/* Place by place: what lies together is one I/O. */
static int bulk_read_below(void *ctx, u64 block, u8 *const *page, u32 count)
{
	struct lclone_store *store = ctx;
	sector_t first = (sector_t)block * LC_BLOCK_SECTORS;
	unsigned int sectors = count * LC_BLOCK_SECTORS;
	unsigned int at = 0;
	struct lclone_place place;
	int error = 0;

	while (at < sectors && !error) {
		if (!lclone_find_below(store, first + at, sectors - at, &place)) {
			error = lc_load_below(&store->core,
					      (first + at) / LC_BLOCK_SECTORS);
			continue;
		}
		error = read_place(store, &place, page + at / LC_BLOCK_SECTORS,
				   at % LC_BLOCK_SECTORS);
		at += place.sectors;
	}
	lclone_loaded(store);
	return error;
}

static int bulk_go_on(void *ctx)
{
	struct lclone_store *store = ctx;

	cond_resched();
	if (READ_ONCE(store->suspending))
		return -EBUSY;
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static u32 bulk_retries(void *ctx)
{
	struct lclone_store *store = ctx;

	return READ_ONCE(store->retries);
}

static int bulk_wait(void *ctx, u32 retries)
{
	struct lclone_store *store = ctx;

	if (wait_var_event_killable(&store->retries,
				    READ_ONCE(store->retries) != retries ||
				    READ_ONCE(store->suspending)))
		return -EINTR;
	return bulk_go_on(ctx);
}

static const struct lc_bulk_ops bulk_ops = {
	.enter = bulk_enter,
	.leave = bulk_leave,
	.read_below = bulk_read_below,
	.read_store = bulk_read_store,
	.write_store = bulk_write_store,
	.go_on = bulk_go_on,
	.retries = bulk_retries,
	.wait = bulk_wait,
};

static void bulk_free(struct lclone_bulk *bulk)
{
	while (bulk->core.pages)
		free_page((unsigned long)bulk->core.page[--bulk->core.pages]);
	kfree(bulk);
}

static struct lclone_bulk *bulk_new(struct lclone_store *store)
{
	struct lclone_bulk *bulk = kzalloc(sizeof(*bulk), GFP_NOIO);
	struct page *page;

	if (!bulk)
		return NULL;
	bulk->core.ops = &bulk_ops;
	bulk->core.store = &store->core;
	while (bulk->core.pages < LC_BULK_PAGES) {
		page = alloc_page(GFP_NOIO | __GFP_NOWARN | __GFP_NORETRY);
		if (!page)
			break;
		bulk->core.page[bulk->core.pages++] = page_address(page);
	}
	if (bulk->core.pages >= 2)
		return bulk;
	bulk_free(bulk);
	return NULL;
}

static int begin(struct lclone_store *store)
{
	lockdep_assert_held(&store->message_lock);
	store->bulk = bulk_new(store);
	return store->bulk ? 0 : -ENOMEM;
}

static void end(struct lclone_store *store)
{
	lclone_loaded(store);
	bulk_free(store->bulk);
	store->bulk = NULL;
}

int lclone_hydrate(struct lclone_store *store, u64 first, u32 count,
		   struct lc_hydrated *result)
{
	int error = begin(store);

	if (error)
		return error;
	error = lc_hydrate(&store->bulk->core, first, count, result);
	end(store);
	return error;
}

int lclone_rethin(struct lclone_store *store, u64 first, u32 count, u32 *freed)
{
	int error = begin(store);

	if (error)
		return error;
	error = lc_rethin(&store->bulk->core, first, count, freed);
	end(store);
	return error;
}
