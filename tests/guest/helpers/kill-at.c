// SPDX-License-Identifier: GPL-2.0
/*
 * LD_PRELOAD=kill-at.so KILL_AT=N COMMAND: the process dies before its Nth call
 * of what changes anything: ioctl (but for those that ask only), fsync, rename,
 * unlink.  N beyond the last: it goes on to its end.
 * KILL_HELD=N KILL_SIGNAL=S: it gets signal S when it has suspended its Nth device.
 * FAIL_RESUME=N: the Nth time it resumes one fails, and is not done.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include "dm-calls.h"

static void step(void)
{
	static long left = -1;

	if (left < 0)
		left = getenv("KILL_AT") ? atol(getenv("KILL_AT")) : 0;
	if (left && !--left)
		kill(getpid(), SIGKILL);
}

static bool only_asks(unsigned long request)
{
	switch (request) {
	case BLKGETSIZE64:
	case BLKSSZGET:
	case LOOP_GET_STATUS64:
	case DM_VERSION:
	case DM_TABLE_STATUS:
	case DM_DEV_STATUS:
	case DM_LIST_DEVICES:
		return true;
	default:
		return false;
	}
}

static bool resume_fails(void)
{
	static long left = -1;

	if (left < 0)
		left = getenv("FAIL_RESUME") ? atol(getenv("FAIL_RESUME")) : 0;
	return left && !--left;
}

static void suspended(void)
{
	static long left = -1;

	if (left < 0)
		left = getenv("KILL_HELD") ? atol(getenv("KILL_HELD")) : 0;
	if (left && !--left)
		kill(getpid(), atoi(getenv("KILL_SIGNAL")));
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	va_list list;
	void *argument;
	bool holds;
	int result;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if (!only_asks(request))
		step();
	if (resumes(request, argument) && resume_fails()) {
		errno = EIO;
		return -1;
	}
	holds = suspends(request, argument);
	result = real(fd, request, argument);
	if (holds)
		suspended();
	return result;
}

int fsync(int fd)
{
	int (*real)(int) = dlsym(RTLD_NEXT, "fsync");

	step();
	return real(fd);
}

int rename(const char *from, const char *to)
{
	int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");

	step();
	return real(from, to);
}

int unlink(const char *path)
{
	int (*real)(const char *) = dlsym(RTLD_NEXT, "unlink");

	step();
	return real(path);
}
