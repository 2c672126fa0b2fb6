// SPDX-License-Identifier: GPL-2.0
/*
 * Whether the store of a clone is there, is gone, or only cannot be seen now: its
 * filesystem may not be mounted, its volume group or its device not be up.
 */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "clone-store.h"
#include "lvm.h"
#include "output.h"

/* To be freed. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? print_string("%.*s", slash == path ? 1 : (int)(slash - path), path) :
		       must_strdup(".");
}

u64 clone_store_directory(const char *path)
{
	char *directory = directory_of(path);
	struct statfs filesystem;
	struct stat st;
	u64 id = 0;

	if (!stat(directory, &st) && !statfs(directory, &filesystem)) {
		id = (u64)(u32)filesystem.f_fsid.__val[0] << 32 |
		     (u32)filesystem.f_fsid.__val[1];
		/* Spread, or a number could make up for another filesystem. */
		id = id * 0x9e3779b97f4a7c15ull ^ st.st_ino;
	}
	free(directory);
	return id;
}

static bool is_store_of(const char *path, const struct clone *clone)
{
	struct store_file store;
	const char *why;
	bool is;

	if (store_open(path, STORE_READ | STORE_QUIET, &store))
		return false;
	is = !store_load_quietly(&store, &why) &&
	     !memcmp(store_super(&store)->clone_uuid, clone->uuid, LC_UUID_BYTES);
	store_close(&store);
	return is;
}

bool clone_store_look(const struct clone *clone, struct lc_super *super)
{
	struct store_file store;
	const char *why;
	bool there;

	if (store_open(clone->store_path, STORE_READ | STORE_QUIET, &store))
		return false;
	there = !store_load_quietly(&store, &why) &&
		!memcmp(store_super(&store)->store_uuid, clone->store_uuid,
			LC_UUID_BYTES);
	if (there)
		*super = *store_super(&store);
	store_close(&store);
	return there;
}

static int is_store_name(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 7 && !strcmp(entry->d_name + length - 7, ".lclone");
}

static bool holds_another(const struct clone *clone)
{
	char *directory = directory_of(clone->store_path);
	struct dirent **entry;
	int count = scandir(directory, &entry, is_store_name, NULL), i;
	bool holds = false;

	for (i = 0; i < count; i++) {
		char *path = print_string("%s/%s", directory, entry[i]->d_name);

		holds = holds || is_store_of(path, clone);
		free(path);
		free(entry[i]);
	}
	if (count >= 0)
		free(entry);
	free(directory);
	return holds;
}

/* A mount point is a directory without its filesystem, too, but another one. */
static enum store_presence presence_of_file(const struct clone *clone)
{
	if (errno != ENOENT)
		return STORE_UNSEEN;
	return (clone->directory &&
		clone->directory == clone_store_directory(clone->store_path)) ||
	       holds_another(clone) ? STORE_GONE : STORE_UNSEEN;
}

static enum store_presence presence_of_volume(const struct clone *clone)
{
	bool exists;

	if (lvm_look(clone->vg, clone->lv, &exists))
		return STORE_UNSEEN;
	return exists ? STORE_THERE : STORE_GONE;
}

enum store_presence clone_store_presence(const struct clone *clone)
{
	if (!access(clone->store_path, F_OK))
		return STORE_THERE;
	switch (clone->kind) {
	case STORE_KIND_DIR:
		return presence_of_file(clone);
	case STORE_KIND_VG:
		return presence_of_volume(clone);
	default:
		return STORE_UNSEEN;
	}
}

void clone_store_report_unmade(const char *path, int error)
{
	report_errno(path, error, "cannot be made");
	if (error == -EEXIST)
		report_hint("remove it, or have 'lclone scan %s' take it in", path);
}

static int check_new_file(const struct clone *clone)
{
	char *directory = directory_of(clone->store_path);
	int error = 0;

	if (!access(clone->store_path, F_OK))
		error = -EEXIST;
	else if (access(directory, W_OK | X_OK))
		error = -errno;
	if (error)
		clone_store_report_unmade(clone->store_path, error);
	free(directory);
	return error;
}

static int check_new_volume(const struct clone *clone)
{
	bool exists;
	int error = lvm_look(clone->vg, clone->lv, &exists);

	if (error) {
		report_error(clone->vg, "there is no such volume group");
		report_hint("'vgs' shows those that there are");
	} else if (exists) {
		error = -EEXIST;
		report_error(clone->store_path, "there is a volume of this name");
		report_hint("choose another name, or remove that with 'lvremove'");
	}
	return error;
}

int clone_store_check_new(const struct clone *clone)
{
	switch (clone->kind) {
	case STORE_KIND_DIR:
		return check_new_file(clone);
	case STORE_KIND_VG:
		return check_new_volume(clone);
	default:
		return 0;
	}
}

int clone_store_report_unseen(const struct clone *clone)
{
	report_error(clone->store_path, "cannot be seen, which does not mean that it is gone");
	if (clone->kind == STORE_KIND_DIR)
		report_hint("mount the filesystem that it is on");
	else if (clone->kind == STORE_KIND_VG)
		report_hint("have LVM find volume group %s: 'vgs' shows those that are there",
			    clone->vg);
	else
		report_hint("bring the device up; if it has another name now, run 'lclone scan'");
	return -ENODEV;
}

bool clone_store_wiped(const struct clone *clone)
{
	struct store_file store;
	const char *why;
	bool wiped;

	if (clone->kind != STORE_KIND_DEVICE ||
	    store_open(clone->store_path, STORE_READ | STORE_QUIET, &store))
		return false;
	wiped = store_load_quietly(&store, &why) == -EMEDIUMTYPE;
	store_close(&store);
	return wiped;
}

int clone_store_drop(const struct clone *clone)
{
	enum store_presence presence = clone_store_presence(clone);
	int error;

	if (presence == STORE_UNSEEN)
		return clone_store_report_unseen(clone);
	if (presence == STORE_GONE || clone_store_wiped(clone))
		return 0;
	error = clone_store_up(clone);
	if (!error)
		error = clone_store_detach(clone);
	if (!error && clone->wiping)
		error = clone_store_wipe(clone);
	return error ? error : clone_store_unmake(clone);
}

bool clone_store_surely_ours(const struct clone *clone, int error)
{
	char *vg, *lv;

	if (error == -ESTALE || clone->kind == STORE_KIND_DEVICE)
		return false;
	if (clone->kind == STORE_KIND_DIR)
		return true;
	if (!lvm_is_ours(clone->store_path, &vg, &lv))
		return false;
	free(vg);
	free(lv);
	return true;
}
