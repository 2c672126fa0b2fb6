/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the blocks of a clone may read as: the naive model behind the crash test.
 *
 * Some clusters of blocks, spread over the clone, are watched.  For each block
 * the model keeps the versions that writes and zeroing gave it, until a later
 * one of the same sectors is durable.  Every sector of a version says who wrote
 * it and to where, so that nothing foreign can pass for it.
 */
#ifndef LCLONE_UNIT_MODEL_H
#define LCLONE_UNIT_MODEL_H

#include <kunit/test.h>
#include "core/super.h"

#define CLUSTER_BLOCKS	16
#define ALL_SECTORS	0xff

/* Content of a version: an operation's number, or one of these. */
#define CONTENT_ZERO	0u
#define CONTENT_BELOW	1u
#define CONTENT_FIRST	2u	/* of the operations */

struct version {
	u32 operation;
	u32 content;
	u64 submitted;		/* by the model's clock */
	u64 completed;		/* 0: not yet, or it never will be */
	u8 sectors;		/* bits */
	bool durable;
};

struct history {
	u64 block;
	u64 pruned;		/* when a version was last dropped */
	u32 versions;
	u32 room;
	struct version *version;
};

struct model {
	struct kunit *test;
	u64 blocks;		/* of the clone */
	u64 below;		/* sectors in which it sees the origin */
	u64 clock;
	u32 operation;		/* the last */
	u32 clusters;
	u64 *cluster;		/* first blocks */
	u32 watched;
	struct history *history;
	u16 *slot;		/* by block: index + 1, 0 for the rest */
};

struct model *model_new(struct kunit *test, u64 clone_sectors, u64 below,
			u32 clusters);
void model_delete(struct model *model);

/* A watched block, and how many are watched from there on. */
u64 model_pick(struct model *model, u32 *left);

/* What the watched @block has been through, or NULL. */
struct history *model_history(struct model *model, u64 block);

/* Fills in or compares the tags of @sectors of @page. */
void model_page(const struct model *model, u64 block, u32 content, u8 sectors,
		void *page);

/* Notes an operation; returns its number. */
u32 model_submit(struct model *model, u64 block, u32 count, u8 sectors, bool zero);

/* The operation @number has completed on these blocks; with @durable it is FUA. */
void model_complete(struct model *model, u32 number, u64 block, u32 count,
		    bool durable);

/* A flush that was submitted at @submitted has succeeded. */
void model_flushed(struct model *model, u64 submitted);

/* A read that began at @submitted has returned @page. */
void model_read(struct model *model, u64 block, u64 submitted, const void *page);

/*
 * After a crash: checks that @page is what @block may be, and takes it for what
 * it is from now on.
 */
void model_recovered(struct model *model, u64 block, const void *page);

#endif
