// SPDX-License-Identifier: GPL-2.0
/* Where the metadata of a whole store lies. */

#include <stdlib.h>
#include "journal-read.h"
#include "output.h"
#include "store-blocks.h"
#include "walk.h"

struct search {
	const struct lc_super *super;
	const char *type;
	struct store_blocks *all;
};

static void add(struct store_blocks *all, u32 block)
{
	all->block = must_realloc(all->block, (all->count + 1) * sizeof(u32));
	all->block[all->count++] = block;
}

static void see_page(void *ctx, const struct walk_page *page)
{
	struct search *search = ctx;
	const char *type = search->type;

	if (page->ref->state != LC_REF_PAGE)
		return;
	if (!strcmp(type, "page") ||
	    (!strcmp(type, "leaf") && !page->id.level) ||
	    (!strcmp(type, "node") && page->id.level) ||
	    (!strcmp(type, "new-page") &&
	     page->ref->generation == search->super->generation))
		add(search->all, page->ref->address);
}

static void see_run(void *ctx, u64 first, u64 count, u32 value)
{
	(void)ctx;
	(void)first;
	(void)count;
	(void)value;
}

void store_blocks(const struct store_file *store, const char *type,
		  struct store_blocks *all)
{
	static const struct walk_ops ops = { .page = see_page, .run = see_run };
	const struct lc_super *super = store_super(store);
	struct search search = { super, type, all };
	struct journal_contents journal;
	u64 i;

	memset(all, 0, sizeof(*all));
	if (journal_read(store, super, &journal))
		return;
	if (!strcmp(type, "header")) {
		add(all, LC_HEADER_BLOCK);
	} else if (!strcmp(type, "super")) {
		add(all, LC_SUPER_BLOCK_0);
		add(all, LC_SUPER_BLOCK_1);
	} else if (!strcmp(type, "journal")) {
		for (i = 0; i < journal.blocks; i++)
			add(all, super->layout.journal_start +
			    (super->replay_block + (u32)i) %
			    super->layout.journal_blocks);
	} else {
		walk_map(store, super, &journal.overlay, &ops, &search);
	}
	journal_free(&journal);
}

void store_blocks_free(struct store_blocks *all)
{
	free(all->block);
	memset(all, 0, sizeof(*all));
}
