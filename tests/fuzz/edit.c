// SPDX-License-Identifier: GPL-2.0
/*
 * Edits of a store's metadata.  One edit is 12 bytes:
 *
 *	0	place: modulo 5 the kind of block, the rest which one of them
 *	1	what: low 3 bits the kind of edit, high bits EDIT_* flags
 *	2-3	offset, or number of the other place
 *	4-11	value
 *
 * After the edit the block is sealed anew, and with EDIT_CHAIN its parents learn
 * of the new seal, up to the superblocks.
 */

#include "image.h"

enum edit_kind {
	EDIT_U8, EDIT_U32, EDIT_U64, EDIT_FLIP, EDIT_ZERO, EDIT_SWAP, EDIT_TELLING,
	EDIT_FIELD
};

#define EDIT_UNSEALED	0x08	/* leave the seal broken */
#define EDIT_CHAIN	0x10
#define EDIT_COUNTS	0x20	/* and of new counts */
#define EDIT_BOTH	0x40	/* a superblock: the other copy is made like it */

static u8 *block_of(const struct image *image, u32 block)
{
	return image->bytes + (size_t)block * LC_BLOCK_SIZE;
}

static void reseal(struct image *image, const struct image_place *place)
{
	u8 *page = block_of(image, place->block);

	if (place->kind == IMAGE_HEADER)
		lc_seal(((struct lc_disk_header *)page)->store_uuid,
			place->block, page,
			&((struct lc_disk_header *)page)->csum);
	else
		lc_seal(image->uuid, place->block, page,
			&((struct lc_disk_page *)page)->csum);
}

static void put_counts(const struct image *image,
		       const struct image_place *place, struct lc_disk_ref *disk)
{
	const u8 *page = block_of(image, place->block);
	const struct lc_disk_node *node = (const void *)page;
	const struct lc_disk_leaf *leaf = (const void *)page;
	u32 entry[LC_LEAF_ENTRIES], data, zeros, i;
	u64 all_data = 0, all_zeros = 0;

	if (place->kind == IMAGE_LEAF) {
		for (i = 0; i < LC_LEAF_ENTRIES; i++)
			entry[i] = le32_to_cpu(leaf->entry[i]);
		lc_leaf_count(entry, &data, &zeros);
		all_data = data;
		all_zeros = zeros;
	}
	for (i = 0; place->kind == IMAGE_NODE && i < LC_NODE_CHILDREN; i++) {
		all_data += le32_to_cpu(node->child[i].data_blocks);
		all_zeros += le64_to_cpu(node->child[i].zero_blocks);
	}
	disk->data_blocks = cpu_to_le32((u32)all_data);
	disk->zero_blocks = cpu_to_le64(all_zeros);
}

static void put_ref(struct image *image, const struct image_place *place,
		    struct lc_disk_ref *disk, u8 flags)
{
	const struct lc_disk_page *head =
		(const void *)block_of(image, place->block);

	disk->csum = head->csum;
	disk->generation = head->generation;
	if (flags & EDIT_COUNTS)
		put_counts(image, place, disk);
}

/* What the place says of itself, to all above it. */
static void tell_parents(struct image *image, const struct image_place *place,
			 u8 flags)
{
	struct lc_disk_node *node;
	struct lc_disk_super *super;
	u32 copy;

	for (; place->parent >= 0; place = &image->place[place->parent]) {
		node = (void *)block_of(image,
					image->place[place->parent].block);
		put_ref(image, place, &node->child[place->child], flags);
		reseal(image, &image->place[place->parent]);
	}
	for (copy = 0; copy < 2; copy++) {
		super = (void *)block_of(image, lc_super_address(copy));
		put_ref(image, place, &super->root, flags);
		lc_seal(image->uuid, lc_super_address(copy), super, &super->csum);
	}
}

/* Numbers on which something turns. */
static u64 telling(const struct image *image, u64 n)
{
	const struct lc_layout *layout = &image->super.layout;
	const u64 value[] = {
		0, 1, 2, 255, 256, ~0ull, 0x7fffffff, 0x80000000, 0xffffff00,
		0xfffffffe, 0xffffffff, 1ull << 63, layout->journal_start,
		layout->reserve_start, layout->data_start - 1,
		layout->data_start, layout->data_end - 1, layout->data_end,
		layout->store_blocks, image->super.high_water,
		lc_blocks_of(image->super.clone_sectors), LC_LEAF_ENTRIES,
		LC_NODE_CHILDREN, LC_JOURNAL_RUNS, LC_JOURNAL_RUNS + 1,
		image->place[n / 64 % image->places].block,
		image->super.generation, image->super.generation + 1,
		image->super.replay_sequence,
	};

	return value[n % (sizeof(value) / sizeof(*value))];
}

/* Where fields of a block of this kind begin; the first bytes of each matter most. */
static u32 field(u32 kind, u32 n)
{
	static const u32 header[] = { 0, 16, 20, 24, 28, 32, 40, 48, 56 };
	static const u32 super[] = {
		0, 8, 16, 96, 100, 104, 112, 120, 128, 132, 136, 140, 144, 148,
		152, 156, 160, 168, 176, 180, 184, 188, 192, 200, 208, 212, 216,
		220, 224, 296, 752, 760
	};
	static const u32 page[] = { 0, 8, 16, 24, 28 };
	static const u32 journal[] = { 0, 8, 16, 24, 28, 30, 32, 64, 72, 76, 80, 88 };

	switch (kind) {
	case IMAGE_HEADER:
		return header[n % (sizeof(header) / sizeof(u32))];
	case IMAGE_SUPER:
		return super[n % (sizeof(super) / sizeof(u32))];
	case IMAGE_JOURNAL:
		return journal[n % (sizeof(journal) / sizeof(u32))];
	case IMAGE_LEAF:
		return n % 8 ? 64 + n / 8 % LC_LEAF_ENTRIES * 4 : page[n / 8 % 5];
	default:
		/* A ref: generation, zeros, data, address, checksum, state. */
		return n % 8 ? 64 + n / 8 % LC_NODE_CHILDREN * 32 +
			       (n % 8 > 5 ? 28 : n % 8 > 1 ? (n % 8 + 2) * 4 : 0) :
			       page[n / 8 % 5];
	}
}

static void put_u32(u8 *at, u64 value)
{
	__le32 le = cpu_to_le32((u32)value);

	memcpy(at, &le, sizeof(le));
}

static void swap_blocks(struct image *image, u32 a, u32 b)
{
	u8 held[LC_BLOCK_SIZE];

	memcpy(held, block_of(image, a), LC_BLOCK_SIZE);
	memmove(block_of(image, a), block_of(image, b), LC_BLOCK_SIZE);
	memcpy(block_of(image, b), held, LC_BLOCK_SIZE);
}

static void change(struct image *image, const struct image_place *place,
		   u32 kind, u32 offset, u64 value)
{
	u8 *page = block_of(image, place->block);
	__le64 le = cpu_to_le64(value);

	switch (kind) {
	case EDIT_U8:
		page[offset % LC_BLOCK_SIZE] = (u8)value;
		return;
	case EDIT_U32:
		put_u32(page + offset % 1024 * 4, value);
		return;
	case EDIT_U64:
		memcpy(page + offset % 512 * 8, &le, sizeof(le));
		return;
	case EDIT_FLIP:
		page[offset % LC_BLOCK_SIZE] ^= (u8)(1 << value % 8);
		return;
	case EDIT_ZERO:
		memset(page + offset % LC_BLOCK_SIZE, 0,
		       LC_BLOCK_SIZE - offset % LC_BLOCK_SIZE);
		return;
	case EDIT_SWAP:
		swap_blocks(image, place->block,
			    image->place[offset % image->places].block);
		return;
	case EDIT_TELLING:
		put_u32(page + field(place->kind, offset), telling(image, value));
		return;
	default:
		put_u32(page + field(place->kind, offset), value);
	}
}

/* Each kind as often as the others, however many blocks of it there are. */
static const struct image_place *choose(const struct image *image, u32 n)
{
	u32 kind = n % 5, count = 0, i;

	for (i = 0; i < image->places; i++)
		count += image->place[i].kind == kind;
	if (!count)
		return &image->place[n % image->places];
	n = n / 5 % count;
	for (i = 0; image->place[i].kind != kind || n--; i++)
		;
	return &image->place[i];
}

static void edit(struct image *image, const u8 *data)
{
	const struct image_place *place = choose(image, data[0]);
	u32 offset = data[2] | (u32)data[3] << 8, kind = data[1] & 7;
	u64 value = 0;
	int i;

	for (i = 7; i >= 0; i--)
		value = value << 8 | data[4 + i];
	change(image, place, kind, offset, value);
	if (data[1] & EDIT_UNSEALED)
		return;
	reseal(image, place);
	if (kind == EDIT_SWAP)
		reseal(image, &image->place[offset % image->places]);
	if (place->kind == IMAGE_SUPER && data[1] & EDIT_BOTH) {
		u32 other = lc_super_address(place->block == LC_SUPER_BLOCK_0);
		struct lc_disk_super *copy = (void *)block_of(image, other);

		memcpy(copy, block_of(image, place->block), LC_BLOCK_SIZE);
		lc_seal(image->uuid, other, copy, &copy->csum);
	}
	if (data[1] & EDIT_CHAIN &&
	    (place->kind == IMAGE_LEAF || place->kind == IMAGE_NODE))
		tell_parents(image, place, data[1]);
}

void image_edit(struct image *image, const u8 *data, size_t bytes)
{
	for (; bytes >= EDIT_BYTES; data += EDIT_BYTES, bytes -= EDIT_BYTES)
		edit(image, data);
}
