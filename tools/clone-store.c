// SPDX-License-Identifier: GPL-2.0
/* Where the store of a clone lies: making, finding and removing it. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "clone-store.h"
#include "durable.h"
#include "loop.h"
#include "lvm.h"
#include "output.h"
#include "probe.h"

#define ZERO_CHUNK_BYTES	(1u << 20)

u64 store_bytes_for(u64 clone_bytes)
{
	u64 blocks = DIV_ROUND_UP(clone_bytes, (u64)LC_BLOCK_SIZE);
	/* Pages are written anew before the old ones are freed: room for two. */
	u64 pages = 2 * (DIV_ROUND_UP(blocks, (u64)LC_LEAF_ENTRIES) * 129 / 128 +
			 LC_MAX_HEIGHT);
	u64 wanted = blocks + pages;
	u64 total = wanted + LC_STORE_BLOCKS_MIN;
	struct lc_layout layout;

	/* The fixed parts grow with the store, but by far less than it does. */
	while (total < LC_STORE_BLOCKS_MAX &&
	       !lc_layout_new(total * LC_BLOCK_SECTORS, &layout) &&
	       layout.data_end - layout.data_start < wanted)
		total += wanted - (layout.data_end - layout.data_start);
	return min_t(u64, total, LC_STORE_BLOCKS_MAX) * LC_BLOCK_SIZE;
}

/* For a filesystem that cannot preallocate: zeros, written out. */
static int write_zeros(int fd, u64 bytes)
{
	void *zeros = must_alloc(ZERO_CHUNK_BYTES);
	u64 done = 0;
	int error = 0;
	ssize_t wrote;

	while (!error && done < bytes) {
		wrote = pwrite(fd, zeros, min_t(u64, bytes - done, ZERO_CHUNK_BYTES),
			       (off_t)done);
		if (wrote > 0)
			done += (u64)wrote;
		else if (errno != EINTR)
			error = -errno;
	}
	free(zeros);
	return error;
}

/*
 * A sparse file, but head, journal and metadata reserve have their place on
 * the disk from the start: a full filesystem is a full store then, which goes
 * on, and never a failed write of metadata.
 */
static int fill_file(const char *path, int fd, u64 bytes)
{
	struct lc_layout layout;
	u64 fixed;
	int error = 0;

	if (lc_layout_new(bytes / 512, &layout))
		return 0;	/* too small; format says so in better words */
	fixed = (u64)layout.data_start * LC_BLOCK_SIZE;
	if (ftruncate(fd, (off_t)bytes)) {
		error = -errno;
	} else if (fallocate(fd, 0, 0, (off_t)fixed)) {
		error = -errno;
		if (error == -EOPNOTSUPP)
			error = write_zeros(fd, fixed);
	}
	if (error) {
		report_errno(path, error, "cannot be made");
		if (error == -ENOSPC)
			report_hint("make room, or give --dir on another filesystem");
		if (error == -EFBIG)
			report_hint("the filesystem holds no file of this size: give a smaller --store-size");
	}
	return error;
}

/* That it is there, before anything names it; or not, before the catalog forgets it. */
static int sync_name(const char *path)
{
	int error = sync_parent(path);

	if (error)
		report_errno(path, error, "its directory cannot be made durable");
	return error;
}

static int make_file(const char *path, u64 bytes)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int error;

	if (fd < 0) {
		error = -errno;
		clone_store_report_unmade(path, error);
		return error;
	}
	error = fill_file(path, fd, bytes);
	close(fd);
	if (!error)
		error = sync_name(path);
	if (error)
		unlink(path);
	return error;
}

int clone_store_make(struct clone *clone, u64 bytes)
{
	clone->directory = 0;
	switch (clone->kind) {
	case STORE_KIND_DIR:
		clone->directory = clone_store_directory(clone->store_path);
		return make_file(clone->store_path, bytes);
	case STORE_KIND_VG:
		return lvm_create(clone->vg, clone->lv, bytes);
	default:
		return 0;
	}
}

static int clear_device(const char *path)
{
	struct store_file store;
	int error = store_open(path, STORE_WRITE | STORE_EXCLUSIVE, &store);

	if (!error)
		error = probe_wipe(&store);
	store_close(&store);
	return error;
}

int clone_store_unmake(const struct clone *clone)
{
	int error;

	switch (clone->kind) {
	case STORE_KIND_DIR:
		if (!unlink(clone->store_path))
			return sync_name(clone->store_path);
		error = -errno;
		report_errno(clone->store_path, error, "cannot be removed");
		return error;
	case STORE_KIND_VG:
		return lvm_remove(clone->vg, clone->lv);
	default:
		return clear_device(clone->store_path);
	}
}

/* The first MiB holds nothing but superblocks, which are written before the header. */
static bool head_is_empty(const struct store_file *store)
{
	static const u8 empty[LC_BLOCK_SIZE];
	u8 page[LC_BLOCK_SIZE];
	u32 block;

	if (!store->bytes)
		return true;
	for (block = 0; block < LC_HEAD_BLOCKS; block++) {
		if (block == lc_super_address(0) || block == lc_super_address(1))
			continue;
		if (store_read(store, block, page, 1))
			return false;
		if (memcmp(page, empty, sizeof(page)))
			return false;
	}
	return true;
}

bool clone_store_begun(const struct clone *clone, const struct store_file *store)
{
	char *vg = NULL, *lv = NULL;
	bool begun;

	if (clone->kind != STORE_KIND_VG)
		return clone->kind == STORE_KIND_DIR && head_is_empty(store);
	begun = lvm_is_ours(clone->store_path, &vg, &lv);
	free(vg);
	free(lv);
	return begun;
}

static int report_missing(const struct clone *clone)
{
	int error = -errno;

	report_errno(clone->name, error, "its store %s cannot be found",
		     clone->store_path);
	report_hint("bring the device up; if it has another name now, run 'lclone scan'");
	return error;
}

int clone_store_share(const struct clone *clone, int *lock)
{
	*lock = -1;
	if (clone->kind != STORE_KIND_DIR)
		return 0;	/* device-mapper opens a device O_EXCL */
	if (access(clone->store_path, F_OK))
		return report_missing(clone);
	return store_share(clone->store_path, lock);
}

/* Whether device-mapper has it, so that nobody else can. */
static bool file_is_up(const struct clone *clone)
{
	char *device = loop_find(clone->store_path, LOOP_STORE);
	bool up = device && !loop_idle(device);

	free(device);
	return up;
}

static int attach_file(const struct clone *clone, char **device, bool *made)
{
	int lock = -1;
	int error = file_is_up(clone) ? 0 : clone_store_share(clone, &lock);

	if (!error)
		error = loop_attach(clone->store_path, LOOP_STORE, device, made);
	store_unshare(lock);
	return error;
}

int clone_store_attach(const struct clone *clone, char **device, bool *made)
{
	int error = 0;

	*device = NULL;
	*made = false;
	if (clone->kind == STORE_KIND_VG)
		error = lvm_activate(clone->vg, clone->lv);
	if (error)
		return error;
	if (access(clone->store_path, F_OK))
		return report_missing(clone);
	if (clone->kind == STORE_KIND_DIR)
		return attach_file(clone, device, made);
	*device = must_strdup(clone->store_path);
	return 0;
}

int clone_store_detach(const struct clone *clone)
{
	char *device = NULL;
	int error = 0;

	if (clone->kind == STORE_KIND_DIR)
		device = loop_find(clone->store_path, LOOP_STORE);
	if (device)
		error = loop_detach(device);
	free(device);
	return error;
}

int clone_store_up(const struct clone *clone)
{
	return clone->kind == STORE_KIND_VG ?
	       lvm_activate(clone->vg, clone->lv) : 0;
}

bool clone_store_exists(const struct clone *clone)
{
	return !access(clone->store_path, F_OK);
}

int clone_store_open(const struct clone *clone, const char *path,
		     unsigned int flags, struct store_file *store)
{
	int error = store_open_load(path, flags, store);

	if (!error && memcmp(store_super(store)->store_uuid, clone->store_uuid,
			     LC_UUID_BYTES)) {
		report_error(clone->name, "%s is the store of another clone now",
			     path);
		report_hint("run 'lclone scan' to find where its own store is");
		error = -ESTALE;
	}
	if (error)
		store_close(store);
	return error;
}

int clone_store_edit(const struct clone *clone, const char *path,
		     unsigned int flags,
		     void (*edit)(struct lc_super *super, const void *data),
		     const void *data)
{
	struct store_file store;
	struct lc_super super;
	int error = clone_store_open(clone, path, flags, &store);

	if (error)
		return error;
	super = *store_super(&store);
	super.generation++;
	edit(&super, data);
	error = store_write_supers(&store, &super);
	store_close(&store);
	return error;
}

static bool same_device(const char *a, const char *b)
{
	struct stat sa, sb;

	return !stat(a, &sa) && !stat(b, &sb) && S_ISBLK(sa.st_mode) &&
	       S_ISBLK(sb.st_mode) && sa.st_rdev == sb.st_rdev;
}

int clone_device_check(const struct catalog *catalog, const char *device)
{
	struct stat st;
	size_t i;

	if (!stat(device, &st) && !S_ISBLK(st.st_mode)) {
		report_error(device, "is not a block device");
		report_hint("--dir DIR puts the store into a file");
		return -ENOTBLK;
	}
	for (i = 0; i < catalog->clone_count; i++) {
		const struct clone *other = &catalog->clones[i];

		if (!same_device(device, other->store_path))
			continue;
		report_error(device, "is the store of clone %s", other->name);
		report_hint("choose another device, or remove that clone with 'lclone remove %s'",
			    other->name);
		return -EBUSY;
	}
	for (i = 0; i < catalog->layer_count; i++) {
		if (!same_device(device, catalog->layers[i].store_path))
			continue;
		report_error(device, "is a layer that clones stand on");
		report_hint("choose another device");
		return -EBUSY;
	}
	for (i = 0; i < catalog->template_count; i++) {
		if (!same_device(device, catalog->templates[i].path))
			continue;
		report_error(device, "is the origin of template %s",
			     catalog->templates[i].name);
		report_hint("choose another device");
		return -EBUSY;
	}
	return 0;
}

int clone_device_check_empty(const struct catalog *catalog, const char *device, bool force,
			     u64 *bytes)
{
	struct store_file store;
	int error = clone_device_check(catalog, device);

	if (!error)
		error = probe_unused(device);
	if (!error)
		error = store_open(device, STORE_WRITE | STORE_EXCLUSIVE, &store);
	if (error)
		return error;
	*bytes = store.bytes;
	error = probe_empty(&store, force);
	store_close(&store);
	return error;
}
