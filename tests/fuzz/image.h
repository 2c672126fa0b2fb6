/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small whole store in memory, and edits of its metadata that keep the seals
 * whole, so that what lies behind them is reached.
 */
#ifndef LCLONE_FUZZ_IMAGE_H
#define LCLONE_FUZZ_IMAGE_H

#include "store-file.h"

#define IMAGE_BLOCKS	2048	/* 8 MiB, the smallest store */

/* A metadata block, and where its parent has its ref. */
struct image_place {
	u32 block;
	u32 kind;		/* enum image_kind */
	int parent;		/* index of its place; -1: the superblocks, or none */
	u32 child;		/* slot in the parent */
};

enum image_kind { IMAGE_HEADER, IMAGE_SUPER, IMAGE_NODE, IMAGE_LEAF, IMAGE_JOURNAL };

struct image {
	u8 *bytes;		/* of all blocks */
	u8 uuid[LC_UUID_BYTES];
	struct lc_super super;
	struct image_place *place;
	u32 places;
};

/* Reads the file at @path.  Ends the program when it is not a whole store. */
void image_load(struct image *image, const char *path);

/* Those that the variable FUZZ_IMAGES names; returns their number, at least 1. */
#define IMAGES_MAX	8
u32 images_load(struct image images[IMAGES_MAX]);

/* A copy that shares all but the bytes; @to keeps those it has. */
void image_copy(const struct image *from, struct image *to);

/*
 * Carries out the edits that @data holds, as many as there are; edit.c has
 * their form.
 */
void image_edit(struct image *image, const u8 *data, size_t bytes);

/* Bytes of one edit. */
#define EDIT_BYTES	12

#endif
