// SPDX-License-Identifier: GPL-2.0
/*
 * The structures on disk, compared with Documentation/on-disk-format.rst.
 *
 * The document has, under a heading that is (or contains) the name of the
 * structure, a table with one row a field, which begins with three columns:
 *
 *	offset  bytes  field
 *
 * separated by blanks, "|" or, as in a list-table, in cells of their own:
 *
 *	0       4      ``magic``     LC_MAGIC_LEAF
 *	| 0     | 4    | magic       | ...          |
 *	* - 0
 *	  - 4
 *	  - ``magic``
 *
 * A row for what is unused or reserved may be left out or have any name with
 * "unused", "reserved", "zero" or "pad" in it.  Rows of arrays give the bytes of
 * the whole array, and their name may be followed by "[...]".
 */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <kunit/test.h>
#include "core/super.h"

#define DOCUMENT "../../Documentation/on-disk-format.rst"

struct field {
	const char *name;
	size_t offset;
	size_t bytes;
};

#define FIELD(type, member) \
	{ #member, offsetof(struct type, member), \
	  sizeof(((struct type *)0)->member) }

static const struct field header_fields[] = {
	FIELD(lc_disk_header, magic), FIELD(lc_disk_header, csum),
	FIELD(lc_disk_header, version), FIELD(lc_disk_header, csum_type),
	FIELD(lc_disk_header, block_bytes),
	FIELD(lc_disk_header, features_compat),
	FIELD(lc_disk_header, features_ro_compat),
	FIELD(lc_disk_header, features_incompat),
	FIELD(lc_disk_header, store_uuid), { }
};

static const struct field ref_fields[] = {
	FIELD(lc_disk_ref, generation), FIELD(lc_disk_ref, zero_blocks),
	FIELD(lc_disk_ref, data_blocks), FIELD(lc_disk_ref, address),
	FIELD(lc_disk_ref, csum), FIELD(lc_disk_ref, state), { }
};

static const struct field page_fields[] = {
	FIELD(lc_disk_page, magic), FIELD(lc_disk_page, csum),
	FIELD(lc_disk_page, generation), FIELD(lc_disk_page, index),
	FIELD(lc_disk_page, address), FIELD(lc_disk_page, level), { }
};

static const struct field leaf_fields[] = {
	FIELD(lc_disk_leaf, head), FIELD(lc_disk_leaf, entry), { }
};

static const struct field node_fields[] = {
	FIELD(lc_disk_node, head), FIELD(lc_disk_node, child), { }
};

static const struct field run_fields[] = {
	FIELD(lc_disk_run, first), FIELD(lc_disk_run, count),
	FIELD(lc_disk_run, store), { }
};

static const struct field journal_fields[] = {
	FIELD(lc_disk_journal, magic), FIELD(lc_disk_journal, csum),
	FIELD(lc_disk_journal, epoch), FIELD(lc_disk_journal, sequence),
	FIELD(lc_disk_journal, previous_csum),
	FIELD(lc_disk_journal, position), FIELD(lc_disk_journal, runs),
	FIELD(lc_disk_journal, flags), FIELD(lc_disk_journal, run), { }
};

static const struct field super_fields[] = {
	FIELD(lc_disk_super, magic), FIELD(lc_disk_super, csum),
	FIELD(lc_disk_super, generation), FIELD(lc_disk_super, store_uuid),
	FIELD(lc_disk_super, clone_uuid), FIELD(lc_disk_super, content_uuid),
	FIELD(lc_disk_super, parent_uuid), FIELD(lc_disk_super, snapshot_set),
	FIELD(lc_disk_super, state), FIELD(lc_disk_super, layers),
	FIELD(lc_disk_super, head_generation),
	FIELD(lc_disk_super, clone_sectors),
	FIELD(lc_disk_super, overlap_sectors),
	FIELD(lc_disk_super, store_blocks), FIELD(lc_disk_super, high_water),
	FIELD(lc_disk_super, journal_start),
	FIELD(lc_disk_super, journal_blocks),
	FIELD(lc_disk_super, reserve_start),
	FIELD(lc_disk_super, reserve_blocks),
	FIELD(lc_disk_super, page_blocks), FIELD(lc_disk_super, root_level),
	FIELD(lc_disk_super, root), FIELD(lc_disk_super, epoch),
	FIELD(lc_disk_super, replay_sequence),
	FIELD(lc_disk_super, replay_block), FIELD(lc_disk_super, replay_csum),
	FIELD(lc_disk_super, origin_kind),
	FIELD(lc_disk_super, fingerprint_algorithm),
	FIELD(lc_disk_super, origin_sectors),
	FIELD(lc_disk_super, origin_uuid), FIELD(lc_disk_super, fingerprint),
	FIELD(lc_disk_super, owner_boot), FIELD(lc_disk_super, owner_epoch),
	FIELD(lc_disk_super, owner_host), FIELD(lc_disk_super, clone_name),
	FIELD(lc_disk_super, origin_name), FIELD(lc_disk_super, origin_path),
	FIELD(lc_disk_super, reserve_map), FIELD(lc_disk_super, snapshot_name),
	FIELD(lc_disk_super, parent_name), { }
};

static const struct structure {
	const char *name;
	const struct field *field;
} structures[] = {
	{ "lc_disk_header", header_fields },
	{ "lc_disk_ref", ref_fields },
	{ "lc_disk_page", page_fields },
	{ "lc_disk_leaf", leaf_fields },
	{ "lc_disk_node", node_fields },
	{ "lc_disk_run", run_fields },
	{ "lc_disk_journal", journal_fields },
	{ "lc_disk_super", super_fields },
};

#define STRUCTURES (sizeof(structures) / sizeof(structures[0]))

/* The structure that @line names, or NULL. */
static const struct structure *named(const char *line)
{
	size_t i;

	for (i = 0; i < STRUCTURES; i++)
		if (strstr(line, structures[i].name))
			return &structures[i];
	return NULL;
}

static bool is_underline(const char *line)
{
	char one[2] = { line[0], 0 };
	size_t length = strspn(line, one);

	return ispunct((unsigned char)line[0]) && length >= 4 && (line[length] == '\n' || !line[length]);
}

/* The next word of a row, without what the markup puts around it. */
static char *word(char **at)
{
	char *begin;

	*at += strspn(*at, " \t|*-`:");
	begin = *at;
	*at += strcspn(*at, " \t|\n`[");
	if (**at)
		*(*at)++ = 0;
	return begin;
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static bool unused(const char *name)
{
	return strstr(name, "unused") || strstr(name, "reserved") ||
	       strstr(name, "zero") || strstr(name, "pad");
}

struct row {
	const struct structure *structure;
	char cell[3][64];	/* offset, bytes, field */
	unsigned int cells;
};

/* One row of the document against the structure. */
static void check_row(struct kunit *test, struct row *row, unsigned int *seen)
{
	const struct structure *s = row->structure;
	size_t offset = strtoul(row->cell[0], NULL, 10);
	size_t bytes = strtoul(row->cell[1], NULL, 10);
	const struct field *field;

	for (field = s->field; field->name; field++) {
		if (strcmp(field->name, row->cell[2]))
			continue;
		++*seen;
		KUNIT_EXPECT_TRUE_MSG(test, field->offset == offset &&
				      field->bytes == bytes,
				      "%s.%s is %zu bytes at %zu, the document says %zu at %zu",
				      s->name, field->name, field->bytes,
				      field->offset, bytes, offset);
		return;
	}
	if (!unused(row->cell[2]))
		KUNIT_FAIL(test, "the document has %s.%s, the header has not",
			   s->name, row->cell[2]);
}

/* Adds the cells of one line; a full row is checked. */
static void see_line(struct kunit *test, char *line, struct row *row,
		     unsigned int *seen)
{
	bool list = line[strspn(line, " \t")] == '*';
	bool cell = line[strspn(line, " \t")] == '-';
	char *at = line;

	if (!cell)
		row->cells = 0;
	do {
		char *text = word(&at);

		if (row->cells < 2 && !is_number(text)) {
			row->cells = 0;
			return;
		}
		snprintf(row->cell[row->cells++], sizeof(row->cell[0]), "%s", text);
	} while (row->cells < 3 && !list && !cell);
	if (row->cells == 3) {
		check_row(test, row, seen);
		row->cells = 0;
	}
}

static void document_has_the_same_tables(struct kunit *test)
{
	FILE *document = fopen(DOCUMENT, "r");
	char before[1024] = "", line[1024];
	unsigned int fields = 0, seen = 0;
	const struct field *field;
	struct row row = { 0 };
	size_t i;

	if (!document)
		return;		/* a build of the tests alone has no documents */
	while (fgets(line, sizeof(line), document)) {
		if (is_underline(line) && !isspace((unsigned char)before[0]) &&
		    strcspn(before, "\n"))
			row.structure = named(before);
		strcpy(before, line);
		if (row.structure)
			see_line(test, line, &row, &seen);
	}
	fclose(document);
	for (i = 0; i < STRUCTURES; i++)
		for (field = structures[i].field; field->name; field++)
			fields++;
	KUNIT_EXPECT_EQ(test, seen, fields);
}

/* The tables above have every field, or the document would not need to. */
static void tables_have_no_holes(struct kunit *test)
{
	static const size_t ends[] = { 72, 29, 29, 4096, 4096, 16, 36, 1904 };
	const struct field *field;
	size_t i;

	for (i = 0; i < STRUCTURES; i++) {
		size_t at = 0;

		for (field = structures[i].field; field->name; field++) {
			/* The rest of a head is zero up to its array. */
			if (at == 36 && field->offset == 64)
				at = 64;
			KUNIT_EXPECT_EQ(test, field->offset, at);
			at = field->offset + field->bytes;
		}
		if (!strcmp(structures[i].name, "lc_disk_journal"))
			KUNIT_EXPECT_EQ(test, at, 4096);
		else
			KUNIT_EXPECT_EQ(test, at, ends[i]);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(document_has_the_same_tables),
	KUNIT_CASE(tables_have_no_holes),
	{ }
};

static struct kunit_suite suite = {
	.name = "format",
	.test_cases = cases,
};
kunit_test_suite(suite);
