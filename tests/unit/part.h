/* SPDX-License-Identifier: GPL-2.0 */
/* A part of an operation on a clone: blocks that go the same way, like a bio. */
#ifndef LCLONE_UNIT_PART_H
#define LCLONE_UNIT_PART_H

#include "host.h"

struct clone;

#define PART_BLOCKS 16

enum part_kind {
	PART_READ,
	PART_WRITE,
	PART_ZERO,
	PART_FLUSH,
};

enum part_state {
	PART_READY,		/* has to look up the map */
	PART_MAPPING,		/* is doing it */
	PART_BUSY,		/* waits for LC_KICK_RETRY */
	PART_FULL,		/* waits for LC_KICK_SPACE */
	PART_IO,		/* I/O under way: what a drain waits for */
	PART_ROUND,		/* waits for a round */
	PART_STATES,
};

/* Blocks of one operation that go the same way. */
struct part {
	struct list_head link;	/* in clone->part[state] */
	struct host_wait wait;
	enum part_kind kind;
	enum part_state state;
	u64 block;
	u32 count;
	u8 sectors;
	bool fua;
	bool device_fua;	/* FUA was passed down */
	u32 operation;
	u64 submitted;		/* by the model's clock */
	u64 entered;		/* for the drain */
	bool has_ticket;
	struct lc_ticket ticket;
	struct lc_extent extent;
	struct disk_io *io[PART_BLOCKS];
};

/* A new one that is like @like, ready to go. */
struct part *part_new(struct clone *clone, const struct part *like);

/* Looks up, and goes as far as it can; what it cannot do yet, it waits for. */
void part_go(struct clone *clone, struct part *part);

/* The I/O that it has under way has completed. */
void part_io_done(struct clone *clone, struct part *part);

/* Tells the model, and frees it. */
void part_end(struct clone *clone, struct part *part, int error);

void part_state(struct clone *clone, struct part *part, enum part_state state);

#endif
