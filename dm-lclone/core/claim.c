// SPDX-License-Identifier: GPL-2.0
/* Claims and dirty marks of the pages of a map, and the change of an entry. */

#include "store.h"

static struct lc_leaf *leaf_of(struct lc_page *page)
{
	return container_of(page, struct lc_leaf, page);
}

static struct lc_page *parent_of(struct lc_page *page)
{
	return page->parent ? &page->parent->page : NULL;
}

static bool needs_space(struct lc_store *store, struct lc_page *page)
{
	return !page->promised && lc_page_ref(store, page)->state != LC_REF_PAGE;
}

bool lc_page_charged(struct lc_page *page)
{
	return page->claims || page->dirty ||
	       (!page->level && !list_empty(&leaf_of(page)->journal_link));
}

/* Asks for what makes pages clean. */
static void starve(struct lc_store *store)
{
	struct lc_map *map = &store->map;

	map->starved = true;
	if (!list_empty(&map->dirty[store->super.root_level]) ||
	    store->journal.durable.sequence != store->journal.tail.sequence)
		store->ops->kick(store->ctx, LC_KICK_CHECKPOINT);
	if (!list_empty(&map->journal)) {
		store->round.wanted = true;
		store->ops->kick(store->ctx, LC_KICK_ROUND);
	}
}

/*
 * Whether @charge pages more may get dirty: one checkpoint has to find places for them,
 * and a replay has to take in whatever the journal has named since its tail.  That is
 * no more than three times the cap, until a checkpoint finds no space and those made
 * in parts do: they let other pages get dirty, and the tail stays.
 */
static bool within_bounds(const struct lc_store *store, u32 charge)
{
	u32 cap = lc_dirty_cap(store->super.layout.reserve_blocks);

	return store->map.charged + charge <= cap && store->map.named <= 3 * cap;
}

bool lc_page_claim(struct lc_store *store, struct lc_page *page, u32 *new_pages)
{
	struct lc_map *map = &store->map;
	struct lc_page *at;
	u32 charge = 0;

	lockdep_assert_held(&store->lock);
	*new_pages = 0;
	for (at = page; at; at = parent_of(at)) {
		charge += !lc_page_charged(at);
		*new_pages += needs_space(store, at);
	}
	if (charge && !map->uncapped && !within_bounds(store, charge)) {
		starve(store);
		return false;
	}
	for (at = page; at; at = parent_of(at))
		at->claims++;
	map->charged += charge;
	return true;
}

void lc_page_promise(struct lc_store *store, struct lc_page *page)
{
	lockdep_assert_held(&store->lock);
	for (; page; page = parent_of(page)) {
		if (!needs_space(store, page))
			continue;
		page->promised = true;
		store->alloc.promised_blocks++;
	}
}

void lc_page_unclaim(struct lc_store *store, struct lc_page *page)
{
	struct lc_map *map = &store->map;
	u32 before = map->charged;

	lockdep_assert_held(&store->lock);
	for (; page; page = parent_of(page)) {
		if (--page->claims || page->dirty)
			continue;
		map->charged -= !lc_page_charged(page);
		if (page->promised && !page->writing) {
			page->promised = false;
			store->alloc.promised_blocks--;
		}
	}
	if (!map->starved)
		return;
	/* The pages are free again, or dirty and for a checkpoint. */
	if (map->charged < before) {
		map->starved = false;
		store->ops->kick(store->ctx, LC_KICK_RETRY);
	} else if (!list_empty(&map->dirty[store->super.root_level])) {
		store->ops->kick(store->ctx, LC_KICK_CHECKPOINT);
	}
}

void lc_leaf_gathered(struct lc_store *store, struct lc_leaf *leaf)
{
	struct lc_map *map = &store->map;

	lockdep_assert_held(&store->lock);
	list_del_init(&leaf->journal_link);
	if (lc_page_charged(&leaf->page))
		return;
	map->charged--;
	if (map->starved) {
		map->starved = false;
		store->ops->kick(store->ctx, LC_KICK_RETRY);
	}
}

void lc_page_dirty(struct lc_store *store, struct lc_page *page)
{
	lockdep_assert_held(&store->lock);
	for (; page && !page->dirty; page = parent_of(page)) {
		page->dirty = true;
		store->map.named++;
		list_add_tail(&page->dirty_link,
			      &store->map.dirty[page->level]);
	}
}

/* Nodes above leaves that are clean, and that a round has still to gather. */
static u32 above_clean(const struct lc_store *store, const struct list_head *leaves)
{
	struct lc_leaf *leaf;
	u32 nodes = 0;

	list_for_each_entry(leaf, leaves, journal_link)
		if (!leaf->page.dirty)
			nodes += store->super.root_level;
	return nodes;
}

u32 lc_named_before(const struct lc_store *store)
{
	u32 kept = store->map.charged +
		   store->round.gathered * (store->super.root_level + 1) +
		   above_clean(store, &store->map.journal) +
		   above_clean(store, &store->round.leaves);

	return store->map.named - min(store->map.named, kept);
}

static void count_entry(struct lc_map *map, u32 value, int change)
{
	if (value == LC_ENTRY_ZERO)
		map->zero_blocks += (u64)change;
	else if (value != LC_ENTRY_UNMAPPED)
		map->data_blocks += (u64)change;
}

void lc_leaf_replay(struct lc_store *store, struct lc_leaf *leaf, u32 slot,
		    u32 value)
{
	lockdep_assert_held(&store->lock);
	count_entry(&store->map, leaf->entry[slot], -1);
	count_entry(&store->map, value, 1);
	/* Who finds it in leaf_extent() finds the leaf's round as well. */
	smp_store_release(&leaf->entry[slot], value);
	lc_page_dirty(store, &leaf->page);
}

void lc_leaf_set(struct lc_store *store, struct lc_leaf *leaf, u32 slot,
		 u32 value)
{
	struct lc_map *map = &store->map;

	/* Before the entry: who sees the entry must see that it is not durable. */
	WRITE_ONCE(leaf->round, store->round.started + 1);
	lc_leaf_replay(store, leaf, slot, value);
	__set_bit(slot, leaf->unjournaled);
	if (list_empty(&leaf->journal_link)) {
		if (list_empty(&map->journal))
			store->ops->kick(store->ctx, LC_KICK_DIRTY);
		list_add_tail(&leaf->journal_link, &map->journal);
	}
}
