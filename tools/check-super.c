// SPDX-License-Identifier: GPL-2.0
/* The checker: header and superblocks. */

#include "check-parts.h"
#include "output.h"

/*
 * Looks for a superblock copy that is whole by the UUID it holds itself, when
 * the header does not say which store this is.
 */
static bool find_identity(struct store_file *store)
{
	struct lc_disk_super disk;
	struct lc_super super;
	unsigned int copy;

	for (copy = 0; copy < 2; copy++) {
		if (store_read(store, lc_super_address(copy), &disk, 1) ||
		    lc_super_decode(&disk, disk.store_uuid, copy, &super))
			continue;
		memcpy(store->header.store_uuid, disk.store_uuid, LC_UUID_BYTES);
		return true;
	}
	return false;
}

/* Reports what keeps a store from being checked at all. */
static int refuse(const struct store_file *store, int error, const char *why)
{
	report_error(store->path, "%s", why);
	store_load_hint(store, error);
	return error;
}

static int check_header(struct store_file *store, struct check_report *report)
{
	enum lc_header_fault fault;
	u8 page[LC_BLOCK_SIZE];
	const char *why;
	int error = store_read(store, LC_HEADER_BLOCK, page, 1);

	if (error == -ENODATA)
		return refuse(store, -EMEDIUMTYPE,
			      "is not an lclone store (it is too small)");
	why = error ? "cannot be read" :
		      lc_header_decode(page, &store->header, &fault);
	if (!why)
		return 0;
	if (!error && fault == LC_HEADER_UNKNOWN)
		return refuse(store, -EPROTONOSUPPORT, why);
	if (find_identity(store)) {
		check_add(report, "header", LC_HEADER_BLOCK,
			  "the header is lost, but a superblock is there: the store %s",
			  why);
		return 0;
	}
	if (!error && fault == LC_HEADER_FOREIGN)
		return refuse(store, -EMEDIUMTYPE, why);
	check_add(report, "header", LC_HEADER_BLOCK, "the store %s", why);
	return error ? -EUCLEAN : 0;
}

/* Whether two copies of one generation say the same. */
static bool same_super(const struct lc_super *a, const struct lc_super *b)
{
	u8 page[2][LC_BLOCK_SIZE];

	lc_super_encode(a, 0, page[0]);
	lc_super_encode(b, 0, page[1]);
	return !memcmp(page[0], page[1], LC_BLOCK_SIZE);
}

/* What two whole copies say of each other. */
static void check_copies(const struct store_file *store,
			 struct check_report *report)
{
	u64 first = store->super[0].generation, second = store->super[1].generation;

	if (store->super_fault[0] || store->super_fault[1])
		return;
	if (first == second && !same_super(&store->super[0], &store->super[1]))
		check_add(report, "superblock", LC_SUPER_BLOCK_1,
			  "both superblock copies are of generation %llu, but they differ",
			  (unsigned long long)first);
	/* One behind is what a cut between the two writes leaves. */
	if (max(first, second) - min(first, second) > 1)
		check_add(report, "superblock", lc_super_address(first > second),
			  "superblock copy %u is of generation %llu, the other one of %llu",
			  first > second,
			  (unsigned long long)min(first, second),
			  (unsigned long long)max(first, second));
}

int check_supers(struct store_file *store, struct check_report *report)
{
	const char *why = NULL;
	unsigned int copy;
	int error = check_header(store, report);

	if (error)
		return error;
	error = store_load_supers(store, &why);
	for (copy = 0; copy < 2; copy++)
		if (store->super_fault[copy])
			check_add(report, "superblock", lc_super_address(copy),
				  "superblock copy %u %s", copy,
				  store->super_fault[copy]);
	if (store->newest < 0)
		return -EUCLEAN;
	report->super = *store_super(store);
	report->active = !lc_uuid_is_null(report->super.owner_boot) ||
			 *report->super.owner_host;
	if (error)
		check_add(report, "superblock",
			  lc_super_address((unsigned int)store->newest),
			  "the device %s", why);
	check_copies(store, report);
	return 0;
}
