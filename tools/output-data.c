// SPDX-License-Identifier: GPL-2.0
/* JSON documents and tables of text. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "output.h"

void json_add_string(struct json_object *object, const char *key,
		     const char *text)
{
	json_object_object_add(object, key,
			       text ? json_object_new_string(text) : NULL);
}

void json_add_number(struct json_object *object, const char *key,
		     uint64_t number)
{
	json_object_object_add(object, key, json_object_new_uint64(number));
}

void json_add_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

void json_add_uuid(struct json_object *object, const char *key,
		   const uint8_t *uuid)
{
	static const uint8_t null[16];
	char text[UUID_TEXT_BYTES];

	json_add_string(object, key, memcmp(uuid, null, sizeof(null)) ?
			print_uuid(uuid, text) : NULL);
}

/* How many bytes of @text are one character of UTF-8 (RFC 3629); 0: none. */
static size_t utf8_length(const uint8_t *text)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t bytes = *text < 0x80 ? 1 : *text < 0xc0 ? 0 : *text < 0xe0 ? 2 :
		       *text < 0xf0 ? 3 : *text < 0xf8 ? 4 : 0;
	uint32_t code = bytes > 1 ? *text & (0x7fu >> bytes) : 0;
	size_t i;

	for (i = 1; i < bytes; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (bytes > 1 && (code < least[bytes] || code > 0x10ffff ||
			  (code >= 0xd800 && code <= 0xdfff)))
		return 0;
	return bytes;
}

void json_write(struct json_object *object, int flags)
{
	const char *text = json_object_to_json_string_ext(object, flags |
			JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t bytes;

	for (; *text; text += bytes ? bytes : 1) {
		bytes = utf8_length((const uint8_t *)text);
		if (bytes)
			fwrite(text, 1, bytes, stdout);
		else
			fputs("\\ufffd", stdout);
	}
}

int json_print(struct json_object *object)
{
	int error = 0;

	json_write(object, JSON_C_TO_STRING_PRETTY);
	putchar('\n');
	if (fflush(stdout) == EOF || ferror(stdout)) {
		report_error("output", "cannot be written");
		error = -EIO;
	}
	json_object_put(object);
	return error;
}

struct text_table {
	unsigned int columns;
	unsigned int cells;
	const char *const *headings;
	char **cell;
};

struct text_table *text_table_new(unsigned int columns,
				  const char *const *headings)
{
	struct text_table *table = must_alloc(sizeof(*table));

	table->columns = columns;
	table->headings = headings;
	return table;
}

void text_table_row(struct text_table *table, const char *const *cells)
{
	unsigned int i;

	table->cell = must_realloc(table->cell, (table->cells + table->columns) *
				   sizeof(*table->cell));
	for (i = 0; i < table->columns; i++)
		table->cell[table->cells++] =
			must_strdup(cells[i] && *cells[i] ? cells[i] : "-");
}

static void print_row(const struct text_table *table, const int *width,
		      const char *const *cells)
{
	unsigned int i;

	for (i = 0; i < table->columns; i++) {
		const char *text = cells[i];
		bool right = *table->headings[i] == '>';
		const char *gap = i ? "  " : "";

		if (text == table->headings[i] && right)
			text++;
		if (right)
			printf("%s%*s", gap, width[i], text);
		else if (i + 1 < table->columns)
			printf("%s%-*s", gap, width[i], text);
		else
			printf("%s%s", gap, text);
	}
	putchar('\n');
}

void text_table_print(struct text_table *table)
{
	int *width = must_alloc(table->columns * sizeof(*width));
	unsigned int i;

	for (i = 0; i < table->columns; i++) {
		const char *heading = table->headings[i];

		width[i] = (int)strlen(heading) - (*heading == '>');
	}
	for (i = 0; i < table->cells; i++) {
		int bytes = (int)strlen(table->cell[i]);

		if (bytes > width[i % table->columns])
			width[i % table->columns] = bytes;
	}
	print_row(table, width, table->headings);
	for (i = 0; i < table->cells; i += table->columns)
		print_row(table, width, (const char *const *)&table->cell[i]);
	for (i = 0; i < table->cells; i++)
		free(table->cell[i]);
	free(table->cell);
	free(width);
	free(table);
}
