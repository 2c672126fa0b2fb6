// SPDX-License-Identifier: GPL-2.0
/*
 * Rethin: blocks of the store that equal what lies below are let go.
 *
 * An overwrite goes to its block in place and touches no entry, so that a
 * compare-and-swap of the entry does not see it.  So the blocks are held: who
 * would overwrite one of them waits, and a drain waits for those that are under
 * way already.  From there to the release, what a block holds changes no more.
 * First writes and discards go on: they change the entry.
 *
 * Within the drain counter, so that a block which a discard takes out of the map
 * is not there again, as another, when the entry is compared.
 */

#include "bulk.h"

struct rethin {
	struct lc_bulk *bulk;
	u64 at;			/* the block that comes next */
	u64 end;
	bool sure;		/* the blocks are held: what is found is done */
	u64 first_found;	/* not sure: what there might be to do */
	u64 end_found;
	u32 freed;
};

/* From here on nobody begins to overwrite one of the blocks. */
static void hold(struct rethin *rethin)
{
	struct lc_store *store = rethin->bulk->store;

	WRITE_ONCE(store->held_first, rethin->at);
	WRITE_ONCE(store->held_end, rethin->end);
	WRITE_ONCE(store->holding, true);
	/* Who enters the counter after this sees it: lc_held(). */
	store->ops->drain(store->ctx);
	rethin->sure = true;
}

static void release(struct rethin *rethin)
{
	struct lc_store *store = rethin->bulk->store;

	rethin->sure = false;
	/* Who finds it released also finds the entries as they are now. */
	smp_store_release(&store->holding, false);
	store->ops->kick(store->ctx, LC_KICK_RETRY);
}

/*
 * What the entry of @block, of that value and with content @page (NULL: zeros),
 * could be instead, when @below is what lies below.
 */
static u32 better(const struct lc_store *store, u64 block, u32 entry,
		  const u8 *page, const u8 *below)
{
	bool overlaps = block < lc_blocks_of(store->super.overlap_sectors);
	bool same = page ? !memcmp(page, below, LC_BLOCK_SIZE) :
			   lc_page_is_zero(below);

	if (overlaps && same)
		return LC_ENTRY_UNMAPPED;
	return page && lc_page_is_zero(page) ? LC_ENTRY_ZERO : entry;
}

/* Fills in bulk->swap for @extent at rethin->at; whether there is anything to do. */
static bool compare(struct rethin *rethin, const struct lc_extent *extent,
		    u32 count)
{
	struct lc_bulk *bulk = rethin->bulk;
	bool data = extent->kind == LC_DATA, any = false;
	struct lc_swap *swap;
	u32 i;

	for (i = 0; i < count; i++) {
		swap = &bulk->swap[i];
		swap->expected = data ? extent->store + i : LC_ENTRY_ZERO;
		swap->value = better(bulk->store, rethin->at + i, swap->expected,
				     data ? bulk->page[bulk->pages / 2 + i] : NULL,
				     bulk->page[i]);
		if (swap->value == swap->expected)
			continue;
		any = true;
		rethin->first_found = min(rethin->first_found, rethin->at + i);
		rethin->end_found = rethin->at + i + 1;
	}
	return any;
}

/* Carries out bulk->swap for *@count blocks, to the end of a leaf. */
static enum lc_take swap_all(struct rethin *rethin, u32 *count,
			     struct lc_freed **spare)
{
	struct lc_bulk *bulk = rethin->bulk;
	enum lc_take take;
	u32 i;

	take = lc_replace(bulk->store, rethin->at, bulk->swap, count, spare);
	for (i = 0; take == LC_TAKEN && i < *count; i++)
		rethin->freed += bulk->swap[i].done &&
				 lc_entry_is_data(bulk->swap[i].expected);
	return take;
}

/*
 * Deals with *@count blocks, or those of them that are alike: what lies below has
 * been read.  In the drain counter.
 */
static enum lc_take deal_with(struct rethin *rethin, u32 *count,
			      struct lc_freed **spare, int *error)
{
	struct lc_bulk *bulk = rethin->bulk;
	void *ctx = bulk->store->ctx;
	struct lc_extent extent;

	lc_bulk_look(bulk, rethin->at, *count, &extent);
	if (extent.kind == LC_UNLOADED)
		return LC_LOAD;
	*count = (u32)extent.count;
	if (extent.kind == LC_BELOW)
		return LC_TAKEN;
	if (extent.kind == LC_DATA)
		*error = bulk->ops->read_store(ctx, extent.store,
					       bulk->page + bulk->pages / 2,
					       *count);
	if (*error || !compare(rethin, &extent, *count) || !rethin->sure)
		return LC_TAKEN;
	return swap_all(rethin, count, spare);
}

/* Moves rethin->at on over what is alike, unless @take says what is in the way. */
static int step(struct rethin *rethin, enum lc_take *take)
{
	struct lc_bulk *bulk = rethin->bulk;
	void *ctx = bulk->store->ctx;
	struct lc_freed *spare = NULL;
	struct lc_extent extent;
	int error = 0, phase;
	u32 count;

	*take = LC_TAKEN;
	lc_bulk_look(bulk, rethin->at, rethin->end - rethin->at, &extent);
	if (extent.kind == LC_UNLOADED) {
		*take = LC_LOAD;
		return 0;
	}
	if (extent.kind == LC_BELOW) {
		rethin->at += extent.count;
		return 0;
	}
	count = (u32)min_t(u64, extent.count, bulk->pages / 2);
	error = bulk->ops->read_below(ctx, rethin->at, bulk->page, count);
	if (error)
		return error;
	if (rethin->sure)
		spare = lc_freed_spare(bulk->store);
	phase = bulk->ops->enter(ctx);
	*take = deal_with(rethin, &count, &spare, &error);
	bulk->ops->leave(ctx, phase);
	lc_freed_return(bulk->store, spare);
	if (*take == LC_TAKEN)
		rethin->at += count;
	return error;
}

/* To the end, or to what has to be waited for with nothing held. */
static int pass(struct rethin *rethin, enum lc_take *take)
{
	struct lc_bulk *bulk = rethin->bulk;
	int error = 0;

	*take = LC_TAKEN;
	while (rethin->at < rethin->end && *take == LC_TAKEN && !error) {
		error = bulk->ops->go_on(bulk->store->ctx);
		if (!error)
			error = step(rethin, take);
	}
	return error;
}

/* One pass, again from where something was in the way. */
static int pass_over(struct rethin *rethin, bool held)
{
	struct lc_bulk *bulk = rethin->bulk;
	enum lc_take take;
	u32 retries;
	int error = 0;

	while (rethin->at < rethin->end && !error) {
		retries = bulk->ops->retries(bulk->store->ctx);
		if (held)
			hold(rethin);
		error = pass(rethin, &take);
		if (held) {
			release(rethin);
			retries++;	/* our own kick is none to wait for */
		}
		if (!error && take != LC_TAKEN)
			error = lc_bulk_again(bulk, rethin->at, take, retries);
	}
	return error;
}

int lc_rethin(struct lc_bulk *bulk, u64 first, u32 count, u32 *freed)
{
	struct rethin rethin = {
		.bulk = bulk, .at = first, .end = first + count,
		.first_found = ~0ull,
	};
	int error = lc_failed(bulk->store) ? -EIO : pass_over(&rethin, false);

	/* Most often there is nothing to do, and then nobody had to wait. */
	if (!error && rethin.first_found < rethin.end_found) {
		rethin.at = rethin.first_found;
		rethin.end = rethin.end_found;
		error = pass_over(&rethin, true);
	}
	*freed = rethin.freed;
	return error;
}
