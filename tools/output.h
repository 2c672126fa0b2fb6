/* SPDX-License-Identifier: GPL-2.0 */
/* What the tool prints: errors, sizes, JSON and tables. */
#ifndef LCLONE_OUTPUT_H
#define LCLONE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <json-c/json.h>

/*
 * Prints "lclone: WHAT: WHY" on stderr.  @what is the thing that failed (a
 * device, a name, a verb), @why a sentence without its full stop.
 */
void report_error(const char *what, const char *why, ...)
	__attribute__((format(printf, 2, 3)));

/* The same with ": strerror(@error)" behind it; @error may be negative. */
void report_errno(const char *what, int error, const char *why, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints "  next: HINT" on stderr: what to do about the error just reported. */
void report_hint(const char *hint, ...) __attribute__((format(printf, 1, 2)));

/* The hint for a path that a system call refused with @error, if there is one. */
void report_path_hint(int error);

/* Prints "lclone: WHAT: warning: WHY" on stderr. */
void report_warning(const char *what, const char *why, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * As asprintf(), malloc() and strdup(), but these end the program when memory
 * runs out.
 */
char *print_string(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
void *must_alloc(size_t bytes);		/* zeroed */
void *must_realloc(void *old, size_t bytes);
char *must_strdup(const char *text);

/*
 * Reads "NUMBER" (bytes) or "NUMBER" and one of s (sectors of 512 bytes), K, M,
 * G, T (powers of 1024; small letters and a B or iB behind them are taken too).
 * Returns 0, -EINVAL, or -ERANGE beyond 2^63.
 */
int parse_size(const char *text, uint64_t *bytes);

#define SIZE_TEXT_BYTES	24
/* Writes "1.5G" and the like to @text, and returns it. */
char *print_size(uint64_t bytes, char text[SIZE_TEXT_BYTES]);

#define UUID_TEXT_BYTES	37
/* Writes a uuid in lower case with hyphens, and returns @text. */
char *print_uuid(const uint8_t *uuid, char text[UUID_TEXT_BYTES]);

/* Writes 2 * @bytes hexadecimal digits and a NUL, and returns @text. */
char *print_hex(const uint8_t *data, size_t bytes, char *text);

/* json-c with the types that our documents have.  NULL @text becomes null. */
void json_add_string(struct json_object *object, const char *key,
		     const char *text);
void json_add_number(struct json_object *object, const char *key,
		     uint64_t number);
void json_add_bool(struct json_object *object, const char *key, bool value);
/* A null uuid becomes null. */
void json_add_uuid(struct json_object *object, const char *key,
		   const uint8_t *uuid);
/* Prints the document with a newline, and puts it.  Returns 0 or -EIO. */
int json_print(struct json_object *object);

/*
 * Prints @object, which is a part of a document, on one line (@flags: 0).  A path may
 * be any bytes, and JSON is UTF-8: what is not is printed as U+FFFD.
 */
void json_write(struct json_object *object, int flags);

/*
 * A table of text in columns that are as wide as they must be.  Rows have as
 * many cells as there are headings; a heading that begins with '>' is aligned
 * to the right (the '>' is not printed).
 */
struct text_table;
struct text_table *text_table_new(unsigned int columns,
				  const char *const *headings);
/* Copies the cells; NULL prints as "-". */
void text_table_row(struct text_table *table, const char *const *cells);
/* Prints on stdout and frees. */
void text_table_print(struct text_table *table);

/*
 * Prints "; I/O was held for N ms" on stdout, unless @pause_ns is 0: it was not.
 * @of is whose it was, where that is not clear, or NULL.
 */
void print_held(const char *of, uint64_t pause_ns);

/*
 * A progress line on stderr when that is a terminal, at most 5 times a second.
 * @done == @total ends the line.
 */
void print_progress(const char *what, uint64_t done, uint64_t total);

#endif
