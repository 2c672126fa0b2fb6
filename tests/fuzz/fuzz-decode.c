// SPDX-License-Identifier: GPL-2.0
/*
 * The decoders alone: header, superblock, leaf, node and journal block.  Byte 0
 * chooses one (low 3 bits) and whether the seal is made whole; the rest is the
 * block, filled up with zeros.
 */

#include <stdlib.h>
#include "core/journal.h"
#include "core/super.h"
#include "target.h"

static const u8 uuid[LC_UUID_BYTES] = "fuzz";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void header(u8 *page)
{
	enum lc_header_fault fault;
	struct lc_header found;
	const char *why = lc_header_decode(page, &found, &fault);

	if (!why != (fault == LC_HEADER_OK))
		abort();
}

/* What was accepted and encoded again says the same. */
static void super(u8 *page)
{
	struct lc_super found, again;
	u8 copy[LC_BLOCK_SIZE];

	memset(&found, 0, sizeof(found));
	memset(&again, 0, sizeof(again));
	memcpy(((struct lc_disk_super *)page)->store_uuid, uuid, sizeof(uuid));
	lc_seal(uuid, LC_SUPER_BLOCK_0, page, &((struct lc_disk_super *)page)->csum);
	if (lc_super_decode(page, uuid, 0, &found))
		return;
	if (!lc_layout_valid(&found.layout) || !found.clone_sectors)
		abort();
	lc_super_encode(&found, 0, copy);
	if (lc_super_decode(copy, uuid, 0, &again) ||
	    memcmp(&found, &again, sizeof(found)))
		abort();
}

static void page_of(u8 *page, bool node)
{
	const struct lc_disk_page *head = (const void *)page;
	struct lc_page_id id = { le64_to_cpu(head->index), head->level };
	struct lc_ref ref = {
		.generation = le64_to_cpu(head->generation),
		.address = le32_to_cpu(head->address),
		.csum = le32_to_cpu(head->csum),
		.state = LC_REF_PAGE,
		.data_blocks = page[4000],
	};
	struct lc_ref child[LC_NODE_CHILDREN];
	struct lc_layout layout;
	u32 entry[LC_LEAF_ENTRIES], i;

	if (lc_layout_new(1 << 16, &layout))
		abort();
	if (node) {
		if (lc_node_decode(page, id, uuid, &ref, &layout, child))
			return;
		for (i = 0; i < LC_NODE_CHILDREN; i++)
			if (!lc_ref_valid(&child[i], &layout))
				abort();
		return;
	}
	if (lc_leaf_decode(page, id, uuid, &ref, &layout, entry))
		return;
	for (i = 0; i < LC_LEAF_ENTRIES; i++)
		if (entry[i] != LC_ENTRY_UNMAPPED && entry[i] != LC_ENTRY_ZERO &&
		    !lc_data_address_valid(entry[i], &layout))
			abort();
}

static void journal(u8 *page)
{
	struct lc_journal_block block;
	struct lc_layout layout;
	struct lc_run run;
	u32 i;

	if (lc_layout_new(1 << 16, &layout) ||
	    lc_journal_decode(page, uuid, 300, &block))
		return;
	if (!block.runs || block.runs > LC_JOURNAL_RUNS)
		abort();
	for (i = 0; i < block.runs; i++) {
		lc_journal_run(page, i, &run);
		if (lc_run_valid(&run, 1000000, &layout) &&
		    run.first + run.count > 1000000)
			abort();
	}
}

static void seal(u8 *page, u32 kind)
{
	struct lc_disk_page *head = (void *)page;

	if (kind == 0)
		lc_seal(((struct lc_disk_header *)page)->store_uuid, 0, page,
			&((struct lc_disk_header *)page)->csum);
	else
		lc_seal(uuid, kind == 3 || kind == 2 ?
			le32_to_cpu(head->address) : 300, page, &head->csum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	_Alignas(8) u8 page[LC_BLOCK_SIZE] = { 0 };
	u32 kind;

	if (!bytes)
		return 0;
	kind = (data[0] & 7) % 5;
	memcpy(page, data + 1, min(bytes - 1, sizeof(page)));
	if (data[0] & 8)
		seal(page, kind);
	if (kind == 0)
		header(page);
	else if (kind == 1)
		super(page);
	else if (kind == 4)
		journal(page);
	else
		page_of(page, kind == 3);
	return 0;
}
