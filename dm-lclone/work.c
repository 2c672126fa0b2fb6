// SPDX-License-Identifier: GPL-2.0
/*
 * What the core asks for: checkpoints, reclaiming, scans, events; the tick that
 * looks after a clone which has got idle; and the sweep, which does so for what all
 * clones have in common.
 */

#include "lclone.h"

/* Ticks without a change of the map after which a checkpoint is worth it. */
#define IDLE_TICKS	3

/* Time between two ticks; and while somebody waits for the memory of maps. */
#define TICK		HZ
#define HURRIED_TICK	max(HZ / 50, 1)

static void sweep(struct work_struct *work);
static DECLARE_DELAYED_WORK(sweep_work, sweep);

struct workqueue_struct *lclone_io_wq;
struct workqueue_struct *lclone_round_wq;
struct workqueue_struct *lclone_meta_wq;
struct workqueue_struct *lclone_space_wq;

int lclone_work_init(void)
{
	lclone_io_wq = alloc_workqueue("lclone_io",
				       WQ_MEM_RECLAIM | WQ_PERCPU, 0);
	if (!lclone_io_wq)
		return -ENOMEM;
	lclone_round_wq = alloc_workqueue("lclone_round",
					  WQ_MEM_RECLAIM | WQ_HIGHPRI | WQ_PERCPU, 0);
	if (!lclone_round_wq)
		goto free_io;
	lclone_meta_wq = alloc_workqueue("lclone_meta",
					 WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!lclone_meta_wq)
		goto free_round;
	/* Reclaims and scans wait for drains, and others for the tick meanwhile. */
	lclone_space_wq = alloc_workqueue("lclone_space",
					  WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!lclone_space_wq)
		goto free_meta;
	return 0;

free_meta:
	destroy_workqueue(lclone_meta_wq);
free_round:
	destroy_workqueue(lclone_round_wq);
free_io:
	destroy_workqueue(lclone_io_wq);
	return -ENOMEM;
}

void lclone_work_exit(void)
{
	cancel_delayed_work_sync(&sweep_work);
	destroy_workqueue(lclone_space_wq);
	destroy_workqueue(lclone_meta_wq);
	destroy_workqueue(lclone_round_wq);
	destroy_workqueue(lclone_io_wq);
}

static unsigned long tick_time(void)
{
	return lclone_memory_awaited() ? HURRIED_TICK : TICK;
}

/* Queues what has been asked for.  Under defer_lock. */
static void queue_kicked(struct lclone_store *store)
{
	if (!store->live)
		return;
	if (store->kicks & LC_KICK_CHECKPOINT)
		queue_work(lclone_meta_wq, &store->checkpoint_work);
	if (store->kicks & (LC_KICK_RECLAIM | LC_KICK_SCAN | LC_KICK_EVENT))
		queue_work(lclone_space_wq, &store->space_work);
	if (store->kicks & LC_KICK_DIRTY)
		queue_delayed_work(lclone_meta_wq, &store->tick, tick_time());
}

static unsigned long take_kicks(struct lclone_store *store, unsigned long which)
{
	unsigned long flags, kicks;

	spin_lock_irqsave(&store->defer_lock, flags);
	kicks = store->kicks & which;
	store->kicks &= ~which;
	spin_unlock_irqrestore(&store->defer_lock, flags);
	return kicks;
}

void lclone_kick(void *ctx, enum lc_kick what)
{
	struct lclone_store *store = ctx;
	unsigned long flags;

	switch (what) {
	case LC_KICK_RETRY:
		lclone_unpark_busy(store);
		return;
	case LC_KICK_SPACE:
		lclone_unpark_space(store);
		return;
	case LC_KICK_ROUND:
		queue_work(lclone_round_wq, &store->round_work);
		return;
	default:
		spin_lock_irqsave(&store->defer_lock, flags);
		store->kicks |= what;
		queue_kicked(store);
		spin_unlock_irqrestore(&store->defer_lock, flags);
	}
}

void lclone_tick_soon(struct lclone_store *store)
{
	lclone_kick(store, LC_KICK_DIRTY);
}

void lclone_tick_now(struct lclone_store *store)
{
	unsigned long flags;

	spin_lock_irqsave(&store->defer_lock, flags);
	if (store->live)
		mod_delayed_work(lclone_meta_wq, &store->tick, 0);
	spin_unlock_irqrestore(&store->defer_lock, flags);
}

void lclone_below_full(struct lclone_store *store)
{
	WRITE_ONCE(store->below_full, true);
	lclone_kick(store, LC_KICK_EVENT);
	lclone_tick_soon(store);
}

static void checkpoint_work(struct work_struct *work)
{
	struct lclone_store *store = container_of(work, struct lclone_store,
						  checkpoint_work);

	if (take_kicks(store, LC_KICK_CHECKPOINT) &&
	    lc_checkpoint_wanted(&store->core))
		lc_checkpoint(&store->core);
}

/* Low water, full or failed: a line in the log, and an event for dmsetup wait. */
static void tell(struct lclone_store *store)
{
	const char *name = dm_table_device_name(store->ti->table);
	struct lc_store *core = &store->core;
	const char *fail_reason, *space = NULL;
	unsigned long flags;
	bool full, low;

	spin_lock_irqsave(&core->lock, flags);
	fail_reason = core->failed ? core->fail_reason : NULL;
	full = core->alloc.full;
	low = core->alloc.low;
	spin_unlock_irqrestore(&core->lock, flags);
	if (full || READ_ONCE(store->below_full))
		space = "the store is full; extend it, or discard in the clone";
	else if (low)
		space = "the store is nearly full";
	if (fail_reason)
		DMERR("%s: failed: %s; no writes until it is activated anew",
		      name, fail_reason);
	else if (space && __ratelimit(&store->space_limit))
		DMWARN("%s: %s", name, space);
	dm_table_event(store->ti->table);
}

static void space_work(struct work_struct *work)
{
	struct lclone_store *store = container_of(work, struct lclone_store,
						  space_work);
	unsigned long kicks = take_kicks(store, LC_KICK_RECLAIM | LC_KICK_SCAN |
					 LC_KICK_EVENT);

	if (kicks & LC_KICK_EVENT)
		tell(store);
	if (kicks & LC_KICK_RECLAIM)
		lc_reclaim(&store->core);
	if ((kicks & LC_KICK_SCAN) && lc_scan(&store->core) == -ENOMEM)
		lclone_tick_soon(store);
}

void lclone_evict(struct lc_store *core)
{
	unsigned int left = READ_ONCE(core->map.ends_in_memory);

	while (left) {
		lc_map_evict(core, min_t(unsigned int, left, LCLONE_EVICT_BATCH));
		left -= min_t(unsigned int, left, 4 * LCLONE_EVICT_BATCH);
	}
}

/*
 * Somebody waits for memory that is in maps: what is clean goes at once, before the
 * steps of a tick, which may take their time; then what they have made clean.
 */
static void give_back(struct lc_store *core)
{
	lclone_evict(core);
	if (lc_round_wanted(core))
		lc_round_run(core, true);
	if (lc_checkpoint_wanted(core))
		lc_checkpoint(core);
	lclone_evict(core);
}

/*
 * Once a second while there is anything to look after: what was written lately
 * is made durable, then checkpointed, then the memory of the map is given back.
 */
static void tick(struct work_struct *work)
{
	struct lclone_store *store = container_of(to_delayed_work(work),
						  struct lclone_store, tick);
	struct lc_store *core = &store->core;
	bool more = true;

	take_kicks(store, LC_KICK_DIRTY);
	if (READ_ONCE(store->below_full)) {
		WRITE_ONCE(store->below_full, false);
		lclone_unpark_space(store);
	}
	if (READ_ONCE(core->checkpoint_due))
		lclone_kick(store, LC_KICK_CHECKPOINT);
	/* A suspend does not wait for the space that somebody may give the device below. */
	if (READ_ONCE(store->suspending) && lc_below_full(core))
		lc_round_give_up(core);
	/* A scan may have found no memory; all else tells of itself. */
	lclone_unpark_busy(store);
	if (lclone_memory_awaited()) {
		give_back(core);
	} else if (lc_round_wanted(core)) {
		store->idle_ticks = 0;
		lc_round_run(core, true);
	} else if (lc_checkpoint_wanted(core) && !lc_failed(core)) {
		if (++store->idle_ticks >= IDLE_TICKS)
			lc_checkpoint(core);
	} else if (READ_ONCE(core->map.ends_in_memory)) {
		lclone_evict(core);
		/* What was replayed without being written stays for good. */
		more = (!core->read_only && !lc_failed(core)) ||
		       lc_map_evictable(core);
	} else {
		lc_scan_forget(core);
		more = false;
	}
	if (more)
		lclone_tick_soon(store);
}

/*
 * Layers, and the indexes over them, belong to no clone: once a second while there is
 * anything of them in memory, for all clones together.
 */
static void sweep(struct work_struct *work)
{
	bool more = lclone_registry_sweep();

	if (lclone_chains_sweep() || more)
		lclone_sweep_soon();
}

void lclone_sweep_soon(void)
{
	queue_delayed_work(lclone_meta_wq, &sweep_work, tick_time());
}

void lclone_sweep_now(void)
{
	mod_delayed_work(lclone_meta_wq, &sweep_work, 0);
}

void lclone_loaded(struct lclone_store *store)
{
	lclone_tick_soon(store);
	if (store->core.chain)
		lclone_sweep_soon();
}

void lclone_work_setup(struct lclone_store *store)
{
	INIT_WORK(&store->checkpoint_work, checkpoint_work);
	INIT_WORK(&store->space_work, space_work);
	INIT_WORK(&store->round_work, lclone_round_work);
	INIT_DELAYED_WORK(&store->tick, tick);
}

static void set_live(struct lclone_store *store, bool live)
{
	unsigned long flags;

	spin_lock_irqsave(&store->defer_lock, flags);
	WRITE_ONCE(store->live, live);
	queue_kicked(store);
	spin_unlock_irqrestore(&store->defer_lock, flags);
}

void lclone_work_start(struct lclone_store *store)
{
	WRITE_ONCE(store->core.stop_scan, false);
	set_live(store, true);
}

void lclone_work_stop(struct lclone_store *store)
{
	WRITE_ONCE(store->core.stop_scan, true);
	set_live(store, false);
	lclone_registry_settle();
	cancel_delayed_work_sync(&store->tick);
	cancel_work_sync(&store->space_work);
	cancel_work_sync(&store->checkpoint_work);
	flush_work(&store->round_work);
	flush_work(&store->io_work);
}

int lclone_extend(struct lclone_store *store)
{
	int error;

	/* A scan is bound to the size that it began with. */
	WRITE_ONCE(store->core.stop_scan, true);
	flush_work(&store->space_work);
	error = lc_store_extend(&store->core, bdev_nr_sectors(store->bdev));
	WRITE_ONCE(store->core.stop_scan, false);
	return error;
}
