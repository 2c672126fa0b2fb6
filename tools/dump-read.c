// SPDX-License-Identifier: GPL-2.0
/* Reading a dump. */

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/types.h>
#include <uuid/uuid.h>
#include "dump-read.h"
#include "output.h"

static int wrong(const struct dump_reader *reader, const char *why)
{
	report_error(reader->path, "line %lu: %s", reader->line, why);
	return -EINVAL;
}

/* Takes a number and one space or the end behind it; *@text moves on. */
static bool take_number(char **text, u64 most, u64 *number)
{
	char *at = *text;

	*number = 0;
	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		u64 digit = (u64)(*at - '0');

		if (*number > (most - digit) / 10 || digit > most)
			return false;
		*number = *number * 10 + digit;
	}
	if (*at && *at != ' ')
		return false;
	*text = *at ? at + 1 : at;
	return true;
}

static bool take_u64(char **text, u64 *number)
{
	return take_number(text, ~0ull, number);
}

static bool take_u32(char **text, u32 *number)
{
	u64 wide;

	if (!take_number(text, ~0u, &wide))
		return false;
	*number = (u32)wide;
	return true;
}

static bool take_uuid(char *text, u8 *uuid)
{
	if (strcmp(text, "-"))
		return !uuid_parse(text, uuid);
	memset(uuid, 0, LC_UUID_BYTES);
	return true;
}

static bool take_word(const char *text, const char *const *words, u32 *number)
{
	for (*number = 0; words[*number]; ++*number)
		if (!strcmp(text, words[*number]))
			return true;
	return false;
}

static bool take_hex(const char *text, u8 *bytes, size_t count)
{
	unsigned int value;
	size_t i;

	for (i = 0; i < count; i++) {
		if (strspn(text, "0123456789abcdef") < 2 ||
		    sscanf(text, "%2x", &value) != 1)
			return false;
		bytes[i] = (u8)value;
		text += 2;
	}
	return !*text;
}

static bool take_text(const char *text, char *to, size_t room)
{
	size_t at = 0;

	memset(to, 0, room);
	if (*text++ != '"')
		return false;
	for (; *text && *text != '"'; at++) {
		u8 value = (u8)*text;
		char hex[3] = "";

		if (at + 1 >= room)
			return false;
		if (*text == '\\') {
			if (text[1] != 'x' || !text[2] || !text[3])
				return false;
			memcpy(hex, text + 2, 2);
			if (!take_hex(hex, &value, 1) || !value)
				return false;
			text += 3;
		}
		to[at] = (char)value;
		text++;
	}
	return *text == '"' && !text[1];
}

enum kind { UUID, NUMBER, COUNT, PAIR, STATE, ORIGIN, FINGERPRINT, NAME, PATH };

static const char *const states[] = { "", "writable", "frozen", "retired", NULL };
static const char *const origins[] = { "none", "device", NULL };

/* @a and @b are where it goes in struct lc_super. */
static const struct row {
	const char *key;
	enum kind kind;
	size_t a, b;
} rows[] = {
#define AT(member) offsetof(struct lc_super, member)
	{ "store-uuid", UUID, AT(store_uuid), 0 },
	{ "clone-uuid", UUID, AT(clone_uuid), 0 },
	{ "content-uuid", UUID, AT(content_uuid), 0 },
	{ "parent-uuid", UUID, AT(parent_uuid), 0 },
	{ "snapshot-set", UUID, AT(snapshot_set), 0 },
	{ "state", STATE, AT(state), 0 },
	{ "layers", COUNT, AT(layers), 0 },
	{ "head-generation", NUMBER, AT(head_generation), 0 },
	{ "generation", NUMBER, AT(generation), 0 },
	{ "clone-sectors", NUMBER, AT(clone_sectors), 0 },
	{ "overlap-sectors", NUMBER, AT(overlap_sectors), 0 },
	{ "store-blocks", COUNT, AT(layout.store_blocks), 0 },
	{ "journal", PAIR, AT(layout.journal_start), AT(layout.journal_blocks) },
	{ "reserve", PAIR, AT(layout.reserve_start), AT(layout.reserve_blocks) },
	{ "origin-kind", ORIGIN, AT(origin_kind), 0 },
	{ "origin-sectors", NUMBER, AT(origin_sectors), 0 },
	{ "origin-uuid", UUID, AT(origin_uuid), 0 },
	{ "fingerprint", FINGERPRINT, AT(fingerprint_algorithm), AT(fingerprint) },
	{ "clone-name", NAME, AT(clone_name), 0 },
	{ "origin-name", NAME, AT(origin_name), 0 },
	{ "origin-path", PATH, AT(origin_path), 0 },
	/* These only where there is one, and before the last of the others. */
	{ "snapshot", NAME, AT(snapshot_name), 0 },
	{ "parent-snapshot", NAME, AT(parent_name), 0 },
#undef AT
};

#define ROWS	(sizeof(rows) / sizeof(*rows))
#define ROWS_NEEDED	(ROWS - 2)

static bool take_fingerprint(char *text, u32 *algorithm, u8 *fingerprint)
{
	static const char *const names[] = { "none", "sha256-sampled", NULL };
	char *hex = strchr(text, ' ');

	if (!hex)
		return false;
	*hex++ = '\0';
	return take_word(text, names, algorithm) &&
	       take_hex(hex, fingerprint, LC_FINGERPRINT_BYTES);
}

static bool take_value(const struct row *row, char *text, struct lc_super *super)
{
	void *a = (char *)super + row->a;
	void *b = (char *)super + row->b;

	switch (row->kind) {
	case UUID:
		return take_uuid(text, a);
	case NUMBER:
		return take_u64(&text, a) && !*text;
	case COUNT:
		return take_u32(&text, a) && !*text;
	case PAIR:
		return take_u32(&text, a) && take_u32(&text, b) && !*text;
	case STATE:
		return *text && take_word(text, states, a);
	case ORIGIN:
		return take_word(text, origins, a);
	case FINGERPRINT:
		return take_fingerprint(text, a, b);
	case NAME:
		return take_text(text, a, LC_NAME_BYTES);
	default:
		return take_text(text, a, LC_PATH_BYTES);
	}
}

/* The next line that is no comment.  Returns false at the end of the file. */
static bool next_line(struct dump_reader *reader)
{
	ssize_t bytes;

	do {
		bytes = getline(&reader->text, &reader->room, reader->from);
		if (bytes < 0)
			return false;
		reader->line++;
		if (bytes && reader->text[bytes - 1] == '\n')
			reader->text[--bytes] = '\0';
	} while (*reader->text == '#');
	return true;
}

static int cut_short(const struct dump_reader *reader)
{
	report_error(reader->path, "is not complete: it has no end");
	report_hint("a dump of a damaged store has none; 'lclone repair' mends what can be mended");
	return -EINVAL;
}

static int read_row(struct dump_reader *reader, struct lc_super *super, u32 *seen)
{
	char *value = strchr(reader->text, ' ');
	size_t i;

	if (!value)
		return wrong(reader, "it is not known here");
	*value++ = '\0';
	for (i = 0; i < ROWS && strcmp(rows[i].key, reader->text); i++)
		;
	if (i == ROWS)
		return wrong(reader, "it is not known here");
	if (*seen >> i & 1)
		return wrong(reader, "it has been there before");
	*seen |= 1u << i;
	return take_value(&rows[i], value, super) ? 0 :
	       wrong(reader, "its value makes no sense");
}

/* By the same rules that hold for a superblock read from a device. */
static int check_super(const struct dump_reader *reader, struct lc_super *super)
{
	u8 page[LC_BLOCK_SIZE];
	struct lc_super again;
	const char *why;

	if (lc_uuid_is_null(super->store_uuid))
		return wrong(reader, "the store has no uuid");
	if (!super->clone_sectors || super->clone_sectors > LC_CLONE_SECTORS_MAX)
		return wrong(reader, "the size of the clone is impossible");
	lc_layout_finish(&super->layout);
	super->root_level = lc_root_level(lc_blocks_of(super->clone_sectors));
	super->high_water = super->layout.data_start;
	super->replay_sequence = 1;
	lc_super_encode(super, 0, page);
	why = lc_super_decode(page, super->store_uuid, 0, &again);
	if (!why)
		return 0;
	report_error(reader->path, "the superblock %s", why);
	return -EINVAL;
}

int dump_read_super(struct dump_reader *reader, struct lc_super *super)
{
	u32 seen = 0;
	int error;

	rewind(reader->from);
	reader->line = 0;
	reader->super = super;
	memset(&reader->last, 0, sizeof(reader->last));
	reader->runs = 0;
	reader->data_blocks = 0;
	reader->zero_blocks = 0;
	memset(super, 0, sizeof(*super));
	if (!next_line(reader) || strcmp(reader->text, "lclone-dump 1")) {
		report_error(reader->path, "is not a dump of a store that is known here");
		return -EINVAL;
	}
	while ((seen & ((1u << ROWS_NEEDED) - 1)) != (1u << ROWS_NEEDED) - 1) {
		if (!next_line(reader))
			return cut_short(reader);
		error = read_row(reader, super, &seen);
		if (error)
			return error;
	}
	return check_super(reader, super);
}

static int check_run(struct dump_reader *reader, const struct dump_run *run)
{
	const struct lc_layout *layout = &reader->super->layout;
	u64 blocks = lc_blocks_of(reader->super->clone_sectors);

	if (!run->count || run->first >= blocks ||
	    run->count > blocks - run->first)
		return wrong(reader, "the run is not within the clone");
	if (run->first < reader->last.first + reader->last.count)
		return wrong(reader, "the run does not lie behind the one before");
	if (run->value == LC_ENTRY_ZERO)
		return 0;
	if (!lc_data_address_valid(run->value, layout) ||
	    run->count > layout->data_end - run->value)
		return wrong(reader, "the run is not within the data area");
	return 0;
}

static int read_end(struct dump_reader *reader, char *text)
{
	u64 runs, data, zeros;

	if (!take_u64(&text, &runs) || !take_u64(&text, &data) ||
	    !take_u64(&text, &zeros) || *text)
		return wrong(reader, "its value makes no sense");
	if (runs != reader->runs || data != reader->data_blocks ||
	    zeros != reader->zero_blocks)
		return wrong(reader, "the end counts other runs than there are");
	return next_line(reader) ? wrong(reader, "there is more behind the end") : 0;
}

int dump_read_run(struct dump_reader *reader, struct dump_run *run)
{
	char *text;
	bool data;
	int error;

	if (!next_line(reader))
		return cut_short(reader);
	text = reader->text;
	if (!strncmp(text, "end ", 4))
		return read_end(reader, text + 4);
	data = !strncmp(text, "data ", 5);
	if (!data && strncmp(text, "zero ", 5))
		return wrong(reader, "it is not known here");
	text += 5;
	run->value = LC_ENTRY_ZERO;
	if (!take_u64(&text, &run->first) || !take_u64(&text, &run->count) ||
	    (data && (!take_u32(&text, &run->value) ||
		      run->value >= LC_ENTRY_RESERVED)) || *text)
		return wrong(reader, "its value makes no sense");
	error = check_run(reader, run);
	if (error)
		return error;
	reader->last = *run;
	reader->runs++;
	if (data)
		reader->data_blocks += run->count;
	else
		reader->zero_blocks += run->count;
	return 1;
}

/* So that it can be read more than once. */
static FILE *copy_stdin(void)
{
	FILE *to = tmpfile();
	char block[65536];
	size_t bytes;

	while (to && (bytes = fread(block, 1, sizeof(block), stdin)))
		if (fwrite(block, 1, bytes, to) != bytes)
			break;
	if (to && !ferror(stdin) && !ferror(to) && !fflush(to))
		return to;
	if (to)
		fclose(to);
	return NULL;
}

int dump_open(const char *path, struct dump_reader *reader)
{
	int error;

	memset(reader, 0, sizeof(*reader));
	errno = 0;
	reader->from = path ? fopen(path, "re") : copy_stdin();
	reader->path = must_strdup(path ? path : "standard input");
	if (reader->from && !fseek(reader->from, 0, SEEK_SET))
		return 0;
	error = errno ? -errno : -EIO;
	report_errno(reader->path, error, "cannot be read");
	dump_close(reader);
	return error;
}

void dump_close(struct dump_reader *reader)
{
	if (reader->from)
		fclose(reader->from);
	free(reader->text);
	free(reader->path);
	memset(reader, 0, sizeof(*reader));
}
