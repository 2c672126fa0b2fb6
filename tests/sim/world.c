// SPDX-License-Identifier: GPL-2.0
/* A world and its lives. */

#include <stdio.h>
#include <stdlib.h>
#include "bio.h"
#include "bulk.h"
#include "change.h"
#include "check.h"
#include "freeze.h"
#include "layer.h"
#include "memory.h"
#include "merge.h"
#include "model.h"
#include "power.h"
#include "random.h"
#include "report.h"
#include "run.h"
#include "shape.h"
#include "world.h"

#define LIVES		150

static bool damage_expected;

void edge_reported(const char *what, u64 block)
{
	if (damage_expected ||
	    (medium.failures && strstr(what, "cannot be read")))
		return;
	violation("the core reports damage that nobody did: %s, store block %llu",
		  what, (unsigned long long)block);
}

/* Recovery ----------------------------------------------------------------- */

static void open_task(void *arg)
{
	(void)arg;
	task.why = edge_open();
	task.done = true;
}

/*
 * With a chance of @percent requests fail, @fail of 65536.  That hardly meets a superblock, of
 * whose writes more fail at times.
 */
static void choose_failures(u32 percent, u32 fail)
{
	medium_fail(random_chance(percent) ? fail : 0, random_chance(percent / 4 + 1) ? 30 : 0);
}

/* Brings the store up; NULL, or what is wrong.  It may be cut on the way. */
static const char *open_store(bool may_cut)
{
	bool to_super;
	u32 steps;

	for (;;) {
		edge_reset();
		bio_reset();
		change_settle();
		steps = may_cut && random_chance(20) ? random_below(150) : STEPS_MOST;
		/* What failed may be in the cache, if the power did not go since. */
		to_super = may_cut && random_chance(medium.writes_cached ? 30 : 5);
		medium.failures = 0;
		medium.no_spaces = 0;
		if (may_cut && world.fails)
			choose_failures(5, 600);
		if (run_task("recovery", open_task, steps, to_super)) {
			medium_fail(0, 0);
			medium.room += 300;
			if (!task.why || !(medium.failures + medium.no_spaces))
				return task.why;
			/* It failed; what has been done is done. */
			if (medium.lost || random_chance(50))
				power_cut();
			continue;
		}
		if (steps == STEPS_MOST && !to_super)
			violation("recovery does not end");
		medium_fail(0, 0);
		cover(COVER_RECOVERY);
		if (edge.open && edge.store->map.charged)
			cover(COVER_REPLAY);
		power_cover();
		power_cut();
	}
}

/* A journal that is damaged before its end is not taken for one that ends. */
static void try_damage(void)
{
	const char *why;

	if (!check_damage())
		return;
	damage_expected = true;
	why = open_store(false);
	if (!why)
		violation("a journal that is damaged before its end is taken for whole");
	damage_expected = false;
	check_mend();
	cover(COVER_DAMAGE);
}

static void verify_task(void *arg)
{
	(void)arg;
	check_recovered();
	task.done = true;
}

static void recover(void)
{
	const char *why;

	freeze_settle();
	if (world.damages && random_chance(20))
		try_damage();
	why = open_store(true);
	if (why)
		violation("the store %s after a cut", why);
	change_settled();
	/* A discard that is still under way would not be there. */
	if (!world.big || random_chance(10))
		check_device();
	run_task("verification", verify_task, STEPS_MOST, false);
}

/* Use ---------------------------------------------------------------------- */

static void shrink_thread(void *arg)
{
	(void)arg;
	lc_map_evict(edge.store, 1 + random_below(8));
	layers_evict(1 + random_below(8));
}

/* What comes by chance, or with time. */
static void disturb(void)
{
	switch (random_below(7)) {
	case 0:
	case 1:
		edge_tick();
		break;
	case 2:
		co_start("shrinker", shrink_thread, NULL);
		break;
	case 3:
		edge.kicks |= LC_KICK_CHECKPOINT;
		edge_queue(&edge.checkpoint_work);
		break;
	case 4:
		edge.kicks |= LC_KICK_SCAN;
		edge_queue(&edge.space_work);
		break;
	case 5:
		medium.room += random_below(10);
		break;
	default:
		break;
	}
}

static u32 weight(void)
{
	static const u32 weights[] = { 1, 4, 4, 10, 30 };

	return weights[random_below(5)];
}

static void begin_life(void)
{
	static const u32 means[] = { 0, 2, 8, 30, 120, 120 };
	u32 mean = means[random_below(6)];

	mood = (struct mood) {
		.ready = 4 * weight(), .io = weight(), .work = weight(),
		.submit = weight(), .most_ops = 1 + random_below(30), .combs = 8,
	};
	edge.error_if_no_space = random_chance(40);
	edge.discard_passdown = random_chance(60);
	edge.scarce_percent = random_chance(30) ? 50 : 0;
	edge.no_memory = random_chance(5);
	edge.pool = random_chance(10) ? LC_MAX_HEIGHT + random_below(20) : 0;
	edge.lazy = random_chance(world.big ? 30 : 8) ? 64 : 0;
	bios.one_worker = random_chance(50);
	bios.restore_percent = world.rethins ? 20 + random_below(60) : 0;
	bios.flush_percent = edge.lazy && random_chance(50) ? 40 : 1 + random_below(25);
	medium_fail(0, 0);
	if (world.fails)
		choose_failures(40, 100 + random_below(2000));
	medium.room = random_below(40);
	co_set_mean(mean);
	trace(TRACE_LIFE, report_at.round, mean,
	      medium.fail | (u64)bios.one_worker << 32, 0);
}

static void grow_thread(void *arg)
{
	(void)arg;
	edge_extend();
	edge.growing = false;
}

static void grow(void)
{
	u32 most = STORE_BLOCKS + GROWTH_MOST - medium.blocks;

	if (edge.growing || !most)
		return;
	medium.blocks += 1 + random_below(min(most, 60));
	trace(TRACE_GROW, medium.blocks, 0, 0, 0);
	edge.growing = true;
	co_start("growth", grow_thread, NULL);
}

/* Returns with the clone in the middle of whatever it was at. */
static void use(void)
{
	bool at_once = world.combs && random_chance(30);
	u32 length = edge.lazy || random_chance(4) ? 3000 :
		     random_chance(20) ? 900 : 250;
	u32 steps = at_once ? 0 : 1 + random_below(length);

	edge.growing = false;
	while (steps--) {
		if (random_below(60) == 0)
			disturb();
		if (world.grows && random_below(150) == 0)
			grow();
		if (world.hydrates && random_below(60) == 0)
			bulk_start(BULK_HYDRATE);
		if (world.rethins && random_below(12) == 0)
			bulk_start(BULK_RETHIN);
		if ((world.resizes || world.drops) && random_below(100) == 0)
			change_announce();
		if (!run_step())
			edge_tick();
		edge.starved |= edge.store->map.starved;
	}
	if (random_chance(8))
		run_to(AIM_SUPER, 500);
	if (at_once || (world.combs && random_chance(30))) {
		mood.combs = 50;
		run_to(AIM_GROUP, 2000);
	}
	if (random_chance(1)) {
		mood.combs = 50;
		mood.most_ops = max(mood.most_ops, 8u);
		bios.flush_percent = 40;
		edge.lazy = 1u << 20;
		co_set_mean(0);
		run_to(AIM_ROOM, 5000);
	}
}

/* A failure that nothing below has is one of the core. */
static void check_failed(void)
{
	if (lc_failed(edge.store) && !medium.failures && !edge.freeze_failed)
		violation("failed mode (%s), and no request ever failed",
			  edge.store->fail_reason);
}

static void accounts_task(void *arg)
{
	(void)arg;
	check_content();
	if (!lc_failed(edge.store))
		check_accounts();
	task.done = true;
}

static void park_task(void *arg)
{
	(void)arg;
	task.error = edge_park();
	task.done = true;
}

static void resume_task(void *arg)
{
	(void)arg;
	task.error = edge_resume();
	task.done = true;
}

/* A suspend: nobody may wait for space any more.  True when it was cut. */
static bool suspend(void)
{
	u32 steps = random_chance(30) ? random_below(120) : STEPS_MOST;

	edge.suspending = true;
	edge.spaces++;
	co_wake(&edge.spaces);
	co_wake(&edge.retries);
	run_settle();
	if (bios.ops)
		violation("operations are left after a suspend");
	if (world.thin && random_chance(30))
		medium.room = random_below(3);
	if (!run_task("suspend", park_task, steps, false)) {
		cover(COVER_PARK);
		return true;
	}
	medium.room += 300;
	/* Put off: the journal has what is not in the map. */
	if (task.error == -ENOMEM || task.error == -ENOSPC)
		return false;
	if (task.error)
		violation("a suspend failed: %d", task.error);
	model_flushed(++model.clock);
	if (!world.big || random_chance(10))
		check_device();
	return false;
}

/* Returns true when the life goes on. */
static bool resume(void)
{
	u32 steps = random_chance(30) ? random_below(60) : STEPS_MOST;

	if (!run_task("resume", resume_task, steps, false)) {
		cover(COVER_PARK);
		return false;
	}
	if (task.error)
		violation("a resume failed: %d", task.error);
	return true;
}

/* The life ends with no cut, or with none at first. */
static bool end_in_order(void)
{
	co_set_mean(random_chance(50) ? 8 : 0);
	run_settle();
	check_failed();
	cover(COVER_SETTLED);
	co_set_mean(0);
	/* The accounts have the whole map in memory. */
	edge.pool = 0;
	run_task("accounts", accounts_task, STEPS_MOST, false);
	if (lc_failed(edge.store)) {
		/* Activated anew, with the device as it is. */
		if (!bios.ops && !medium.lost && random_chance(50))
			edge_destroy();
		else
			power_cut();
		return false;
	}
	if (random_chance(world.resizes || world.drops ? 40 : 0))
		change_choose();
	if (random_chance(50) || suspend()) {
		power_cover();
		power_cut();
		return false;
	}
	if (change_chosen())
		return change_take();
	if (layers.count < world.depth && random_chance(60))
		return freeze_take();
	if (layers.count > 1 && random_chance(30))
		return merge_take();
	if (random_chance(50))
		edge_destroy();
	else if (resume())
		return true;
	else
		power_cut();
	return false;
}

static void live(void)
{
	recover();
	for (;;) {
		begin_life();
		use();
		check_failed();
		if (random_chance(lc_failed(edge.store) ? 30 : world.depth ? 60 : 85))
			break;
		if (!end_in_order())
			return;
	}
	power_cover();
	if (edge.growing)
		cover(COVER_GROWTH);
	power_cut();
}

void world_run(u64 seed)
{
	u32 lives = LIVES;

	random_seed(seed);
	report_at.seed = seed;
	report_at.round = 0;
	shape_new();
	while (lives--)
		live();
}
