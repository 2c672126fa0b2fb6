// SPDX-License-Identifier: GPL-2.0
/* A world and its lives. */

#include <stdio.h>
#include <stdlib.h>
#include "bio.h"
#include "bulk.h"
#include "check.h"
#include "memory.h"
#include "model.h"
#include "op.h"
#include "random.h"
#include "report.h"
#include "shape.h"
#include "world.h"

#define LIVES		150
#define STEPS_MOST	200000	/* to settle: more is a loop */

/* What a life does how often: chances out of their sum. */
struct mood {
	u32 ready;
	u32 io;
	u32 work;
	u32 submit;
	u32 most_ops;
	u32 combs;		/* percent of what is submitted, where there are any */
};

static struct mood mood;
static bool damage_expected;

/* A thread that the world waits for. */
static struct {
	bool done;
	const char *why;
	int error;
} task;

void edge_reported(const char *what, u64 block)
{
	if (damage_expected ||
	    (medium.failures && strstr(what, "cannot be read")))
		return;
	violation("the core reports damage that nobody did: %s, store block %llu",
		  what, (unsigned long long)block);
}

/* The scheduler ------------------------------------------------------------ */

static bool may_submit(void)
{
	return mood.submit && bios.ops < mood.most_ops;
}

static void submit_any(void)
{
	if (world.combs && random_chance(mood.combs))
		op_submit_comb(world.hot_leaves, world.leaves - world.hot_leaves);
	else
		op_submit_any();
}

/* Something happens.  Returns false when nothing can. */
static bool step(void)
{
	u32 ready = co_ready ? mood.ready : 0;
	u32 io = medium.under_way ? mood.io : 0;
	u32 work = edge_work_queued() ? mood.work : 0;
	u32 submit = may_submit() ? mood.submit : 0;
	u32 all = ready + io + work + submit;
	u32 what;

	if (!all)
		return false;
	what = random_below(all);
	if (what < ready)
		co_step();
	else if (what < ready + io)
		medium_step();
	else if (what < ready + io + work)
		edge_start_work();
	else
		submit_any();
	return true;
}

static void shrink_thread(void *arg)
{
	(void)arg;
	lc_map_evict(&edge.store, 1 + random_below(8));
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

static void quiet_mood(void)
{
	mood = (struct mood) { .ready = 1, .io = 1, .work = 1 };
	edge.lazy = 0;
}

/* Moments that are too short to be met by chance. */
enum aim {
	AIM_SUPER,		/* a superblock is on its way */
	AIM_GROUP,		/* several blocks of a group are */
	AIM_ROOM,		/* a round waits for room in the ring */
};

static bool hit(enum aim aim)
{
	const struct lc_round *round = &edge.store.round;

	switch (aim) {
	case AIM_SUPER:
		return edge.in_super && medium.under_way;
	case AIM_GROUP:
		return round->group.blocks > 1 && edge.round.pending;
	case AIM_ROOM:
		return round->state == LC_ROUND_IS_ROOM;
	}
	return false;
}

/* Goes on until the moment is there, or that takes too long. */
static void run_to(enum aim aim, u32 steps)
{
	while (!hit(aim) && steps--)
		if (!step())
			edge_tick();
}

/* Runs @steps steps; returns false when nothing happens any more before that. */
static bool run_steps(u32 steps)
{
	while (steps--)
		if (!step())
			return false;
	return true;
}

/*
 * Runs a thread to its end; false: it has not come there in @steps or, with
 * @to_super, a superblock is on its way.
 */
static bool run_task(const char *name, void (*run)(void *arg), u32 steps,
		     bool to_super)
{
	memset(&task, 0, sizeof(task));
	quiet_mood();
	co_start(name, run, NULL);
	while (!task.done) {
		if (!steps-- || (to_super && hit(AIM_SUPER)))
			return false;
		if (!step()) {
			u32 i;

			/* Time passes, where somebody waits for that. */
			if (edge.tick_armed && edge.live) {
				edge_tick();
				continue;
			}
			for (i = 0; i < co_blocked; i++)
				printf("waits: %s\n", co_blocked_at(i)->name);
			violation("nothing can go on, and %s has not ended", name);
		}
	}
	return true;
}

/* The power --------------------------------------------------------------- */

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

static void cover_cut(void)
{
	const struct lc_store *store = &edge.store;

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
	if (store->failed)
		cover(COVER_FAILED);
	if (bulk_kind == BULK_HYDRATE)
		cover(COVER_HYDRATE);
	if (bulk_kind == BULK_RETHIN && store->holding)
		cover(COVER_RETHIN);
}

/* The host forgets everything, the device what it may. */
static void cut(void)
{
	trace(TRACE_CUT, edge.open ? edge.store.round.state : 0, medium.under_way,
	      medium.writes_cached, 0);
	if (medium.lost)
		cover(COVER_LOST);
	if (edge.starved)
		cover(COVER_STARVED);
	if (edge.evicted)
		cover(COVER_EVICT);
	if (edge.store.alloc.below_full)
		cover(COVER_BELOW_FULL);
	medium_cut();
	edge_reset();
	bio_reset();
	report_at.rounds++;
	report_at.round++;
}

/* Recovery ----------------------------------------------------------------- */

static void open_task(void *arg)
{
	(void)arg;
	task.why = edge_open();
	task.done = true;
}

/* Brings the store up; NULL, or what is wrong.  It may be cut on the way. */
static const char *open_store(bool may_cut)
{
	bool to_super;
	u32 steps;

	for (;;) {
		edge_reset();
		bio_reset();
		steps = may_cut && random_chance(20) ? random_below(150) : STEPS_MOST;
		to_super = may_cut && random_chance(5);
		medium.failures = 0;
		medium.no_spaces = 0;
		medium.fail = may_cut && world.fails && random_chance(5) ? 600 : 0;
		if (run_task("recovery", open_task, steps, to_super)) {
			medium.fail = 0;
			medium.room += 300;
			if (!task.why || !(medium.failures + medium.no_spaces))
				return task.why;
			/* It failed; what has been done is done. */
			if (medium.lost || random_chance(50))
				cut();
			continue;
		}
		if (steps == STEPS_MOST && !to_super)
			violation("recovery does not end");
		medium.fail = 0;
		cover(COVER_RECOVERY);
		if (edge.open && edge.store.map.charged)
			cover(COVER_REPLAY);
		cover_cut();
		cut();
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

	if (world.damages && random_chance(20))
		try_damage();
	why = open_store(true);
	if (why)
		violation("the store %s after a cut", why);
	/* A discard that is still under way would not be there. */
	if (!world.big || random_chance(10))
		check_device();
	run_task("verification", verify_task, STEPS_MOST, false);
}

/* Use ---------------------------------------------------------------------- */

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
	edge.lazy = random_chance(world.big ? 30 : 8) ? 64 : 0;
	bios.one_worker = random_chance(50);
	bios.restore_percent = world.rethins ? 20 + random_below(60) : 0;
	bios.flush_percent = edge.lazy && random_chance(50) ? 40 : 1 + random_below(25);
	medium.fail = world.fails && random_chance(40) ? 100 + random_below(2000) : 0;
	medium.room = random_below(40);
	co_set_mean(mean);
	trace(TRACE_LIFE, report_at.round, mean,
	      medium.fail | (u64)bios.one_worker << 32, 0);
}

static bool growing;

static void grow_thread(void *arg)
{
	(void)arg;
	edge_extend();
	growing = false;
}

static void grow(void)
{
	u32 most = STORE_BLOCKS + GROWTH_MOST - medium.blocks;

	if (growing || !most)
		return;
	medium.blocks += 1 + random_below(min(most, 60));
	trace(TRACE_GROW, medium.blocks, 0, 0, 0);
	growing = true;
	co_start("growth", grow_thread, NULL);
}

/* Returns with the clone in the middle of whatever it was at. */
static void use(void)
{
	bool at_once = world.combs && random_chance(30);
	u32 length = edge.lazy || random_chance(4) ? 3000 :
		     random_chance(20) ? 900 : 250;
	u32 steps = at_once ? 0 : 1 + random_below(length);

	growing = false;
	while (steps--) {
		if (random_below(60) == 0)
			disturb();
		if (world.grows && random_below(150) == 0)
			grow();
		if (world.hydrates && random_below(60) == 0)
			bulk_start(BULK_HYDRATE);
		if (world.rethins && random_below(12) == 0)
			bulk_start(BULK_RETHIN);
		if (!step())
			edge_tick();
		edge.starved |= edge.store.map.starved;
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
	if (lc_failed(&edge.store) && !medium.failures)
		violation("failed mode (%s), and no request ever failed",
			  edge.store.fail_reason);
}

/* Lets all that is under way end; only who waits for space goes on waiting. */
static void settle(void)
{
	u32 ticks = 0;

	quiet_mood();
	medium.room += 1000;
	for (;;) {
		if (run_steps(STEPS_MOST))
			violation("the clone does not come to rest");
		if (ticks++ == 16 || !edge.tick_armed)
			break;
		edge_tick();
	}
	medium.fail = 0;
	if (growing)
		violation("a growth does not end");
	if (bulk_kind)
		violation("an operation over a range does not end");
	bio_check_waiters();
}

static void accounts_task(void *arg)
{
	(void)arg;
	check_content();
	if (!lc_failed(&edge.store))
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
	settle();
	if (bios.ops)
		violation("operations are left after a suspend");
	if (!run_task("suspend", park_task, steps, false)) {
		cover(COVER_PARK);
		return true;
	}
	/* Put off: the journal has what is not in the map. */
	if (task.error == -ENOMEM || task.error == -ENOSPC)
		return false;
	if (task.error)
		violation("a suspend failed: %d", task.error);
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
	settle();
	check_failed();
	cover(COVER_SETTLED);
	co_set_mean(0);
	run_task("accounts", accounts_task, STEPS_MOST, false);
	if (lc_failed(&edge.store)) {
		/* Activated anew, with the device as it is. */
		if (!bios.ops && !medium.lost && random_chance(50))
			edge_destroy();
		else
			cut();
		return false;
	}
	if (random_chance(50) || suspend()) {
		cover_cut();
		cut();
		return false;
	}
	if (random_chance(50))
		edge_destroy();
	else if (resume())
		return true;
	else
		cut();
	return false;
}

static void live(void)
{
	recover();
	for (;;) {
		begin_life();
		use();
		check_failed();
		if (random_chance(85))
			break;
		if (!end_in_order())
			return;
	}
	cover_cut();
	if (growing)
		cover(COVER_GROWTH);
	cut();
}

void world_run(u64 seed)
{
	u32 lives = LIVES;

	random_seed(seed);
	report_at.seed = seed;
	report_at.round = 0;
	shape_new();
	medium.noticed = &edge.store.failed;
	while (lives--)
		live();
}
