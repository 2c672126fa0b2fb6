// SPDX-License-Identifier: GPL-2.0
/* The checker: tree, journal and space. */

#include <stdio.h>
#include <stdlib.h>
#include "check-parts.h"
#include "journal-read.h"
#include "output.h"
#include "walk.h"

struct map_check {
	struct check_report *report;
	const struct lc_super *super;
	unsigned long *data;	/* store blocks that the map names */
	unsigned long *page;	/* store blocks that are pages of the tree */
	u64 blocks;		/* of the clone */
};

/* "leaf 5" or "node 3 of level 1" in @text. */
static const char *page_name(const struct walk_page *page, char text[64])
{
	if (page->id.level)
		snprintf(text, 64, "node %llu of level %u",
			 (unsigned long long)page->id.index, page->id.level);
	else
		snprintf(text, 64, "leaf %llu",
			 (unsigned long long)page->id.index);
	return text;
}

static void add_page(struct map_check *check, const struct walk_page *page,
		     const char *what)
{
	char name[64];

	check_add(check->report, "tree", page->ref->state == LC_REF_PAGE ?
		  page->ref->address : CHECK_NO_BLOCK, "%s: %s",
		  page_name(page, name), what);
}

/* What holds for every ref, whatever its state. */
static void check_ref(struct map_check *check, const struct walk_page *page)
{
	const struct lc_ref *ref = page->ref;
	u64 newest = page->parent ? page->parent->generation :
				    check->super->generation;

	if (ref->state == LC_REF_PAGE && ref->generation > newest)
		add_page(check, page, "it is newer than what refers to it");
	if (ref->data_blocks > page->blocks || ref->zero_blocks > page->blocks)
		add_page(check, page, "it counts more blocks than it covers");
	if (ref->state == LC_REF_ZERO && ref->zero_blocks != page->blocks)
		add_page(check, page,
			 "all of it is zero, but its count says otherwise");
	if (page->first >= check->blocks && ref->data_blocks)
		add_page(check, page, "it holds data behind the end of the clone");
}

/* Where the page lies, and that nothing else lies there. */
static void check_place(struct map_check *check, const struct walk_page *page)
{
	const struct lc_layout *layout = &check->super->layout;
	u32 address = page->ref->address;

	if (test_bit(address, check->page))
		add_page(check, page, "another page of the tree has the same place");
	else
		check->report->page_blocks++;
	if (test_bit(address, check->data))
		add_page(check, page, "its place is also mapped as data");
	__set_bit(address, check->page);
	if (address < layout->data_start) {
		if (!test_bit(address - layout->reserve_start,
			      check->super->reserve_map))
			add_page(check, page,
				 "it lies in the reserve at a place that is marked free");
	} else if (address >= check->super->high_water) {
		add_page(check, page, "it lies above the high-water mark");
	}
}

static void check_entries(struct map_check *check, const struct walk_page *page)
{
	u32 high = 0, behind = 0, i;

	for (i = 0; i < LC_LEAF_ENTRIES; i++) {
		u32 value = page->entry[i];

		if (value == LC_ENTRY_UNMAPPED || value == LC_ENTRY_ZERO)
			continue;
		high += value >= check->super->high_water;
		behind += page->first + i >= check->blocks;
	}
	if (high)
		check_add(check->report, "map", page->ref->address,
			  "leaf %llu maps %u blocks above the high-water mark",
			  (unsigned long long)page->id.index, high);
	if (behind)
		check_add(check->report, "map", page->ref->address,
			  "leaf %llu maps %u blocks behind the end of the clone",
			  (unsigned long long)page->id.index, behind);
}

/* A page that cannot be entered, and what of the clone it covers. */
static void report_lost(struct map_check *check, const struct walk_page *page)
{
	char name[64];

	if (page->first >= check->blocks)
		check_add(check->report, "tree", page->ref->address,
			  "%s: %s; it lies behind the end of the clone",
			  page_name(page, name), page->why);
	else
		check_add(check->report, "tree", page->ref->address,
			  "%s: %s; clone blocks %llu to %llu are lost",
			  page_name(page, name), page->why,
			  (unsigned long long)page->first,
			  (unsigned long long)min(page->first + page->blocks,
						  check->blocks) - 1);
}

static void see_page(void *ctx, const struct walk_page *page)
{
	struct map_check *check = ctx;

	check_ref(check, page);
	if (page->ref->state != LC_REF_PAGE)
		return;
	check_place(check, page);
	if (page->why) {
		check->report->whole_map = false;
		report_lost(check, page);
	} else if (page->entry) {
		check_entries(check, page);
	}
}

/* Reports a stretch of blocks that something else has, too. */
static void check_clash(struct map_check *check, const unsigned long *other,
			u64 first, u32 value, u64 count, const char *what)
{
	u64 end = value + count, at = value, upto;

	while ((at = find_next_bit(other, end, at)) < end) {
		upto = find_next_zero_bit(other, end, at);
		check_add(check->report, "map", at,
			  "%llu store blocks from here on, mapped for clone block %llu and on, are %s",
			  (unsigned long long)(upto - at),
			  (unsigned long long)(first + at - value), what);
		at = upto;
	}
}

static void see_run(void *ctx, u64 first, u64 count, u32 value)
{
	struct map_check *check = ctx;
	u64 i;

	if (value == LC_ENTRY_ZERO) {
		check->report->zero_blocks += count;
		return;
	}
	check->report->data_blocks += count;
	check_clash(check, check->data, first, value, count, "mapped twice");
	check_clash(check, check->page, first, value, count,
		    "also pages of the tree");
	for (i = 0; i < count; i++)
		__set_bit(value + i, check->data);
}

/* Counts in the superblock; they mean nothing when pages are missing. */
static void check_counts(struct map_check *check)
{
	const struct lc_super *super = check->super;
	const struct lc_layout *layout = &super->layout;
	u32 bit;

	if (check->report->page_blocks != super->page_blocks)
		check_add(check->report, "space", CHECK_NO_BLOCK,
			  "the superblock counts %u pages, the tree has %llu",
			  super->page_blocks,
			  (unsigned long long)check->report->page_blocks);
	for (bit = find_next_bit(super->reserve_map, layout->reserve_blocks, 0);
	     bit < layout->reserve_blocks;
	     bit = find_next_bit(super->reserve_map, layout->reserve_blocks,
				 bit + 1))
		if (!test_bit(layout->reserve_start + bit, check->page))
			check_add(check->report, "space",
				  layout->reserve_start + bit,
				  "it is marked in use in the reserve, but no page is there");
}

static void check_journal(const struct store_file *store,
			  struct map_check *check,
			  struct journal_contents *journal)
{
	int error = journal_read(store, check->super, journal);

	if (error)
		check_add(check->report, "journal",
			  check->super->layout.journal_start,
			  "the journal cannot be read");
	else if (journal->damage)
		check_add(check->report, "journal", journal->damage_block, "%s",
			  journal->damage);
	check->report->journal_groups = journal->groups;
}

int check_map(const struct store_file *store, struct check_report *report)
{
	static const struct walk_ops ops = { .page = see_page, .run = see_run };
	size_t words = BITS_TO_LONGS((size_t)report->super.layout.store_blocks);
	struct map_check check = {
		.report = report,
		.super = &report->super,
		.blocks = lc_blocks_of(report->super.clone_sectors),
	};
	struct journal_contents journal;

	report->whole_map = true;
	check_journal(store, &check, &journal);
	check.data = must_alloc(words * sizeof(*check.data));
	check.page = must_alloc(words * sizeof(*check.page));
	walk_map(store, &report->super, &journal.overlay, &ops, &check);
	if (report->whole_map)
		check_counts(&check);
	free(check.data);
	free(check.page);
	journal_free(&journal);
	return 0;
}
