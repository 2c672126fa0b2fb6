/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The edges around the core: what io.c, defer.c, drain.c, work.c and round-io.c
 * are in the kernel, over the simulated medium and the simulated threads.
 */
#ifndef LCLONE_SIM_EDGE_H
#define LCLONE_SIM_EDGE_H

#include "core/ticket.h"
#include "co.h"
#include "medium.h"

/* Work that runs in a thread of its own, once at a time, as on a workqueue. */
struct work {
	const char *name;
	void (*run)(void);
	bool queued;
	bool running;
};

struct drain {
	u32 count[2];
	bool live[2];
	u32 current_phase;
	struct mutex lock;
};

/* Who waits for a round. */
struct edge_wait {
	struct lc_wait core;
	bool answered;
	int error;
};

/* Faults that lie in an edge: bits of edge.faults. */
#define FAULT_PUBLISH_EARLY	1	/* before the data has reached the device */
#define FAULT_NO_DRAIN		2	/* drain() returns at once */
#define FAULT_HELD_LATE		4	/* whether a block is held is asked after the look-up */
/* And in what makes layers one. */
#define FAULT_MERGE_OLDER	8	/* a block is that of the oldest layer which has it */
#define FAULT_MERGE_ZEROS	16	/* zeros of a layer let what is older show through */
#define FAULT_MERGE_HIDDEN	32	/* what lies behind the end of a newer layer shows */
#define FAULT_MERGE_UNTOUCHED	64	/* only the newest layer is asked what there is */
#define FAULT_MERGE_BELOW	128	/* it stands on what its newest layer stood on */

struct edge {
	struct lc_store *store;	/* zeroed until it is brought up */
	bool open;
	u32 faults;

	struct work round_work;
	struct work checkpoint_work;
	struct work space_work;
	struct work tick_work;
	unsigned int kicks;
	bool tick_armed;
	u32 idle_ticks;
	bool live;		/* work may be queued */

	bool round_step;
	struct batch round;
	u32 round_steps;	/* under way */

	u32 retries;		/* kicks so far; their waiters wait here */
	u32 spaces;
	bool error_if_no_space;
	bool suspending;
	bool growing;		/* the device has grown, and is not yet in use */
	bool announcing;	/* a change of the table */
	bool freeze_failed;	/* or what was to follow: failed mode, for no fault below */
	bool below_full;	/* the device had no space: the tick tries again */
	bool discard_passdown;
	u32 scarce_percent;	/* of page_get(wait = false) that fail */
	bool no_memory;		/* bitmap_get() fails */
	u32 pool;		/* leaves that there are, and nodes but for roots; 0: enough */
	u32 awaited;		/* who waits for one; they wait here */
	u32 lazy;		/* checkpoints begin once in so many chances; 0: at once */

	struct drain drain;
	u32 readers;		/* lock-free, under RCU */
	bool in_super;		/* a superblock is being written */
	bool in_discard;
	u32 loads_below;	/* that are under way */
	u64 starved;
	u64 evicted;
	u64 evicted_below;
};

extern struct edge edge;
extern const struct lc_ops edge_ops;	/* ops.c */
extern const u8 edge_boot[LC_UUID_BYTES];

/* Sets the edges up with no store; whatever there was is forgotten. */
void edge_reset(void);

/* Brings the store up.  In a thread.  Returns NULL, or what is wrong. */
const char *edge_open(void);

/* Settles and parks it, as a suspend does; goes on.  In a thread.  0 or errno. */
int edge_park(void);
int edge_resume(void);

/* The last part of a resume: work runs, and the guest may go on. */
void edge_go_on(void);

/*
 * Freezes what is parked.  In a thread.  The store is then somebody else's, and
 * edge_forget() makes place for another.
 */
int edge_freeze(const char *name);
void edge_forget(void);

/*
 * The clone goes on, in failed mode, without a store of its own over the layers that there
 * are: open_empty() of store.c.  In a thread.
 */
void edge_open_empty(void);

/* Frees what is parked or failed, with nothing under way. */
void edge_destroy(void);

/* Takes a grown device into use.  In a thread. */
void edge_extend(void);

/* Starts one of the works that are queued, by chance; false: there is none. */
bool edge_start_work(void);
bool edge_work_queued(void);

/* Time passes: the timer, if it was set. */
void edge_tick(void);

void edge_queue(struct work *work);

/* The device has no space. */
void edge_below_full(void);

/* Runs a round, and waits for it.  In a thread. */
int edge_round_sync(void);
int edge_wait_answer(struct edge_wait *wait);

void edge_read_lock(void);
void edge_read_unlock(void);

/*
 * Returns when there is place in the pool for @count more than the @out() which are
 * given out.  In a thread.
 */
void edge_pool_wait(u32 (*out)(void), u32 count);

/* What was given back may go, if nobody can be reading it. */
void edge_grace(void);

int edge_drain_enter(void);
void edge_drain_leave(int phase);
void edge_drain_wait(void);

/* The core has found damage; the world says whether that can be. */
void edge_reported(const char *what, u64 block);

#endif
