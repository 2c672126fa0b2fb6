// SPDX-License-Identifier: GPL-2.0
/* Bringing a store up, taking it down, growing it, and its failed mode. */

#include "store.h"

static const char *read_copy(const struct lc_ops *ops, void *ctx, void *page,
			     const u8 *uuid, unsigned int copy,
			     struct lc_super *super)
{
	if (ops->read(ctx, lc_super_address(copy), page))
		return "has a superblock that cannot be read";
	return lc_super_decode(page, uuid, copy, super);
}

const char *lc_super_load(const struct lc_ops *ops, void *ctx, void *page,
			  struct lc_super *super, enum lc_header_fault *fault,
			  int *stale)
{
	const char *why, *other_why;
	struct lc_header header;
	u64 generation;

	*fault = LC_HEADER_FOREIGN;
	*stale = -1;
	if (ops->read(ctx, LC_HEADER_BLOCK, page))
		return "cannot be read";
	why = lc_header_decode(page, &header, fault);
	if (why)
		return why;

	*fault = LC_HEADER_DAMAGED;
	why = read_copy(ops, ctx, page, header.store_uuid, 0, super);
	generation = super->generation;
	other_why = read_copy(ops, ctx, page, header.store_uuid, 1, super);
	if (why && other_why)
		return "has no whole superblock";
	if (why || (!other_why && super->generation > generation)) {
		*stale = 0;
	} else {
		if (other_why || super->generation < generation)
			*stale = 1;
		why = read_copy(ops, ctx, page, header.store_uuid, 0, super);
		if (why)
			return why;
	}
	*fault = LC_HEADER_OK;
	return NULL;
}

int lc_store_init(struct lc_store *store, const struct lc_ops *ops, void *ctx,
		  const struct lc_super *super, bool read_only)
{
	memset(store, 0, sizeof(*store));
	store->ops = ops;
	store->ctx = ctx;
	spin_lock_init(&store->lock);
	mutex_init(&store->scan_mutex);
	mutex_init(&store->checkpoint_mutex);
	mutex_init(&store->load_mutex);
	store->super = *super;
	store->chain = NULL;
	store->blocks = lc_blocks_of(super->clone_sectors);
	store->read_only = read_only || super->state != LC_STORE_WRITABLE;
	lc_map_init(store);
	lc_alloc_init(store);
	return lc_round_init(store);
}

/* The copy of the superblock that a crash left behind, or damage. */
static int write_copy(struct lc_store *store, unsigned int copy)
{
	struct lc_vec vec = { .block = lc_super_address(copy) };
	int error;

	vec.page = store->ops->page_get(store->ctx, true);
	lc_super_encode(&store->super, copy, vec.page);
	error = store->ops->write(store->ctx, &vec, 1, true);
	store->ops->page_put(store->ctx, vec.page);
	return error;
}

/* Sees to it that what is dirty finds places. */
static int find_places(struct lc_store *store)
{
	return lc_space_known(store) < store->map.charged ? lc_scan(store) : 0;
}

/*
 * A replay may leave more behind than the dirty cap, and a full store has places
 * for no more than that: part by part, each of which frees as many as it takes.
 */
static int write_replayed(struct lc_store *store)
{
	u32 cap = lc_dirty_cap(store->super.layout.reserve_blocks);
	int error = find_places(store);

	while (!error && store->map.charged > cap) {
		mutex_lock(&store->checkpoint_mutex);
		error = lc_checkpoint_part(store);
		mutex_unlock(&store->checkpoint_mutex);
		if (!error)
			error = find_places(store);
	}
	return error;
}

/* A checkpoint with an empty journal of a new epoch behind it. */
static int new_epoch(struct lc_store *store)
{
	struct lc_journal *journal = &store->journal;
	int error = write_replayed(store);

	if (error)
		return error;
	journal->epoch = store->super.epoch + 1;
	journal->head.csum = 0;
	journal->durable = journal->head;
	store->super.owner_epoch = journal->epoch;
	mutex_lock(&store->checkpoint_mutex);
	error = lc_checkpoint_locked(store);
	mutex_unlock(&store->checkpoint_mutex);
	return error;
}

int lc_store_open(struct lc_store *store, int stale)
{
	int error;

	/*
	 * A write of a superblock may have been told to have failed, and be in a cache
	 * all the same.  So the newer copy has to be durable before the older one is
	 * written over.
	 */
	if (stale >= 0 && !store->read_only) {
		error = store->ops->flush(store->ctx);
		if (!error)
			error = write_copy(store, (unsigned int)stale);
		if (error)
			return error;
	}
	/*
	 * What stands on a frozen store relies on it.  A device that cannot flush can be
	 * read nevertheless.
	 */
	if (store->super.state == LC_STORE_FROZEN)
		store->ops->flush(store->ctx);
	error = lc_map_open(store);
	/* The last checkpoint of a store that was frozen has all of it. */
	if (!error && store->super.state == LC_STORE_WRITABLE)
		error = lc_journal_replay(store);
	if (!error && !store->read_only)
		error = new_epoch(store);
	return error;
}

static void disown(struct lc_super *super)
{
	memset(super->owner_host, 0, sizeof(super->owner_host));
	memset(super->owner_boot, 0, sizeof(super->owner_boot));
	super->owner_epoch = 0;
}

int lc_store_park(struct lc_store *store)
{
	int error = lc_checkpoint_prepare(store);

	if (error)
		return error;
	mutex_lock(&store->checkpoint_mutex);
	disown(&store->super);
	error = lc_checkpoint_locked(store);
	mutex_unlock(&store->checkpoint_mutex);
	return error;
}

int lc_store_freeze(struct lc_store *store, const char *name)
{
	struct lc_super *super = &store->super;
	size_t length = min_t(size_t, strlen(name), LC_NAME_BYTES - 1);
	int error = lc_checkpoint_prepare(store);

	if (error)
		goto fail;
	mutex_lock(&store->checkpoint_mutex);
	disown(super);
	super->state = LC_STORE_FROZEN;
	memset(super->snapshot_name, 0, sizeof(super->snapshot_name));
	memcpy(super->snapshot_name, name, length);
	error = lc_checkpoint_locked(store);
	mutex_unlock(&store->checkpoint_mutex);
	lc_scan_drop(store);
	if (error)
		goto fail;
	store->read_only = true;
	return 0;

fail:
	/* Nobody may take it for frozen, whatever the superblock says by now. */
	lc_fail(store, "it could not be frozen");
	return error;
}

int lc_store_resume(struct lc_store *store, const char *host, const u8 *boot)
{
	struct lc_super *super = &store->super;
	int error = 0;

	/* A park leaves nothing to write, unless it was put off. */
	if (lc_checkpoint_wanted(store))
		error = lc_checkpoint_prepare(store);
	mutex_lock(&store->checkpoint_mutex);
	lc_store_own(store, host, boot);
	super->owner_epoch = super->epoch;
	if (!error)
		error = lc_checkpoint_locked(store);
	mutex_unlock(&store->checkpoint_mutex);
	/* Then the mark is still on the disk. */
	return error == -ENOMEM || error == -ENOSPC ? 0 : error;
}

void lc_store_own(struct lc_store *store, const char *host, const u8 *boot)
{
	struct lc_super *super = &store->super;
	size_t length = min_t(size_t, strlen(host), LC_NAME_BYTES - 1);

	memset(super->owner_host, 0, sizeof(super->owner_host));
	memcpy(super->owner_host, host, length);
	memcpy(super->owner_boot, boot, LC_UUID_BYTES);
}

void lc_store_destroy(struct lc_store *store)
{
	lc_round_destroy(store);
	lc_alloc_destroy(store);
	lc_map_destroy(store);
}

int lc_store_extend(struct lc_store *store, u64 store_sectors)
{
	u32 blocks = (u32)min_t(u64, store_sectors / LC_BLOCK_SECTORS,
				LC_STORE_BLOCKS_MAX);
	struct lc_layout *layout = &store->super.layout;
	struct lc_layout before;
	struct lc_alloc *alloc = &store->alloc;
	unsigned long flags;
	int error = 0;

	/* It may scan the whole map, and nobody else makes the store larger. */
	if (blocks > layout->store_blocks)
		error = lc_checkpoint_prepare(store);
	if (error)
		return error;
	mutex_lock(&store->scan_mutex);
	mutex_lock(&store->checkpoint_mutex);
	before = *layout;
	if (blocks > layout->store_blocks) {
		layout->store_blocks = blocks;
		lc_layout_finish(layout);
		error = lc_checkpoint_locked(store);
		/* No superblock says so yet; that of the next one must not. */
		if (error == -ENOSPC)
			*layout = before;
	}
	if (!error && alloc->data_end != layout->data_end) {
		/*
		 * The size is durable; the new space lies above the mark.  The
		 * bitmap is too small for it.
		 */
		lc_scan_drop(store);
		spin_lock_irqsave(&store->lock, flags);
		alloc->data_end = layout->data_end;
		lc_low_water_set(store);
		lc_space_watch(store);
		spin_unlock_irqrestore(&store->lock, flags);
		store->ops->kick(store->ctx, LC_KICK_SPACE);
		store->ops->kick(store->ctx, LC_KICK_RETRY);
	}
	mutex_unlock(&store->checkpoint_mutex);
	mutex_unlock(&store->scan_mutex);
	return error;
}

void lc_fail(struct lc_store *store, const char *why)
{
	unsigned long flags;
	bool first;

	spin_lock_irqsave(&store->lock, flags);
	first = !store->failed;
	if (first)
		store->fail_reason = why;
	WRITE_ONCE(store->failed, true);
	spin_unlock_irqrestore(&store->lock, flags);
	if (!first)
		return;
	store->ops->kick(store->ctx, LC_KICK_EVENT);
	store->ops->kick(store->ctx, LC_KICK_ROUND);
	store->ops->kick(store->ctx, LC_KICK_RETRY);
	store->ops->kick(store->ctx, LC_KICK_SPACE);
}
