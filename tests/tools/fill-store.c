// SPDX-License-Identifier: GPL-2.0
/*
 * Fills an empty store with a random map and journal, from a seed, and prints
 * what a dump must then say, from a plain array that knows nothing of trees:
 *
 *	fill-store STORE SEED LEAVES GROUPS [FAULT [TIMES]]
 *
 * Lines that begin with '#' tell where metadata lies: "# page BLOCK", "# journal
 * BLOCK".  With FAULT one thing is wrong, under a seal that is whole, as only a
 * bug or an attacker could leave it; the prints then mean nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include "core/journal.h"
#include "store-file.h"

static struct store_file store;
static struct lc_super super;
static u32 *model;		/* an entry for each block of the clone */
static u64 blocks;		/* of the clone */
static const char *fault = "";
static int fault_after;		/* the fault comes at this chance to have it */
static u32 free_block;		/* data from here on, upwards */
static u32 first_data;		/* a data block that is in use, or 0 */
static u32 first_page;

static u32 random_below(u32 n)
{
	return (u32)(random() % n);
}

/* Whether now is the time for @name to go wrong. */
static bool faulty(const char *name)
{
	return !strcmp(fault, name) && !fault_after--;
}

static void put(u32 block, const void *page)
{
	int error = store_write(&store, block, page, 1);

	if (error) {
		fprintf(stderr, "fill-store: %s\n", strerror(-error));
		exit(1);
	}
}

static u32 take_block(void)
{
	if (free_block == super.layout.data_end) {
		fprintf(stderr, "fill-store: the store is full\n");
		exit(1);
	}
	if (!first_data)
		first_data = free_block;
	return free_block++;
}

/* Pages go to the reserve and elsewhere, in turns. */
static u32 take_page(void)
{
	u32 bit = (u32)find_next_zero_bit(super.reserve_map,
					  super.layout.reserve_blocks, 0);
	u32 address;

	super.page_blocks++;
	if (bit < super.layout.reserve_blocks && random_below(2)) {
		__set_bit(bit, super.reserve_map);
		address = super.layout.reserve_start + bit;
	} else {
		address = take_block();
		if (first_data == address)
			first_data = 0;
	}
	if (!first_page)
		first_page = address;
	printf("# page %u\n", address);
	return address;
}

/* Changes up to 64 bytes anywhere; the seal comes after it. */
static void scramble(void *page)
{
	u32 n = 1 + random_below(64);

	while (n--)
		((u8 *)page)[random_below(LC_BLOCK_SIZE)] ^=
			(u8)(1 + random_below(255));
}

static void reseal(u32 address, void *page, struct lc_ref *ref)
{
	struct lc_disk_page *head = page;

	ref->csum = lc_seal(super.store_uuid, address, page, &head->csum);
}

static void break_leaf(u64 index, u32 *entry, struct lc_ref *ref)
{
	if (first_data && faulty("twice")) {
		entry[0] = first_data;
		entry[1] = first_data;
	}
	if (ref->address >= super.layout.data_start && faulty("entry-is-page"))
		entry[0] = ref->address;
	if (faulty("entry-range"))
		entry[0] = super.layout.journal_start;
	if (index == (blocks - 1) / LC_LEAF_ENTRIES &&
	    blocks % LC_LEAF_ENTRIES && faulty("behind-end"))
		entry[LC_LEAF_ENTRIES - 1] = take_block();
}

static void count_leaf(const u32 *entry, struct lc_ref *ref)
{
	u32 zeros;

	lc_leaf_count(entry, &ref->data_blocks, &zeros);
	ref->zero_blocks = zeros;
}

static void break_ref(struct lc_ref *ref)
{
	if (faulty("count"))
		ref->zero_blocks++;
	if (faulty("older"))
		ref->generation--;
	if (faulty("parent-csum"))
		ref->csum ^= 1;
}

static struct lc_ref build_leaf(u64 index)
{
	struct lc_ref ref = { .generation = super.generation };
	struct lc_page_id id = { index, 0 };
	u32 entry[LC_LEAF_ENTRIES] = { 0 };
	u8 page[LC_BLOCK_SIZE];
	u64 first = index * LC_LEAF_ENTRIES, i;

	for (i = 0; i < LC_LEAF_ENTRIES && first + i < blocks; i++)
		entry[i] = model[first + i];
	/* As a clone that was cut has it, which is no fault; and as none has it. */
	if (first >= blocks && faulty("cut"))
		memset(entry, 0xff, sizeof(entry));
	if (first >= blocks && faulty("leaf-behind-end"))
		entry[LC_LEAF_ENTRIES - 1] = take_block();
	count_leaf(entry, &ref);
	if (!ref.data_blocks && !ref.zero_blocks)
		return (struct lc_ref){ 0 };
	if (ref.zero_blocks == LC_LEAF_ENTRIES)
		return (struct lc_ref){ .state = LC_REF_ZERO,
					.generation = super.generation,
					.zero_blocks = LC_LEAF_ENTRIES -
						(faulty("zero-count") ? 1 : 0) };
	ref.state = LC_REF_PAGE;
	ref.address = take_page();
	break_leaf(index, entry, &ref);
	count_leaf(entry, &ref);
	if (faulty("newer"))
		ref.generation++;
	if (faulty("misplaced"))
		id.index++;
	lc_leaf_encode(entry, id, super.store_uuid, &ref, page);
	if (!strcmp(fault, "fuzz") && !random_below(4)) {
		scramble(page);
		reseal(ref.address, page, &ref);
	}
	put(ref.address, page);
	break_ref(&ref);
	return ref;
}

/* Returns what a parent says of the page of @level at @index. */
static struct lc_ref build(u8 level, u64 index)
{
	struct lc_ref child[LC_NODE_CHILDREN], ref = { 0 };
	struct lc_page_id id = { index, level };
	u64 leaves = blocks / LC_LEAF_ENTRIES + 1;
	u8 page[LC_BLOCK_SIZE];
	bool empty = true;
	u64 data;
	u32 i;

	if (!level)
		return build_leaf(index);
	memset(child, 0, sizeof(child));
	for (i = 0; i < LC_NODE_CHILDREN; i++) {
		u64 at = index * LC_NODE_CHILDREN + i;

		if (at * lc_child_leaves(level) < leaves)
			child[i] = build(level - 1, at);
		empty = empty && child[i].state == LC_REF_NONE;
	}
	if (empty)
		return ref;
	lc_node_count(child, &data, &ref.zero_blocks);
	ref.data_blocks = (u32)data;
	ref.generation = super.generation;
	ref.state = LC_REF_PAGE;
	ref.address = take_page();
	lc_node_encode(child, id, super.store_uuid, &ref, page);
	if (!strcmp(fault, "fuzz") && !random_below(4)) {
		scramble(page);
		reseal(ref.address, page, &ref);
	}
	put(ref.address, page);
	return ref;
}

/* Sets a random run in the model; ends with the run. */
static struct lc_run random_run(u64 first, u32 most)
{
	struct lc_run run = { .first = first, .count = 1 + random_below(most) };
	u32 i;

	run.count = (u32)min((u64)run.count, blocks - first);
	run.value = LC_ENTRY_ZERO;
	if (random_below(3)) {
		run.value = take_block();
		for (i = 1; i < run.count; i++)
			take_block();
	}
	for (i = 0; i < run.count; i++)
		model[first + i] = run.value == LC_ENTRY_ZERO ?
				   LC_ENTRY_ZERO : run.value + i;
	return run;
}

static void fill_leaves(u32 leaves)
{
	u32 all = (u32)((blocks - 1) / LC_LEAF_ENTRIES + 1);
	u32 n, i;

	for (n = 0; n < leaves; n++) {
		/* The last leaf first: it may be a partial one. */
		u64 first = (u64)(n ? random_below(all) : all - 1) *
			    LC_LEAF_ENTRIES;

		if (!random_below(4)) {
			for (i = 0; i < LC_LEAF_ENTRIES && first + i < blocks; i++)
				model[first + i] = LC_ENTRY_ZERO;
			continue;
		}
		for (i = 0; i < 5; i++)
			random_run(first + random_below((u32)min(
				(u64)LC_LEAF_ENTRIES, blocks - first)), 20);
	}
}

struct ring {
	u64 sequence;
	u32 block;
	u32 csum;
};

static void put_journal(struct ring *ring, u16 position, bool closes, bool torn)
{
	u32 address = super.layout.journal_start + ring->block;
	struct lc_disk_journal page;
	u16 runs = (u16)(1 + random_below(5)), i;

	memset(&page, 0, sizeof(page));
	page.magic = cpu_to_le32(LC_MAGIC_JOURNAL);
	page.epoch = cpu_to_le64(super.epoch);
	page.sequence = cpu_to_le64(ring->sequence);
	page.previous_csum = cpu_to_le32(ring->csum);
	page.position = cpu_to_le16(position);
	page.runs = cpu_to_le16(runs);
	page.flags = cpu_to_le32(closes ? LC_JOURNAL_CLOSES : 0);
	for (i = 0; i < runs; i++) {
		u32 room = (u32)min(blocks, 0x7fffffffull);
		struct lc_run run = { 0, 1, LC_ENTRY_ZERO };

		if (!torn)
			run = random_run(random_below(room), 3000);
		if (faulty("journal-run"))
			run.first = blocks;
		page.run[i].first = cpu_to_le64(run.first);
		page.run[i].count = cpu_to_le32(run.count);
		page.run[i].store = cpu_to_le32(run.value);
	}
	if (!strcmp(fault, "fuzz") && !random_below(8))
		scramble(&page);
	ring->csum = lc_seal(super.store_uuid, address, &page, &page.csum);
	ring->sequence++;
	ring->block = (ring->block + 1) % super.layout.journal_blocks;
	if (!faulty("journal-gap"))
		put(address, &page);
	printf("# journal %u\n", address);
}

static void put_groups(u32 groups)
{
	struct ring ring = {
		.sequence = super.replay_sequence,
		.block = super.replay_block,
		.csum = super.replay_csum,
	};
	u16 size, i;
	u32 n;

	for (n = 0; n < groups; n++) {
		size = (u16)(1 + random_below(3));
		for (i = 0; i < size; i++)
			put_journal(&ring, i, i + 1 == size, false);
	}
	/* A group that lacks its end: power was lost, and nothing is wrong. */
	put_journal(&ring, 0, false, true);
}

static void print_model(void)
{
	u64 runs = 0, zeros = 0, data = 0, i, n;

	for (i = 0; i < blocks; i += n) {
		u32 value = model[i];
		u32 step = value == LC_ENTRY_UNMAPPED || value == LC_ENTRY_ZERO ?
			   0 : 1;

		for (n = 1; i + n < blocks &&
		     model[i + n] == value + step * (u32)n; n++)
			;
		if (value == LC_ENTRY_UNMAPPED)
			continue;
		runs++;
		*(step ? &data : &zeros) += n;
		if (step)
			printf("data %llu %llu %u\n", (unsigned long long)i,
			       (unsigned long long)n, value);
		else
			printf("zero %llu %llu\n", (unsigned long long)i,
			       (unsigned long long)n);
	}
	printf("end %llu %llu %llu\n", (unsigned long long)runs,
	       (unsigned long long)data, (unsigned long long)zeros);
}

static void break_super(u32 page_count)
{
	if (faulty("page-blocks"))
		super.page_blocks = page_count + 1;
	if (faulty("reserve-extra"))
		__set_bit((unsigned int)find_next_zero_bit(super.reserve_map,
				super.layout.reserve_blocks, 0),
			  super.reserve_map);
	if (faulty("reserve-missing"))
		__clear_bit((unsigned int)find_next_bit(super.reserve_map,
				super.layout.reserve_blocks, 0),
			    super.reserve_map);
	if (faulty("hostile-name"))
		strcpy(super.clone_name, "\033[2Jx\xff");
	if (faulty("high-water"))
		super.high_water = super.layout.data_start;
}

static void put_supers(void)
{
	u8 page[LC_BLOCK_SIZE];
	struct lc_disk_super *disk = (void *)page;
	u32 copy;

	for (copy = 0; copy < 2; copy++) {
		if (copy && faulty("super-differ"))
			strcpy(super.clone_name, "other");
		/* The one before the last checkpoint's second write: no damage. */
		if (copy && faulty("stale-copy"))
			continue;
		lc_super_encode(&super, copy, page);
		if (!strcmp(fault, "fuzz") && !random_below(4)) {
			scramble(page);
			lc_seal(super.store_uuid, lc_super_address(copy), page,
				&disk->csum);
		}
		put(lc_super_address(copy), page);
	}
}

/* Headers of a later version. */
static void put_header(void)
{
	struct lc_header header = store.header;
	u8 page[LC_BLOCK_SIZE];
	struct lc_disk_header *disk = (void *)page;

	header.features_incompat = faulty("incompat") ? 1ull << 40 : 0;
	header.features_ro_compat = faulty("ro-compat") ? 1ull << 40 : 0;
	header.features_compat = faulty("compat") ? 1 : 0;
	lc_header_encode(&header, page);
	if (faulty("version"))
		disk->version = cpu_to_le32(2);
	if (faulty("block-size"))
		disk->block_bytes = cpu_to_le32(8192);
	if (faulty("csum-type"))
		disk->csum_type = cpu_to_le32(LC_CSUM_CRC32C + 1);
	lc_seal(header.store_uuid, LC_HEADER_BLOCK, page, &disk->csum);
	put(LC_HEADER_BLOCK, page);
}

int main(int argc, char **argv)
{
	if (argc < 5 || store_open_load(argv[1], STORE_WRITE, &store))
		return 2;
	srandom((unsigned int)atoi(argv[2]));
	fault = argc > 5 ? argv[5] : "";
	fault_after = argc > 6 ? atoi(argv[6]) : 0;
	super = *store_super(&store);
	blocks = lc_blocks_of(super.clone_sectors);
	model = calloc(blocks, sizeof(*model));
	free_block = super.high_water;
	super.generation++;
	super.epoch = 7;
	super.replay_sequence = 1000;
	super.replay_block = random_below(super.layout.journal_blocks);
	super.replay_csum = 12345;

	fill_leaves((u32)atoi(argv[3]));
	super.root = build((u8)super.root_level, 0);
	super.high_water = free_block;
	break_super(super.page_blocks);
	put_groups((u32)atoi(argv[4]));
	put_supers();
	put_header();
	print_model();
	free(model);
	store_close(&store);
	return 0;
}
