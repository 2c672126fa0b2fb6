// SPDX-License-Identifier: GPL-2.0
/*
 * Writes of a part of a block that the store does not hold yet: what lies below
 * is read, merged with the guest's part, and written to the block of the ticket.
 */

#include "lclone.h"

#define COPY_RESERVE	16	/* copies that always find memory */

struct lclone_copy {
	struct bio *guest;
	struct page *page;
	struct work_struct work;
	struct bio_vec vec;
	struct bio bio;
};

static struct kmem_cache *copy_cache;
static mempool_t *copy_pool, *copy_pages;
static struct workqueue_struct *copy_wq;

static void copy_free(struct lclone_copy *copy)
{
	if (copy->page != ZERO_PAGE(0))
		mempool_free(copy->page, copy_pages);
	mempool_free(copy, copy_pool);
}

static void copy_end(struct lclone_copy *copy, blk_status_t status)
{
	struct bio *guest = copy->guest;

	copy_free(copy);
	lclone_io_part_done(guest, status);
}

static void write_done(struct bio *bio)
{
	struct lclone_copy *copy = container_of(bio, struct lclone_copy, bio);

	copy_end(copy, bio->bi_status);
}

static void write_out(struct lclone_copy *copy, sector_t sector,
		      unsigned int sectors)
{
	struct lclone_store *store = lclone_io_of(copy->guest)->store;
	struct bio *bio = &copy->bio;

	bio_init(bio, store->bdev, &copy->vec, 1, REQ_OP_WRITE);
	bio->bi_iter.bi_sector = sector;
	bio->bi_end_io = write_done;
	__bio_add_page(bio, copy->page, sectors << SECTOR_SHIFT, 0);
	submit_bio_noacct(bio);
}

/* The guest's part over what was there. */
static void merge(struct lclone_copy *copy)
{
	struct lclone_io *io = lclone_io_of(copy->guest);
	u8 *at = page_address(copy->page);
	struct bvec_iter iter;
	struct bio_vec vec;

	at += (io->rest.bi_sector % LC_BLOCK_SECTORS) << SECTOR_SHIFT;
	if (io->zeroes) {
		memset(at, 0, io->bytes);
	} else {
		bio_for_each_segment(vec, copy->guest, iter) {
			memcpy_from_bvec(at, &vec);
			at += vec.bv_len;
		}
	}
	write_out(copy, (sector_t)io->ticket.store * LC_BLOCK_SECTORS,
		  LC_BLOCK_SECTORS);
}

static void merge_work(struct work_struct *work)
{
	merge(container_of(work, struct lclone_copy, work));
}

static void read_done(struct bio *bio)
{
	struct lclone_copy *copy = container_of(bio, struct lclone_copy, bio);

	if (bio->bi_status)
		copy_end(copy, bio->bi_status);
	else
		queue_work(copy_wq, &copy->work);
}

static struct lclone_copy *copy_get(struct bio *guest)
{
	struct lclone_copy *copy = mempool_alloc(copy_pool, GFP_NOIO);

	copy->guest = guest;
	INIT_WORK(&copy->work, merge_work);
	return copy;
}

void lclone_copy(struct lclone_store *store, struct bio *guest,
		 const struct lclone_place *place)
{
	struct lclone_io *io = lclone_io_of(guest);
	struct lclone_copy *copy = copy_get(guest);
	struct bio *bio = &copy->bio;

	/* In the drain counter: this waits for nobody but other copies. */
	copy->page = mempool_alloc(copy_pages, GFP_NOIO);
	clear_page(page_address(copy->page));
	if (io->ticket.expected != LC_ENTRY_UNMAPPED || !place->bdev) {
		merge(copy);
		return;
	}
	bio_init(bio, NULL, &copy->vec, 1, REQ_OP_READ);
	bio->bi_end_io = read_done;
	__bio_add_page(bio, copy->page, place->sectors << SECTOR_SHIFT, 0);
	if (lclone_remap_below(bio, place))
		submit_bio_noacct(bio);
	else
		copy_end(copy, BLK_STS_IOERR);
}

void lclone_copy_zeros(struct lclone_store *store, struct bio *guest,
		       sector_t sector, unsigned int sectors)
{
	struct lclone_copy *copy = copy_get(guest);

	copy->page = ZERO_PAGE(0);
	write_out(copy, sector, sectors);
}

int lclone_copy_init(void)
{
	copy_cache = KMEM_CACHE(lclone_copy, 0);
	if (!copy_cache)
		return -ENOMEM;
	copy_pool = mempool_create_slab_pool(COPY_RESERVE, copy_cache);
	if (!copy_pool)
		goto free_cache;
	copy_pages = mempool_create_page_pool(COPY_RESERVE, 0);
	if (!copy_pages)
		goto free_pool;
	copy_wq = alloc_workqueue("lclone_copy", WQ_MEM_RECLAIM | WQ_PERCPU, 0);
	if (!copy_wq)
		goto free_pages;
	return 0;

free_pages:
	mempool_destroy(copy_pages);
free_pool:
	mempool_destroy(copy_pool);
free_cache:
	kmem_cache_destroy(copy_cache);
	return -ENOMEM;
}

void lclone_copy_exit(void)
{
	destroy_workqueue(copy_wq);
	mempool_destroy(copy_pages);
	mempool_destroy(copy_pool);
	kmem_cache_destroy(copy_cache);
}
