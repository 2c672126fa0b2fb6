// SPDX-License-Identifier: GPL-2.0
/* What the kernel says in its log about a device-mapper call that it refuses. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel-log.h"
#include "output.h"

/* A record is never longer than this. */
#define RECORD_BYTES	8192

int kernel_log_open(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log >= 0)
		lseek(log, 0, SEEK_END);
	return log;
}

/* The part of a message behind @prefix and what follows it up to ": ". */
static const char *behind(const char *text, const char *prefix)
{
	const char *at = strstr(text, prefix);

	return at ? at + strlen(prefix) : NULL;
}

/*
 * "device-mapper: table: 254:3: lclone: WHY (-EINVAL)" and
 * "device-mapper: lclone: 254:3: WHY" are what may come.
 */
static char *extract(const char *text)
{
	const char *why = behind(text, "lclone: ");

	if (!strstr(text, "device-mapper: ") && !why)
		return NULL;
	if (!why)
		why = behind(text, "device-mapper: ");
	/* dm's own end of the story; the line before it tells more. */
	if (strstr(text, "error adding target to table"))
		return NULL;
	return must_strdup(why);
}

char *kernel_log_why(int log)
{
	char record[RECORD_BYTES + 1];
	char *why = NULL, *found;
	char *text;
	ssize_t got;

	if (log < 0)
		return NULL;
	for (;;) {
		got = read(log, record, RECORD_BYTES);
		if (got < 0 && errno == EPIPE)
			continue;	/* some lines were overwritten */
		if (got <= 0)
			break;
		record[got] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		text[strcspn(text, "\n")] = '\0';
		found = extract(text + 1);
		if (found) {
			free(why);
			why = found;
		}
	}
	close(log);
	return why;
}
