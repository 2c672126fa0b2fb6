// SPDX-License-Identifier: GPL-2.0
/* A small whole store in memory. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "image.h"
#include "journal-read.h"
#include "output.h"
#include "walk.h"

static struct image_place *add(struct image *image, u32 block, u32 kind)
{
	struct image_place *place;

	image->place = must_realloc(image->place, (image->places + 1) *
				    sizeof(*image->place));
	place = &image->place[image->places++];
	*place = (struct image_place) { block, kind, -1, 0 };
	return place;
}

static void see_page(void *ctx, const struct walk_page *page)
{
	static int last[LC_MAX_HEIGHT + 1];	/* place of the page last met */
	struct image *image = ctx;
	struct image_place *place;

	if (page->ref->state != LC_REF_PAGE)
		return;
	last[page->id.level] = (int)image->places;
	place = add(image, page->ref->address,
		    page->id.level ? IMAGE_NODE : IMAGE_LEAF);
	place->child = (u32)(page->id.index % LC_NODE_CHILDREN);
	if (page->parent)
		place->parent = last[page->id.level + 1];
}

static void see_run(void *ctx, u64 first, u64 count, u32 value)
{
	(void)ctx;
	(void)first;
	(void)count;
	(void)value;
}

static void find_places(struct image *image, const struct store_file *store)
{
	static const struct walk_ops ops = { .page = see_page, .run = see_run };
	const struct lc_super *super = &image->super;
	struct journal_contents journal;
	u64 i;

	add(image, LC_HEADER_BLOCK, IMAGE_HEADER);
	add(image, LC_SUPER_BLOCK_0, IMAGE_SUPER);
	add(image, LC_SUPER_BLOCK_1, IMAGE_SUPER);
	if (journal_read(store, super, &journal))
		exit(2);
	walk_map(store, super, &journal.overlay, &ops, image);
	for (i = 0; i < journal.blocks; i++)
		add(image, super->layout.journal_start +
		    (super->replay_block + (u32)i) %
		    super->layout.journal_blocks, IMAGE_JOURNAL);
	journal_free(&journal);
}

void image_load(struct image *image, const char *path)
{
	struct store_file store;

	memset(image, 0, sizeof(*image));
	image->bytes = must_alloc((size_t)IMAGE_BLOCKS * LC_BLOCK_SIZE);
	if (store_open_load(path, STORE_READ, &store) ||
	    store_read(&store, 0, image->bytes, IMAGE_BLOCKS)) {
		fprintf(stderr, "%s: not a store of 8 MiB\n", path);
		exit(2);
	}
	image->super = *store_super(&store);
	memcpy(image->uuid, image->super.store_uuid, LC_UUID_BYTES);
	find_places(image, &store);
	store_close(&store);
}

void image_copy(const struct image *from, struct image *to)
{
	size_t bytes = (size_t)IMAGE_BLOCKS * LC_BLOCK_SIZE;
	u8 *kept = to->bytes ? to->bytes : must_alloc(bytes);

	*to = *from;
	to->bytes = kept;
	memcpy(to->bytes, from->bytes, bytes);
}

u32 images_load(struct image images[IMAGES_MAX])
{
	char *names = getenv("FUZZ_IMAGES"), *name;
	u32 count = 0;

	names = names ? strdup(names) : NULL;
	for (name = names ? strtok(names, " ") : NULL; name && count < IMAGES_MAX;
	     name = strtok(NULL, " "))
		image_load(&images[count++], name);
	free(names);
	if (!count) {
		fputs("FUZZ_IMAGES names no stores\n", stderr);
		exit(2);
	}
	return count;
}
