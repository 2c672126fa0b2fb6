// SPDX-License-Identifier: GPL-2.0
/* What a superblock says, as JSON and as text. */

#include "describe.h"

const char *describe_state(const struct lc_super *super)
{
	switch (super->state) {
	case LC_STORE_WRITABLE:
		return "writable";
	case LC_STORE_FROZEN:
		return "frozen";
	default:
		return "retired";
	}
}

const char *describe_uuid(const u8 *uuid, char text[UUID_TEXT_BYTES])
{
	return lc_uuid_is_null(uuid) ? "-" : print_uuid(uuid, text);
}

/* Bytes of the UTF-8 character at @text, or 0 when there is none to be shown. */
static size_t character(const unsigned char *text)
{
	size_t bytes = *text < 0x80 ? 1 : *text >= 0xc2 && *text < 0xe0 ? 2 :
		       *text >= 0xe0 && *text < 0xf0 ? 3 :
		       *text >= 0xf0 && *text < 0xf5 ? 4 : 0;
	size_t i;

	if (*text < ' ' || *text == 0x7f ||
	    (*text == 0xc2 && text[1] < 0xa0) ||
	    (*text == 0xe0 && text[1] < 0xa0) ||
	    (*text == 0xed && text[1] >= 0xa0) ||
	    (*text == 0xf0 && text[1] < 0x90) ||
	    (*text == 0xf4 && text[1] >= 0x90))
		return 0;
	for (i = 1; i < bytes; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return bytes;
}

const char *describe_text(const char *text, char clean[LC_PATH_BYTES])
{
	size_t at = 0;

	while (text[at]) {
		size_t bytes = character((const unsigned char *)text + at);

		if (bytes)
			memcpy(clean + at, text + at, bytes);
		else
			clean[at] = '?';
		at += bytes ? bytes : 1;
	}
	clean[at] = '\0';
	return clean;
}

static void add_text(struct json_object *object, const char *key,
		     const char *text)
{
	char clean[LC_PATH_BYTES];

	json_add_string(object, key, *text ? describe_text(text, clean) : NULL);
}

static struct json_object *describe_origin(const struct lc_super *super)
{
	char hex[2 * LC_FINGERPRINT_BYTES + 1];
	struct json_object *origin;

	if (super->origin_kind == LC_ORIGIN_NONE)
		return NULL;
	origin = json_object_new_object();
	add_text(origin, "device", super->origin_path);
	add_text(origin, "name", super->origin_name);
	json_add_uuid(origin, "uuid", super->origin_uuid);
	json_add_number(origin, "size_bytes", super->origin_sectors * 512);
	json_add_string(origin, "fingerprint_algorithm",
			super->fingerprint_algorithm ==
			LC_FINGERPRINT_SHA256_SAMPLED ? "sha256-sampled" : NULL);
	json_add_string(origin, "fingerprint",
			print_hex(super->fingerprint, LC_FINGERPRINT_BYTES, hex));
	return origin;
}

static struct json_object *describe_owner(const struct lc_super *super)
{
	struct json_object *owner;

	if (!*super->owner_host && lc_uuid_is_null(super->owner_boot))
		return NULL;
	owner = json_object_new_object();
	add_text(owner, "host", super->owner_host);
	json_add_uuid(owner, "boot", super->owner_boot);
	json_add_number(owner, "epoch", super->owner_epoch);
	return owner;
}

static void add_space(struct json_object *object, const struct lc_super *super)
{
	const struct lc_layout *layout = &super->layout;

	json_add_number(object, "store_bytes",
			(u64)layout->store_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "journal_bytes",
			(u64)layout->journal_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "reserve_bytes",
			(u64)layout->reserve_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "high_water_bytes",
			(u64)super->high_water * LC_BLOCK_SIZE);
	json_add_number(object, "metadata_bytes",
			(u64)super->page_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "data_bytes",
			(u64)super->root.data_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "zero_bytes",
			super->root.zero_blocks * LC_BLOCK_SIZE);
}

struct json_object *describe_super(const struct lc_super *super)
{
	struct json_object *object = json_object_new_object();

	add_text(object, "name", super->clone_name);
	json_add_uuid(object, "uuid", super->clone_uuid);
	json_add_uuid(object, "store_uuid", super->store_uuid);
	json_add_uuid(object, "content_uuid", super->content_uuid);
	json_add_uuid(object, "parent_uuid", super->parent_uuid);
	json_add_uuid(object, "snapshot_set_uuid", super->snapshot_set);
	add_text(object, "snapshot", super->snapshot_name);
	add_text(object, "parent_snapshot", super->parent_name);
	json_add_string(object, "state", describe_state(super));
	json_add_number(object, "layers", super->layers);
	json_add_number(object, "head_generation", super->head_generation);
	json_add_number(object, "size_bytes", super->clone_sectors * 512);
	json_add_number(object, "block_bytes", LC_BLOCK_SIZE);
	json_add_number(object, "overlap_bytes", super->overlap_sectors * 512);
	json_object_object_add(object, "origin", describe_origin(super));
	add_space(object, super);
	json_add_number(object, "generation", super->generation);
	json_add_number(object, "epoch", super->epoch);
	json_object_object_add(object, "owner", describe_owner(super));
	return object;
}
