// SPDX-License-Identifier: GPL-2.0
/*
 * The core on one edited store, as under a guest:
 *
 *	byte 0		which image, modulo their number
 *	byte 1		seed of core_use()
 *	from 2 on	edits, see edit.c
 *
 * The rules are those of core_use(), and of core_open(): whatever the store is.
 */
#include "core-open.h"
#include "target.h"

static struct image images[IMAGES_MAX];
static u32 image_count;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	image_count = images_load(images);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct image image;

	if (bytes < 2)
		return 0;
	image_copy(&images[data[0] % image_count], &image);
	image_edit(&image, data + 2, min(bytes - 2, 64 * (size_t)EDIT_BYTES));
	core_open(&image, 700, data[1]);
	return 0;
}
