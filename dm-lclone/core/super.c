// SPDX-License-Identifier: GPL-2.0
/* Header and superblock, between disk and core form. */

#include "super.h"

void lc_header_encode(const struct lc_header *header, void *page)
{
	struct lc_disk_header *disk = page;

	memset(disk, 0, sizeof(*disk));
	memcpy(disk->magic, LC_HEADER_MAGIC, LC_HEADER_MAGIC_BYTES);
	disk->version = cpu_to_le32(LC_FORMAT_VERSION);
	disk->csum_type = cpu_to_le32(LC_CSUM_CRC32C);
	disk->block_bytes = cpu_to_le32(LC_BLOCK_SIZE);
	disk->features_compat = cpu_to_le64(header->features_compat);
	disk->features_ro_compat = cpu_to_le64(header->features_ro_compat);
	disk->features_incompat = cpu_to_le64(header->features_incompat);
	memcpy(disk->store_uuid, header->store_uuid, LC_UUID_BYTES);
	lc_seal(header->store_uuid, LC_HEADER_BLOCK, page, &disk->csum);
}

const char *lc_header_decode(const void *page, struct lc_header *header,
			     enum lc_header_fault *fault)
{
	const struct lc_disk_header *disk = page;

	*fault = LC_HEADER_FOREIGN;
	if (memcmp(disk->magic, LC_HEADER_MAGIC, LC_HEADER_MAGIC_BYTES))
		return "is not an lclone store";
	/* A later version may seal in another way, so it is looked at first. */
	*fault = LC_HEADER_UNKNOWN;
	if (le32_to_cpu(disk->version) != LC_FORMAT_VERSION)
		return "has a format version that is not known here";
	if (le32_to_cpu(disk->csum_type) != LC_CSUM_CRC32C)
		return "has a checksum type that is not known here";
	*fault = LC_HEADER_DAMAGED;
	if (!lc_sealed(disk->store_uuid, LC_HEADER_BLOCK, page, &disk->csum))
		return "has a damaged header (checksum does not match)";
	*fault = LC_HEADER_UNKNOWN;
	if (le32_to_cpu(disk->block_bytes) != LC_BLOCK_SIZE)
		return "has a block size that is not known here";
	if (le64_to_cpu(disk->features_incompat) & ~LC_FEATURES_INCOMPAT)
		return "has an incompatible feature that is not known here";

	header->features_compat = le64_to_cpu(disk->features_compat);
	header->features_ro_compat = le64_to_cpu(disk->features_ro_compat);
	header->features_incompat = le64_to_cpu(disk->features_incompat);
	memcpy(header->store_uuid, disk->store_uuid, LC_UUID_BYTES);
	*fault = LC_HEADER_OK;
	return NULL;
}

u32 lc_super_address(unsigned int copy)
{
	return copy ? LC_SUPER_BLOCK_1 : LC_SUPER_BLOCK_0;
}

static void identity_encode(const struct lc_super *super,
			    struct lc_disk_super *disk)
{
	memcpy(disk->store_uuid, super->store_uuid, LC_UUID_BYTES);
	memcpy(disk->clone_uuid, super->clone_uuid, LC_UUID_BYTES);
	memcpy(disk->content_uuid, super->content_uuid, LC_UUID_BYTES);
	memcpy(disk->parent_uuid, super->parent_uuid, LC_UUID_BYTES);
	memcpy(disk->snapshot_set, super->snapshot_set, LC_UUID_BYTES);
	disk->origin_kind = cpu_to_le32(super->origin_kind);
	disk->fingerprint_algorithm = cpu_to_le32(super->fingerprint_algorithm);
	disk->origin_sectors = cpu_to_le64(super->origin_sectors);
	memcpy(disk->origin_uuid, super->origin_uuid, LC_UUID_BYTES);
	memcpy(disk->fingerprint, super->fingerprint, LC_FINGERPRINT_BYTES);
	memcpy(disk->owner_boot, super->owner_boot, LC_UUID_BYTES);
	disk->owner_epoch = cpu_to_le64(super->owner_epoch);
	memcpy(disk->owner_host, super->owner_host, LC_NAME_BYTES);
	memcpy(disk->clone_name, super->clone_name, LC_NAME_BYTES);
	memcpy(disk->origin_name, super->origin_name, LC_NAME_BYTES);
	memcpy(disk->origin_path, super->origin_path, LC_PATH_BYTES);
	memcpy(disk->snapshot_name, super->snapshot_name, LC_NAME_BYTES);
	memcpy(disk->parent_name, super->parent_name, LC_NAME_BYTES);
}

static void identity_decode(const struct lc_disk_super *disk,
			    struct lc_super *super)
{
	memcpy(super->store_uuid, disk->store_uuid, LC_UUID_BYTES);
	memcpy(super->clone_uuid, disk->clone_uuid, LC_UUID_BYTES);
	memcpy(super->content_uuid, disk->content_uuid, LC_UUID_BYTES);
	memcpy(super->parent_uuid, disk->parent_uuid, LC_UUID_BYTES);
	memcpy(super->snapshot_set, disk->snapshot_set, LC_UUID_BYTES);
	super->origin_kind = le32_to_cpu(disk->origin_kind);
	super->fingerprint_algorithm = le32_to_cpu(disk->fingerprint_algorithm);
	super->origin_sectors = le64_to_cpu(disk->origin_sectors);
	memcpy(super->origin_uuid, disk->origin_uuid, LC_UUID_BYTES);
	memcpy(super->fingerprint, disk->fingerprint, LC_FINGERPRINT_BYTES);
	memcpy(super->owner_boot, disk->owner_boot, LC_UUID_BYTES);
	super->owner_epoch = le64_to_cpu(disk->owner_epoch);
	memcpy(super->owner_host, disk->owner_host, LC_NAME_BYTES);
	memcpy(super->clone_name, disk->clone_name, LC_NAME_BYTES);
	memcpy(super->origin_name, disk->origin_name, LC_NAME_BYTES);
	memcpy(super->origin_path, disk->origin_path, LC_PATH_BYTES);
	memcpy(super->snapshot_name, disk->snapshot_name, LC_NAME_BYTES);
	memcpy(super->parent_name, disk->parent_name, LC_NAME_BYTES);
}

static void reserve_encode(const unsigned long *map, u8 *disk)
{
	u32 bit;

	memset(disk, 0, LC_RESERVE_MAX / 8);
	for (bit = find_next_bit(map, LC_RESERVE_MAX, 0); bit < LC_RESERVE_MAX;
	     bit = find_next_bit(map, LC_RESERVE_MAX, bit + 1))
		disk[bit / 8] |= 1 << bit % 8;
}

static void reserve_decode(const u8 *disk, unsigned long *map)
{
	u32 byte, bit;

	memset(map, 0, LC_RESERVE_MAX / 8);
	for (byte = 0; byte < LC_RESERVE_MAX / 8; byte++)
		for (bit = 0; disk[byte] >> bit; bit++)
			if (disk[byte] >> bit & 1)
				__set_bit(8 * byte + bit, map);
}

void lc_super_encode(const struct lc_super *super, unsigned int copy, void *page)
{
	const struct lc_layout *layout = &super->layout;
	struct lc_disk_super *disk = page;

	memset(disk, 0, sizeof(*disk));
	disk->magic = cpu_to_le32(LC_MAGIC_SUPER);
	disk->generation = cpu_to_le64(super->generation);
	identity_encode(super, disk);
	disk->state = cpu_to_le32(super->state);
	disk->layers = cpu_to_le32(super->layers);
	disk->head_generation = cpu_to_le64(super->head_generation);
	disk->clone_sectors = cpu_to_le64(super->clone_sectors);
	disk->overlap_sectors = cpu_to_le64(super->overlap_sectors);
	disk->store_blocks = cpu_to_le32(layout->store_blocks);
	disk->high_water = cpu_to_le32(super->high_water);
	disk->journal_start = cpu_to_le32(layout->journal_start);
	disk->journal_blocks = cpu_to_le32(layout->journal_blocks);
	disk->reserve_start = cpu_to_le32(layout->reserve_start);
	disk->reserve_blocks = cpu_to_le32(layout->reserve_blocks);
	disk->page_blocks = cpu_to_le32(super->page_blocks);
	disk->root_level = cpu_to_le32(super->root_level);
	lc_ref_encode(&super->root, &disk->root);
	disk->epoch = cpu_to_le64(super->epoch);
	disk->replay_sequence = cpu_to_le64(super->replay_sequence);
	disk->replay_block = cpu_to_le32(super->replay_block);
	disk->replay_csum = cpu_to_le32(super->replay_csum);
	reserve_encode(super->reserve_map, disk->reserve_map);
	lc_seal(super->store_uuid, lc_super_address(copy), page, &disk->csum);
}

static bool text_valid(const char *text, size_t bytes)
{
	return !text[bytes - 1];
}

/* Every field that later code leans on. */
static const char *super_check(const struct lc_super *super)
{
	const struct lc_layout *layout = &super->layout;

	if (!lc_layout_valid(layout))
		return "names an impossible layout";
	if (super->state < LC_STORE_WRITABLE || super->state > LC_STORE_RETIRED)
		return "is in an unknown state";
	if (super->layers > LC_LAYERS_MAX)
		return "stands on more layers than there may be";
	if (!super->layers != lc_uuid_is_null(super->parent_uuid))
		return "names a parent without layers, or layers without a parent";
	if (!super->clone_sectors || super->clone_sectors > LC_CLONE_SECTORS_MAX)
		return "names an impossible clone size";
	if (super->overlap_sectors > super->clone_sectors)
		return "names an overlap beyond the clone";
	/* A clone that was cut may have kept a higher tree. */
	if (super->root_level < lc_root_level(lc_blocks_of(super->clone_sectors)) ||
	    super->root_level > LC_MAX_HEIGHT)
		return "names a tree height that does not fit the clone";
	if (!lc_ref_valid(&super->root, layout))
		return "names an impossible root";
	if (super->high_water < layout->data_start ||
	    super->high_water > layout->data_end)
		return "names an impossible high-water mark";
	/*
	 * Not so the data blocks: until the replay, one that moved while the
	 * checkpoint ran may be in the images of both places.
	 */
	if (super->page_blocks > layout->data_end - layout->reserve_start)
		return "counts more pages than it has blocks";
	if (super->replay_block >= layout->journal_blocks)
		return "names an impossible replay point";
	if (super->origin_kind > LC_ORIGIN_DEVICE ||
	    (super->origin_kind == LC_ORIGIN_DEVICE && !super->origin_sectors))
		return "names an impossible origin";
	if (find_next_bit(super->reserve_map, LC_RESERVE_MAX,
			  layout->reserve_blocks) < LC_RESERVE_MAX)
		return "names reserve blocks that it does not have";
	if (!text_valid(super->owner_host, LC_NAME_BYTES) ||
	    !text_valid(super->clone_name, LC_NAME_BYTES) ||
	    !text_valid(super->origin_name, LC_NAME_BYTES) ||
	    !text_valid(super->origin_path, LC_PATH_BYTES) ||
	    !text_valid(super->snapshot_name, LC_NAME_BYTES) ||
	    !text_valid(super->parent_name, LC_NAME_BYTES))
		return "holds a name without an end";
	return NULL;
}

const char *lc_super_decode(const void *page, const u8 *store_uuid,
			    unsigned int copy, struct lc_super *super)
{
	const struct lc_disk_super *disk = page;
	struct lc_layout *layout = &super->layout;

	if (le32_to_cpu(disk->magic) != LC_MAGIC_SUPER)
		return "has the wrong magic";
	if (!lc_sealed(store_uuid, lc_super_address(copy), page, &disk->csum))
		return "is damaged (checksum does not match)";
	if (memcmp(disk->store_uuid, store_uuid, LC_UUID_BYTES))
		return "belongs to another store";

	super->generation = le64_to_cpu(disk->generation);
	identity_decode(disk, super);
	super->state = le32_to_cpu(disk->state);
	super->layers = le32_to_cpu(disk->layers);
	super->head_generation = le64_to_cpu(disk->head_generation);
	super->clone_sectors = le64_to_cpu(disk->clone_sectors);
	super->overlap_sectors = le64_to_cpu(disk->overlap_sectors);
	layout->store_blocks = le32_to_cpu(disk->store_blocks);
	layout->journal_start = le32_to_cpu(disk->journal_start);
	layout->journal_blocks = le32_to_cpu(disk->journal_blocks);
	layout->reserve_start = le32_to_cpu(disk->reserve_start);
	layout->reserve_blocks = le32_to_cpu(disk->reserve_blocks);
	lc_layout_finish(layout);
	super->high_water = le32_to_cpu(disk->high_water);
	super->page_blocks = le32_to_cpu(disk->page_blocks);
	super->root_level = le32_to_cpu(disk->root_level);
	lc_ref_decode(&disk->root, &super->root);
	super->epoch = le64_to_cpu(disk->epoch);
	super->replay_sequence = le64_to_cpu(disk->replay_sequence);
	super->replay_block = le32_to_cpu(disk->replay_block);
	super->replay_csum = le32_to_cpu(disk->replay_csum);
	reserve_decode(disk->reserve_map, super->reserve_map);
	return super_check(super);
}

const char *lc_chain_fits(const struct lc_super *child,
			  const struct lc_super *parent)
{
	/* How many there are is told by the identities alone: layers get merged. */
	if (!child->layers ||
	    memcmp(child->parent_uuid, parent->content_uuid, LC_UUID_BYTES))
		return "is not the layer that stands there: its content is another";
	if (child->origin_kind != parent->origin_kind ||
	    child->origin_sectors != parent->origin_sectors ||
	    child->fingerprint_algorithm != parent->fingerprint_algorithm ||
	    memcmp(child->fingerprint, parent->fingerprint, LC_FINGERPRINT_BYTES))
		return "stands on another origin";
	if (child->overlap_sectors > parent->clone_sectors)
		return "is smaller than what is seen of it";
	if (!memcmp(child->clone_uuid, parent->clone_uuid, LC_UUID_BYTES) &&
	    child->head_generation <= parent->head_generation)
		return "is of a later generation than what stands on it";
	return NULL;
}

const char *lc_chain_fault(const struct lc_super *child,
			   const struct lc_super *parent)
{
	if (parent->state != LC_STORE_FROZEN)
		return "is not frozen";
	return lc_chain_fits(child, parent);
}
