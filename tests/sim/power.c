// SPDX-License-Identifier: GPL-2.0
/* The power goes. */

#include "bio.h"
#include "bulk.h"
#include "layer.h"
#include "power.h"
#include "report.h"

static void cover_space(const struct lc_store *store)
{
	const struct lc_alloc *alloc = &store->alloc;

	if (alloc->scan == LC_SCAN_RUNNING)
		cover(COVER_SCAN);
	if (alloc->freeing_blocks)
		cover(COVER_RECLAIM);
	if (edge.in_discard)
		cover(COVER_DISCARD);
	if (bios.state[BIO_FULL])
		cover(COVER_FULL);
}

static void cover_round(const struct lc_store *store)
{
	const struct lc_journal *journal = &store->journal;

	if (store->round.state != LC_ROUND_IS_IDLE)
		cover(COVER_ROUND);
	if (store->round.state == LC_ROUND_IS_BODY)
		cover(COVER_BODY);
	if (store->round.state == LC_ROUND_IS_ROOM)
		cover(COVER_ROOM);
	if (journal->tail.sequence != journal->head.sequence &&
	    journal->head.block < journal->tail.block)
		cover(COVER_WRAP);
}

void power_cover(void)
{
	const struct lc_store *store = edge.store;

	cover_round(store);
	cover_space(store);
	if (store->checkpoint_mutex.held)
		cover(COVER_CHECKPOINT);
	if (edge.in_super)
		cover(COVER_SUPER);
	if (bios.state[BIO_TICKET])
		cover(COVER_TICKET);
	if (bios.state[BIO_COPIES])
		cover(COVER_COPY);
	if (bios.state[BIO_LOADS])
		cover(COVER_LOAD);
	if (edge.loads_below)
		cover(COVER_LOAD_BELOW);
	if (store->failed)
		cover(COVER_FAILED);
	if (layers.count)
		cover(COVER_LAYERS);
	if (bulk_kind == BULK_HYDRATE)
		cover(COVER_HYDRATE);
	if (bulk_kind == BULK_RETHIN && store->holding)
		cover(COVER_RETHIN);
}

/* The host forgets everything, the device what it may. */
void power_cut(void)
{
	trace(TRACE_CUT, edge.open ? edge.store->round.state : 0, medium.under_way,
	      medium.writes_cached, 0);
	if (medium.lost)
		cover(COVER_LOST);
	if (edge.starved)
		cover(COVER_STARVED);
	if (edge.evicted)
		cover(COVER_EVICT);
	if (edge.evicted_below)
		cover(COVER_EVICT_BELOW);
	if (edge.store->alloc.below_full)
		cover(COVER_BELOW_FULL);
	medium_cut();
	edge_reset();
	bio_reset();
	report_at.rounds++;
	report_at.round++;
}
