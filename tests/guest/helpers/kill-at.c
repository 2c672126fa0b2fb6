// SPDX-License-Identifier: GPL-2.0
/*
 * LD_PRELOAD=kill-at.so KILL_AT=N COMMAND: the process dies before its Nth call
 * of what changes anything: ioctl (but for those that ask only), fsync, rename,
 * unlink; with KILL_ALL=1 also what writes to a file, gives it another size or
 * mode, or makes a name.  N beyond the last: it goes on to its end.  What the
 * command runs itself does not count.
 * KILL_HELD=N KILL_SIGNAL=S: it gets signal S when it has suspended its Nth device.
 * FAIL_RESUME=A-B: from the Ath to the Bth time it resumes one fails, and is not done.
 * NO_RENAMEAT2=1: the filesystem knows no flags of it, as NFS; with "race" somebody makes
 * a file of that name at this moment.  NO_LINK=1: nor does it know hard links.
 * LOSE_SYNC=A-B: its fsyncs from the Ath to the Bth are not done, though it seems so.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "dm-calls.h"

#define REAL(name)	((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Children would count anew, and what they do is not always the same. */
static __attribute__((constructor)) void not_for_children(void)
{
	unsetenv("LD_PRELOAD");
}

static void step(void)
{
	static long left = -1;

	if (left < 0)
		left = getenv("KILL_AT") ? atol(getenv("KILL_AT")) : 0;
	if (left && !--left)
		kill(getpid(), SIGKILL);
}

/* There are many of these: who wants each of them says so. */
static void small_step(void)
{
	if (getenv("KILL_ALL"))
		step();
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

/* Whether @count is within what the variable @name says, as "A-B". */
static bool is_among(const char *name, long count)
{
	const char *which = getenv(name);
	long first, last;

	return which && sscanf(which, "%ld-%ld", &first, &last) == 2 &&
	       count >= first && count <= last;
}

static bool resume_fails(void)
{
	static long count;

	return is_among("FAIL_RESUME", ++count);
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
	result = REAL(ioctl)(fd, request, argument);
	if (holds)
		suspended();
	return result;
}

int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list list;

	if (flags & O_CREAT) {
		va_start(list, flags);
		mode = va_arg(list, mode_t);
		va_end(list);
		small_step();
	}
	return REAL(open64)(path, flags, mode);
}

/* Not what is said to the user. */
ssize_t write(int fd, const void *data, size_t bytes)
{
	if (fd > STDERR_FILENO)
		small_step();
	return REAL(write)(fd, data, bytes);
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at)
{
	small_step();
	return REAL(pwrite64)(fd, data, bytes, at);
}

int ftruncate64(int fd, off64_t bytes)
{
	small_step();
	return REAL(ftruncate64)(fd, bytes);
}

int fallocate64(int fd, int mode, off64_t at, off64_t bytes)
{
	small_step();
	return REAL(fallocate64)(fd, mode, at, bytes);
}

int fchmod(int fd, mode_t mode)
{
	small_step();
	return REAL(fchmod)(fd, mode);
}

int fsync(int fd)
{
	static long count;

	step();
	if (!is_among("LOSE_SYNC", ++count))
		return REAL(fsync)(fd);
	fputs("kill-at: a sync is left out\n", stderr);
	return 0;
}

int mkdir(const char *path, mode_t mode)
{
	small_step();
	return REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to)
{
	step();
	return REAL(rename)(from, to);
}

static void make_theirs(const char *path)
{
	FILE *file = fopen(path, "wx");

	if (file) {
		fputs("theirs\n", file);
		fclose(file);
	}
}

static bool flags_unknown(unsigned int flags, const char *to)
{
	const char *how = getenv("NO_RENAMEAT2");

	if (!flags || !how)
		return false;
	if (!strcmp(how, "race"))
		make_theirs(to);
	return true;
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	small_step();
	if (flags_unknown(flags, to)) {
		errno = EINVAL;
		return -1;
	}
	return REAL(renameat2)(from_fd, from, to_fd, to, flags);
}

int link(const char *from, const char *to)
{
	small_step();
	if (getenv("NO_LINK")) {
		errno = EPERM;
		return -1;
	}
	return REAL(link)(from, to);
}

int unlink(const char *path)
{
	step();
	return REAL(unlink)(path);
}
