// SPDX-License-Identifier: GPL-2.0
/*
 * A store in use.  What the module's workers do is done whenever a request waits, and
 * the tick when nothing else is left to wait for.
 */

#include "core-host.h"
#include "random.h"
#include "target.h"

#define REQUESTS_MAX	40
#define BLOCKS_MAX	600	/* of a write; a leaf has 1008 */
#define TICKS_MAX	20	/* that one request may wait for */

struct wait {
	struct lc_wait core;
	bool answered;
};

void core_answer(void *ctx, struct lc_wait *wait, int error)
{
	(void)ctx;
	(void)error;
	container_of(wait, struct wait, core)->answered = true;
}

static bool take_kick(struct core_host *host, u32 which)
{
	bool any = host->kicks & which;

	host->kicks &= ~which;
	return any;
}

/* All that has been asked for but the tick. */
static void work(struct core_host *host)
{
	struct lc_store *store = &host->store;
	bool busy;

	do {
		busy = host->step;
		if (host->step) {
			host->step = false;
			lc_round_step(store);
		}
		if (take_kick(host, LC_KICK_ROUND)) {
			lc_round_run(store, false);
			busy = true;
		}
		if (take_kick(host, LC_KICK_CHECKPOINT)) {
			if (lc_checkpoint_wanted(store))
				lc_checkpoint(store);
			busy = true;
		}
		if (take_kick(host, LC_KICK_RECLAIM)) {
			lc_reclaim(store);
			busy = true;
		}
		if (take_kick(host, LC_KICK_SCAN)) {
			lc_scan(store);
			busy = true;
		}
	} while (busy);
}

/* What the module does once a second, for as long as it is asked to. */
static void tick(struct core_host *host)
{
	struct lc_store *store = &host->store;

	if (store->checkpoint_due)
		host->kicks |= LC_KICK_CHECKPOINT;
	if (lc_round_wanted(store))
		lc_round_run(store, true);
	else if (lc_checkpoint_wanted(store))
		lc_checkpoint(store);
	else if (store->map.ends_in_memory)
		lc_map_evict(store, 8);
	else
		lc_scan_forget(store);
	work(host);
}

/* Until the request that got LC_BUSY may try again. */
static void wait_for_retry(struct core_host *host, u32 *ticks)
{
	work(host);
	if (take_kick(host, LC_KICK_RETRY))
		return;
	if (!take_kick(host, LC_KICK_DIRTY))
		broken("a request waits for something", NULL);
	if (++*ticks > TICKS_MAX)
		broken("a request ends", "it waits for one tick after the other");
	tick(host);
}

/* Whether the request goes on; what @result says has been seen to. */
static bool again(struct core_host *host, u64 block, enum lc_take result, u32 *ticks)
{
	switch (result) {
	case LC_LOAD:
		return !lc_map_load(&host->store, block);
	case LC_BUSY:
		wait_for_retry(host, ticks);
		return true;
	case LC_CHANGED:
		return true;
	default:
		return false;
	}
}

static void data_io(struct core_host *host, u32 store, u64 count)
{
	const struct lc_layout *layout = &host->store.super.layout;

	if (store < layout->data_start || store + count > layout->data_end)
		broken("data lies where data may lie", NULL);
}

/* Overwrites, or writes for the first time; returns how far it came. */
static enum lc_take write_some(struct core_host *host, u64 block, u64 *count)
{
	struct lc_store *store = &host->store;
	struct lc_ticket ticket;
	struct lc_extent extent;
	enum lc_take result;

	lc_lookup(store, block, *count, &extent);
	*count = extent.count;
	if (extent.kind == LC_UNLOADED)
		return LC_LOAD;
	if (extent.kind == LC_DATA) {
		data_io(host, extent.store, *count);
		return LC_TAKEN;
	}
	result = lc_ticket_take(store, block, (u32)*count, &ticket);
	if (result != LC_TAKEN)
		return result;
	*count = ticket.count;
	data_io(host, ticket.store, ticket.count);
	if (random_chance(5))
		lc_ticket_abort(store, &ticket);
	else
		lc_ticket_publish(store, &ticket);
	return LC_TAKEN;
}

static void change(struct core_host *host, u64 block, u64 count, bool zero)
{
	enum lc_take result;
	u32 ticks = 0;
	u64 part;

	while (count) {
		part = count;
		result = zero ? lc_zero(&host->store, block, &part) :
				write_some(host, block, &part);
		if (result == LC_TAKEN) {
			block += part;
			count -= part;
		} else if (!again(host, block, result, &ticks)) {
			return;
		}
	}
}

static void flush(struct core_host *host)
{
	struct wait wait = { .answered = false };
	u32 ticks = 0;

	lc_round_wait(&host->store, &wait.core);
	for (work(host); !wait.answered; work(host)) {
		if (!take_kick(host, LC_KICK_DIRTY))
			broken("a flush waits for something", NULL);
		if (++ticks > TICKS_MAX)
			broken("a flush ends", NULL);
		tick(host);
	}
}

static void request(struct core_host *host)
{
	u64 block = random_u64() % host->store.blocks;
	u64 most = host->store.blocks - block;
	u32 what = random_below(100);

	if (what < 50)
		change(host, block, min(most, 1 + random_u64() % BLOCKS_MAX), false);
	else if (what < 75)
		change(host, block, min(most, 1 + random_u64() % (16 * BLOCKS_MAX)), true);
	else if (what < 90)
		flush(host);
	else if (what < 95)
		lc_checkpoint(&host->store);
	else
		tick(host);
	if (random_chance(50))
		work(host);
}

void core_use(struct core_host *host, u64 seed)
{
	u32 requests;

	random_seed(seed);
	for (requests = random_below(REQUESTS_MAX); requests; requests--)
		request(host);
	flush(host);
}
