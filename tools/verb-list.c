// SPDX-License-Identifier: GPL-2.0
/* lclone list: the clones of this host. */

#include <stdio.h>
#include "clone-state.h"
#include "options.h"
#include "output.h"

static const char usage[] =
"usage: lclone list [--json]\n"
"\n"
"Lists all clones of the catalog with their mode, size, what they have changed\n"
"(DATA), what they still share with their origin (SHARED), whether their store has\n"
"room (SPACE), their template and their store.  What clones that are not active\n"
"hold is read from their stores.\n"
"\n"
"  --json     as JSON\n";

enum { OPTION_JSON = OPTION_FIRST };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static void add_row(struct text_table *table, const struct catalog *catalog,
		    const struct clone *clone, const struct clone_state *state)
{
	const struct template *template = catalog_template_of(catalog, clone);
	char size[SIZE_TEXT_BYTES], data[SIZE_TEXT_BYTES];
	char shared[SIZE_TEXT_BYTES];
	bool known = state->has_super || state->has_status;
	const char *cells[] = {
		clone->name, state->mode,
		known ? print_size(state->size_bytes, size) : NULL,
		known ? print_size(state->data_bytes, data) : NULL,
		known ? print_size(state->shared_bytes, shared) : NULL,
		state->space,
		template ? template->name : clone->template_name,
		clone->store_path,
	};

	text_table_row(table, cells);
}

static int print_text(const struct catalog *catalog)
{
	static const char *const headings[] = {
		"NAME", "MODE", ">SIZE", ">DATA", ">SHARED", "SPACE",
		"TEMPLATE", "STORE",
	};
	struct text_table *table = text_table_new(8, headings);
	struct clone_state state;
	size_t i;

	for (i = 0; i < catalog->clone_count; i++) {
		clone_state_get(&catalog->clones[i], &state);
		add_row(table, catalog, &catalog->clones[i], &state);
		clone_state_done(&state);
	}
	text_table_print(table);
	return 0;
}

static int print_json(const struct catalog *catalog)
{
	struct json_object *document = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct clone_state state;
	size_t i;

	for (i = 0; i < catalog->clone_count; i++) {
		const struct clone *clone = &catalog->clones[i];

		clone_state_get(clone, &state);
		json_object_array_add(list, clone_state_json(catalog, clone,
							     &state));
		clone_state_done(&state);
	}
	json_object_object_add(document, "clones", list);
	return json_print(document);
}

static int run(int argc, char **argv)
{
	struct catalog catalog;
	bool json = false;
	int c, error;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_JSON:
			json = true;
			break;
		case 'h':
			return verb_help(&verb_list);
		default:
			return verb_bad_option(&verb_list, c, argv);
		}
	}
	if (optind != argc)
		return verb_misuse(&verb_list, "takes no names; see 'lclone status NAME'");
	if (catalog_open(&catalog, CATALOG_READ))
		return STATUS_FAILED;
	error = json ? print_json(&catalog) : print_text(&catalog);
	catalog_close(&catalog);
	return error ? STATUS_FAILED : STATUS_DONE;
}

const struct verb verb_list = { "list", "list the clones", usage, run };
