// SPDX-License-Identifier: GPL-2.0
/* A snapshot, as follow() of store.c and tools/snapshot.c take it. */

#include "check.h"
#include "edge.h"
#include "freeze.h"
#include "layer.h"
#include "memory.h"
#include "model.h"
#include "power.h"
#include "random.h"
#include "report.h"
#include "run.h"
#include "shape.h"

#define NAME	"snapshot"

/* The empty store that the tool has made, if it has. */
static struct lc_super child;
static bool begun;

void freeze_reset(void)
{
	begun = false;
}

/* As tools/clone-child.c formats it. */
static void make_child(const struct lc_super *parent)
{
	shape_super(&child);
	memcpy(child.clone_uuid, parent->clone_uuid, LC_UUID_BYTES);
	memcpy(child.parent_uuid, parent->content_uuid, LC_UUID_BYTES);
	memcpy(child.parent_name, NAME, sizeof(NAME));
	child.head_generation = parent->head_generation + 1;
	child.layers = layers.count + 1;
	child.clone_sectors = parent->clone_sectors;
	child.overlap_sectors = parent->clone_sectors;
	child.root_level = lc_root_level(lc_blocks_of(child.clone_sectors));
	child.origin_kind = parent->origin_kind;
	child.origin_sectors = parent->origin_sectors;
	begun = true;
}

/* The store that has been frozen is a layer, and the medium is that of the child. */
static void pass_on(struct lc_store *store)
{
	struct lc_super super;
	struct image *image;

	image = medium_replace(STORE_BLOCKS);
	if (!layer_super(image, &super) || super.state != LC_STORE_FROZEN)
		violation("a store that was frozen is not when its device forgets");
	if (super.owner_epoch)
		violation("a frozen store has an owner");
	layers_push(image, store);
	shape_write(&child);
	begun = false;
	model_frozen();
}

/* Reads go on, over the store that could not be frozen, or where the child is of no use. */
static void go_on_failed(bool frozen)
{
	cover(COVER_FREEZE_FAILED);
	if (!frozen)
		layers_push_failed(edge.store);
	else if (edge.open)
		lc_store_destroy(edge.store);
	edge_open_empty();
}

/* follow() of store.c.  In a thread. */
static void follow_task(void *arg)
{
	struct lc_store *old = edge.store;
	const char *why = lc_chain_fits(&child, &old->super);

	(void)arg;
	if (why)
		violation("the store below the child %s", why);
	task.error = edge_freeze(NAME);
	if (task.error) {
		go_on_failed(false);
	} else {
		if (random_chance(20))
			check_device();
		pass_on(old);
		/* Kicks of before may come late: nothing is to be written. */
		lc_round_run(old, false);
		lc_checkpoint(old);
		edge_forget();
		task.why = edge_open();
		if (task.why && !(medium.failures + medium.no_spaces))
			violation("the store above a new layer %s", task.why);
		if (task.why)
			go_on_failed(true);
	}
	task.done = true;
}

bool freeze_take(void)
{
	u32 steps = random_chance(60) ? random_below(400) : STEPS_MOST;
	bool to_super = random_chance(20);

	make_child(&edge.store->super);
	if (world.fails && random_chance(30))
		medium_fail(500 + random_below(6000), 30);
	trace(TRACE_FREEZE, layers.count, 0, 0, 0);
	if (run_task("snapshot", follow_task, steps, to_super)) {
		medium_fail(0, 0);
		medium.room += 300;
		if (!edge.freeze_failed)
			cover(COVER_FROZEN);
		return true;
	}
	medium_fail(0, 0);
	cover(begun ? COVER_FREEZE : COVER_FOLLOW);
	power_cover();
	power_cut();
	return false;
}

/* A store that was found frozen, on the medium as it is seen. */
static int op_read(void *ctx, u32 block, void *page)
{
	(void)ctx;
	memcpy(page, medium_now(block), LC_BLOCK_SIZE);
	return 0;
}

static int op_flush(void *ctx)
{
	(void)ctx;
	medium_sync();
	return 0;
}

/*
 * What the tool finds may be in the cache only.  The module opens the layer before anything
 * is written to what stands above; here it is opened, and nothing comes in between.
 */
static void open_found(const struct lc_super *super)
{
	struct lc_store *store = memory_store_get();
	struct lc_ops ops = edge_ops;

	ops.read = op_read;
	ops.flush = op_flush;
	if (lc_store_init(store, &ops, NULL, super, true) || lc_store_open(store, -1))
		violation("a store that was found frozen cannot be opened");
	lc_store_destroy(store);
	memory_store_put(store);
}

void freeze_settle(void)
{
	struct lc_super super;

	if (!begun)
		return;
	if (!layer_super(medium_seen(), &super))
		violation("a store that was to be frozen has no superblock any more");
	if (super.state == LC_STORE_WRITABLE) {
		cover(COVER_NOT_FROZEN);
		begun = false;
	} else {
		cover(COVER_FOUND_FROZEN);
		open_found(&super);
		pass_on(NULL);
	}
}
