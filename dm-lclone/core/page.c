// SPDX-License-Identifier: GPL-2.0
/* Seals of metadata blocks, and the pages of the tree in both forms. */

#include "page.h"

static u32 seal_of(const u8 *uuid, u32 address, const void *page,
		   const __le32 *csum)
{
	const u8 *bytes = page;
	size_t at = (size_t)((const u8 *)csum - bytes);
	__le64 place = cpu_to_le64(address);
	__le32 none = 0;
	u32 crc = ~0u;

	crc = crc32c(crc, uuid, LC_UUID_BYTES);
	crc = crc32c(crc, &place, sizeof(place));
	crc = crc32c(crc, bytes, at);
	crc = crc32c(crc, &none, sizeof(none));
	at += sizeof(none);
	return ~crc32c(crc, bytes + at, LC_BLOCK_SIZE - at);
}

u32 lc_seal(const u8 *uuid, u32 address, void *page, __le32 *csum)
{
	u32 seal = seal_of(uuid, address, page, csum);

	*csum = cpu_to_le32(seal);
	return seal;
}

bool lc_sealed(const u8 *uuid, u32 address, const void *page, const __le32 *csum)
{
	return le32_to_cpu(*csum) == seal_of(uuid, address, page, csum);
}

void lc_ref_encode(const struct lc_ref *ref, struct lc_disk_ref *disk)
{
	memset(disk, 0, sizeof(*disk));
	disk->generation = cpu_to_le64(ref->generation);
	disk->zero_blocks = cpu_to_le64(ref->zero_blocks);
	disk->data_blocks = cpu_to_le32(ref->data_blocks);
	disk->address = cpu_to_le32(ref->address);
	disk->csum = cpu_to_le32(ref->csum);
	disk->state = ref->state;
}

void lc_ref_decode(const struct lc_disk_ref *disk, struct lc_ref *ref)
{
	memset(ref, 0, sizeof(*ref));
	ref->generation = le64_to_cpu(disk->generation);
	ref->zero_blocks = le64_to_cpu(disk->zero_blocks);
	ref->data_blocks = le32_to_cpu(disk->data_blocks);
	ref->address = le32_to_cpu(disk->address);
	ref->csum = le32_to_cpu(disk->csum);
	ref->state = disk->state;
}

bool lc_ref_equal(const struct lc_ref *a, const struct lc_ref *b)
{
	return a->generation == b->generation &&
	       a->zero_blocks == b->zero_blocks &&
	       a->data_blocks == b->data_blocks && a->address == b->address &&
	       a->csum == b->csum && a->state == b->state;
}

bool lc_data_address_valid(u32 address, const struct lc_layout *layout)
{
	return address >= layout->data_start && address < layout->data_end;
}

bool lc_page_address_valid(u32 address, const struct lc_layout *layout)
{
	return address >= layout->reserve_start && address < layout->data_end;
}

bool lc_ref_valid(const struct lc_ref *ref, const struct lc_layout *layout)
{
	switch (ref->state) {
	case LC_REF_NONE:
		return !ref->address && !ref->data_blocks && !ref->zero_blocks;
	case LC_REF_ZERO:
		return !ref->address && !ref->data_blocks;
	case LC_REF_PAGE:
		return lc_page_address_valid(ref->address, layout);
	default:
		return false;
	}
}

static void head_encode(struct lc_disk_page *head, u32 magic,
			struct lc_page_id id, const struct lc_ref *ref)
{
	memset(head, 0, sizeof(*head));
	head->magic = cpu_to_le32(magic);
	head->generation = cpu_to_le64(ref->generation);
	head->index = cpu_to_le64(id.index);
	head->address = cpu_to_le32(ref->address);
	head->level = id.level;
}

void lc_leaf_encode(const u32 *entry, struct lc_page_id id, const u8 *uuid,
		    struct lc_ref *ref, void *page)
{
	struct lc_disk_leaf *leaf = page;
	u32 i;

	head_encode(&leaf->head, LC_MAGIC_LEAF, id, ref);
	for (i = 0; i < LC_LEAF_ENTRIES; i++)
		leaf->entry[i] = cpu_to_le32(entry[i]);
	ref->csum = lc_seal(uuid, ref->address, page, &leaf->head.csum);
}

void lc_node_encode(const struct lc_ref *child, struct lc_page_id id,
		    const u8 *uuid, struct lc_ref *ref, void *page)
{
	struct lc_disk_node *node = page;
	u32 i;

	head_encode(&node->head, LC_MAGIC_NODE, id, ref);
	for (i = 0; i < LC_NODE_CHILDREN; i++)
		lc_ref_encode(&child[i], &node->child[i]);
	ref->csum = lc_seal(uuid, ref->address, page, &node->head.csum);
}

static const char *head_check(const struct lc_disk_page *head, u32 magic,
			      struct lc_page_id id, const u8 *uuid,
			      const struct lc_ref *ref)
{
	if (le32_to_cpu(head->magic) != magic)
		return "wrong magic";
	if (!lc_sealed(uuid, ref->address, head, &head->csum))
		return "checksum does not match";
	if (le32_to_cpu(head->csum) != ref->csum ||
	    le64_to_cpu(head->generation) != ref->generation)
		return "not the version that its parent names";
	if (le32_to_cpu(head->address) != ref->address ||
	    le64_to_cpu(head->index) != id.index || head->level != id.level)
		return "belongs to another place";
	return NULL;
}

void lc_leaf_count(const u32 *entry, u32 *data_blocks, u32 *zero_blocks)
{
	u32 i;

	*data_blocks = 0;
	*zero_blocks = 0;
	for (i = 0; i < LC_LEAF_ENTRIES; i++) {
		if (entry[i] == LC_ENTRY_ZERO)
			++*zero_blocks;
		else if (entry[i] != LC_ENTRY_UNMAPPED)
			++*data_blocks;
	}
}

void lc_node_count(const struct lc_ref *child, u64 *data_blocks,
		   u64 *zero_blocks)
{
	u32 i;

	*data_blocks = 0;
	*zero_blocks = 0;
	for (i = 0; i < LC_NODE_CHILDREN; i++) {
		*data_blocks += child[i].data_blocks;
		*zero_blocks += child[i].zero_blocks;
	}
}

const char *lc_leaf_decode(const void *page, struct lc_page_id id,
			   const u8 *uuid, const struct lc_ref *ref,
			   const struct lc_layout *layout, u32 *entry)
{
	const struct lc_disk_leaf *leaf = page;
	const char *why = head_check(&leaf->head, LC_MAGIC_LEAF, id, uuid, ref);
	u32 data_blocks, zero_blocks, i;

	if (why)
		return why;
	for (i = 0; i < LC_LEAF_ENTRIES; i++) {
		entry[i] = le32_to_cpu(leaf->entry[i]);
		if (entry[i] != LC_ENTRY_UNMAPPED && entry[i] != LC_ENTRY_ZERO &&
		    !lc_data_address_valid(entry[i], layout))
			return "an entry names a block outside the data area";
	}
	lc_leaf_count(entry, &data_blocks, &zero_blocks);
	if (data_blocks != ref->data_blocks || zero_blocks != ref->zero_blocks)
		return "its counts are not what its parent says";
	return NULL;
}

const char *lc_node_decode(const void *page, struct lc_page_id id,
			   const u8 *uuid, const struct lc_ref *ref,
			   const struct lc_layout *layout, struct lc_ref *child)
{
	const struct lc_disk_node *node = page;
	const char *why = head_check(&node->head, LC_MAGIC_NODE, id, uuid, ref);
	u64 data_blocks, zero_blocks;
	u32 i;

	if (why)
		return why;
	for (i = 0; i < LC_NODE_CHILDREN; i++) {
		lc_ref_decode(&node->child[i], &child[i]);
		if (!lc_ref_valid(&child[i], layout))
			return "it holds an impossible reference";
	}
	lc_node_count(child, &data_blocks, &zero_blocks);
	if (data_blocks != ref->data_blocks || zero_blocks != ref->zero_blocks)
		return "its counts are not what its parent says";
	return NULL;
}
