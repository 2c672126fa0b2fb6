// SPDX-License-Identifier: GPL-2.0
/* The status line of the target. */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>
#include "output.h"
#include "status-parse.h"

static const char *const mode_names[] = { "rw", "ro", "failed", NULL };
static const char *const space_names[] = { "ok", "low", "full", NULL };
static const char *const full_names[] = {
	"queue_if_no_space", "error_if_no_space", NULL,
};
static const char *const discard_names[] = {
	"no_discard_passdown", "discard_passdown", NULL,
};

const char *clone_mode_name(enum clone_mode mode)
{
	return mode_names[mode];
}

const char *space_state_name(enum space_state space)
{
	return space_names[space];
}

/* What is left of the line; @bad is set at the first field that is wrong. */
struct reader {
	char *rest;
	bool bad;
};

static const char *next_field(struct reader *reader)
{
	char *field = reader->rest ? strsep(&reader->rest, " ") : NULL;

	if (!field || !*field) {
		reader->bad = true;
		return "";
	}
	return field;
}

static u64 parse_number(struct reader *reader, const char *text)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno)
		reader->bad = true;
	return number;
}

static u64 next_number(struct reader *reader)
{
	return parse_number(reader, next_field(reader));
}

/* "@part/@whole" */
static void next_fraction(struct reader *reader, u64 *part, u64 *whole)
{
	char *text = must_strdup(next_field(reader));
	char *slash = strchr(text, '/');

	if (slash) {
		*slash = '\0';
		*part = parse_number(reader, text);
		*whole = parse_number(reader, slash + 1);
	} else {
		reader->bad = true;
	}
	free(text);
}

static unsigned int next_word(struct reader *reader, const char *const *words)
{
	const char *field = next_field(reader);
	unsigned int i;

	for (i = 0; words[i]; i++)
		if (!strcmp(field, words[i]))
			return i;
	reader->bad = true;
	return 0;
}

static void next_uuid(struct reader *reader, u8 *uuid)
{
	if (uuid_parse(next_field(reader), uuid))
		reader->bad = true;
}

int status_parse(const char *line, struct clone_status *status)
{
	char *copy = must_strdup(line);
	struct reader reader = { copy, false };

	/* The kernel may leave a blank at the end. */
	while (*copy && copy[strlen(copy) - 1] == ' ')
		copy[strlen(copy) - 1] = '\0';
	memset(status, 0, sizeof(*status));
	status->mode = next_word(&reader, mode_names);
	next_uuid(&reader, status->clone_uuid);
	next_uuid(&reader, status->store_uuid);
	next_fraction(&reader, &status->used_blocks, &status->total_blocks);
	status->page_blocks = next_number(&reader);
	status->data_blocks = next_number(&reader);
	status->zero_blocks = next_number(&reader);
	status->shared_blocks = next_number(&reader);
	status->space = next_word(&reader, space_names);
	next_fraction(&reader, &status->dirty_pages, &status->dirty_cap);
	next_fraction(&reader, &status->journal_used, &status->journal_total);
	status->generation = next_number(&reader);
	status->rounds = next_number(&reader);
	status->waiting = next_number(&reader);
	status->error_if_no_space = next_word(&reader, full_names);
	status->discard_passdown = next_word(&reader, discard_names);
	status->cached_pages = next_number(&reader);
	free(copy);
	return reader.bad ? -EINVAL : 0;
}
