// SPDX-License-Identifier: GPL-2.0
/*
 * Synchronous I/O of metadata.  This file and round-io.c are the only ones that
 * read or write metadata of a store.
 */

#include "lclone.h"

#define META_BIO_RESERVE	16

static sector_t block_sector(u32 block)
{
	return (sector_t)block * LC_BLOCK_SECTORS;
}

int lclone_read_block(struct block_device *bdev, u32 block, void *page)
{
	struct bio_vec vec;
	struct bio bio;
	int error;

	bio_init(&bio, bdev, &vec, 1, REQ_OP_READ | REQ_META | REQ_SYNC);
	bio.bi_iter.bi_sector = block_sector(block);
	__bio_add_page(&bio, virt_to_page(page), LC_BLOCK_SIZE, 0);
	error = submit_bio_wait(&bio);
	bio_uninit(&bio);
	return error;
}

int lclone_meta_read(void *ctx, u32 block, void *page)
{
	struct lclone_store *store = ctx;

	return lclone_read_block(store->bdev, block, page);
}

/* Bios of checkpoints.  Each is on its way before the next is asked for. */
static struct bio_set meta_bios;

int lclone_meta_io_init(void)
{
	return bioset_init(&meta_bios, META_BIO_RESERVE, 0, BIOSET_NEED_BVECS);
}

void lclone_meta_io_exit(void)
{
	bioset_exit(&meta_bios);
}

static void one_done(struct lclone_meta_io *meta)
{
	if (atomic_dec_and_test(&meta->pending))
		complete(&meta->done);
}

static void write_done(struct bio *bio)
{
	struct lclone_meta_io *meta = bio->bi_private;

	if (bio->bi_status == BLK_STS_NOSPC)
		WRITE_ONCE(meta->no_space, true);
	else if (bio->bi_status)
		WRITE_ONCE(meta->status, bio->bi_status);
	bio_put(bio);
	one_done(meta);
}

/* Only checkpoints write, and there is one at a time. */
int lclone_meta_write(void *ctx, const struct lc_vec *vec, unsigned int count,
		      bool fua)
{
	struct lclone_store *store = ctx;
	struct lclone_meta_io *meta = &store->meta;
	blk_opf_t opf = REQ_OP_WRITE | REQ_META | REQ_SYNC | (fua ? REQ_FUA : 0);
	struct blk_plug plug;
	unsigned int i;

	meta->status = BLK_STS_OK;
	meta->no_space = false;
	atomic_set(&meta->pending, 1);
	init_completion(&meta->done);
	blk_start_plug(&plug);
	for (i = 0; i < count; i++) {
		struct bio *bio = bio_alloc_bioset(store->bdev, 1, opf, GFP_NOIO,
						   &meta_bios);

		bio->bi_iter.bi_sector = block_sector(vec[i].block);
		bio->bi_end_io = write_done;
		bio->bi_private = meta;
		__bio_add_page(bio, virt_to_page(vec[i].page), LC_BLOCK_SIZE, 0);
		atomic_inc(&meta->pending);
		submit_bio(bio);
	}
	blk_finish_plug(&plug);
	one_done(meta);
	wait_for_completion_io(&meta->done);
	/* A lack of space counts only when nothing worse has happened. */
	if (meta->status || !meta->no_space)
		return blk_status_to_errno(meta->status);
	lclone_below_full(store);
	return -ENOSPC;
}

int lclone_meta_flush(void *ctx)
{
	struct lclone_store *store = ctx;

	return blkdev_issue_flush(store->bdev);
}

/* It frees space below; a device that cannot, or fails to, does no harm. */
void lclone_meta_discard(void *ctx, u32 block, u32 count)
{
	struct lclone_store *store = ctx;

	if (store->discard_passdown && bdev_max_discard_sectors(store->bdev))
		blkdev_issue_discard(store->bdev, block_sector(block),
				     block_sector(count), GFP_NOIO);
}

void lclone_meta_report(void *ctx, const char *what, u64 block)
{
	struct lclone_store *store = ctx;

	if (!__ratelimit(&store->damage_limit))
		return;
	/* A layer is of no one table. */
	DMERR("%s: store %pg, block %llu: %s; run lclone check on it",
	      store->ti ? dm_table_device_name(store->ti->table) : "layer",
	      store->bdev, block, what);
}
