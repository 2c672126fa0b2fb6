// SPDX-License-Identifier: GPL-2.0
/* lclone check: looks for damage in a store that is not active. */

#include <stdio.h>
#include "check.h"
#include "options.h"
#include "output.h"
#include "probe.h"

static const char usage[] =
"usage: lclone check STORE [--json] [--quiet]\n"
"\n"
"Checks all metadata of the store on STORE, a block device or a file: header,\n"
"superblocks, pages of the map, journal, and the accounts of space.  Writes\n"
"nothing.  The clone must not be active.  Guest data is not looked at.\n"
"\n"
"  --json    print findings and counts as JSON\n"
"  --quiet   print nothing on stdout; the exit status tells\n"
"\n"
"Exit status: 0 no damage, 1 could not be checked, 2 wrong usage, 3 damage.\n";

enum { OPTION_JSON = OPTION_FIRST, OPTION_QUIET };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "quiet", no_argument, NULL, OPTION_QUIET },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static size_t kept(const struct check_report *report)
{
	return min(report->findings, (size_t)CHECK_FINDINGS_MAX);
}

static struct json_object *finding_json(const struct check_finding *finding)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "part", finding->part);
	if (finding->block == CHECK_NO_BLOCK) {
		json_add_string(object, "block", NULL);
		json_add_string(object, "offset_bytes", NULL);
	} else {
		json_add_number(object, "block", finding->block);
		json_add_number(object, "offset_bytes",
				finding->block * LC_BLOCK_SIZE);
	}
	json_add_string(object, "text", finding->text);
	return object;
}

static int print_json(const char *path, const struct check_report *report)
{
	struct json_object *object = json_object_new_object();
	struct json_object *findings = json_object_new_array();
	size_t i;

	for (i = 0; i < kept(report); i++)
		json_object_array_add(findings,
				      finding_json(&report->finding[i]));
	json_add_string(object, "device", path);
	json_add_bool(object, "damaged", report->findings != 0);
	json_add_number(object, "findings_total", report->findings);
	json_object_object_add(object, "findings", findings);
	json_add_bool(object, "marked_active", report->active);
	json_add_bool(object, "map_complete", report->whole_map);
	json_add_number(object, "data_bytes", report->data_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "zero_bytes", report->zero_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "metadata_bytes",
			report->page_blocks * LC_BLOCK_SIZE);
	json_add_number(object, "journal_groups", report->journal_groups);
	return json_print(object);
}

static void print_finding(const char *path, const struct check_finding *finding)
{
	if (finding->block == CHECK_NO_BLOCK)
		printf("%s: %s: %s\n", path, finding->part, finding->text);
	else
		printf("%s: %s: store block %llu: %s\n", path, finding->part,
		       (unsigned long long)finding->block, finding->text);
}

static void print_text(const char *path, const struct check_report *report)
{
	char data[SIZE_TEXT_BYTES], zeros[SIZE_TEXT_BYTES];
	char pages[SIZE_TEXT_BYTES];
	size_t i;

	for (i = 0; i < kept(report); i++)
		print_finding(path, &report->finding[i]);
	if (report->findings > kept(report))
		printf("%s: and %zu more\n", path, report->findings - kept(report));
	if (report->findings)
		return;
	printf("%s: no damage; %s of data, %s known zero, %s of metadata, %llu groups to replay\n",
	       path, print_size(report->data_blocks * LC_BLOCK_SIZE, data),
	       print_size(report->zero_blocks * LC_BLOCK_SIZE, zeros),
	       print_size(report->page_blocks * LC_BLOCK_SIZE, pages),
	       (unsigned long long)report->journal_groups);
}

static int report_damage(const char *path, const struct check_report *report)
{
	if (!report->findings)
		return STATUS_DONE;
	report_error(path, "is damaged: %zu findings", report->findings);
	report_hint("keep a copy of the device as it is; 'lclone repair --dry-run' tells what can be restored");
	return STATUS_DAMAGED;
}

static int check(const char *path, bool json, bool quiet)
{
	struct check_report report;
	struct store_file store;
	int status = STATUS_FAILED;

	if (store_open_idle(path, STORE_READ, &store))
		return STATUS_FAILED;
	if (!check_store(&store, &report)) {
		status = report_damage(path, &report);
		if (json && print_json(path, &report))
			status = STATUS_FAILED;
		else if (!json && !quiet)
			print_text(path, &report);
	}
	check_free(&report);
	store_close(&store);
	return status;
}

static int run(int argc, char **argv)
{
	bool json = false, quiet = false;
	int c;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_JSON:
			json = true;
			break;
		case OPTION_QUIET:
			quiet = true;
			break;
		case 'h':
			return verb_help(&verb_check);
		default:
			return verb_bad_option(&verb_check, c, argv);
		}
	}
	if (optind + 1 != argc)
		return verb_misuse(&verb_check, "takes one STORE");
	return check(argv[optind], json, quiet);
}

const struct verb verb_check = { "check", "look for damage in a store", usage, run };
