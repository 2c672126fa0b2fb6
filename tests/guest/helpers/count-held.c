// SPDX-License-Identifier: GPL-2.0
/*
 * LD_PRELOAD=count-held.so HELD_OUT=FILE COMMAND: each time that it has resumed all devices
 * which it suspended, a line with what happened since it began is added to FILE: ioctls of the
 * process; its reads and writes; I/Os of all loop devices, flushes among them, and their sectors.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include "dm-calls.h"

struct counts {
	long ioctls;
	long calls;
	long ios;
	long sectors;
};

static long ioctls;
static struct counts begin;
static int held;			/* devices that are suspended */

/* One read, so that what it adds to the count of reads is known. */
static void read_file(const char *path, char *text, size_t bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, bytes - 1);

	if (got < 0) {
		perror(path);
		abort();
	}
	text[got] = '\0';
	close(fd);
}

static long own_calls(void)
{
	long reads, writes;
	char text[512];

	read_file("/proc/self/io", text, sizeof(text));
	if (sscanf(text, "rchar: %*d wchar: %*d syscr: %ld syscw: %ld", &reads, &writes) != 2)
		abort();
	return reads + writes;
}

static void add_device(const char *path, struct counts *counts)
{
	long reads, read_sectors, writes, written_sectors, discards, flushes;
	char text[512];

	read_file(path, text, sizeof(text));
	if (sscanf(text, "%ld %*d %ld %*d %ld %*d %ld %*d %*d %*d %*d %ld %*d %*d %*d %ld", &reads,
		   &read_sectors, &writes, &written_sectors, &discards, &flushes) != 6)
		abort();
	counts->ios += reads + writes + discards + flushes;
	counts->sectors += read_sectors + written_sectors;
}

static void count_devices(struct counts *counts)
{
	glob_t found;
	size_t i;

	counts->ios = 0;
	counts->sectors = 0;
	if (glob("/sys/block/loop*/stat", 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++)
		add_device(found.gl_pathv[i], counts);
	globfree(&found);
}

static void begins(void)
{
	if (held++)
		return;
	count_devices(&begin);
	begin.calls = own_calls();
	begin.ioctls = ioctls;
}

static void ends(void)
{
	struct counts end;
	FILE *out;

	if (!held || --held)
		return;
	end.calls = own_calls() - 1;
	count_devices(&end);
	out = fopen(getenv("HELD_OUT"), "a");
	if (!out)
		abort();
	fprintf(out, "%ld %ld %ld %ld\n", ioctls - begin.ioctls, end.calls - begin.calls,
		end.ios - begin.ios, end.sectors - begin.sectors);
	fclose(out);
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	va_list list;
	void *argument;
	bool is_last;
	int result;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if (suspends(request, argument))
		begins();
	is_last = resumes(request, argument);
	ioctls++;
	result = real(fd, request, argument);
	if (is_last)
		ends();
	return result;
}
