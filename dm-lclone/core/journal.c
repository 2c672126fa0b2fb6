// SPDX-License-Identifier: GPL-2.0
/* The journal: groups into blocks, and blocks back into runs. */

#include "store.h"

u32 lc_journal_room(const struct lc_store *store)
{
	const struct lc_journal *journal = &store->journal;
	u32 blocks = store->super.layout.journal_blocks;
	u64 used = journal->head.sequence - journal->tail.sequence;

	/* One block stays free, so that a full ring is not an empty one. */
	return used < blocks - 1 ? (u32)(blocks - 1 - used) : 0;
}

u32 lc_group_leaves(const struct lc_store *store)
{
	return lc_dirty_cap(store->super.layout.reserve_blocks) /
	       (store->super.root_level + 1);
}

static struct lc_disk_journal *last_page(struct lc_group *group)
{
	return group->vec[group->blocks - 1].page;
}

/* Whether the run before can simply be made longer. */
static bool join(struct lc_group *group, u64 first, u32 count, u32 value)
{
	struct lc_disk_run *last;
	u32 last_count, last_value;

	if (!group->blocks || !group->runs)
		return false;
	last = &last_page(group)->run[group->runs - 1];
	last_count = le32_to_cpu(last->count);
	last_value = le32_to_cpu(last->store);
	if (le64_to_cpu(last->first) + last_count != first ||
	    last_count + count < last_count)
		return false;
	if (lc_entry_is_data(value) != lc_entry_is_data(last_value) ||
	    lc_entry_behind(last_value, last_count) != value)
		return false;
	last->count = cpu_to_le32(last_count + count);
	return true;
}

/* The round keeps a page for the first block; more are taken if there are any. */
static bool next_page(struct lc_store *store, struct lc_group *group)
{
	void *page;

	if (group->blocks == group->most)
		return false;
	page = group->blocks ? store->ops->page_get(store->ctx, false) :
			       store->round.page;
	if (!page)
		return false;
	memset(page, 0, LC_BLOCK_SIZE);
	if (group->blocks)
		last_page(group)->runs = cpu_to_le16((u16)group->runs);
	group->vec[group->blocks++].page = page;
	group->runs = 0;
	return true;
}

bool lc_group_add(struct lc_store *store, struct lc_group *group, u64 first,
		  u32 count, u32 value)
{
	struct lc_disk_run *run;

	if (join(group, first, count, value))
		return true;
	if (!group->blocks || group->runs == LC_JOURNAL_RUNS)
		if (!next_page(store, group))
			return false;
	run = &last_page(group)->run[group->runs++];
	run->first = cpu_to_le64(first);
	run->count = cpu_to_le32(count);
	run->store = cpu_to_le32(value);
	if (value == LC_ENTRY_UNMAPPED)
		last_page(group)->flags |= cpu_to_le32(LC_JOURNAL_UNMAPS);
	return true;
}

void lc_group_seal(struct lc_store *store, struct lc_group *group)
{
	const struct lc_super *super = &store->super;
	struct lc_journal *journal = &store->journal;
	struct lc_journal_mark *head = &journal->head;
	struct lc_disk_journal *disk;
	unsigned int i;

	last_page(group)->runs = cpu_to_le16((u16)group->runs);
	last_page(group)->flags |= cpu_to_le32(LC_JOURNAL_CLOSES);
	for (i = 0; i < group->blocks; i++) {
		u32 address = super->layout.journal_start + head->block;

		disk = group->vec[i].page;
		group->vec[i].block = address;
		disk->magic = cpu_to_le32(LC_MAGIC_JOURNAL);
		disk->epoch = cpu_to_le64(journal->epoch);
		disk->sequence = cpu_to_le64(head->sequence);
		disk->previous_csum = cpu_to_le32(head->csum);
		disk->position = cpu_to_le16((u16)i);
		head->csum = lc_seal(super->store_uuid, address, disk,
				     &disk->csum);
		head->sequence++;
		head->block = (head->block + 1) % super->layout.journal_blocks;
	}
}

static bool unmaps(const struct lc_disk_journal *disk, u32 runs)
{
	u32 i;

	for (i = 0; i < runs; i++)
		if (le32_to_cpu(disk->run[i].store) == LC_ENTRY_UNMAPPED)
			return true;
	return false;
}

const char *lc_journal_decode(const void *page, const u8 *uuid, u32 address,
			      struct lc_journal_block *block)
{
	const struct lc_disk_journal *disk = page;

	block->sealed = false;
	if (le32_to_cpu(disk->magic) != LC_MAGIC_JOURNAL)
		return "wrong magic";
	if (!lc_sealed(uuid, address, page, &disk->csum))
		return "checksum does not match";
	block->sealed = true;
	block->epoch = le64_to_cpu(disk->epoch);
	block->sequence = le64_to_cpu(disk->sequence);
	block->csum = le32_to_cpu(disk->csum);
	block->previous_csum = le32_to_cpu(disk->previous_csum);
	block->position = le16_to_cpu(disk->position);
	block->runs = le16_to_cpu(disk->runs);
	block->closes = le32_to_cpu(disk->flags) & LC_JOURNAL_CLOSES;
	if (le32_to_cpu(disk->flags) & ~LC_JOURNAL_FLAGS)
		return "it has a flag that is not known here";
	if (!block->runs || block->runs > LC_JOURNAL_RUNS)
		return "it counts an impossible number of runs";
	if (!(le32_to_cpu(disk->flags) & LC_JOURNAL_UNMAPS) &&
	    unmaps(disk, block->runs))
		return "it unmaps blocks, and does not have the flag of that";
	return NULL;
}

void lc_journal_run(const void *page, u32 i, struct lc_run *run)
{
	const struct lc_disk_run *disk = &((const struct lc_disk_journal *)page)->run[i];

	run->first = le64_to_cpu(disk->first);
	run->count = le32_to_cpu(disk->count);
	run->value = le32_to_cpu(disk->store);
}

bool lc_run_valid(const struct lc_run *run, u64 blocks,
		  const struct lc_layout *layout)
{
	if (!run->count || run->first >= blocks ||
	    run->count > blocks - run->first)
		return false;
	return !lc_entry_is_data(run->value) ||
	       (lc_data_address_valid(run->value, layout) &&
		run->count <= layout->data_end - run->value);
}
