// SPDX-License-Identifier: GPL-2.0
/* The status line and the table line; Documentation/dm-lclone.rst has the fields. */

#include "lclone.h"

static const char *mode_name(const struct lc_store *core)
{
	if (lc_failed(core))
		return "failed";
	return core->read_only ? "ro" : "rw";
}

/* What a live clone has at one moment. */
struct numbers {
	u32 used, total;	/* space of the store */
	u32 pages;
	u64 data, zero, shared;
	bool full, low;
	u32 charged;
	u64 journal;		/* blocks in use */
	u64 generation;
	u64 rounds;
	u32 in_memory;		/* leaves and nodes */
};

/*
 * Blocks still read from below.  In a clone that is larger than its origin, what
 * the store maps is taken to lie behind the origin's end as far as it fits
 * there: the number is too high by at most the length of that part.
 */
static u64 shared_blocks(const struct lc_store *core)
{
	u64 mapped = core->map.data_blocks + core->map.zero_blocks;
	u64 below = lc_blocks_of(lc_below_sectors(&core->super));

	return min(below, core->blocks - min(mapped, core->blocks));
}

static void take_numbers(struct lc_store *core, struct numbers *n)
{
	unsigned long flags;

	spin_lock_irqsave(&core->lock, flags);
	n->total = lc_space_total(core);
	n->used = n->total - lc_space_free(core);
	n->pages = core->alloc.page_blocks;
	n->data = core->map.data_blocks;
	n->zero = core->map.zero_blocks;
	n->shared = shared_blocks(core);
	n->full = core->alloc.full;
	n->low = core->alloc.low;
	n->charged = core->map.charged;
	/* The owner of a round moves the head without the lock: it is one number. */
	n->journal = data_race(core->journal.head.sequence) -
		     core->journal.tail.sequence;
	n->generation = core->super.generation;
	n->rounds = core->round.durable;
	n->in_memory = core->map.leaves_in_memory + core->map.nodes_in_memory;
	spin_unlock_irqrestore(&core->lock, flags);
}

static void emit_live(struct lclone_store *store, char *result, unsigned int maxlen)
{
	const struct lc_super *super = &store->core.super;
	unsigned int sz = 0;
	struct numbers n;

	take_numbers(&store->core, &n);
	DMEMIT("%s %pUb %pUb ", mode_name(&store->core), super->clone_uuid,
	       super->store_uuid);
	DMEMIT("%u/%u %u %llu %llu %llu %s ", n.used, n.total, n.pages, n.data,
	       n.zero, n.shared,
	       n.full || READ_ONCE(store->below_full) ? "full" :
	       n.low ? "low" : "ok");
	DMEMIT("%u/%u %llu/%u %llu %llu %u %s %s %u", n.charged,
	       lc_dirty_cap(super->layout.reserve_blocks), n.journal,
	       super->layout.journal_blocks, n.generation, n.rounds,
	       READ_ONCE(store->space_waiters),
	       READ_ONCE(store->error_if_no_space) ? "error_if_no_space" :
						     "queue_if_no_space",
	       store->discard_passdown ? "discard_passdown" :
					 "no_discard_passdown",
	       n.in_memory);
}

/* A reload from writable to read-only, or back, sets the core up anew. */
static void emit_info(struct lclone_store *store, char *result, unsigned int maxlen)
{
	unsigned int sz = 0;

	mutex_lock(&store->state_lock);
	if (store->state == LCLONE_UNOPENED)
		DMEMIT("inactive");
	else
		emit_live(store, result, maxlen);
	mutex_unlock(&store->state_lock);
}

static void emit_table(struct lclone *lc, char *result, unsigned int maxlen)
{
	bool error_if_no_space = lc->error_if_no_space;
	unsigned int features, i, sz = 0;

	/* A message may have changed it since. */
	if (lc->store->ti == lc->ti)
		error_if_no_space = READ_ONCE(lc->store->error_if_no_space);
	features = error_if_no_space + !lc->discard_passdown;
	DMEMIT("%s %s %u", lc->origin ? lc->origin->name : "-",
	       lc->store_dev ? lc->store_dev->name : "-", lc->layers);
	for (i = 0; i < lc->layers; i++)
		DMEMIT(" %s", lc->layer[i].dev->name);
	if (features)
		DMEMIT(" %u", features);
	if (error_if_no_space)
		DMEMIT(" error_if_no_space");
	if (!lc->discard_passdown)
		DMEMIT(" no_discard_passdown");
}

static void emit_ima(struct dm_target *ti, struct lclone *lc, char *result,
		     unsigned int maxlen)
{
	unsigned int i, sz = 0;

	DMEMIT_TARGET_NAME_VERSION(ti->type);
	DMEMIT(",origin=%s,store=%s,store_uuid=%pUb,layers=%u",
	       lc->origin ? lc->origin->name : "-",
	       lc->store_dev ? lc->store_dev->name : "-", lc->store->uuid,
	       lc->layers);
	for (i = 0; i < lc->layers; i++)
		DMEMIT(",layer_%u=%s,layer_%u_uuid=%pUb", i,
		       lc->layer[i].dev->name, i, lc->layer[i].store->uuid);
	DMEMIT(";");
}

void lclone_status(struct dm_target *ti, status_type_t type,
		   unsigned int status_flags, char *result, unsigned int maxlen)
{
	struct lclone *lc = ti->private;

	switch (type) {
	case STATUSTYPE_INFO:
		emit_info(lc->store, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		emit_table(lc, result, maxlen);
		break;
	case STATUSTYPE_IMA:
		emit_ima(ti, lc, result, maxlen);
		break;
	}
}
