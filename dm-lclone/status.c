// SPDX-License-Identifier: GPL-2.0
/* The status line and the table line; Documentation/dm-lclone.rst has the fields. */

#include "lclone.h"

static const char *mode_name(const struct lc_store *core)
{
	if (lc_failed(core))
		return "failed";
	return core->read_only ? "ro" : "rw";
}

static const char *space_name(const struct lclone_store *store)
{
	const struct lc_alloc *alloc = &store->core.alloc;

	if (alloc->full || READ_ONCE(store->below_full))
		return "full";
	return alloc->low ? "low" : "ok";
}

/*
 * Blocks still read from below.  In a clone that is larger than its origin, what
 * the store maps is taken to lie behind the origin's end as far as it fits
 * there: the number is too high by at most the length of that part.
 */
static u64 shared_blocks(const struct lclone_store *store)
{
	const struct lc_store *core = &store->core;
	u64 mapped = core->map.data_blocks + core->map.zero_blocks;
	u64 below = lc_blocks_of(lc_below_sectors(&core->super));

	return min(below, core->blocks - min(mapped, core->blocks));
}

static unsigned int emit_live(struct lclone_store *store, char *result,
			      unsigned int maxlen)
{
	const struct lc_store *core = &store->core;
	const struct lc_super *super = &core->super;
	unsigned int sz = 0;

	DMEMIT("%s %pUb %pUb ", mode_name(core), super->clone_uuid,
	       super->store_uuid);
	DMEMIT("%u/%u %u %llu %llu %llu %s ",
	       lc_space_total(core) - lc_space_free(core), lc_space_total(core),
	       core->alloc.page_blocks, core->map.data_blocks,
	       core->map.zero_blocks, shared_blocks(store), space_name(store));
	DMEMIT("%u/%u %llu/%u %llu %llu %u %s %s %u",
	       core->map.charged, lc_dirty_cap(super->layout.reserve_blocks),
	       core->journal.head.sequence - core->journal.tail.sequence,
	       super->layout.journal_blocks, super->generation,
	       core->round.durable, READ_ONCE(store->space_waiters),
	       READ_ONCE(store->error_if_no_space) ? "error_if_no_space" :
						     "queue_if_no_space",
	       store->discard_passdown ? "discard_passdown" :
					 "no_discard_passdown",
	       core->map.leaves_in_memory + core->map.nodes_in_memory);
	return sz;
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
	unsigned int sz = 0;

	switch (type) {
	case STATUSTYPE_INFO:
		if (lc->store->state == LCLONE_UNOPENED)
			DMEMIT("inactive");
		else
			emit_live(lc->store, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		emit_table(lc, result, maxlen);
		break;
	case STATUSTYPE_IMA:
		emit_ima(ti, lc, result, maxlen);
		break;
	}
}
