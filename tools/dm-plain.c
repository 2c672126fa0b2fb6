// SPDX-License-Identifier: GPL-2.0
/* Devices of device-mapper that others have made, and what we put beside them. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "core/super.h"
#include "dm-internal.h"
#include "dm-plain.h"
#include "status-parse.h"

/* Few clones have one, and there is one catalog in a run of the tool. */
static struct alias {
	uint8_t uuid[LC_UUID_BYTES];
	char *name;
} *aliases;
static size_t alias_count;

void dm_alias_set(const uint8_t *clone_uuid, const char *name)
{
	size_t i;

	for (i = 0; i < alias_count; i++)
		if (!memcmp(aliases[i].uuid, clone_uuid, LC_UUID_BYTES))
			break;
	if (i == alias_count) {
		aliases = must_realloc(aliases, ++alias_count * sizeof(*aliases));
		memset(&aliases[i], 0, sizeof(aliases[i]));
	}
	memcpy(aliases[i].uuid, clone_uuid, LC_UUID_BYTES);
	free(aliases[i].name);
	aliases[i].name = must_strdup(name);
}

const char *dm_alias_of(const uint8_t *clone_uuid)
{
	size_t i;

	for (i = 0; i < alias_count; i++)
		if (!memcmp(aliases[i].uuid, clone_uuid, LC_UUID_BYTES))
			return aliases[i].name;
	return NULL;
}

bool dm_is_alias(const char *name)
{
	size_t i;

	for (i = 0; i < alias_count; i++)
		if (!strcmp(aliases[i].name, name))
			return true;
	return false;
}

static void take_targets(struct dm_task *task, struct dm_plain *plain)
{
	uint64_t start, length;
	char *type, *params, *more;
	void *next = NULL;

	plain->table = must_strdup("");
	do {
		type = NULL;
		params = NULL;
		next = dm_get_next_target(task, next, &start, &length, &type,
					  &params);
		if (!type)
			break;
		more = print_string("%s%llu %llu %s %s\n", plain->table,
				    (unsigned long long)start,
				    (unsigned long long)length, type,
				    params ? params : "");
		free(plain->table);
		plain->table = more;
		plain->sectors = start + length;
		plain->targets++;
	} while (next);
}

int dm_plain_get(const char *name, struct dm_plain *plain)
{
	struct dm_task *task;
	struct dm_info info;
	const char *uuid;
	int error;

	memset(plain, 0, sizeof(*plain));
	if (!dm_loaded())
		return -ENXIO;
	task = dm_task_for(DM_DEVICE_TABLE, name, NULL);
	if (!task)
		return -ENOMEM;
	error = dm_task_do(task);
	if (!error && (!dm_task_get_info(task, &info) || !info.exists))
		error = -ENXIO;
	if (!error) {
		uuid = dm_task_get_uuid(task);
		plain->name = must_strdup(name);
		plain->uuid = must_strdup(uuid ? uuid : "");
		plain->open_count = info.open_count;
		plain->suspended = info.suspended;
		plain->read_only = info.read_only;
		plain->inactive_table = info.inactive_table;
		take_targets(task, plain);
	}
	dm_task_destroy(task);
	return error;
}

void dm_plain_done(struct dm_plain *plain)
{
	free(plain->name);
	free(plain->uuid);
	free(plain->table);
	memset(plain, 0, sizeof(*plain));
}

bool dm_plain_targets(const struct dm_plain *plain, const char *const *types,
		      char **other)
{
	char *lines = must_strdup(plain->table), *line, *save = NULL;
	const char *const *type;
	char word[64];
	bool known = true;

	*other = NULL;
	for (line = strtok_r(lines, "\n", &save); line && known;
	     line = strtok_r(NULL, "\n", &save)) {
		known = false;
		if (sscanf(line, "%*u %*u %63s", word) != 1)
			break;
		for (type = types; *type && !known; type++)
			known = !strcmp(*type, word);
		if (!known)
			*other = must_strdup(word);
	}
	free(lines);
	return known;
}

char *dm_plain_name(const char *path)
{
	char name[512];
	struct stat st;

	if (!dm_loaded() || stat(path, &st) || !S_ISBLK(st.st_mode) ||
	    !dm_is_dm_major(major(st.st_rdev)) ||
	    !dm_device_get_name(major(st.st_rdev), minor(st.st_rdev), 0, name,
				sizeof(name)))
		return NULL;
	return must_strdup(name);
}

static bool add_targets(struct dm_task *task, const char *table)
{
	char *lines = must_strdup(table), *line, *save = NULL;
	unsigned long long start, length;
	char type[64];
	bool added = true;
	int at;

	for (line = strtok_r(lines, "\n", &save); line && added;
	     line = strtok_r(NULL, "\n", &save)) {
		at = 0;
		added = sscanf(line, "%llu %llu %63s %n", &start, &length, type,
			       &at) == 3 && at &&
			dm_task_add_target(task, start, length, type, line + at);
	}
	free(lines);
	return added;
}

/* Also in a batch: what comes next needs its path. */
static int run_and_wait(struct dm_task *task)
{
	uint32_t cookie = 0;
	int error;

	if (!dm_task_set_cookie(task, &cookie, UDEV_FLAGS))
		return -EIO;
	error = dm_task_do(task);
	dm_udev_wait(cookie);
	return error;
}

int dm_plain_create(const char *name, const char *uuid, const char *table,
		    bool read_only)
{
	struct dm_task *task = dm_task_for(DM_DEVICE_CREATE, name, uuid);
	int error;

	if (!task || (read_only && !dm_task_set_ro(task)) ||
	    !add_targets(task, table))
		error = -ENOMEM;
	else
		error = run_and_wait(task);
	if (error)
		report_errno(name, error, "device-mapper cannot make it");
	if (task)
		dm_task_destroy(task);
	return error;
}

int dm_plain_load(const char *name, const char *table)
{
	struct dm_task *task = dm_task_for(DM_DEVICE_RELOAD, name, NULL);
	int error;

	if (!task || !add_targets(task, table))
		error = -ENOMEM;
	else
		error = dm_task_do(task);
	if (error)
		report_errno(name, error, "its old table cannot be loaded");
	if (task)
		dm_task_destroy(task);
	return error;
}

static bool uses_store(const char *name, const uint8_t *store_uuid)
{
	struct clone_status status;
	struct dm_clone clone;
	bool uses = !dm_clone_find_name(name, &clone) && clone.active &&
		    clone.target && !strcmp(clone.target, "lclone") &&
		    !status_parse(clone.status, &status) &&
		    !memcmp(status.store_uuid, store_uuid, LC_UUID_BYTES);

	dm_clone_done(&clone);
	return uses;
}

char *dm_store_user(const uint8_t *store_uuid)
{
	struct dm_task *task = dm_loaded() ?
			       dm_task_for(DM_DEVICE_LIST, NULL, NULL) : NULL;
	struct dm_names *names = NULL;
	char *user = NULL;

	if (task && !dm_task_do(task))
		names = dm_task_get_names(task);
	while (names && names->dev && !user) {
		if (uses_store(names->name, store_uuid))
			user = must_strdup(names->name);
		names = names->next ?
			(struct dm_names *)((char *)names + names->next) : NULL;
	}
	if (task)
		dm_task_destroy(task);
	return user;
}
