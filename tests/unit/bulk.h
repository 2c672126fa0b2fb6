/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What operations over ranges run in here: a host with something below its store,
 * and a plain array of what each block reads as.
 */
#ifndef LCLONE_UNIT_BULK_H
#define LCLONE_UNIT_BULK_H

#include "core/bulk.h"
#include "host.h"

struct bulk {
	struct lc_bulk core;
	struct host *host;
	u64 blocks;
	u64 *content;		/* a tag by block; 0: zeros */
	u8 *memory;		/* of core.page */
	bool stop;		/* go_on() says so */
	u64 bad_below;		/* a block that cannot be read there; ~0: none */
	/* The guest, where the operation waits for I/O; or NULL. */
	void (*meanwhile)(struct bulk *bulk);
	u64 first;		/* where that is */
	u64 count;
	u64 *drains;		/* counts them; or NULL */
	u32 waits;		/* for LC_KICK_RETRY */
	u32 idle_waits;		/* those that were over at once */
};

/* A store over an origin of @below_blocks, half of which is zeros. */
struct bulk *bulk_new(struct kunit *test, u32 store_blocks, u64 blocks,
		      u64 below_blocks);
void bulk_delete(struct bulk *bulk);

/* What lies below: a tag, or 0. */
u64 bulk_below(const struct bulk *bulk, u64 block);

/* The guest: the array knows. */
void bulk_write(struct bulk *bulk, u64 block, u32 count, u64 tag);
void bulk_zero(struct bulk *bulk, u64 block, u64 count);

/* Something of the guest, by chance, in bulk->first and so on. */
void bulk_disturb(struct bulk *bulk);

/* Compares all that the clone reads as with the array. */
void bulk_verify(struct bulk *bulk);

#endif
