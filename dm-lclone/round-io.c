// SPDX-License-Identifier: GPL-2.0
/* The I/O of rounds: the journal, and the flush before it. */

#include <linux/wait_bit.h>

#include "lclone.h"

/* May be an interrupt: what has to be submitted next is left to round_work. */
static void step_done(struct lclone_store *store)
{
	struct lclone_round_bios *round = &store->round;

	if (!atomic_dec_and_test(&round->pending))
		return;
	if (lc_round_io_done(&store->core, blk_status_to_errno(round->status))) {
		/* Pairs with the acquire in lclone_round_work(). */
		smp_store_release(&store->round_step, true);
		queue_work(lclone_round_wq, &store->round_work);
	}
	/* The last touch: the store may go when no step is under way. */
	if (atomic_dec_and_test(&round->steps))
		wake_up_var(&round->steps);
}

static void bio_done(struct bio *bio)
{
	struct lclone_store *store = bio->bi_private;

	if (bio->bi_status)
		WRITE_ONCE(store->round.status, bio->bi_status);
	step_done(store);
}

static void prepare(struct lclone_store *store, struct bio *bio,
		    struct bio_vec *vec, unsigned int count, blk_opf_t opf)
{
	bio_init(bio, store->bdev, vec, count, REQ_OP_WRITE | REQ_SYNC | opf);
	bio->bi_end_io = bio_done;
	bio->bi_private = store;
}

/*
 * Sends the blocks from @first on that follow each other in one bio.  Returns
 * the first that does not.
 */
static unsigned int submit_run(struct lclone_store *store, struct bio *bio,
			       const struct lc_vec *vec, unsigned int first,
			       unsigned int count, blk_opf_t opf)
{
	struct lclone_round_bios *round = &store->round;
	unsigned int n;

	prepare(store, bio, &round->vec[first], count - first, REQ_META | opf);
	bio->bi_iter.bi_sector = (sector_t)vec[first].block * LC_BLOCK_SECTORS;
	for (n = first; n < count; n++) {
		if (vec[n].block != vec[first].block + (n - first))
			break;
		__bio_add_page(bio, virt_to_page(vec[n].page), LC_BLOCK_SIZE, 0);
	}
	atomic_inc(&round->pending);
	submit_bio(bio);
	return n;
}

/* The ring wraps at most once in a group. */
static void submit_blocks(struct lclone_store *store, const struct lc_vec *vec,
			  unsigned int count, blk_opf_t opf)
{
	struct lclone_round_bios *round = &store->round;
	unsigned int n = submit_run(store, &round->bio, vec, 0, count, opf);

	if (n < count)
		submit_run(store, &round->wrap, vec, n, count, opf);
}

void lclone_round_io(void *ctx, enum lc_round_io io, const struct lc_vec *vec,
		     unsigned int count)
{
	struct lclone_store *store = ctx;
	struct lclone_round_bios *round = &store->round;

	round->status = BLK_STS_OK;
	atomic_inc(&round->steps);
	atomic_set(&round->pending, 1);
	switch (io) {
	case LC_ROUND_FLUSH:
		prepare(store, &round->bio, NULL, 0, REQ_PREFLUSH);
		atomic_inc(&round->pending);
		submit_bio(&round->bio);
		break;
	case LC_ROUND_BODY:
		submit_blocks(store, vec, count, 0);
		break;
	case LC_ROUND_CLOSE:
		submit_blocks(store, vec, count, REQ_FUA);
		break;
	}
	step_done(store);
}

void lclone_round_work(struct work_struct *work)
{
	struct lclone_store *store = container_of(work, struct lclone_store,
						  round_work);

	/* Pairs with the release in step_done(). */
	if (smp_load_acquire(&store->round_step)) {
		WRITE_ONCE(store->round_step, false);
		lc_round_step(&store->core);
	}
	lc_round_run(&store->core, false);
}

void lclone_round_answer(void *ctx, struct lc_wait *wait, int error)
{
	struct lclone_wait *who = container_of(wait, struct lclone_wait, core);

	who->done(who, error);
}

struct sync_wait {
	struct lclone_wait wait;
	struct completion done;
	int error;
};

static void sync_done(struct lclone_wait *wait, int error)
{
	struct sync_wait *sync = container_of(wait, struct sync_wait, wait);

	sync->error = error;
	complete(&sync->done);
}

void lclone_round_settle(struct lclone_store *store)
{
	wait_var_event(&store->round.steps, !atomic_read(&store->round.steps));
	flush_work(&store->round_work);
}

int lclone_round_sync(struct lclone_store *store)
{
	struct sync_wait sync = { .wait.done = sync_done };

	init_completion(&sync.done);
	lc_round_wait(&store->core, &sync.wait.core);
	wait_for_completion_io(&sync.done);
	return sync.error;
}
