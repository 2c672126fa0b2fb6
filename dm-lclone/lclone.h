/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel side of dm-lclone: what its files share.
 *
 * A clone is a target (struct lclone, one for each table) over an open store
 * (struct lclone_store, which outlives a table when the next one takes it over).
 * The way of one bio is in io.c; what has to wait or sleep goes through defer.c.
 *
 * Work is done on queues of the module, none of the clone's own, each with a
 * rescuer: lclone_io_wq for deferred bios, lclone_round_wq for rounds (high
 * priority), lclone_meta_wq for ticks, the sweep and checkpoints, lclone_space_wq for
 * reclaiming and scans; copy.c has one more for what comes after its reads.  A
 * deferred bio may wait for a page of the map that the metadata queue gives back,
 * and a round for a checkpoint; nothing waits the other way round but a checkpoint
 * that needs a scan, which it does itself and which takes no page of the map.
 */
#ifndef LCLONE_H
#define LCLONE_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/percpu-refcount.h>
#include <linux/ratelimit.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "core/bulk.h"
#include "core/layers.h"
#include "core/rebind.h"

#define DM_MSG_PREFIX "lclone"

/* Who waits for a round: a bio, or somebody who sleeps. */
struct lclone_wait {
	struct lc_wait core;
	void (*done)(struct lclone_wait *wait, int error);	/* any context */
};

/*
 * Two counters of I/O in flight.  I/O enters the current one before it looks up
 * the map; a drain makes the other one current and waits for the first to get
 * empty.
 */
struct lclone_drain {
	struct percpu_ref phase[2];
	unsigned int current_phase;
	struct completion empty;
	struct mutex lock;		/* one drain at a time */
};

/* The writes of a checkpoint that are under way. */
struct lclone_meta_io {
	atomic_t pending;
	blk_status_t status;		/* of a write that failed */
	bool no_space;			/* the device below had none for one */
	struct completion done;
};

/* The step of a round that is under way. */
struct lclone_round_bios {
	struct bio bio;
	struct bio wrap;		/* what is at the ring's start */
	struct bio_vec vec[LC_GROUP_BLOCKS];
	atomic_t pending;
	blk_status_t status;
	atomic_t steps;			/* under way; the next may begin before one ends */
};

/*
 * UNOPENED -> LIVE (preresume) -> PARKED (postsuspend) -> LIVE ...
 * PARKED -> LAYER when another store takes its place; UNOPENED -> LAYER when a
 * table names a frozen one.  All but LIVE are left by freeing, too.  Changed with
 * the device suspended only, or under the lock of layers.c.
 */
enum lclone_state {
	LCLONE_UNOPENED,	/* a table names it; nothing but the superblock read */
	LCLONE_LIVE,
	LCLONE_PARKED,		/* all is on disk; the core stays in memory */
	LCLONE_LAYER,		/* frozen; any table may use it for reading */
};

struct lclone_store {
	struct lc_store core;
	enum lclone_state state;
	struct mutex state_lock;	/* held to change @state, or to keep @core as it is */

	/* registry.c: under its lock */
	struct list_head registry_link;
	struct mapped_device *md;	/* the only device that may use it; a layer: NULL */
	unsigned int users;		/* tables that name it */
	u8 uuid[LC_UUID_BYTES];		/* zero: a view, which has no store of its own */

	/* Of the table that is live; changed with the device suspended only. */
	struct dm_target *ti;
	struct block_device *bdev;	/* NULL: a view */
	struct block_device *origin;	/* NULL: none */
	unsigned int sector_bytes;	/* of the clone; 0: there has been no table */
	bool discard_passdown;
	bool error_if_no_space;		/* also by message; READ_ONCE */

	struct lc_change *change;	/* announced for the next table; xchg() */

	/* defer.c: lists under defer_lock, which nests in core.lock */
	spinlock_t defer_lock;
	struct bio_list ready;
	struct bio_list busy;		/* until LC_KICK_RETRY */
	struct bio_list space;		/* until LC_KICK_SPACE */
	unsigned int space_waiters;	/* length of @space */
	unsigned int retries;		/* kicks so far, so that none gets lost */
	unsigned int spaces;
	bool suspending;		/* nothing may wait for space any more */
	bool below_full;		/* a device below had no space: retry by timer */
	struct work_struct io_work;

	/* work.c */
	unsigned long kicks;		/* of enum lc_kick; under defer_lock */
	bool live;			/* work may be queued; under defer_lock */
	unsigned int idle_ticks;	/* seconds without a change of the map */
	struct work_struct checkpoint_work;
	struct work_struct space_work;	/* reclaims and scans */
	struct delayed_work tick;

	/* round-io.c, meta-io.c */
	bool round_step;		/* round_work has a step to take */
	struct work_struct round_work;
	struct lclone_round_bios round;
	struct lclone_meta_io meta;

	/* Lines in the log: no store's flood may drown what another has to say. */
	struct ratelimit_state damage_limit;
	struct ratelimit_state space_limit;

	/* message.c, bulk.c */
	struct mutex message_lock;	/* one message at a time, and none in a suspend */
	struct lclone_bulk *bulk;	/* what is under way; under message_lock */

	struct lclone_drain drain;
};

/* A chain of layers, shared by all tables that name the same ones. */
struct lclone_chain {
	struct lc_chain core;
	struct list_head link;		/* both under the lock of layers.c */
	unsigned int users;
};

/* One layer of a table. */
struct lclone_layer {
	struct dm_dev *dev;
	struct lclone_store *store;
};

/* One table. */
struct lclone {
	struct dm_target *ti;
	struct dm_dev *origin;		/* NULL: none */
	struct dm_dev *store_dev;	/* NULL: a view of layers */
	unsigned int sector_bytes;	/* the largest of all that it names */
	struct lclone_store *store;
	unsigned int layers;
	struct lclone_layer *layer;	/* oldest first */
	struct lclone_chain *chain;	/* NULL: no layers */
	struct lc_change *change;	/* made when it is resumed; NULL: none */
	bool error_if_no_space;		/* as the table says */
	bool discard_passdown;
};

/* Where one bio is on its way. */
enum lclone_stage {
	LCLONE_AT_MAP,		/* to be looked up */
	LCLONE_AT_BELOW,	/* submitted, to origin or store; no ticket */
	LCLONE_AT_FIRST,	/* submitted with a ticket */
	LCLONE_AT_ROUND,	/* waits for a round */
	LCLONE_AT_END,		/* ended by us; end_io has nothing to do */
};

/* Per-bio data. */
struct lclone_io {
	struct lclone_store *store;
	struct bvec_iter rest;		/* of the bio: what is still to be done */
	unsigned int bytes;		/* of it, under way now */
	enum lclone_stage stage;
	s8 phase;			/* of the drain counter, or -1 */
	bool after_round;		/* FUA: answered by a round */
	bool zeroes;			/* a write of nothing but zero pages */
	struct lc_ticket ticket;
	struct lclone_wait wait;
};

static inline struct lclone_io *lclone_io_of(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct lclone_io));
}

static inline struct bio *lclone_bio_of(struct lclone_io *io)
{
	return dm_bio_from_per_bio_data(io, sizeof(*io));
}

/* io.c: the way of one bio ------------------------------------------- */

int lclone_map(struct dm_target *ti, struct bio *bio);
int lclone_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error);

/*
 * Takes the next step of a bio that was deferred.  Process context, on
 * lclone_io_wq.
 */
void lclone_io_resume(struct lclone_store *store, struct bio *bio);

/*
 * A part of @bio has been done without the bio itself being submitted, with
 * @status: goes on with the rest, or ends it.  Any context.
 */
void lclone_io_part_done(struct bio *bio, blk_status_t status);

/* Ends a bio that dm does not have.  Any context. */
void lclone_io_end(struct bio *bio, blk_status_t status);

/* below.c: the origin and the layers, which are never written (P3) ------ */

struct lclone_place {
	struct block_device *bdev;	/* NULL: zeros */
	sector_t sector;
	unsigned int sectors;
};

/*
 * Where @sectors of the clone from @sector on, or the first of them, are to be
 * read when the store does not have them.  Any context, in the drain counter or
 * with message_lock.
 * Returns false when lc_load_below() has to be called first.
 */
bool lclone_find_below(struct lclone_store *store, sector_t sector,
		       unsigned int sectors, struct lclone_place *place);

/* Points @bio to @place; refuses what is not a read. */
bool lclone_remap_below(struct bio *bio, const struct lclone_place *place);

/* copy.c: writes of a part of a block ---------------------------------- */

/*
 * Writes @bio's next part, which lies within the block of @io->ticket, after a
 * merge with what the block holds now: what lies below, at @place, or zeros.
 * Process context, on lclone_io_wq.  Ends with lclone_io_part_done().
 */
void lclone_copy(struct lclone_store *store, struct bio *bio,
		 const struct lclone_place *place);

/* Writes zeros to @sectors of the store from @sector on.  The same otherwise. */
void lclone_copy_zeros(struct lclone_store *store, struct bio *bio,
		       sector_t sector, unsigned int sectors);

int lclone_copy_init(void);
void lclone_copy_exit(void);

/* discard.c ------------------------------------------------------------ */

/* The next step of a discard or a zeroing.  Process context, on lclone_io_wq. */
void lclone_discard(struct lclone_store *store, struct bio *bio);

/* Whether a write brings nothing but the kernel's zero page.  Any context. */
bool lclone_writes_zero_page(struct bio *bio);

/* bulk.c: over ranges of blocks ----------------------------------------- */

/*
 * As lc_hydrate() and lc_rethin(), with message_lock; also -EBUSY when the device is about to be
 * suspended, -EINTR, -ENOMEM.
 */
int lclone_hydrate(struct lclone_store *store, u64 first, u32 count,
		   struct lc_hydrated *result);
int lclone_rethin(struct lclone_store *store, u64 first, u32 count, u32 *freed);

/* defer.c: bios that wait ---------------------------------------------- */

void lclone_defer_init(struct lclone_store *store);

/* Hands @bio to lclone_io_resume() on lclone_io_wq.  Any context. */
void lclone_defer(struct lclone_store *store, struct bio *bio);

/* What was seen before a ticket was asked for; so that no kick gets lost. */
struct lclone_seen {
	unsigned int retries;
	unsigned int spaces;
};

struct lclone_seen lclone_seen(struct lclone_store *store);

/*
 * Lets @bio wait for what @result says (LC_BUSY or LC_FULL), or ends it.  Any
 * context.
 */
void lclone_park(struct lclone_store *store, struct bio *bio,
		 enum lc_take result, struct lclone_seen seen);

/* The waiters for space, or for something else, may try again.  Any context. */
void lclone_unpark_busy(struct lclone_store *store);
void lclone_unpark_space(struct lclone_store *store);

/*
 * No bio waits for space from here on: requeued under noflush, failed
 * otherwise.  And the way back.  Process context.
 */
void lclone_defer_suspend(struct lclone_store *store);
void lclone_defer_resume(struct lclone_store *store);

/* drain.c -------------------------------------------------------------- */

int lclone_drain_init(struct lclone_drain *drain);
void lclone_drain_exit(struct lclone_drain *drain);

/* Enters the current counter, and returns which it was.  Any context. */
int lclone_drain_enter(struct lclone_drain *drain);
void lclone_drain_leave(struct lclone_drain *drain, int phase);

/* Waits for all that entered before the call.  Process context. */
void lclone_drain_wait(struct lclone_drain *drain);

static inline void lclone_enter(struct lclone_store *store, struct lclone_io *io)
{
	if (io->phase < 0)
		io->phase = (s8)lclone_drain_enter(&store->drain);
}

static inline void lclone_leave(struct lclone_store *store, struct lclone_io *io)
{
	if (io->phase >= 0)
		lclone_drain_leave(&store->drain, io->phase);
	io->phase = -1;
}

/* memory.c: pools of the module ----------------------------------------- */

int lclone_memory_init(void);
void lclone_memory_exit(void);

/* As struct lc_ops says; @ctx is not looked at. */
void *lclone_page_get(void *ctx, bool wait);
void lclone_page_put(void *ctx, void *page);
struct lc_leaf *lclone_leaf_get(void *ctx);
void lclone_leaf_put(void *ctx, struct lc_leaf *leaf);
struct lc_node *lclone_root_get(void *ctx);
bool lclone_nodes_get(void *ctx, struct lc_node **node, u32 count);
void lclone_node_put(void *ctx, struct lc_node *node);

/* As struct lc_chain_ops says. */
struct lc_merged *lclone_merged_get(void *ctx);
void lclone_merged_put(void *ctx, struct lc_merged *merged);
struct lc_index_node *lclone_index_root_get(void *ctx);
bool lclone_index_get(void *ctx, struct lc_index_node **node, u32 count);
void lclone_index_put(void *ctx, struct lc_index_node *node);

void *lclone_bitmap_get(void *ctx, size_t bytes);
void lclone_bitmap_put(void *ctx, void *bitmap);

/* Whether somebody waits for an object that the map of a clone has to give back. */
bool lclone_memory_awaited(void);

/* meta-io.c: metadata, synchronously; as struct lc_ops says -------------- */

int lclone_meta_io_init(void);
void lclone_meta_io_exit(void);
int lclone_meta_read(void *ctx, u32 block, void *page);
int lclone_meta_write(void *ctx, const struct lc_vec *vec, unsigned int count,
		      bool fua);
int lclone_meta_flush(void *ctx);
void lclone_meta_discard(void *ctx, u32 block, u32 count);
void lclone_meta_report(void *ctx, const char *what, u64 block);

/* Reads a block of a device that is no open store yet. */
int lclone_read_block(struct block_device *bdev, u32 block, void *page);

/* round-io.c ------------------------------------------------------------ */

void lclone_round_io(void *ctx, enum lc_round_io io, const struct lc_vec *vec,
		     unsigned int count);
void lclone_round_answer(void *ctx, struct lc_wait *wait, int error);
void lclone_round_work(struct work_struct *work);

/* Runs a round and waits for it.  Process context.  0 or a negative errno. */
int lclone_round_sync(struct lclone_store *store);

/*
 * Waits for the step of a round that is under way, which somebody need not be
 * waiting for.  In failed mode, or after a lclone_round_sync() without I/O since,
 * there is no other step after it.  Process context.
 */
void lclone_round_settle(struct lclone_store *store);

/* work.c: what the core asks for ----------------------------------------- */

extern struct workqueue_struct *lclone_io_wq;
extern struct workqueue_struct *lclone_round_wq;
extern struct workqueue_struct *lclone_meta_wq;
extern struct workqueue_struct *lclone_space_wq;

int lclone_work_init(void);
void lclone_work_exit(void);
void lclone_work_setup(struct lclone_store *store);
void lclone_kick(void *ctx, enum lc_kick what);

/* Looks after idle clones: in a second.  Any context. */
void lclone_tick_soon(struct lclone_store *store);

/* The same at once, for a store that is live.  Any context. */
void lclone_tick_now(struct lclone_store *store);

/* Looks after what layers have in memory: in a second, or at once.  Any context. */
void lclone_sweep_soon(void);
void lclone_sweep_now(void);

/*
 * Pages of the map, or of what lies below, may have come into memory: both are looked
 * after from now on.  Not before they have come, or nobody may look again.  Any context.
 */
void lclone_loaded(struct lclone_store *store);

/* Pages that are given back under one hold of a lock. */
#define LCLONE_EVICT_BATCH	64

/*
 * One pass over what may be given back of a map: what nobody has looked up since the
 * last pass goes.  Any context.
 */
void lclone_evict(struct lc_store *core);

/* A device below has no space: tells people, and has the tick try again.  Any context. */
void lclone_below_full(struct lclone_store *store);

/* Lets work be queued, and starts what was asked for meanwhile. */
void lclone_work_start(struct lclone_store *store);

/* Takes a grown store into use.  Process context.  0 or a negative errno. */
int lclone_extend(struct lclone_store *store);

/* No work runs or is queued afterwards.  Process context. */
void lclone_work_stop(struct lclone_store *store);

/* change.c: what the next table will be like ------------------------------ */

/*
 * The message "change KEY=VALUE...": keeps it for the next table that is loaded.
 * Process context, under the live table.  0 or a negative errno; what is wrong has been logged.
 */
int lclone_change_announce(struct lclone_store *store, unsigned int argc,
			   char **argv);

/*
 * Takes what was announced over into @lc, a table that is being loaded, and has
 * @super say what the store will be.  Returns NULL, or what is wrong with it.
 */
const char *lclone_change_take(struct lclone *lc, struct lc_super *super);

/*
 * Makes the change of @lc on its store, which is parked.  Process context, device
 * suspended.  Returns as lc_store_change(); has logged what went wrong.
 */
int lclone_change_run(struct lclone *lc);

/* registry.c: stores that are in use on this host ------------------------- */

/*
 * The store @uuid for the use by @md, made when it is not there yet.  An
 * ERR_PTR: -EBUSY when another device has it, -ENOMEM.  Process context.
 */
struct lclone_store *lclone_registry_get(const u8 *uuid, struct mapped_device *md);
void lclone_registry_put(struct lclone_store *store);

/* A new one for a view of layers, which has no store.  An ERR_PTR: -ENOMEM. */
struct lclone_store *lclone_registry_view(struct mapped_device *md);

/*
 * The store of layer @uuid on @bdev: one that is a layer already, or that @md
 * has live, to be frozen when its next table is resumed.  NULL: nobody has it
 * open.  -EBUSY: it is used otherwise; -EEXIST: on another device.
 */
struct lclone_store *lclone_registry_get_layer(const u8 *uuid,
					       struct block_device *bdev,
					       struct mapped_device *md);

/*
 * Leaves in memory, and nodes with none below them, of all live stores and layers;
 * and giving up to @most of them back.
 */
unsigned long lclone_registry_pages(void);
unsigned long lclone_registry_evict(unsigned long most);

/* Asks all of them for what they can give back of the memory of their maps, soon. */
void lclone_registry_hurry(void);

/* lclone_evict() of all layers.  Returns whether another pass can give back more. */
bool lclone_registry_sweep(void);

/* layers.c: chains of layers --------------------------------------------- */

/*
 * Finds or opens the layers of @lc, whose devices are open, checks them along the
 * chain against @head (NULL: a view), and makes lc->chain.  Process context.
 * Returns NULL, or what is wrong, with *@error set.
 */
const char *lclone_layers_get(struct lclone *lc, const struct lc_super *head,
			      int *error);
void lclone_layers_put(struct lclone *lc);

/*
 * What keeps @child, which names @parent as the layer below it, from following it while that is
 * live, as in a snapshot; NULL: nothing.
 */
const char *lclone_child_fault(const struct lc_super *child, const struct lc_super *parent);

/*
 * The newest layer of @lc when it is still to be frozen: the store that the
 * table before had.  Or NULL.
 */
struct lclone_store *lclone_layers_unfrozen(struct lclone *lc);

/* As the functions of registry.c with such names, of all chains. */
unsigned long lclone_chains_pages(void);
unsigned long lclone_chains_evict(unsigned long most);
bool lclone_chains_sweep(void);

/* After a store has stopped to be live: nobody evicts its leaves any more. */
void lclone_registry_settle(void);

/* shrink.c ---------------------------------------------------------------- */

int lclone_shrink_init(void);
void lclone_shrink_exit(void);

/* store.c: an open store ------------------------------------------------- */

/* This host, as it is named in the superblock of a store that is active. */
const char *lclone_host(void);

/* A random number of this load of the module. */
extern u8 lclone_boot[LC_UUID_BYTES];

/*
 * Brings the store of @lc up, or takes it over from the table before.  With the
 * device suspended.  Returns 0 or a negative errno, and has logged why.
 */
int lclone_store_activate(struct lclone *lc);

/* Brings all to disk and lets the devices go.  With the device suspended. */
void lclone_store_park(struct lclone_store *store);

/*
 * Checks the superblock that is on the device of @lc, or of the open store,
 * against the table.  Returns NULL, or what is wrong.
 */
const char *lclone_store_check(struct lclone *lc, const struct lc_super *super);

/*
 * Reads the superblock from the store's device, which a table that is not
 * read-only must be able to write.  Returns NULL, or what is wrong.
 */
const char *lclone_super_read(struct lclone *lc, struct lc_super *super,
			      int *stale);

/* The same for any device, which is only to be read. */
const char *lclone_super_look(struct block_device *bdev, struct lc_super *super,
			      int *stale);

/* What the core asks of a store that is open, as its ctx. */
extern const struct lc_ops lclone_ops;

/* ctr.c, status.c, message.c ----------------------------------------------- */

int lclone_ctr(struct dm_target *ti, unsigned int argc, char **argv);
void lclone_dtr(struct dm_target *ti);
void lclone_status(struct dm_target *ti, status_type_t type,
		   unsigned int status_flags, char *result, unsigned int maxlen);
int lclone_message(struct dm_target *ti, unsigned int argc, char **argv,
		   char *result, unsigned int maxlen);

#endif
