// SPDX-License-Identifier: GPL-2.0
/* Who has which block of the store. */

#include "random.h"
#include "space.h"
#include "walk.h"

static bool is_data(u32 entry)
{
	return entry && entry != LC_ENTRY_ZERO;
}

static void set_owner(struct space *space, u32 store, enum space_owner from,
		      enum space_owner to)
{
	struct space_block *block = &space->block[store];

	KUNIT_EXPECT_TRUE_MSG(space->test, block->owner == from,
			      "store block %u is %d and not %d", store,
			      block->owner, from);
	block->owner = to;
}

static void take(struct space *space)
{
	struct lc_ticket *ticket = &space->ticket[space->tickets];
	u64 at = random_below(space->hot) * (u64)LC_LEAF_ENTRIES +
		 random_below(LC_LEAF_ENTRIES);
	u32 most = (u32)min_t(u64, space->blocks - at, 1 + random_below(30));
	enum lc_take take;
	u32 i;

	if (space->tickets == SPACE_TICKETS)
		return;
	take = lc_ticket_take(&space->host->store, at, most, ticket);
	if (take == LC_LOAD && !mutex_is_locked(&space->host->store.load_mutex))
		KUNIT_EXPECT_EQ(space->test,
				lc_map_load(&space->host->store, at), 0);
	space->full += take == LC_FULL;
	if (take != LC_TAKEN)
		return;
	for (i = 0; i < ticket->count; i++)
		set_owner(space, ticket->store + i, SPACE_FREE, SPACE_TICKET);
	space->ticket_at[space->tickets++] = at;
}

static void end_ticket(struct space *space, bool publish)
{
	u32 n = random_below(space->tickets), i;
	struct lc_ticket ticket = space->ticket[n];
	u64 at = space->ticket_at[n];

	space->ticket[n] = space->ticket[--space->tickets];
	space->ticket_at[n] = space->ticket_at[space->tickets];
	for (i = 0; i < ticket.count; i++) {
		bool won = publish && space->entry[at + i] == ticket.expected;

		set_owner(space, ticket.store + i, SPACE_TICKET,
			  won ? SPACE_MAPPED : SPACE_FREE);
		if (won)
			space->entry[at + i] = ticket.store + i;
	}
	if (publish)
		lc_ticket_publish(&space->host->store, &ticket);
	else
		lc_ticket_abort(&space->host->store, &ticket);
}

static void let_go(struct space *space, u32 store)
{
	set_owner(space, store, SPACE_MAPPED, SPACE_FREEING);
	space->block[store].round = space->host->store.round.started + 1;
	space->block[store].drains = space->drains_begun;
}

static void zero(struct space *space)
{
	u64 at = random_below(space->hot) * (u64)LC_LEAF_ENTRIES +
		 random_below(LC_LEAF_ENTRIES);
	u64 count = min_t(u64, space->blocks - at, 1 + random_below(40));
	enum lc_take take = lc_zero(&space->host->store, at, &count);

	if (take == LC_LOAD && !mutex_is_locked(&space->host->store.load_mutex))
		KUNIT_EXPECT_EQ(space->test,
				lc_map_load(&space->host->store, at), 0);
	if (take != LC_TAKEN)
		return;
	for (; count--; at++) {
		if (is_data(space->entry[at]))
			let_go(space, space->entry[at]);
		space->entry[at] = LC_ENTRY_ZERO;
	}
}

/* The last the core does before it puts blocks back. */
static void discarded(struct host *host, u32 store, u32 count)
{
	struct space *space = host->owner;

	for (; count--; store++) {
		const struct space_block *block = &space->block[store];

		KUNIT_EXPECT_LE(space->test, block->round, host->store.round.durable);
		KUNIT_EXPECT_GT(space->test, space->drains_done, block->drains);
		set_owner(space, store, SPACE_FREEING, SPACE_FREE);
	}
}

static void drain(struct host *host)
{
	struct space *space = host->owner;
	u64 begun = ++space->drains_begun;

	while (space->tickets)
		end_ticket(space, random_chance(80));
	space->drains_done = begun;
}

/* Pages go to blocks that nobody has. */
static void wrote(struct host *host, u32 store)
{
	struct space *space = host->owner;

	if (store >= host->super.layout.data_start)
		KUNIT_EXPECT_EQ(space->test, space->block[store].owner, SPACE_FREE);
}

static void paused(struct host *host)
{
	struct space *space = host->owner;
	u32 events = random_below(3);

	if (space->depth > 2)
		return;
	while (events--)
		space_step(space);
}

static void listen(struct space *space, bool on)
{
	struct host *host = space->host;

	host->pause = on ? paused : NULL;
	host->drain = on ? drain : NULL;
	host->discarded = on ? discarded : NULL;
	host->wrote = on ? wrote : NULL;
}

struct space *space_new(struct kunit *test, u32 store_blocks, u32 leaves)
{
	struct space *space = kunit_kzalloc(test, sizeof(*space), GFP_KERNEL);

	space->test = test;
	space->blocks = leaves * (u64)LC_LEAF_ENTRIES;
	space->hot = leaves;
	space->zero_percent = 30;
	space->entry = kunit_kzalloc(test, space->blocks * sizeof(u32), GFP_KERNEL);
	space->block = kunit_kzalloc(test, store_blocks * sizeof(*space->block),
				     GFP_KERNEL);
	space->host = host_new_open(test, store_blocks, space->blocks);
	space->host->owner = space;
	listen(space, true);
	return space;
}

void space_delete(struct space *space)
{
	listen(space, false);
	host_delete(space->host);
}

void space_reopen(struct space *space)
{
	space->depth = 100;
	drain(space->host);
	host_settle(space->host);
	KUNIT_EXPECT_FALSE(space->test, lc_failed(&space->host->store));
	host_close(space->host);
	walk_check(space->test, space->host->disk);
	listen(space, false);
	KUNIT_ASSERT_EQ(space->test, host_open(space->host, false), 0);
	listen(space, true);
	space->depth = 0;
}

void space_step(struct space *space)
{
	struct host *host = space->host;
	u32 what = random_below(100);

	space->depth++;
	if (what < 30)
		random_chance(space->zero_percent) ? zero(space) : take(space);
	else if (what < 60 && space->tickets)
		end_ticket(space, random_chance(90));
	else if (what < 63)
		lc_round_run(&host->store, true);
	else if (what < 75)
		host_round_io(host);
	else if (what < 85 && host->step) {
		host->step = false;
		lc_round_step(&host->store);
	} else if (what < 97)
		host_serve(host, HOST_WORK);
	else
		lc_map_evict(&host->store, 3);
	space->depth--;
}

void space_fill(struct space *space)
{
	u64 full = space->full;
	u32 zero_percent = space->zero_percent;
	u32 steps = 0;

	space->zero_percent = 0;
	while (space->full == full && steps++ < 200000)
		space_step(space);
	space->zero_percent = zero_percent;
	KUNIT_EXPECT_NE(space->test, space->full, full);
}

u32 space_count(const struct space *space, enum space_owner owner)
{
	const struct lc_layout *layout = &space->host->super.layout;
	u32 store, count = 0;

	for (store = layout->data_start; store < layout->data_end; store++)
		count += space->block[store].owner == owner;
	return count;
}

/* A block that is free in the model is free in the bitmap, or holds a page. */
static void compare_bitmap(struct space *space)
{
	const struct lc_store *store = &space->host->store;
	struct walk *walk = walk_disk(space->test, space->host->disk);
	u32 at;

	for (at = store->super.layout.data_start; at < store->alloc.data_end; at++) {
		bool used = space->block[at].owner != SPACE_FREE || walk->used[at];

		KUNIT_EXPECT_TRUE_MSG(space->test,
				      used == test_bit(at, store->alloc.bitmap),
				      "store block %u is %s", at,
				      used ? "used" : "free");
	}
	walk_free(walk);
}

void space_compare(struct space *space)
{
	const struct lc_alloc *alloc = &space->host->store.alloc;
	u32 freeing, pages_there;

	space->depth = 100;
	drain(space->host);
	host_settle(space->host);
	KUNIT_EXPECT_EQ(space->test, host_flush(space->host), 0);
	host_settle(space->host);
	KUNIT_EXPECT_EQ(space->test, lc_checkpoint(&space->host->store), 0);
	freeing = space_count(space, SPACE_FREEING);
	KUNIT_EXPECT_EQ(space->test, freeing, 0);
	KUNIT_EXPECT_EQ(space->test, alloc->freeing_blocks, 0);
	KUNIT_EXPECT_EQ(space->test, alloc->promised_blocks, 0);
	KUNIT_EXPECT_EQ(space->test, alloc->used_blocks,
			space_count(space, SPACE_MAPPED));
	pages_there = alloc->page_blocks - alloc->reserve_used;
	KUNIT_EXPECT_EQ(space->test, lc_space_free(&space->host->store),
			space_count(space, SPACE_FREE) - pages_there +
			space->host->super.layout.reserve_blocks -
			alloc->reserve_used);
	if (alloc->scan == LC_SCAN_DONE)
		compare_bitmap(space);
	space->depth = 0;
}
