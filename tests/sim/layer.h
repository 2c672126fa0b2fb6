/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The frozen layers that the clone stands on: their devices, which never change, and the
 * stores and the index over them that are open on the simulated host, as layers.c of the
 * module has them.
 */
#ifndef LCLONE_SIM_LAYER_H
#define LCLONE_SIM_LAYER_H

#include "core/layers.h"
#include "image.h"

#define LAYERS_MOST	8u

struct layer {
	struct image *image;	/* NULL: still the medium, see layers_push_failed() */
	struct lc_store *store;	/* NULL: not open */
};

struct layers {
	u32 count;
	struct layer layer[LAYERS_MOST + 1];	/* oldest first */
	u32 aside;		/* that the clone may not need any more */
	u32 replaced;
	struct layer old[LAYERS_MOST];	/* that a table may still name */
	bool chained;			/* @chain is set up over all of them */
	struct lc_chain chain;
};

extern struct layers layers;

/* None: of a new world, or of a clone that needs them no more. */
void layers_drop(void);

/* The host forgets those that are open. */
void layers_reset(void);

/*
 * Opens those that are not, checks each against what stands on it, and makes the index
 * over them the one of the store, whose superblock is @head.  In a thread.  Returns NULL,
 * or what is wrong.
 */
const char *layers_open(const struct lc_super *head);

/* Closes all that is open; nobody looks up any more. */
void layers_close(void);

/* @image is the newest layer from now on, and @store is it where that is open. */
void layers_push(struct image *image, struct lc_store *store);

/*
 * The store of the clone could not be frozen, and is what all is read from: until the
 * next layers_close() or layers_reset().
 */
void layers_push_failed(struct lc_store *store);

/* The clone does without them: closed, but kept until it is known that it really does. */
void layers_set_aside(bool aside);
void layers_drop_aside(void);

/* @image takes the place of the @count layers from @first on. */
void layers_replace(u32 first, u32 count, struct image *image);

/* What somebody else would have @most leaves and index pages given back for. */
void layers_evict(u32 most);

/* One pass of the tick; returns whether anything is left. */
bool layers_evict_idle(void);

/* Where layer @i is read from. */
const struct image *layer_image(u32 i);

/* The superblock of the layer on @image; false: it is not frozen, or no store. */
bool layer_super(const struct image *image, struct lc_super *super);

#endif
