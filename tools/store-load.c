// SPDX-License-Identifier: GPL-2.0
/* The header and the superblocks of a store. */

#include "output.h"
#include "store-file.h"

/* Reads and decodes copy 0 or 1; what is wrong stands in super_fault. */
static int load_super(struct store_file *store, unsigned int copy)
{
	u8 page[LC_BLOCK_SIZE];
	int error = store_read(store, lc_super_address(copy), page, 1);

	if (error) {
		store->super_fault[copy] = "cannot be read";
		return error;
	}
	store->super_fault[copy] = lc_super_decode(page, store->header.store_uuid,
						   copy, &store->super[copy]);
	return 0;
}

int store_load_supers(struct store_file *store, const char **why)
{
	bool whole[2];
	unsigned int copy;

	store->newest = -1;
	for (copy = 0; copy < 2; copy++) {
		load_super(store, copy);
		whole[copy] = !store->super_fault[copy];
	}
	if (!whole[0] && !whole[1]) {
		*why = "has lost both copies of its superblock";
		return -EUCLEAN;
	}
	if (whole[0] && whole[1])
		store->newest = store->super[1].generation >
				store->super[0].generation;
	else
		store->newest = whole[1];
	if ((u64)store_super(store)->layout.store_blocks * LC_BLOCK_SIZE >
	    store->bytes) {
		*why = "is smaller than the store that was made on it";
		return -EUCLEAN;
	}
	return 0;
}

const char *store_not_to_be_written(const struct store_file *store)
{
	if (store->header.features_ro_compat & ~LC_FEATURES_RO_COMPAT)
		return "has a feature that is not known here, so that it may only be read";
	return NULL;
}

int store_load_quietly(struct store_file *store, const char **why)
{
	enum lc_header_fault fault;
	u8 page[LC_BLOCK_SIZE];
	int error = store_read(store, LC_HEADER_BLOCK, page, 1);

	if (error == -ENODATA) {
		*why = "is not an lclone store (it is too small)";
		return -EMEDIUMTYPE;
	}
	if (error) {
		*why = "cannot be read";
		return error;
	}
	*why = lc_header_decode(page, &store->header, &fault);
	switch (fault) {
	case LC_HEADER_OK:
		*why = store->writable ? store_not_to_be_written(store) : NULL;
		return *why ? -EPROTONOSUPPORT : store_load_supers(store, why);
	case LC_HEADER_FOREIGN:
		return -EMEDIUMTYPE;
	case LC_HEADER_UNKNOWN:
		return -EPROTONOSUPPORT;
	default:
		return -EUCLEAN;
	}
}

int store_load(struct store_file *store)
{
	const char *why = NULL;
	int error = store_load_quietly(store, &why);

	if (!error)
		return 0;
	report_error(store->path, "%s", why);
	store_load_hint(store, error);
	return error;
}

void store_load_hint(const struct store_file *store, int error)
{
	if (error == -EMEDIUMTYPE)
		report_hint("'lclone format' makes a store, 'lclone scan' lists those there are");
	else if (error == -EPROTONOSUPPORT)
		report_hint("use the version of lclone that made it, or a later one");
	else if (error == -EUCLEAN)
		report_hint("'lclone check %s' lists what is damaged",
			    store->path);
}

int store_open_load(const char *path, unsigned int flags,
		    struct store_file *store)
{
	int error = store_open(path, flags, store);

	if (!error)
		error = store_load(store);
	if (error)
		store_close(store);
	return error;
}

const struct lc_super *store_super(const struct store_file *store)
{
	return &store->super[store->newest];
}

bool store_is_unused(const struct lc_super *super)
{
	return !super->epoch && super->root.state == LC_REF_NONE;
}

int store_write_supers(struct store_file *store, const struct lc_super *super)
{
	unsigned int first = store->newest < 0 ? 0 : !store->newest;
	u8 page[LC_BLOCK_SIZE];
	unsigned int i;
	int error;

	/* What was read as the newest may be in the device's cache only. */
	error = store->newest < 0 ? 0 : store_sync(store);
	if (error) {
		report_errno(store->path, error, "it cannot be flushed");
		return error;
	}
	for (i = 0; i < 2; i++) {
		unsigned int copy = i ? !first : first;

		lc_super_encode(super, copy, page);
		error = store_write(store, lc_super_address(copy), page, 1);
		if (!error)
			error = store_sync(store);
		if (error) {
			report_errno(store->path, error,
				     "superblock copy %u cannot be written", copy);
			return error;
		}
		store->super[copy] = *super;
		store->super_fault[copy] = NULL;
		store->newest = (int)copy;
	}
	return 0;
}
