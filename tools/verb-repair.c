// SPDX-License-Identifier: GPL-2.0
/* lclone repair: mends a store that is not active. */

#include <stdio.h>
#include "options.h"
#include "output.h"
#include "repair.h"

static const char usage[] =
"usage: lclone repair STORE [--dry-run] [--lost=zero|origin] [--cut-journal]\n"
"                     [--header] [--force] [--json]\n"
"\n"
"Mends the metadata of the store on STORE, a block device or a file, as far as the\n"
"journal and the older superblock prove what it was, so that 'lclone check' passes\n"
"afterwards.  Where something is lost it says what, and changes nothing unless an\n"
"option says that this is to be.  The clone must not be active.\n"
"\n"
"  --dry-run      tell only, write nothing\n"
"  --lost=zero    what is lost is to read as zeros\n"
"  --lost=origin  what is lost is to read as what the origin has there\n"
"  --cut-journal  give up what lies behind damage of the journal\n"
"  --header       make a lost header anew from the superblock\n"
"  --force        also when another host has marked the store as active\n"
"  --json         print what was found and done as JSON\n"
"\n"
"Exit status: 0 nothing to repair, or repaired; 1 could not be tried, 2 wrong\n"
"usage, 3 damage is left (always after a dry run that found some).\n";

enum { OPTION_DRY_RUN = OPTION_FIRST, OPTION_LOST, OPTION_CUT_JOURNAL,
       OPTION_HEADER, OPTION_FORCE, OPTION_JSON };

static const struct option options[] = {
	{ "dry-run", no_argument, NULL, OPTION_DRY_RUN },
	{ "lost", required_argument, NULL, OPTION_LOST },
	{ "cut-journal", no_argument, NULL, OPTION_CUT_JOURNAL },
	{ "header", no_argument, NULL, OPTION_HEADER },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static const char *const outcomes[] = {
	[REPAIR_CLEAN] = "clean",
	[REPAIR_POSSIBLE] = "possible",
	[REPAIR_DONE] = "repaired",
	[REPAIR_REFUSED] = "refused",
};

static size_t kept(const struct repair_report *report)
{
	return report->ranges < REPAIR_RANGES_MAX ? report->ranges :
						    REPAIR_RANGES_MAX;
}

static struct json_object *range_json(const struct repair_range *range)
{
	struct json_object *object = json_object_new_object();

	json_add_number(object, "offset_bytes", range->first * LC_BLOCK_SIZE);
	json_add_number(object, "length_bytes", range->count * LC_BLOCK_SIZE);
	json_add_number(object, "data_bytes_at_most",
			range->data_blocks * LC_BLOCK_SIZE);
	json_add_string(object, "why", range->why);
	return object;
}

static struct json_object *journal_json(const struct repair_report *report)
{
	struct json_object *object;

	if (!report->journal_damage)
		return NULL;
	object = json_object_new_object();
	json_add_string(object, "why", report->journal_damage);
	json_add_number(object, "block", report->journal_block);
	json_add_number(object, "lost_from_sequence", report->journal_sequence);
	json_add_number(object, "blocks_behind", report->journal_later);
	return object;
}

static int print_json(const char *path, const struct repair_report *report)
{
	struct json_object *object = json_object_new_object();
	struct json_object *ranges = json_object_new_array();
	size_t i;

	for (i = 0; i < kept(report); i++)
		json_object_array_add(ranges, range_json(&report->range[i]));
	json_add_string(object, "device", path);
	json_add_string(object, "outcome", outcomes[report->outcome]);
	json_add_string(object, "refusal", report->refusal);
	json_add_number(object, "findings_total", report->findings);
	json_add_number(object, "lost_bytes",
			report->lost_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "lost_total", report->ranges);
	json_object_object_add(object, "lost", ranges);
	json_object_object_add(object, "journal_lost", journal_json(report));
	json_add_number(object, "restored_bytes",
			report->restored_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "older_pages", report->older_pages);
	json_add_number(object, "journal_groups", report->groups);
	json_add_number(object, "written_bytes",
			(uint64_t)report->new_pages * LC_BLOCK_SIZE);
	return json_print(object);
}

static void print_ranges(const struct repair_report *report)
{
	static const char *const headings[] = {
		">OFFSET", ">BYTES", ">HELD AT MOST", "LOST BECAUSE"
	};
	struct text_table *table;
	size_t i;

	if (!report->ranges)
		return;
	table = text_table_new(4, headings);
	for (i = 0; i < kept(report); i++) {
		const struct repair_range *range = &report->range[i];
		char offset[32], length[32], held[32];
		const char *cells[] = { offset, length, held, range->why };

		snprintf(offset, sizeof(offset), "%llu",
			 (unsigned long long)range->first * LC_BLOCK_SIZE);
		snprintf(length, sizeof(length), "%llu",
			 (unsigned long long)range->count * LC_BLOCK_SIZE);
		snprintf(held, sizeof(held), "%llu",
			 (unsigned long long)range->data_blocks * LC_BLOCK_SIZE);
		text_table_row(table, cells);
	}
	text_table_print(table);
	if (report->ranges > kept(report))
		printf("and %zu more\n", report->ranges - kept(report));
}

static void print_journal(const char *path, const struct repair_report *report)
{
	if (!report->journal_damage)
		return;
	printf("%s: journal: store block %u: %s\n", path, report->journal_block,
	       report->journal_damage);
	printf("%s: journal: the changes from sequence %llu on are lost; %llu blocks behind the damage tell some of them\n",
	       path, (unsigned long long)report->journal_sequence,
	       (unsigned long long)report->journal_later);
}

static void print_text(const char *path, const struct repair_report *report)
{
	static const char *const sentences[] = {
		[REPAIR_CLEAN] = "nothing to repair",
		[REPAIR_POSSIBLE] = "can be repaired",
		[REPAIR_DONE] = "repaired",
		[REPAIR_REFUSED] = "not repaired",
	};
	char lost[SIZE_TEXT_BYTES], restored[SIZE_TEXT_BYTES];

	print_journal(path, report);
	print_ranges(report);
	printf("%s: %s", path, sentences[report->outcome]);
	if (report->outcome != REPAIR_CLEAN)
		printf("; %s lost, %s of lost pages known to the journal, %u lost pages found by the older superblock",
		       print_size(report->lost_blocks * LC_BLOCK_SIZE, lost),
		       print_size(report->restored_blocks * LC_BLOCK_SIZE, restored),
		       report->older_pages);
	putchar('\n');
}

static int repair(const char *path, const struct repair_request *request,
		  bool json)
{
	struct repair_report report;
	int error = repair_store(path, request, &report);
	int status = STATUS_DONE;

	if (error) {
		repair_free(&report);
		return STATUS_FAILED;
	}
	if (report.outcome == REPAIR_REFUSED) {
		report_error(path, "%s", report.refusal);
		if (report.hint)
			report_hint("%s", report.hint);
	}
	if (report.outcome == REPAIR_REFUSED || report.outcome == REPAIR_POSSIBLE)
		status = STATUS_DAMAGED;
	if (!json)
		print_text(path, &report);
	else if (print_json(path, &report))
		status = STATUS_FAILED;
	repair_free(&report);
	return status;
}

static int lost_option(const char *text, enum repair_lost *lost)
{
	if (!strcmp(text, "zero"))
		*lost = REPAIR_LOST_ZERO;
	else if (!strcmp(text, "origin"))
		*lost = REPAIR_LOST_ORIGIN;
	else
		return verb_misuse(&verb_repair, "--lost %s is neither zero nor origin",
				   text);
	return 0;
}

/* Returns 0 to go on, or a status; @json and @request are set. */
static int parse(int argc, char **argv, struct repair_request *request,
		 bool *json, bool *help)
{
	int c, status = 0;

	while (!status &&
	       (c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_DRY_RUN:
			request->dry_run = true;
			break;
		case OPTION_LOST:
			status = lost_option(optarg, &request->lost);
			break;
		case OPTION_CUT_JOURNAL:
			request->cut_journal = true;
			break;
		case OPTION_HEADER:
			request->header = true;
			break;
		case OPTION_FORCE:
			request->force = true;
			break;
		case OPTION_JSON:
			*json = true;
			break;
		case 'h':
			*help = true;
			return 0;
		default:
			return verb_bad_option(&verb_repair, c, argv);
		}
	}
	if (!status && optind + 1 != argc)
		return verb_misuse(&verb_repair, "takes one STORE");
	return status;
}

static int run(int argc, char **argv)
{
	struct repair_request request = { 0 };
	bool json = false, help = false;
	int status = parse(argc, argv, &request, &json, &help);

	if (status)
		return status;
	if (help)
		return verb_help(&verb_repair);
	return repair(argv[optind], &request, json);
}

const struct verb verb_repair = { "repair", "mend a damaged store", usage, run };
