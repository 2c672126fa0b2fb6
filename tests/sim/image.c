// SPDX-License-Identifier: GPL-2.0
/* What is on a device. */

#include <stdlib.h>
#include <sys/mman.h>
#include "image.h"

#define SECTOR	(LC_BLOCK_SIZE / LC_BLOCK_SECTORS)

static struct image *free_images;

/* It depends on nothing else, so that runs repeat. */
u64 image_garbage(u32 block, u32 sector)
{
	u64 z = ((u64)block << 3 | sector) * 0x9e3779b97f4a7c15ull;

	return (z ^ (z >> 29)) | 1ull << 63 | 1;
}

static u8 *at(const struct image *image, u32 block)
{
	return image->bytes + (size_t)block * LC_BLOCK_SIZE;
}

static void wipe(struct image *image, u32 block)
{
	u64 garbage;
	u32 sector;

	memset(at(image, block), 0, LC_BLOCK_SIZE);
	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++) {
		garbage = image_garbage(block, sector);
		memcpy(at(image, block) + sector * SECTOR, &garbage, sizeof(garbage));
	}
}

static struct image *make(void)
{
	struct image *image = calloc(1, sizeof(*image));
	u32 block;

	image->touched = calloc(IMAGE_BLOCKS, 1);
	image->list = calloc(IMAGE_BLOCKS, sizeof(*image->list));
	image->bytes = mmap(NULL, (size_t)IMAGE_BLOCKS * LC_BLOCK_SIZE,
			    PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (image->bytes == MAP_FAILED)
		abort();
	for (block = 0; block < IMAGE_BLOCKS; block++)
		wipe(image, block);
	return image;
}

struct image *image_get(void)
{
	struct image *image = free_images;

	if (!image)
		return make();
	free_images = image->next;
	return image;
}

void image_put(struct image *image)
{
	while (image->count) {
		u32 block = image->list[--image->count];

		wipe(image, block);
		image->touched[block] = 0;
	}
	image->next = free_images;
	free_images = image;
}

const void *image_at(const struct image *image, u32 block)
{
	return at(image, block);
}

void image_tags(const struct image *image, u32 block, u64 *tags)
{
	const u8 *from = at(image, block);
	u32 sector;

	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++)
		memcpy(&tags[sector], from + sector * SECTOR, sizeof(*tags));
}

u8 *image_touch(struct image *image, u32 block)
{
	if (!image->touched[block]) {
		image->touched[block] = 1;
		image->list[image->count++] = block;
	}
	return at(image, block);
}

void image_put_tag(struct image *image, u32 block, u32 sector, u64 tag)
{
	memcpy(image_touch(image, block) + sector * SECTOR, &tag, sizeof(tag));
}
