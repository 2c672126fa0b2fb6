// SPDX-License-Identifier: GPL-2.0
/*
 * linear-pause NAME ROUNDS: suspends the device NAME, loads its table again and resumes it, ROUNDS
 * times, and prints for how many microseconds I/O was held each time. As lclone does it and by its
 * clock: from before the call that suspends to after the one that resumes, in one process whose
 * memory is locked, and without waiting for udev.
 */
#include <inttypes.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mman.h>

static uint64_t sectors;
static char type[64], params[256];

static struct dm_task *task_for(int kind, const char *name)
{
	struct dm_task *task = dm_task_create(kind);

	if (!task || !dm_task_set_name(task, name))
		exit(1);
	return task;
}

static void run(struct dm_task *task)
{
	if (!dm_task_run(task))
		exit(1);
	dm_task_destroy(task);
}

static void read_table(const char *name)
{
	struct dm_task *task = task_for(DM_DEVICE_TABLE, name);
	char *has_type = NULL, *has_params = NULL;
	uint64_t start;

	if (!dm_task_run(task))
		exit(1);
	dm_get_next_target(task, NULL, &start, &sectors, &has_type, &has_params);
	if (!has_type || strcmp(has_type, "linear"))
		exit(1);
	snprintf(type, sizeof(type), "%s", has_type);
	snprintf(params, sizeof(params), "%s", has_params);
	dm_task_destroy(task);
}

static void load(const char *name)
{
	struct dm_task *task = task_for(DM_DEVICE_RELOAD, name);

	if (!dm_task_add_target(task, 0, sectors, type, params))
		exit(1);
	run(task);
}

static void resume(const char *name, uint32_t *cookie)
{
	struct dm_task *task = task_for(DM_DEVICE_RESUME, name);

	if (!dm_task_set_cookie(task, cookie, 0))
		exit(1);
	run(task);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t pause_once(const char *name)
{
	uint32_t cookie = 0;
	uint64_t begin = now_us(), pause;

	run(task_for(DM_DEVICE_SUSPEND, name));
	load(name);
	resume(name, &cookie);
	pause = now_us() - begin;
	dm_udev_wait(cookie);
	return pause;
}

int main(int argc, char **argv)
{
	int rounds = argc == 3 ? atoi(argv[2]) : 0;

	if (rounds < 1)
		return 2;
	read_table(argv[1]);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	while (rounds--)
		printf("%" PRIu64 "\n", pause_once(argv[1]));
	return 0;
}
