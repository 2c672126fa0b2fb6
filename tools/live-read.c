// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the map of a store while a clone writes to it.
 *
 * A superblock names a tree that is durable, and whose pages stay until both copies
 * name a later one; from then on they may be written over.  But a ref says what is
 * on its page: place, generation and checksum.  So a page that is found whole is
 * the page of that tree, however late it is read, and when all are, the map is that
 * of one checkpoint.
 *
 * When some were gone, the tree of the newest superblock is walked.  What of it is no
 * newer than the tree before was a part of that as well, and has stayed all the
 * time in between: what was read of it holds.  So only what is newer is read, and what
 * was missed; each walk takes about as long as it takes to read what changed during the
 * one before.
 */

#include <errno.h>
#include <stdlib.h>
#include "live.h"
#include "output.h"
#include "walk.h"

/* Where a store never comes to rest, each walk has some chance to be fast enough. */
#define WALKS_MAX	100

/* A page that was not found whole: nothing is known of what it covers. */
struct hole {
	struct lc_ref ref;
	u64 first;		/* blocks of the clone */
	u64 end;
	const char *why;
	bool damage;		/* it was not written over: nobody was free to do so */
};

/* What one walk has found. */
struct found {
	struct lc_super super;
	struct run_list map;
	struct hole *hole;	/* ascending, apart */
	size_t holes;
	bool damage;
	/* while the walk after it goes on: runs and holes that end behind it */
	size_t next_run;
	size_t next_hole;
};

struct reader {
	struct found *before;	/* by the walk before; NULL: nothing is known */
	struct found *now;
};

static void found_free(struct found *found)
{
	run_list_free(&found->map);
	free(found->hole);
	memset(found, 0, sizeof(*found));
}

/* The first hole that ends behind block @first; walks go upwards. */
static const struct hole *hole_at(struct found *found, u64 first)
{
	while (found->next_hole < found->holes &&
	       found->hole[found->next_hole].end <= first)
		found->next_hole++;
	return found->next_hole < found->holes ?
	       &found->hole[found->next_hole] : NULL;
}

static void give(struct found *found, struct walk *walk, u64 first, u64 end)
{
	const struct run_list *map = &found->map;
	size_t i;

	while (found->next_run < map->count &&
	       map->run[found->next_run].first + map->run[found->next_run].count <= first)
		found->next_run++;
	for (i = found->next_run; i < map->count && map->run[i].first < end; i++) {
		const struct level_run *run = &map->run[i];
		u64 from = max(first, run->first);
		u64 to = min(end, run->first + run->count);

		walk_give(walk, from, to - from,
			  lc_entry_behind(run->value, (u32)(from - run->first)));
	}
}

static bool is_known(void *ctx, struct walk *walk, const struct walk_page *page)
{
	struct found *before = ((struct reader *)ctx)->before;
	u64 end = page->first + page->blocks;
	const struct hole *hole;

	if (!before || page->ref->generation > before->super.generation)
		return false;
	hole = hole_at(before, page->first);
	if (hole && hole->first < end)
		return false;
	give(before, walk, page->first, end);
	return true;
}

/* It is named still, so it was named, and intact, when it was not found whole before. */
static bool was_hole(struct found *before, const struct walk_page *page)
{
	const struct hole *hole = before ? hole_at(before, page->first) : NULL;

	return hole && hole->ref.address == page->ref->address &&
	       hole->ref.generation == page->ref->generation;
}

static void see_page(void *ctx, const struct walk_page *page)
{
	struct reader *reader = ctx;
	struct found *now = reader->now;
	struct hole *hole;

	if (!page->why)
		return;
	now->hole = must_realloc(now->hole, (now->holes + 1) * sizeof(*hole));
	hole = &now->hole[now->holes++];
	hole->ref = *page->ref;
	hole->first = page->first;
	hole->end = page->first + page->blocks;
	hole->why = page->why;
	hole->damage = was_hole(reader->before, page);
	now->damage |= hole->damage;
}

static void take_run(void *ctx, u64 first, u64 count, u32 value)
{
	run_list_add(&((struct reader *)ctx)->now->map, first, count, value);
}

static void walk_live(const struct store_file *store, struct found *before,
		      struct found *now)
{
	static const struct walk_ops ops = {
		.page = see_page, .run = take_run, .known = is_known,
	};
	/* What is in the journal only is not needed: it is newer than the checkpoint. */
	static const struct overlay nothing;
	struct reader reader = { before, now };

	walk_map(store, &now->super, &nothing, &ops, &reader);
}

/* No two checkpoints of one epoch have the same generation. */
static bool same_tree(const struct lc_super *a, const struct lc_super *b)
{
	return a->generation == b->generation && a->epoch == b->epoch;
}

/* A copy that names the tree: none of its pages could be written over until now. */
static bool still_named(const struct store_file *store, const struct lc_super *super)
{
	struct store_file now = *store;
	unsigned int copy;
	const char *why;

	if (store_load_supers(&now, &why))
		return false;
	for (copy = 0; copy < 2; copy++)
		if (!now.super_fault[copy] && same_tree(&now.super[copy], super))
			return true;
	return false;
}

/* Whether it shows the same clone over the same: then the trees can be compared. */
static bool same_clone(const struct lc_super *a, const struct lc_super *b)
{
	return a->clone_sectors == b->clone_sectors &&
	       a->overlap_sectors == b->overlap_sectors &&
	       a->layers == b->layers && a->root_level == b->root_level &&
	       a->origin_kind == b->origin_kind &&
	       a->origin_sectors == b->origin_sectors &&
	       !memcmp(a->origin_uuid, b->origin_uuid, LC_UUID_BYTES) &&
	       !memcmp(a->clone_uuid, b->clone_uuid, LC_UUID_BYTES) &&
	       !memcmp(a->content_uuid, b->content_uuid, LC_UUID_BYTES) &&
	       !memcmp(a->parent_uuid, b->parent_uuid, LC_UUID_BYTES);
}

static int report_changed(const struct store_file *store)
{
	report_error(store->path, "was given another size or another table while it was read");
	report_hint("run this again");
	return -ESTALE;
}

static int report_damage(const struct store_file *store, const struct found *found,
			 bool all)
{
	size_t i;

	for (i = 0; i < found->holes; i++)
		if (all || found->hole[i].damage)
			report_error(store->path, "page at store block %u: %s",
				     found->hole[i].ref.address, found->hole[i].why);
	report_hint("deactivate the clone, then 'lclone check %s' lists the damage",
		    store->path);
	return -EUCLEAN;
}

/* One walk.  Returns 0, -EAGAIN when another is needed, or another errno, reported. */
static int read_once(struct store_file *store, const struct lc_super *first,
		     struct found *before, struct found *now)
{
	const char *why;
	bool named;

	/* One copy may be about to be written; and the device may have grown. */
	if (store_load_supers(store, &why))
		return -EAGAIN;
	now->super = *store_super(store);
	if (!same_clone(&now->super, first))
		return report_changed(store);
	/* Another life: it may have begun with less than was seen of the last. */
	if (before && before->super.epoch != now->super.epoch)
		before = NULL;
	walk_live(store, before, now);
	if (!now->holes)
		return 0;
	named = still_named(store, &now->super);
	return named || now->damage ? report_damage(store, now, named) : -EAGAIN;
}

int live_read(struct store_file *store, struct run_list *map)
{
	struct lc_super first = *store_super(store);
	struct found found[2] = { 0 };
	unsigned int walks;
	int error = -EAGAIN;

	for (walks = 0; walks < WALKS_MAX && error == -EAGAIN; walks++) {
		struct found *now = &found[walks % 2], *before = &found[!(walks % 2)];

		found_free(now);
		error = read_once(store, &first, walks ? before : NULL, now);
		if (!error) {
			*map = now->map;
			memset(&now->map, 0, sizeof(now->map));
		}
	}
	found_free(&found[0]);
	found_free(&found[1]);
	if (error == -EAGAIN) {
		report_error(store->path, "the map changes faster than it can be read");
		report_hint("take a snapshot of the clone with 'lclone snapshot', and name that: CLONE@SNAP");
	}
	return error;
}
