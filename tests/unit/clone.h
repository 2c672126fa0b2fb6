/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A clone in use: many reads, writes, zeroings and flushes at a time, each in
 * pieces that go the way of a bio of the target, completed in any order.  What
 * they return is compared with the model.
 */
#ifndef LCLONE_UNIT_CLONE_H
#define LCLONE_UNIT_CLONE_H

#include "host.h"
#include "model.h"
#include "part.h"

struct clone {
	struct kunit *test;
	struct host *host;
	struct model *model;
	struct list_head part[PART_STATES];
	u32 parts;
	bool active;		/* things happen while the core sleeps */
	u64 entered;		/* parts that ever entered the drain counter */
	unsigned int depth;	/* of clone_event() in itself */
	bool error_if_no_space;
	u64 full;		/* parts that met LC_FULL */
};

struct clone *clone_new(struct kunit *test, const struct host_format *format,
			u32 clusters);
void clone_delete(struct clone *clone);

/* Brings it up; an error when the power goes in the middle of it. */
int clone_open(struct clone *clone);

/* Does something: begins an operation, completes one, serves a kick, ... */
void clone_event(struct clone *clone);

/* Begins one operation, of a kind by chance. */
void clone_begin(struct clone *clone);

/* Lets all that is under way end; what waits for space goes on waiting. */
void clone_settle(struct clone *clone);

/* The power is gone; then it is back, and nothing is known of what was. */
void clone_crash(struct clone *clone);

/* Compares every watched block with the model, after recovery. */
void clone_verify(struct clone *clone);

#endif
