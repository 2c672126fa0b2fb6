// SPDX-License-Identifier: GPL-2.0
/* The device-mapper table of a store, from what the store records. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>
#include "chain.h"
#include "fingerprint.h"
#include "owner.h"
#include "probe.h"
#include "store-file.h"
#include "table.h"

static int report_other_origin(const char *store_path, const char *path,
			       const char *why)
{
	report_error(store_path, "%s is not the origin of this store: %s", path,
		     why);
	report_hint("give the right one with --origin; 'lclone info %s' shows what is recorded",
		    store_path);
	return -ESTALE;
}

static int compare_fingerprint(const char *store_path,
			       const struct lc_super *super, const char *path,
			       int fd, u64 bytes)
{
	u8 sum[LC_FINGERPRINT_BYTES];
	int error;

	if (super->fingerprint_algorithm == LC_FINGERPRINT_NONE)
		return 0;
	if (super->fingerprint_algorithm != LC_FINGERPRINT_SHA256_SAMPLED) {
		report_error(store_path, "its origin's fingerprint is of a kind that is not known here");
		report_hint("use the version of lclone that made it, or a later one");
		return -EPROTONOSUPPORT;
	}
	error = fingerprint_quick(fd, bytes, sum);
	if (error) {
		report_errno(path, error, "cannot be read for its fingerprint");
		return error;
	}
	if (!memcmp(sum, super->fingerprint, sizeof(sum)))
		return 0;
	return report_other_origin(store_path, path,
				   "its content has another fingerprint");
}

int origin_matches(const char *store_path, const struct lc_super *super,
		   const char *path)
{
	unsigned int sector_bytes;
	int fd, error;
	u64 bytes;

	fd = origin_open(path, &bytes, &sector_bytes);
	if (fd < 0)
		return fd;
	if (bytes / 512 == super->origin_sectors) {
		error = compare_fingerprint(store_path, super, path, fd, bytes);
	} else {
		char *why = print_string("it has %llu sectors, and %llu are recorded",
					 (unsigned long long)bytes / 512,
					 (unsigned long long)super->origin_sectors);

		error = report_other_origin(store_path, path, why);
		free(why);
	}
	close(fd);
	return error;
}

char *table_device(const char *path, const char *what)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/#+-.:=@_,%";
	struct stat st;
	dev_t loop;

	if (stat(path, &st)) {
		int error = -errno;

		report_errno(path, error, "the %s cannot be found", what);
		report_path_hint(error);
		return NULL;
	}
	if (S_ISBLK(st.st_mode))
		return path[strspn(path, plain)] ? device_path(st.st_rdev) :
						   must_strdup(path);
	loop = S_ISREG(st.st_mode) ? loop_over_file(path) : 0;
	if (loop)
		return device_path(loop);
	report_error(path, "is no block device");
	if (S_ISREG(st.st_mode))
		report_hint("attach the file first: losetup --find --show %s%s",
			    strcmp(what, "origin") ? "--direct-io=on " :
						     "--read-only ", path);
	return NULL;
}

static int find_origin(const struct table_request *request,
		       const struct lc_super *super, struct table_line *table)
{
	const char *path = request->origin_path;
	int error;

	if (super->origin_kind == LC_ORIGIN_NONE) {
		if (!path || !strcmp(path, "-"))
			return 0;
		report_error(request->store_path, "records no origin, so %s cannot be it",
			     path);
		report_hint("leave out --origin");
		return -EINVAL;
	}
	if (path && !strcmp(path, "-")) {
		report_error(request->store_path, "needs its origin");
		report_hint("leave out '--origin -', or name the device");
		return -EINVAL;
	}
	if (!path)
		path = super->origin_path;
	if (!*path || (!request->origin_path && access(path, F_OK))) {
		report_error(request->store_path, "its origin %s is not there",
			     *path ? path : "(no path was recorded)");
		report_hint("attach it, or give its path with --origin");
		return -ENODEV;
	}
	table->origin_path = table_device(path, "origin");
	if (!table->origin_path)
		return -ENOTBLK;
	error = probe_stacking(request->store_path, table->origin_path);
	return error ? error : origin_matches(request->store_path, super,
					      table->origin_path);
}

/* Whether the state of the store allows to activate it. */
static int check_state(const char *path, const struct lc_super *super)
{
	if (super->state != LC_STORE_WRITABLE) {
		report_error(path, "is not writable any more: it is %s",
			     super->state == LC_STORE_FROZEN ?
			     "frozen, a layer of other clones" : "retired");
		report_hint("'lclone create NAME --from CLONE@SNAP' makes a clone of a snapshot");
		return -EROFS;
	}
	if (owner_is_elsewhere(super))
		report_warning(path, "is marked as active on another host");
	return 0;
}

static void compose(const struct table_request *request, const char *device,
		    const struct lc_super *super, const struct chain *chain,
		    struct table_line *table)
{
	const char *const *features = request->features;
	unsigned int count = 0;
	char *params, *more, *layers = chain_words(chain);

	while (features && features[count])
		count++;
	params = print_string("%s %s %s",
			      table->origin_path ? table->origin_path : "-",
			      device, layers);
	free(layers);
	if (count) {
		more = print_string("%s %u", params, count);
		free(params);
		params = more;
	}
	for (; count; count--, features++) {
		more = print_string("%s %s", params, *features);
		free(params);
		params = more;
	}
	table->params = params;
	table->sectors = super->clone_sectors;
	table->line = print_string("0 %llu lclone %s",
				   (unsigned long long)table->sectors, params);
}

static void note_identity(const struct lc_super *super, struct table_line *table)
{
	char uuid[UUID_TEXT_BYTES];

	memcpy(table->clone_uuid, super->clone_uuid, LC_UUID_BYTES);
	memcpy(table->store_uuid, super->store_uuid, LC_UUID_BYTES);
	memcpy(table->name, super->clone_name, LC_NAME_BYTES);
	snprintf(table->dm_uuid, sizeof(table->dm_uuid), "LCLONE-%s",
		 print_uuid(super->clone_uuid, uuid));
}

int table_for_store(const struct table_request *request,
		    struct table_line *table)
{
	struct chain chain = { 0 };
	struct store_file store;
	char *device = NULL;
	int error;

	memset(table, 0, sizeof(*table));
	error = store_open_load(request->store_path, STORE_READ, &store);
	if (error)
		return error;
	error = check_state(request->store_path, store_super(&store));
	if (!error) {
		device = table_device(request->store_path, "store");
		error = device ? 0 : -ENOTBLK;
	}
	if (!error)
		error = find_origin(request, store_super(&store), table);
	if (!error)
		error = request->layers ?
			chain_open(request->store_path, store_super(&store),
				   request->layers, &chain) :
			chain_scan(request->store_path, store_super(&store),
				   &chain);
	if (!error) {
		compose(request, device, store_super(&store), &chain, table);
		note_identity(store_super(&store), table);
	}
	free(device);
	chain_free(&chain);
	store_close(&store);
	if (error)
		table_free(table);
	return error;
}

void table_free(struct table_line *table)
{
	free(table->params);
	free(table->line);
	free(table->origin_path);
	memset(table, 0, sizeof(*table));
}
