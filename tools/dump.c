// SPDX-License-Identifier: GPL-2.0
/* A store's superblock and map as text; dump.h has the format. */

#include <inttypes.h>
#include "describe.h"
#include "dump.h"
#include "journal-read.h"
#include "output.h"
#include "walk.h"

struct dump {
	const struct store_file *store;
	FILE *to;
	bool json;
	bool damaged;
	u64 runs;
	u64 data_blocks;
	u64 zero_blocks;
};

static void put_uuid(FILE *to, const char *key, const u8 *uuid)
{
	char text[UUID_TEXT_BYTES];

	fprintf(to, "%s %s\n", key, describe_uuid(uuid, text));
}

static void put_text(FILE *to, const char *key, const char *text)
{
	fprintf(to, "%s \"", key);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= ' ' && c <= '~' && c != '"' && c != '\\')
			fputc(c, to);
		else
			fprintf(to, "\\x%02x", c);
	}
	fputs("\"\n", to);
}

static void put_number(FILE *to, const char *key, u64 number)
{
	fprintf(to, "%s %" PRIu64 "\n", key, number);
}

static void put_origin(FILE *to, const struct lc_super *super)
{
	char hex[2 * LC_FINGERPRINT_BYTES + 1];

	fprintf(to, "origin-kind %s\n", super->origin_kind == LC_ORIGIN_NONE ?
		"none" : "device");
	put_number(to, "origin-sectors", super->origin_sectors);
	put_uuid(to, "origin-uuid", super->origin_uuid);
	fprintf(to, "fingerprint %s %s\n",
		super->fingerprint_algorithm == LC_FINGERPRINT_NONE ?
		"none" : "sha256-sampled",
		print_hex(super->fingerprint, LC_FINGERPRINT_BYTES, hex));
	put_text(to, "clone-name", super->clone_name);
	put_text(to, "origin-name", super->origin_name);
	put_text(to, "origin-path", super->origin_path);
}

static void put_super(FILE *to, const struct lc_super *super)
{
	const struct lc_layout *layout = &super->layout;

	fputs("lclone-dump 1\n", to);
	put_uuid(to, "store-uuid", super->store_uuid);
	put_uuid(to, "clone-uuid", super->clone_uuid);
	put_uuid(to, "content-uuid", super->content_uuid);
	put_uuid(to, "parent-uuid", super->parent_uuid);
	put_uuid(to, "snapshot-set", super->snapshot_set);
	if (*super->snapshot_name)
		put_text(to, "snapshot", super->snapshot_name);
	if (*super->parent_name)
		put_text(to, "parent-snapshot", super->parent_name);
	fprintf(to, "state %s\n", describe_state(super));
	put_number(to, "layers", super->layers);
	put_number(to, "head-generation", super->head_generation);
	put_number(to, "generation", super->generation);
	put_number(to, "clone-sectors", super->clone_sectors);
	put_number(to, "overlap-sectors", super->overlap_sectors);
	put_number(to, "store-blocks", layout->store_blocks);
	fprintf(to, "journal %u %u\n", layout->journal_start,
		layout->journal_blocks);
	fprintf(to, "reserve %u %u\n", layout->reserve_start,
		layout->reserve_blocks);
	put_origin(to, super);
}

/* The document may be larger than memory, so its runs are written one by one. */
static void put_super_json(FILE *to, const struct lc_super *super)
{
	struct json_object *object = describe_super(super);

	fprintf(to, "{\n\"superblock\": %s,\n\"runs\": [",
		json_object_to_json_string_ext(object,
					       JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static void put_run_json(struct dump *dump, u64 first, u64 count, u32 value)
{
	fprintf(dump->to, "%s\n{\"type\": \"%s\", \"offset_bytes\": %" PRIu64
		", \"length_bytes\": %" PRIu64,
		dump->runs ? "," : "", value == LC_ENTRY_ZERO ? "zero" : "data",
		first * LC_BLOCK_SIZE, count * LC_BLOCK_SIZE);
	if (value != LC_ENTRY_ZERO)
		fprintf(dump->to, ", \"store_offset_bytes\": %" PRIu64,
			(u64)value * LC_BLOCK_SIZE);
	fputc('}', dump->to);
}

static void put_run(void *ctx, u64 first, u64 count, u32 value)
{
	struct dump *dump = ctx;

	if (dump->json)
		put_run_json(dump, first, count, value);
	else if (value == LC_ENTRY_ZERO)
		fprintf(dump->to, "zero %" PRIu64 " %" PRIu64 "\n", first, count);
	else
		fprintf(dump->to, "data %" PRIu64 " %" PRIu64 " %u\n", first,
			count, value);
	dump->runs++;
	if (value == LC_ENTRY_ZERO)
		dump->zero_blocks += count;
	else
		dump->data_blocks += count;
}

static void see_page(void *ctx, const struct walk_page *page)
{
	struct dump *dump = ctx;

	if (!page->why)
		return;
	report_error(dump->store->path, "page at store block %u: %s",
		     page->ref->address, page->why);
	dump->damaged = true;
}

static void put_end(const struct dump *dump)
{
	if (!dump->json) {
		if (!dump->damaged)
			fprintf(dump->to, "end %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
				dump->runs, dump->data_blocks, dump->zero_blocks);
		return;
	}
	fprintf(dump->to, "\n],\n\"data_bytes\": %" PRIu64
		",\n\"zero_bytes\": %" PRIu64 ",\n\"complete\": %s\n}\n",
		dump->data_blocks * LC_BLOCK_SIZE,
		dump->zero_blocks * LC_BLOCK_SIZE,
		dump->damaged ? "false" : "true");
}

static void see_journal(struct dump *dump, int error,
			const struct journal_contents *journal)
{
	if (!error && !journal->damage)
		return;
	report_error(dump->store->path, "%s", error ?
		     "the journal cannot be read" : journal->damage);
	dump->damaged = true;
}

int dump_store(const struct store_file *store, FILE *to, bool json)
{
	static const struct walk_ops ops = { .page = see_page, .run = put_run };
	const struct lc_super *super = store_super(store);
	struct dump dump = { .store = store, .to = to, .json = json };
	struct journal_contents journal;
	int error = journal_read(store, super, &journal);

	see_journal(&dump, error, &journal);
	if (json)
		put_super_json(to, super);
	else
		put_super(to, super);
	walk_map(store, super, &journal.overlay, &ops, &dump);
	put_end(&dump);
	journal_free(&journal);
	if (fflush(to) == EOF || ferror(to)) {
		report_error("output", "cannot be written");
		return -EIO;
	}
	if (!dump.damaged)
		return 0;
	report_hint("the dump is incomplete; 'lclone check %s' lists the damage",
		    store->path);
	return -EUCLEAN;
}
