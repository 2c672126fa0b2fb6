// SPDX-License-Identifier: GPL-2.0
/* Another table for the clone. */

#include "below.h"
#include "bio.h"
#include "bulk.h"
#include "change.h"
#include "check.h"
#include "core/rebind.h"
#include "layer.h"
#include "model.h"
#include "power.h"
#include "random.h"
#include "report.h"
#include "run.h"
#include "shape.h"

#define BLOCKS_MOST	(300u * LC_LEAF_ENTRIES)

static bool equal(const struct lc_change *a, const struct lc_change *b)
{
	return a->clone_sectors == b->clone_sectors &&
	       a->overlap_sectors == b->overlap_sectors && a->layers == b->layers &&
	       a->origin_kind == b->origin_kind &&
	       a->origin_sectors == b->origin_sectors &&
	       !memcmp(a->parent_uuid, b->parent_uuid, LC_UUID_BYTES);
}

enum what { NOTHING, GROW, SHRINK, DROP };

static enum what what;
static struct lc_change before, after;	/* of one that is under way, or has not been settled */
static struct lc_change settled;	/* what was found: the table says the same */
static bool begun;
static bool zeroed;		/* what SHRINK will cut off */

void change_reset(void)
{
	begun = false;
	what = NOTHING;
}

bool change_chosen(void)
{
	return what != NOTHING;
}

/* Choosing ------------------------------------------------------------------------ */

static u64 larger(u64 sectors)
{
	u64 most = (u64)BLOCKS_MOST * LC_BLOCK_SECTORS;
	u64 more = random_chance(30) ? 1 + random_below(20) :
		   random_chance(50) ? 1 + random_below(3000 * LC_BLOCK_SECTORS) :
		   random_u64() % (140ull * LC_LEAF_ENTRIES * LC_BLOCK_SECTORS) + 1;

	return min(most, sectors + more);
}

/* Choosing what a layer shows --------------------------------------------------------- */

static u64 shown_from;		/* a block; 0: there is none */

static bool in_store(u64 block)
{
	struct lc_extent extent;

	check_lookup(block, &extent);
	return extent.kind != LC_BELOW;
}

static bool shows(u64 block)
{
	u64 tags[LC_BLOCK_SECTORS];

	below_block(block, tags);
	return tags[0] && tags[LC_BLOCK_SECTORS - 1];
}

/* The last watched block that shows a layer, if the store has nothing behind it.  In a thread. */
static void look_task(void *arg)
{
	u64 mapped = 0;
	u32 i;

	(void)arg;
	shown_from = 0;
	for (i = 0; i < model.watched; i++) {
		u64 block = model.history[i].block;

		if ((block + 1) * LC_BLOCK_SECTORS > model.sectors)
			continue;
		if (in_store(block))
			mapped = max(mapped, block);
		else if (block > shown_from && shows(block))
			shown_from = block;
	}
	if (shown_from < mapped)
		shown_from = 0;
	task.done = true;
}

/* Less of the layers is seen than there is: more, when the clone grows, would be wrong. */
static bool cut_above_layers(void)
{
	return edge.store->chain && lc_blocks_of(edge.store->super.overlap_sectors) <
				    edge.store->chain->blocks;
}

static u64 smaller(u64 sectors)
{
	u64 less = random_chance(50) ? 1 + random_below(40) :
		   1 + random_u64() % (sectors / 2 + 1);

	return sectors > less ? sectors - less : 1;
}

static void nothing_below(struct lc_change *change)
{
	change->overlap_sectors = 0;
	change->layers = 0;
	change->origin_kind = LC_ORIGIN_NONE;
	change->origin_sectors = 0;
	memset(change->parent_uuid, 0, LC_UUID_BYTES);
}

/* BLKZEROOUT of what will be cut off; false: not all of it could be. */
static bool zero_tail(u64 sectors)
{
	/* A part of a block will be written. */
	model_watch(sectors / LC_BLOCK_SECTORS, model.watched + CLUSTER_BLOCKS);
	zeroed = op_zero(sectors, model.sectors - sectors);
	run_settle();
	zeroed &= !bios.ops && op_zeroed();
	return zeroed;
}

/*
 * The tool zeroes what it cuts off.  The core only wants to be sure that the store has no
 * data there: what lies below is hidden by the overlap.
 */
static bool cut_off(u64 *sectors)
{
	if (random_chance(60))
		return zero_tail(*sectors);
	*sectors -= *sectors % LC_BLOCK_SECTORS;
	return *sectors;
}

static void choose_size(bool grow)
{
	const struct lc_super *super = &edge.store->super;
	u64 sectors = grow ? larger(super->clone_sectors) : smaller(super->clone_sectors);

	zeroed = false;
	shown_from = 0;
	if (!grow && layers.count && random_chance(70))
		run_task("look", look_task, STEPS_MOST, false);
	if (shown_from)
		sectors = shown_from * LC_BLOCK_SECTORS;
	else if (sectors == super->clone_sectors || (!grow && !cut_off(&sectors)))
		return;
	lc_change_none(super, &after);
	after.clone_sectors = sectors;
	after.overlap_sectors = min(super->overlap_sectors, sectors);
	what = grow ? GROW : SHRINK;
}

static void choose_drop(void)
{
	const struct lc_super *super = &edge.store->super;

	if (!super->layers && super->origin_kind == LC_ORIGIN_NONE)
		return;
	if (random_chance(80))
		bulk_hydrate_all();
	lc_change_none(super, &after);
	nothing_below(&after);
	what = DROP;
}

void change_choose(void)
{
	what = NOTHING;
	if (lc_failed(edge.store) || bios.ops)
		return;
	if (world.drops && random_chance(40))
		choose_drop();
	else if (world.resizes)
		choose_size(random_chance(cut_above_layers() ? 80 : 60));
}

/* Carrying out ---------------------------------------------------------------------- */

/* The clone is what it is to be, or was, in memory and for the model. */
static void adopt(const struct lc_change *change)
{
	model_resize(change->clone_sectors, world.watched + 4 * CLUSTER_BLOCKS);
	model.origin = change->origin_sectors;
	layers_set_aside(!change->layers);
}

static void check_refusal(int error)
{
	bool may = error == -ENOSPC || error == -ENOMEM ||
		   (error == -EBUSY && what != GROW) || (error == -EIO && medium.failures);

	if (!may)
		violation("a change of kind %d ended with %d", what, error);
	/* Where nothing lies below but zeros there is nothing to lose. */
	if (error == -EBUSY && what == DROP && !layers.count && !model.below)
		violation("a clone with nothing below it cannot do without");
	if (error == -EBUSY && what == SHRINK && zeroed)
		violation("the end of a clone that was zeroed is not");
}

/* lclone_change_run() and the rest of lclone_store_activate().  In a thread. */
static void change_task(void *arg)
{
	int error = lc_store_change(edge.store, &after, "sim", edge_boot);

	(void)arg;
	trace(TRACE_CHANGED, (u64)-error, lc_failed(edge.store), 0, 0);
	if (!error) {
		if (!after.layers)
			edge.store->chain = NULL;
		adopt(&after);
		/* Otherwise the next activation finds out. */
		if (!lc_failed(edge.store))
			change_settled();
		edge_go_on();
	} else {
		/* The old table is loaded again. */
		check_refusal(error);
		begun = false;
		task.error = edge_resume();
		if (task.error && !medium.failures)
			violation("a resume after a change that was refused: %d",
				  task.error);
	}
	task.done = true;
}

bool change_take(void)
{
	static const enum cover done[] = { 0, COVER_GROWN, COVER_SHRUNK, COVER_DROPPED };
	u32 steps = random_chance(60) ? random_below(150) : STEPS_MOST;
	bool to_super = random_chance(30);

	if (lc_change_fault(&edge.store->super, &after))
		violation("a change is refused: %s",
			  lc_change_fault(&edge.store->super, &after));
	lc_change_none(&edge.store->super, &before);
	begun = true;
	if (world.fails && random_chance(20))
		medium_fail(500 + random_below(6000), 30);
	trace(TRACE_CHANGE, what, after.clone_sectors, after.overlap_sectors, after.layers);
	if (run_task("change", change_task, steps, to_super)) {
		medium_fail(0, 0);
		medium.room += 300;
		if (model.sectors == after.clone_sectors && !task.error)
			cover(done[what]);
		what = NOTHING;
		return true;
	}
	medium_fail(0, 0);
	what = NOTHING;
	cover(COVER_CHANGE);
	power_cover();
	power_cut();
	return false;
}

/* After it was cut short ------------------------------------------------------------- */

void change_settle(void)
{
	struct lc_super super;
	struct lc_change found;

	what = NOTHING;
	if (!begun)
		return;
	if (!layer_super(medium_seen(), &super))
		violation("a store that was to be changed has no superblock any more");
	lc_change_none(&super, &found);
	if (!equal(&found, &before) && !equal(&found, &after))
		violation("a change has been done in part: %llu sectors, overlap %llu, %u layers",
			  (unsigned long long)found.clone_sectors,
			  (unsigned long long)found.overlap_sectors, found.layers);
	settled = found;
	adopt(&found);
}

bool change_fits(const struct lc_super *super)
{
	struct lc_change now;

	lc_change_none(super, &now);
	return !begun || equal(&now, &settled);
}

void change_settled(void)
{
	if (begun)
		model_cut();
	begun = false;
	layers_drop_aside();
}

/* While it is in use ------------------------------------------------------------------ */

static void announce_thread(void *arg)
{
	struct lc_change change;
	int error;

	(void)arg;
	lc_change_none(&edge.store->super, &change);
	nothing_below(&change);
	error = lc_change_ready(edge.store, &change);
	if (error && error != -EBUSY && !(error == -EIO && medium.failures))
		violation("whether a change is possible: %d", error);
	edge.announcing = false;
	co_wake(&edge.announcing);
}

void change_announce(void)
{
	if (edge.announcing || edge.suspending || !edge.live)
		return;
	edge.announcing = true;
	co_start("announcement", announce_thread, NULL);
}
