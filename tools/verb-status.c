// SPDX-License-Identifier: GPL-2.0
/* lclone status: all there is to tell of one clone. */

#include <stdio.h>
#include "clone-state.h"
#include "options.h"
#include "output.h"

static const char usage[] =
"usage: lclone status [--json] NAME\n"
"\n"
"Shows the state of a clone: its mode, its origin and store, what it has changed\n"
"and what it still shares, and how much room its store has left.  Of a clone that\n"
"is not active it shows what its store records.\n"
"\n"
"  --json     as JSON; lclone-status(8) explains the keys\n";

enum { OPTION_JSON = OPTION_FIRST };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static void print_sizes(const struct clone_state *state)
{
	char size[SIZE_TEXT_BYTES], used[SIZE_TEXT_BYTES];
	char room[SIZE_TEXT_BYTES], metadata[SIZE_TEXT_BYTES];

	printf("  size      %s\n", print_size(state->size_bytes, size));
	printf("  changed   %s, and %s known to be zero\n",
	       print_size(state->data_bytes, used),
	       print_size(state->zero_bytes, room));
	printf("  shared    %s\n", print_size(state->shared_bytes, size));
	printf("  room      %s of %s used, %s of it metadata%s%s\n",
	       print_size(state->used_bytes, used),
	       print_size(state->room_bytes, room),
	       print_size(state->metadata_bytes, metadata),
	       state->space ? ": " : "", state->space ? state->space : "");
}

static void print_activity(const struct clone_state *state)
{
	const struct clone_status *status = &state->status;

	printf("  if full   %s", status->error_if_no_space ?
	       "writes fail (error_if_no_space)" :
	       "writes wait (queue_if_no_space)");
	if (status->waiting)
		printf("; %llu wait now", (unsigned long long)status->waiting);
	printf("\n  pages     %llu of %llu dirty, %llu in memory\n",
	       (unsigned long long)status->dirty_pages,
	       (unsigned long long)status->dirty_cap,
	       (unsigned long long)status->cached_pages);
	printf("  journal   %llu of %llu blocks, %llu rounds, checkpoint %llu\n",
	       (unsigned long long)status->journal_used,
	       (unsigned long long)status->journal_total,
	       (unsigned long long)status->rounds,
	       (unsigned long long)status->generation);
}

static int print_text(const struct catalog *catalog, const struct clone *clone,
		      const struct clone_state *state)
{
	const struct template *template = catalog_template_of(catalog, clone);
	char uuid[UUID_TEXT_BYTES];

	printf("%s: %s, %s%s%s\n", clone->name, clone_type_name(state),
	       state->mode, state->dm.open_count ? ", open" : "",
	       state->dm.suspended ? ", suspended" : "");
	printf("  uuid      %s\n", print_uuid(clone->uuid, uuid));
	if (state->dm.active)
		printf("  device    /dev/mapper/%s\n", state->dm.name);
	if (template)
		printf("  template  %s, %s\n", template->name, template->path);
	printf("  store     %s (%s)\n", clone->store_path,
	       store_kind_name(clone->kind));
	if (state->has_super || state->has_status)
		print_sizes(state);
	if (state->has_status)
		print_activity(state);
	return 0;
}

static int show(const char *name, bool json)
{
	struct clone_state state;
	struct catalog catalog;
	struct clone *clone;
	int error = 1;

	if (catalog_open(&catalog, CATALOG_READ))
		return STATUS_FAILED;
	clone = catalog_need_clone(&catalog, name);
	if (clone) {
		clone_state_get(clone, &state);
		error = json ?
			json_print(clone_state_json(&catalog, clone, &state)) :
			print_text(&catalog, clone, &state);
		clone_state_done(&state);
	}
	catalog_close(&catalog);
	return error ? STATUS_FAILED : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_JSON:
			json = true;
			break;
		case 'h':
			return verb_help(&verb_status);
		default:
			return verb_bad_option(&verb_status, c, argv);
		}
	}
	if (optind + 1 != argc)
		return verb_misuse(&verb_status, "takes one NAME");
	return show(argv[optind], json);
}

const struct verb verb_status = { "status", "show the state of a clone", usage, run };
