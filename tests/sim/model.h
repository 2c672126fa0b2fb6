/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each sector of the clone may read as, now and after a loss of power.
 *
 * Some blocks are watched.  Each keeps the versions that writes and zeroing gave
 * it since the last recovery.  A version is impossible once another that is
 * known to be there was submitted after the first had ended: for a read, one
 * that had completed before the read was submitted; after a cut, one that is
 * durable.  Versions that overlap in time may stand in any order, sector by
 * sector, as on a disk.
 */
#ifndef LCLONE_SIM_MODEL_H
#define LCLONE_SIM_MODEL_H

#include "medium.h"

#define CLUSTER_BLOCKS	12
#define VERSIONS_MAX	20

/* Content of a version: an operation's number, or one of these. */
#define CONTENT_ZERO	0u
#define CONTENT_BELOW	1u
#define CONTENT_FIRST	2u	/* of the operations */
#define CONTENT_OWN	~0u	/* the number of the operation that is submitted */

struct version {
	u32 operation;
	u32 content;
	u32 submitted;		/* by the model's clock */
	u32 ended;		/* 0: not yet */
	u8 sectors;		/* bits */
	bool good;		/* ended without an error */
	bool fua;
};

struct history {
	u64 block;
	u32 frozen;		/* content that it had, or may have had, in the last snapshot */
	u32 pruned;		/* when a version was last dropped */
	u32 versions;
	bool touched;		/* since the last recovery */
	struct version version[VERSIONS_MAX + 1];	/* one more is what a cut has left */
};

struct model {
	u64 sectors;		/* of the clone */
	u64 below;		/* sectors in which it sees the origin */
	u64 origin;		/* sectors that this has */
	bool used;		/* what is not watched may have been discarded */
	u32 clock;
	u32 operation;		/* the last */
	u32 flushed;		/* what ended before is durable */
	u32 clusters;
	u32 watched;
	struct history *history;
};

extern struct model model;

/* A clone of @sectors that reads an origin of @origin up to @below; nothing is watched. */
void model_new(u64 sectors, u64 below, u64 origin);

/* Watches CLUSTER_BLOCKS blocks from @block on, rounded; @most blocks in all. */
void model_watch(u64 block, u32 most);

/* Cluster @i; @count is how many of its blocks the clone has now. */
u64 model_cluster(u32 i, u32 *count);

/*
 * The clone has @sectors from now on: what is new reads as zeros.  model_cut(): what was cut off is
 * gone for good, and reads as zeros if the clone grows again; before that a loss of power may
 * bring it back.
 */
void model_resize(u64 sectors, u32 most);
void model_cut(void);

/* A watched block, and how many are watched from there on. */
u64 model_pick(u32 *left);

bool model_watches(u64 block);

u64 model_tag(u32 content, u64 sector);

/* What the origin has there, which has to be that long. */
u64 model_origin(u64 sector);

/*
 * Notes an operation that gives @count sectors @content; returns its number, or 0 when there have
 * been too many on one block for now.
 */
u32 model_submit(u64 sector, u64 count, u32 content);

/* It has ended; with @fua it is durable now. */
void model_end(u32 operation, u64 sector, u64 count, bool good, bool fua);

/* A snapshot is taken, and nothing is under way. */
void model_frozen(void);

/* What a watched block may have below it: a content. */
u32 model_below(u64 block);

/* A flush that was submitted at @submitted has succeeded. */
void model_flushed(u32 submitted);

/* A read that was submitted at @submitted has found @tags in @sectors of @block. */
void model_read(u64 block, u8 sectors, u32 submitted, const u64 *tags);

/*
 * After recovery @block holds @tags: checks that it may, and takes it for what
 * the block is from now on.
 */
void model_recovered(struct history *history, const u64 *tags);

/* All blocks have been through the above. */
void model_restart(void);

#endif
