// SPDX-License-Identifier: GPL-2.0
/* Errors, sizes and uuids as text. */

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <time.h>
#include <uuid/uuid.h>
#include "output.h"

void report_error(const char *what, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	fprintf(stderr, "lclone: %s: ", what);
	vfprintf(stderr, why, args);
	fputc('\n', stderr);
	va_end(args);
}

void report_errno(const char *what, int error, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	fprintf(stderr, "lclone: %s: ", what);
	vfprintf(stderr, why, args);
	fprintf(stderr, ": %s\n", strerror(abs(error)));
	va_end(args);
}

void report_hint(const char *hint, ...)
{
	va_list args;

	va_start(args, hint);
	fputs("  next: ", stderr);
	vfprintf(stderr, hint, args);
	fputc('\n', stderr);
	va_end(args);
}

void report_path_hint(int error)
{
	switch (abs(error)) {
	case ENOENT:
	case ENOTDIR:
		report_hint("check the path; 'lsblk' shows the block devices that there are");
		break;
	case EACCES:
	case EPERM:
		report_hint("run lclone as root");
		break;
	}
}

void report_warning(const char *what, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	fprintf(stderr, "lclone: %s: warning: ", what);
	vfprintf(stderr, why, args);
	fputc('\n', stderr);
	va_end(args);
}

static void *checked(void *memory)
{
	if (memory)
		return memory;
	report_error("memory", "there is none left");
	exit(1);
}

char *print_string(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return checked(text);
}

void *must_alloc(size_t bytes)
{
	return checked(calloc(1, bytes ? bytes : 1));
}

void *must_realloc(void *old, size_t bytes)
{
	return checked(realloc(old, bytes ? bytes : 1));
}

char *must_strdup(const char *text)
{
	return checked(strdup(text));
}

/* What a unit stands for; 0 when it is none. */
static uint64_t unit_bytes(const char *unit)
{
	static const char letters[] = "kmgt";
	const char *at;

	if (!*unit)
		return 1;
	if (!strcmp(unit, "s"))
		return 512;
	at = strchr(letters, tolower((unsigned char)*unit));
	if (!at)
		return 0;
	unit++;
	if (*unit && strcasecmp(unit, "b") && strcasecmp(unit, "ib"))
		return 0;
	return 1ull << (10 * (at - letters + 1));
}

int parse_size(const char *text, uint64_t *bytes)
{
	unsigned long long number;
	uint64_t unit;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	unit = unit_bytes(end);
	if (!unit)
		return -EINVAL;
	if (__builtin_mul_overflow((uint64_t)number, unit, bytes) ||
	    *bytes > INT64_MAX)
		return -ERANGE;
	return 0;
}

char *print_size(uint64_t bytes, char text[SIZE_TEXT_BYTES])
{
	static const char units[] = "KMGTPE";
	unsigned int unit = 0;
	uint64_t whole = bytes;
	unsigned int tenths;

	if (bytes < 1024) {
		snprintf(text, SIZE_TEXT_BYTES, "%llu",
			 (unsigned long long)bytes);
		return text;
	}
	while (whole >= 1024 * 1024) {
		whole >>= 10;
		unit++;
	}
	tenths = (unsigned int)((whole % 1024) * 10 / 1024);
	if (tenths)
		snprintf(text, SIZE_TEXT_BYTES, "%u.%u%c",
			 (unsigned int)(whole / 1024), tenths, units[unit]);
	else
		snprintf(text, SIZE_TEXT_BYTES, "%u%c",
			 (unsigned int)(whole / 1024), units[unit]);
	return text;
}

char *print_uuid(const uint8_t *uuid, char text[UUID_TEXT_BYTES])
{
	uuid_unparse_lower(uuid, text);
	return text;
}

char *print_hex(const uint8_t *data, size_t bytes, char *text)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	text[2 * bytes] = '\0';
	return text;
}

void print_held(const char *of, uint64_t pause_ns)
{
	if (pause_ns)
		printf("; I/O%s%s was held for %.1f ms", of ? " of " : "", of ? of : "",
		       (double)pause_ns / 1e6);
}

void print_progress(const char *what, uint64_t done, uint64_t total)
{
	static struct timespec last;
	struct timespec now;
	double percent = total ? 100.0 * (double)done / (double)total : 100.0;

	if (!isatty(STDERR_FILENO))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (done != total &&
	    (double)(now.tv_sec - last.tv_sec) +
	    (double)(now.tv_nsec - last.tv_nsec) / 1e9 < 0.2)
		return;
	last = now;
	fprintf(stderr, "\r%s: %5.1f %%%s", what, percent,
		done == total ? "\n" : "");
}
