// SPDX-License-Identifier: GPL-2.0
/*
 * Hydration: blocks that the store has unmapped get what lies below.  They are
 * published as the guest's first writes are, and only where the entry is still
 * unmapped: what the guest writes or discards meanwhile wins.
 *
 * What lies below never changes, so it may be read before anything is claimed,
 * and a block that is all zeros needs no place.
 */

#include "bulk.h"

void lc_bulk_look(struct lc_bulk *bulk, u64 block, u64 most,
		  struct lc_extent *extent)
{
	struct lc_store *store = bulk->store;
	unsigned long flags;

	/* Interrupts are off, which is as good as a lock of RCU. */
	spin_lock_irqsave(&store->lock, flags);
	lc_lookup(store, block, most, extent);
	spin_unlock_irqrestore(&store->lock, flags);
}

int lc_bulk_again(struct lc_bulk *bulk, u64 block, enum lc_take take, u32 retries)
{
	switch (take) {
	case LC_LOAD:
		return lc_map_load(bulk->store, block);
	case LC_BUSY:
		return bulk->ops->wait(bulk->store->ctx, retries);
	case LC_FULL:
		return -ENOSPC;
	default:
		return -EIO;
	}
}

bool lc_page_is_zero(const u8 *page)
{
	return !page[0] && !memcmp(page, page + 1, LC_BLOCK_SIZE - 1);
}

/* Writes @page[0..*count) to new places; *@count is set to what that was. */
static enum lc_take put_data(struct lc_bulk *bulk, u64 block, u8 *const *page,
			     u32 *count, struct lc_hydrated *result, int *error)
{
	struct lc_store *store = bulk->store;
	struct lc_ticket ticket;
	enum lc_take take;

	take = lc_ticket_take(store, block, *count, &ticket);
	if (take != LC_TAKEN)
		return take;
	/* Discarded since it was looked at: zeros, and not what lies below. */
	if (ticket.expected != LC_ENTRY_UNMAPPED) {
		lc_ticket_abort(store, &ticket);
		return LC_CHANGED;
	}
	*count = ticket.count;
	*error = bulk->ops->write_store(store->ctx, ticket.store, page,
					ticket.count);
	if (*error) {
		lc_ticket_abort(store, &ticket);
		return LC_TAKEN;
	}
	lc_ticket_publish(store, &ticket);
	result->data += ticket.published;
	return LC_TAKEN;
}

static enum lc_take put_zeros(struct lc_bulk *bulk, u64 block, u32 *count,
			      struct lc_hydrated *result)
{
	struct lc_freed *none = NULL;
	enum lc_take take;
	u32 i;

	for (i = 0; i < *count; i++)
		bulk->swap[i] = (struct lc_swap) {
			.expected = LC_ENTRY_UNMAPPED, .value = LC_ENTRY_ZERO,
		};
	take = lc_replace(bulk->store, block, bulk->swap, count, &none);
	for (i = 0; take == LC_TAKEN && i < *count; i++)
		result->zero += bulk->swap[i].done;
	return take;
}

/* How many pages from @page on, of @most, are zero as the first is, or are not. */
static u32 alike(u8 *const *page, u32 most, bool *zero)
{
	u32 count;

	*zero = lc_page_is_zero(page[0]);
	for (count = 1; count < most; count++)
		if (lc_page_is_zero(page[count]) != *zero)
			break;
	return count;
}

/* The blocks from @block on have been found unmapped, and have been read. */
static int put(struct lc_bulk *bulk, u64 block, u32 count,
	       struct lc_hydrated *result)
{
	void *ctx = bulk->store->ctx;
	enum lc_take take;
	u32 at = 0, retries, n;
	int phase, error = 0;
	bool zero;

	while (at < count && !error) {
		n = alike(bulk->page + at, count - at, &zero);
		retries = bulk->ops->retries(ctx);
		/* A scan relies on it that tickets are within the counter. */
		phase = bulk->ops->enter(ctx);
		take = zero ? put_zeros(bulk, block + at, &n, result) :
			      put_data(bulk, block + at, bulk->page + at, &n,
				       result, &error);
		bulk->ops->leave(ctx, phase);
		if (take == LC_TAKEN)
			at += n;
		else if (take == LC_CHANGED)
			at++;
		else
			error = lc_bulk_again(bulk, block + at, take, retries);
	}
	return error;
}

/* Moves *@block on over what is alike. */
static int step(struct lc_bulk *bulk, u64 *block, u64 end,
		struct lc_hydrated *result)
{
	struct lc_store *store = bulk->store;
	struct lc_extent extent;
	u32 count;
	int error;

	lc_bulk_look(bulk, *block, end - *block, &extent);
	if (extent.kind == LC_UNLOADED)
		return lc_map_load(store, *block);
	if (extent.kind != LC_BELOW) {
		*block += extent.count;
		return 0;
	}
	count = (u32)min_t(u64, extent.count, bulk->pages);
	error = bulk->ops->read_below(store->ctx, *block, bulk->page, count);
	if (!error)
		error = put(bulk, *block, count, result);
	*block += count;
	return error;
}

int lc_hydrate(struct lc_bulk *bulk, u64 first, u32 count,
	       struct lc_hydrated *result)
{
	u64 end = first + count;
	int error = 0;

	memset(result, 0, sizeof(*result));
	while (first < end && !error) {
		error = bulk->ops->go_on(bulk->store->ctx);
		if (!error)
			error = step(bulk, &first, end, result);
	}
	return error;
}
