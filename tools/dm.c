// SPDX-License-Identifier: GPL-2.0
/* Device-mapper as this tool needs it: clones. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "command.h"
#include "dm-internal.h"
#include "format.h"
#include "kernel-log.h"

#define TARGET		"lclone"
#define MODULE		"dm-lclone"

/* How long a device that is to go may be held by somebody who just looks. */
#define BUSY_TRIES	20
#define BUSY_WAIT_NS	50000000l

static const int log_level_error = 3;

/* The last error that libdevmapper told, for want of a better reason. */
static char last_message[512];

static void keep_message(int level, const char *file, int line, int error,
			 const char *format, ...)
	__attribute__((format(printf, 5, 6)));

static void keep_message(int level, const char *file, int line, int error,
			 const char *format, ...)
{
	va_list list;

	(void)file;
	(void)line;
	(void)error;
	if ((level & 7) > log_level_error)
		return;
	va_start(list, format);
	vsnprintf(last_message, sizeof(last_message), format, list);
	va_end(list);
}

static void start_library(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	dm_log_with_errno_init(keep_message);
	dm_lib_init();
}

/* A task for a device called @name, or with @uuid, or for none. */
struct dm_task *dm_task_for(int type, const char *name, const char *uuid)
{
	struct dm_task *task;

	start_library();
	last_message[0] = '\0';
	task = dm_task_create(type);
	if (!task)
		return NULL;
	if ((name && !dm_task_set_name(task, name)) ||
	    (uuid && !dm_task_set_uuid(task, uuid))) {
		dm_task_destroy(task);
		return NULL;
	}
	return task;
}

/* Returns 0 or a negative errno; reports nothing. */
int dm_task_do(struct dm_task *task)
{
	int error;

	if (dm_task_run(task))
		return 0;
	error = dm_task_get_errno(task);
	return error ? -error : -EIO;
}

/* Reported once: a list of a hundred clones needs no hundred lines of it. */
static int no_device_mapper(void)
{
	static bool reported;

	if (!reported) {
		report_error("device-mapper", "cannot be reached: %s",
			     *last_message ? last_message : "it does not answer");
		report_hint("load it ('modprobe dm-mod') and run this as root");
	}
	reported = true;
	return -ENXIO;
}

/* A kernel that has not loaded device-mapper has no devices of it either. */
bool dm_loaded(void)
{
	return !access("/sys/class/misc/device-mapper", F_OK);
}

/* One cookie for all devices of a batch, so that udev works while we go on. */
static bool batching;
static uint32_t batch_cookie;

void dm_batch_begin(void)
{
	start_library();
	batching = true;
}

void dm_batch_end(void)
{
	if (batch_cookie)
		dm_udev_wait(batch_cookie);
	batch_cookie = 0;
	batching = false;
}

/*
 * @must: its I/O is held, and it has to go on also where there is no semaphore left to
 * wait for udev with.
 */
static int do_udev(struct dm_task *task, uint16_t flags, bool must)
{
	uint32_t own_cookie = 0;
	int error;

	if (!dm_task_set_cookie(task, batching ? &batch_cookie : &own_cookie,
				flags)) {
		if (!must)
			return -EIO;
		/* The flags alone. */
		dm_udev_set_sync_support(0);
		dm_task_set_cookie(task, &own_cookie, flags);
		dm_udev_set_sync_support(1);
	}
	error = dm_task_do(task);
	if (!batching)
		dm_udev_wait(own_cookie);
	return error;
}

int dm_task_do_udev(struct dm_task *task, uint16_t flags)
{
	return do_udev(task, flags, false);
}

/* The same for a device whose content is a guest's. */
static int task_run_udev(struct dm_task *task)
{
	return dm_task_do_udev(task, UDEV_FLAGS);
}

char *dm_clone_uuid(const uint8_t *clone_uuid, char text[DM_UUID_TEXT_BYTES])
{
	strcpy(text, "LCLONE-");
	print_uuid(clone_uuid, text + strlen(text));
	return text;
}

/* The one target of a device, as a STATUS task found it. */
static void take_target(struct dm_task *task, struct dm_clone *clone)
{
	uint64_t start, length;
	char *type = NULL, *params = NULL;

	dm_get_next_target(task, NULL, &start, &length, &type, &params);
	if (!type)
		return;
	clone->sectors = length;
	clone->target = must_strdup(type);
	clone->status = must_strdup(params ? params : "");
}

/* By @name, or by @uuid. */
static int find(const char *name, const char *uuid, struct dm_clone *clone)
{
	struct dm_task *task;
	struct dm_info info;
	int error;

	memset(clone, 0, sizeof(*clone));
	if (!dm_loaded())
		return 0;
	task = dm_task_for(DM_DEVICE_STATUS, name, uuid);
	if (!task)
		return no_device_mapper();
	/* A status must not wait for a flush of the target's. */
	dm_task_no_flush(task);
	error = dm_task_do(task);
	if (error == -ENXIO || error == -ENODEV || error == -ENOENT) {
		error = 0;
	} else if (error) {
		error = no_device_mapper();
	} else if (dm_task_get_info(task, &info) && info.exists) {
		clone->active = true;
		clone->name = must_strdup(dm_task_get_name(task));
		clone->open_count = info.open_count;
		clone->suspended = info.suspended;
		clone->read_only = info.read_only;
		clone->inactive_table = info.inactive_table;
		take_target(task, clone);
	}
	dm_task_destroy(task);
	return error;
}

int dm_clone_find(const uint8_t *clone_uuid, struct dm_clone *clone)
{
	const char *alias = dm_alias_of(clone_uuid);
	char uuid[DM_UUID_TEXT_BYTES];

	return find(alias, alias ? NULL : dm_clone_uuid(clone_uuid, uuid), clone);
}

int dm_clone_find_name(const char *name, struct dm_clone *clone)
{
	return find(name, NULL, clone);
}

void dm_clone_done(struct dm_clone *clone)
{
	free(clone->name);
	free(clone->target);
	free(clone->status);
	memset(clone, 0, sizeof(*clone));
}

bool dm_name_taken(const char *name)
{
	struct dm_task *task;
	struct dm_info info;
	bool taken = false;

	if (!dm_loaded())
		return false;
	task = dm_task_for(DM_DEVICE_INFO, name, NULL);
	if (!task)
		return false;
	if (!dm_task_do(task) && dm_task_get_info(task, &info))
		taken = info.exists;
	dm_task_destroy(task);
	return taken;
}

static bool target_known(struct dm_task *task)
{
	struct dm_versions *target = dm_task_get_versions(task);
	struct dm_versions *next;

	for (; target; target = next) {
		if (!strcmp(target->name, TARGET))
			return true;
		next = target->next ?
			(struct dm_versions *)((char *)target + target->next) :
			NULL;
	}
	return false;
}

/* 1: the kernel knows the target; 0: it does not; or a negative errno. */
static int ask_for_target(void)
{
	struct dm_task *task = dm_task_for(DM_DEVICE_LIST_VERSIONS, NULL, NULL);
	int error;

	if (!task)
		return -ENOMEM;
	error = dm_task_do(task);
	if (!error)
		error = target_known(task);
	dm_task_destroy(task);
	return error;
}

int dm_need_target(void)
{
	static const char *const command[] = { "modprobe", MODULE, NULL };
	static bool known;
	struct command_result result;
	int answer;

	if (known)
		return 0;
	answer = dm_loaded() ? ask_for_target() : 0;
	if (!answer) {
		if (!command_run(command, 0, &result) && result.status)
			report_error(MODULE, "%s", result.errors);
		command_done(&result);
		answer = dm_loaded() ? ask_for_target() : 0;
	}
	if (answer < 0)
		return no_device_mapper();
	if (!answer) {
		report_error(MODULE, "the kernel does not have the target '%s'",
			     TARGET);
		report_hint("install the module for this kernel ('make install'), then 'modprobe "
			    MODULE "'");
		return -ENOSYS;
	}
	known = true;
	return 0;
}

/* Reports why a table or a message was refused, in the kernel's own words where it has some. */
static void report_refusal(const char *name, int error, int log)
{
	char *why = kernel_log_why(log);

	if (why)
		report_error(name, "the kernel refuses it: %s", why);
	else if (error == -EBUSY)
		report_error(name, "the kernel refuses it: something it is made of is in use");
	else
		report_errno(name, error, "device-mapper cannot make it");
	if (!why)
		report_hint("see what the kernel says: 'dmesg | grep lclone'");
	free(why);
}

int dm_clone_create(const char *name, const uint8_t *clone_uuid,
		    uint64_t sectors, const char *params)
{
	char uuid[DM_UUID_TEXT_BYTES];
	int log = kernel_log_open();
	struct dm_task *task;
	int error;

	task = dm_task_for(DM_DEVICE_CREATE, name,
			dm_clone_uuid(clone_uuid, uuid));
	if (!task || !dm_task_add_target(task, 0, sectors, TARGET, params))
		error = -ENOMEM;
	else
		error = task_run_udev(task);
	if (error)
		report_refusal(name, error, log);
	else
		free(kernel_log_why(log));
	if (task)
		dm_task_destroy(task);
	return error;
}

static int remove_once(const char *name, bool deferred)
{
	struct dm_task *task = dm_task_for(DM_DEVICE_REMOVE, name, NULL);
	int error;

	if (!task)
		return -ENOMEM;
	if (deferred)
		dm_task_deferred_remove(task);
	error = task_run_udev(task);
	dm_task_destroy(task);
	return error;
}

int dm_clone_remove(const char *name)
{
	const struct timespec pause = { 0, BUSY_WAIT_NS };
	int tries = BUSY_TRIES;
	int error;

	while ((error = remove_once(name, false)) == -EBUSY && --tries)
		nanosleep(&pause, NULL);
	if (error == -EBUSY) {
		report_error(name, "it is in use");
		report_hint("unmount it or stop the guest; 'fuser -v /dev/mapper/%s' and 'lsblk /dev/mapper/%s' tell who has it",
			    name, name);
	} else if (error) {
		report_errno(name, error, "device-mapper cannot remove it");
	}
	return error;
}

/* Puts the error target into the inactive slot. */
static int load_error_table(const char *name, uint64_t sectors)
{
	struct dm_task *task = dm_task_for(DM_DEVICE_RELOAD, name, NULL);
	int error;

	if (!task || !dm_task_add_target(task, 0, sectors, "error", ""))
		error = -ENOMEM;
	else
		error = dm_task_do(task);
	if (task)
		dm_task_destroy(task);
	return error;
}

/* Makes it the live one, without waiting for I/O that may never end. */
static int swap_table(const char *name)
{
	struct dm_task *task = dm_task_for(DM_DEVICE_RESUME, name, NULL);
	int error;

	if (!task)
		return -ENOMEM;
	dm_task_no_flush(task);
	dm_task_skip_lockfs(task);
	error = task_run_udev(task);
	dm_task_destroy(task);
	return error;
}

int dm_clone_force_out(const char *name, uint64_t sectors)
{
	int error = load_error_table(name, sectors);

	if (!error)
		error = swap_table(name);
	if (!error)
		error = remove_once(name, true);
	if (error)
		report_errno(name, error, "it cannot be taken away from who has it open");
	return error;
}

int dm_clone_load(const char *name, uint64_t sectors, const char *params)
{
	struct dm_task *task = dm_task_for(DM_DEVICE_RELOAD, name, NULL);
	int log = kernel_log_open();
	int error;

	if (!task || !dm_task_add_target(task, 0, sectors, TARGET, params))
		error = -ENOMEM;
	else
		error = dm_task_do(task);
	if (error)
		report_refusal(name, error, log);
	else
		free(kernel_log_why(log));
	if (task)
		dm_task_destroy(task);
	return error;
}

int dm_clone_message(const char *name, const char *message, char **answer)
{
	struct dm_task *task = dm_task_for(DM_DEVICE_TARGET_MSG, name, NULL);
	const char *said;
	int error;

	if (!task || !dm_task_set_sector(task, 0) ||
	    !dm_task_set_message(task, message))
		error = -ENOMEM;
	else
		error = dm_task_do(task);
	if (!error && answer) {
		said = dm_task_get_message_response(task);
		*answer = said ? must_strdup(said) : NULL;
	}
	if (task)
		dm_task_destroy(task);
	return error;
}

int dm_clone_tell(const char *name, const char *message)
{
	int log = kernel_log_open();
	int error = dm_clone_message(name, message, NULL);

	if (error)
		report_refusal(name, error, log);
	else
		free(kernel_log_why(log));
	return error;
}

/* Runs a task of @type that has nothing but a name. */
static int run_plain(int type, const char *name, bool no_flush, bool udev)
{
	struct dm_task *task = dm_task_for(type, name, NULL);
	int error;

	if (!task)
		return -ENOMEM;
	if (no_flush)
		dm_task_no_flush(task);
	if (udev)
		error = do_udev(task, dm_is_alias(name) ? 0 : UDEV_FLAGS, true);
	else
		error = dm_task_do(task);
	dm_task_destroy(task);
	return error;
}

int dm_clone_clear(const char *name)
{
	return run_plain(DM_DEVICE_CLEAR, name, false, false);
}

int dm_clone_suspend(const char *name, bool no_flush)
{
	int error = run_plain(DM_DEVICE_SUSPEND, name, no_flush, false);

	if (error)
		report_errno(name, error, "it cannot be suspended");
	return error;
}

int dm_clone_resume(const char *name)
{
	int error = run_plain(DM_DEVICE_RESUME, name, false, true);

	if (error)
		report_errno(name, error, "it cannot be resumed");
	if (error == -ENOSPC)
		report_hint("its store is full: 'lclone extend' makes it larger; then try again");
	else if (error)
		report_hint("see what the kernel says: 'dmesg | grep lclone'");
	return error;
}
