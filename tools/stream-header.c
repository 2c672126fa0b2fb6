// SPDX-License-Identifier: GPL-2.0
/* The header of a delta stream, between disk and core form. */

#include "stream-header.h"

u32 stream_record_csum(const struct stream_disk_record *record, u32 seed)
{
	struct stream_disk_record copy = *record;

	copy.csum = 0;
	return ~crc32c(seed, &copy, sizeof(copy));
}

static u32 header_csum(const struct stream_disk_header *disk)
{
	struct stream_disk_header copy = *disk;

	copy.csum = 0;
	return ~crc32c(~0u, &copy, sizeof(copy));
}

u32 stream_header_encode(const struct stream_header *header,
			 struct stream_disk_header *disk)
{
	u32 csum;

	memset(disk, 0, sizeof(*disk));
	memcpy(disk->magic, STREAM_MAGIC, STREAM_MAGIC_BYTES);
	disk->version = cpu_to_le32(STREAM_VERSION);
	disk->csum_type = cpu_to_le32(LC_CSUM_CRC32C);
	disk->block_bytes = cpu_to_le32(LC_BLOCK_SIZE);
	memcpy(disk->clone_uuid, header->clone_uuid, LC_UUID_BYTES);
	memcpy(disk->base_uuid, header->base_uuid, LC_UUID_BYTES);
	memcpy(disk->end_uuid, header->end_uuid, LC_UUID_BYTES);
	memcpy(disk->snapshot_set, header->snapshot_set, LC_UUID_BYTES);
	disk->head_generation = cpu_to_le64(header->head_generation);
	disk->clone_sectors = cpu_to_le64(header->clone_sectors);
	disk->overlap_sectors = cpu_to_le64(header->overlap_sectors);
	disk->base_sectors = cpu_to_le64(header->base_sectors);
	disk->data_blocks = cpu_to_le64(header->data_blocks);
	disk->zero_blocks = cpu_to_le64(header->zero_blocks);
	disk->origin_kind = cpu_to_le32(header->origin_kind);
	disk->fingerprint_algorithm = cpu_to_le32(header->fingerprint_algorithm);
	disk->origin_sectors = cpu_to_le64(header->origin_sectors);
	memcpy(disk->origin_uuid, header->origin_uuid, LC_UUID_BYTES);
	memcpy(disk->fingerprint, header->fingerprint, LC_FINGERPRINT_BYTES);
	memcpy(disk->clone_name, header->clone_name, LC_NAME_BYTES);
	memcpy(disk->snapshot_name, header->snapshot_name, LC_NAME_BYTES);
	memcpy(disk->base_name, header->base_name, LC_NAME_BYTES);
	memcpy(disk->origin_name, header->origin_name, LC_NAME_BYTES);
	csum = header_csum(disk);
	disk->csum = cpu_to_le32(csum);
	return csum;
}

static void decode(const struct stream_disk_header *disk,
		   struct stream_header *header)
{
	memcpy(header->clone_uuid, disk->clone_uuid, LC_UUID_BYTES);
	memcpy(header->base_uuid, disk->base_uuid, LC_UUID_BYTES);
	memcpy(header->end_uuid, disk->end_uuid, LC_UUID_BYTES);
	memcpy(header->snapshot_set, disk->snapshot_set, LC_UUID_BYTES);
	header->head_generation = le64_to_cpu(disk->head_generation);
	header->clone_sectors = le64_to_cpu(disk->clone_sectors);
	header->overlap_sectors = le64_to_cpu(disk->overlap_sectors);
	header->base_sectors = le64_to_cpu(disk->base_sectors);
	header->data_blocks = le64_to_cpu(disk->data_blocks);
	header->zero_blocks = le64_to_cpu(disk->zero_blocks);
	header->origin_kind = le32_to_cpu(disk->origin_kind);
	header->fingerprint_algorithm = le32_to_cpu(disk->fingerprint_algorithm);
	header->origin_sectors = le64_to_cpu(disk->origin_sectors);
	memcpy(header->origin_uuid, disk->origin_uuid, LC_UUID_BYTES);
	memcpy(header->fingerprint, disk->fingerprint, LC_FINGERPRINT_BYTES);
	memcpy(header->clone_name, disk->clone_name, LC_NAME_BYTES);
	memcpy(header->snapshot_name, disk->snapshot_name, LC_NAME_BYTES);
	memcpy(header->base_name, disk->base_name, LC_NAME_BYTES);
	memcpy(header->origin_name, disk->origin_name, LC_NAME_BYTES);
}

/* The checksum keeps accidents out, not who makes a stream on purpose. */
static const char *check(const struct stream_header *header)
{
	bool above_origin = lc_uuid_is_null(header->base_uuid);
	u64 blocks = lc_blocks_of(header->clone_sectors);
	u64 below = above_origin ? header->origin_sectors : header->base_sectors;

	if (!header->clone_sectors || header->clone_sectors > LC_CLONE_SECTORS_MAX)
		return "names an impossible clone size";
	if (header->overlap_sectors > header->clone_sectors ||
	    header->overlap_sectors > below)
		return "sees more of what is below it than there is";
	if (header->data_blocks > blocks ||
	    header->zero_blocks > blocks - header->data_blocks)
		return "names more blocks than the clone has";
	if (lc_uuid_is_null(header->end_uuid) ||
	    !memcmp(header->end_uuid, header->base_uuid, LC_UUID_BYTES))
		return "does not name the content that it leads to";
	if (header->origin_kind > LC_ORIGIN_DEVICE ||
	    (header->origin_kind == LC_ORIGIN_DEVICE) != !!header->origin_sectors)
		return "names an impossible origin";
	if (header->clone_name[LC_NAME_BYTES - 1] ||
	    header->snapshot_name[LC_NAME_BYTES - 1] ||
	    header->base_name[LC_NAME_BYTES - 1] ||
	    header->origin_name[LC_NAME_BYTES - 1])
		return "holds a name without an end";
	return NULL;
}

const char *stream_header_decode(const struct stream_disk_header *disk,
				 struct stream_header *header, bool *unknown)
{
	*unknown = true;
	if (memcmp(disk->magic, STREAM_MAGIC, STREAM_MAGIC_BYTES))
		return "is no delta stream of lclone";
	if (le32_to_cpu(disk->version) != STREAM_VERSION ||
	    le32_to_cpu(disk->csum_type) != LC_CSUM_CRC32C)
		return "is of a version that is not known here";
	*unknown = false;
	if (le32_to_cpu(disk->csum) != header_csum(disk))
		return "is damaged (checksum of its header does not match)";
	*unknown = true;
	if (le32_to_cpu(disk->block_bytes) != LC_BLOCK_SIZE || disk->features)
		return "has features that are not known here";
	*unknown = false;
	decode(disk, header);
	return check(header);
}
