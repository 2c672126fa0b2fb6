// SPDX-License-Identifier: GPL-2.0
/*
 * A table of another size, or over something else, is announced before it is
 * loaded, for the constructor checks a table against what the store records:
 *
 *	dmsetup message NAME 0 change clone_sectors=N ...	lclone_change_announce()
 *	dmsetup load NAME --table ...		lclone_change_take()
 *	dmsetup suspend NAME
 *	dmsetup resume NAME			lclone_change_run(): durable
 *
 * It belongs to the next table that is loaded, and goes with it: when that is
 * refused or cleared, nothing is left of it.
 */

#include <linux/slab.h>
#include <linux/uuid.h>

#include "lclone.h"

enum value_kind {
	SECTORS,
	NUMBER,
	TEXT,
	UUID,
};

static const struct change_key {
	const char *name;
	enum value_kind kind;
	size_t offset;
	size_t bytes;		/* of a text, with its NUL */
} keys[] = {
	{ "clone_sectors", SECTORS, offsetof(struct lc_change, clone_sectors) },
	{ "overlap_sectors", SECTORS, offsetof(struct lc_change, overlap_sectors) },
	{ "origin_sectors", SECTORS, offsetof(struct lc_change, origin_sectors) },
	{ "layers", NUMBER, offsetof(struct lc_change, layers) },
	{ "parent_uuid", UUID, offsetof(struct lc_change, parent_uuid) },
	{ "origin_uuid", UUID, offsetof(struct lc_change, origin_uuid) },
	{ "parent_name", TEXT, offsetof(struct lc_change, parent_name), LC_NAME_BYTES },
	{ "origin_name", TEXT, offsetof(struct lc_change, origin_name), LC_NAME_BYTES },
	{ "origin_path", TEXT, offsetof(struct lc_change, origin_path), LC_PATH_BYTES },
};

static int set_key(const struct change_key *key, const char *value, void *field)
{
	uuid_t uuid;

	switch (key->kind) {
	case SECTORS:
		return kstrtou64(value, 10, field);
	case NUMBER:
		return kstrtou32(value, 10, field);
	case TEXT:
		if (strlen(value) >= key->bytes)
			return -ENAMETOOLONG;
		memset(field, 0, key->bytes);
		memcpy(field, value, strlen(value));
		return 0;
	default:
		if (uuid_parse(value, &uuid))
			return -EINVAL;
		memcpy(field, &uuid, LC_UUID_BYTES);
		return 0;
	}
}

static int set_fingerprint(struct lc_change *change, const char *value)
{
	if (strlen(value) != 2 * LC_FINGERPRINT_BYTES ||
	    hex2bin(change->fingerprint, value, LC_FINGERPRINT_BYTES))
		return -EINVAL;
	change->fingerprint_algorithm = LC_FINGERPRINT_SHA256_SAMPLED;
	return 0;
}

static int set_none(struct lc_change *change)
{
	change->origin_sectors = 0;
	change->fingerprint_algorithm = LC_FINGERPRINT_NONE;
	memset(change->fingerprint, 0, LC_FINGERPRINT_BYTES);
	memset(change->origin_uuid, 0, LC_UUID_BYTES);
	memset(change->origin_name, 0, LC_NAME_BYTES);
	memset(change->origin_path, 0, LC_PATH_BYTES);
	return 0;
}

/* One "KEY=VALUE", or "no_origin". */
static int set(struct lc_change *change, char *word)
{
	char *value = strchr(word, '=');
	unsigned int i;

	if (!strcmp(word, "no_origin"))
		return set_none(change);
	if (!value)
		return -EINVAL;
	*value++ = '\0';
	if (!strcmp(word, "fingerprint"))
		return set_fingerprint(change, value);
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(word, keys[i].name))
			return set_key(&keys[i], value,
				       (u8 *)change + keys[i].offset);
	return -EINVAL;
}

int lclone_change_announce(struct lclone_store *store, unsigned int argc,
			   char **argv)
{
	const char *name = dm_table_device_name(store->ti->table);
	struct lc_change *change = kzalloc(sizeof(*change), GFP_NOIO);
	const char *why;
	unsigned int i;
	int error = 0;

	if (!change)
		return -ENOMEM;
	lc_change_none(&store->core.super, change);
	for (i = 0; i < argc && !error; i++) {
		error = set(change, argv[i]);
		if (error)
			DMERR("%s: change: %s is no key, or has no such value", name,
			      argv[i]);
	}
	change->origin_kind = change->origin_sectors ? LC_ORIGIN_DEVICE :
						       LC_ORIGIN_NONE;
	why = error ? NULL : lc_change_fault(&store->core.super, change);
	if (why) {
		DMERR("%s: change: %s", name, why);
		error = -EINVAL;
	}
	/* So that most is found out while the old table still runs. */
	if (!error)
		error = lc_change_ready(&store->core, change);
	lclone_loaded(store);
	if (error == -EBUSY)
		DMERR("%s: change: data would be lost that only lies below, or behind the new end",
		      name);
	if (error)
		kfree(change);
	else
		kfree(xchg(&store->change, change));
	return error;
}

const char *lclone_change_take(struct lclone *lc, struct lc_super *super)
{
	struct lclone_store *store = lc->store;

	if (store->state == LCLONE_UNOPENED)
		return NULL;
	lc->change = xchg(&store->change, NULL);
	if (!lc->change)
		return NULL;
	if (!(dm_table_get_mode(lc->ti->table) & BLK_OPEN_WRITE) ||
	    store->core.read_only || lc_failed(&store->core))
		return "What was announced for this table needs a clone that can be written to";
	lc_change_apply(lc->change, super);
	return NULL;
}

int lclone_change_run(struct lclone *lc)
{
	struct lc_store *core = &lc->store->core;
	int error = lc_store_change(core, lc->change, lclone_host(), lclone_boot);

	lclone_loaded(lc->store);
	if (error) {
		DMERR("%s: the change of its table is not possible (%d): %s",
		      dm_table_device_name(lc->ti->table), error,
		      error == -EBUSY ? "data would be lost" :
		      error == -ENOSPC ? "the store is full" : "load the old table again");
		return error;
	}
	kfree(lc->change);
	lc->change = NULL;
	return 0;
}
