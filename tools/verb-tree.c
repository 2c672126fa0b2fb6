// SPDX-License-Identifier: GPL-2.0
/* lclone tree: templates, and the clones that stand on each. */

#include <stdio.h>
#include <string.h>
#include "clone-state.h"
#include "options.h"
#include "output.h"
#include "template.h"

static const char usage[] =
"usage: lclone tree [--json]\n"
"\n"
"Shows each template with the clones that stand on it, and what each clone has\n"
"changed.\n"
"\n"
"  --json     as JSON\n";

enum { OPTION_JSON = OPTION_FIRST };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

/* The first clone at or after @from that stands on @template (NULL: on none). */
static const struct clone *next_clone(const struct catalog *catalog,
				      const struct template *template, size_t from)
{
	for (; from < catalog->clone_count; from++)
		if (catalog_template_of(catalog, &catalog->clones[from]) == template)
			return &catalog->clones[from];
	return NULL;
}

/* The layers of the clone's own, the newest first, and whose it stands on. */
static void print_layers(const struct catalog *catalog, const struct clone *clone,
			 bool last)
{
	const struct clone *layer;
	size_t i;

	for (i = catalog->layer_count; i--;) {
		layer = &catalog->layers[i];
		if (layer->replaced ||
		    memcmp(layer->uuid, clone->uuid, LC_UUID_BYTES))
			continue;
		printf("%s    @%s%s\n", last ? " " : "|",
		       *layer->name ? layer->name : "(no name)",
		       catalog_parent(catalog, clone) == layer ? "  below it" : "");
	}
	layer = catalog_parent(catalog, clone);
	if (layer && memcmp(layer->uuid, clone->uuid, LC_UUID_BYTES)) {
		const struct clone *owner =
			catalog_clone_by_uuid(catalog, layer->uuid);

		printf("%s    from %s@%s\n", last ? " " : "|",
		       owner ? owner->name : "?",
		       *layer->name ? layer->name : "(no name)");
	}
}

static void print_clone(const struct catalog *catalog, const struct clone *clone,
			bool last)
{
	char data[SIZE_TEXT_BYTES];
	struct clone_state state;

	clone_state_get(clone, &state);
	printf("%s %s  %s", last ? "`-" : "|-", clone->name, state.mode);
	if (state.has_super || state.has_status)
		printf(", %s changed", print_size(state.data_bytes, data));
	putchar('\n');
	clone_state_done(&state);
	print_layers(catalog, clone, last);
}

static void print_branch(const struct catalog *catalog,
			 const struct template *template)
{
	const struct clone *clone = next_clone(catalog, template, 0);
	const struct clone *next;
	char size[SIZE_TEXT_BYTES];

	if (template)
		printf("%s  %s, %s\n", template->name,
		       print_size(template->size_bytes, size), template->path);
	else if (clone)
		puts("(no template)");
	for (; clone; clone = next) {
		next = next_clone(catalog, template,
				  (size_t)(clone - catalog->clones) + 1);
		print_clone(catalog, clone, !next);
	}
}

static struct json_object *branch_json(const struct catalog *catalog,
				       const struct template *template)
{
	struct json_object *list = json_object_new_array();
	const struct clone *clone = next_clone(catalog, template, 0);
	struct clone_state state;

	while (clone) {
		clone_state_get(clone, &state);
		json_object_array_add(list, clone_state_json(catalog, clone,
							     &state));
		clone_state_done(&state);
		clone = next_clone(catalog, template,
				   (size_t)(clone - catalog->clones) + 1);
	}
	return list;
}

static int print_json(const struct catalog *catalog)
{
	struct json_object *document = json_object_new_object();
	struct json_object *templates = json_object_new_array();
	struct json_object *object;
	size_t i;

	for (i = 0; i < catalog->template_count; i++) {
		object = template_json(catalog, &catalog->templates[i]);
		json_object_object_add(object, "clones",
				       branch_json(catalog,
						   &catalog->templates[i]));
		json_object_array_add(templates, object);
	}
	json_object_object_add(document, "templates", templates);
	json_object_object_add(document, "clones", branch_json(catalog, NULL));
	return json_print(document);
}

static int print_text(const struct catalog *catalog)
{
	size_t i;

	for (i = 0; i < catalog->template_count; i++)
		print_branch(catalog, &catalog->templates[i]);
	print_branch(catalog, NULL);
	return 0;
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
			return verb_help(&verb_tree);
		default:
			return verb_bad_option(&verb_tree, c, argv);
		}
	}
	if (optind != argc)
		return verb_misuse(&verb_tree, "takes no names");
	if (catalog_open(&catalog, CATALOG_READ))
		return STATUS_FAILED;
	error = json ? print_json(&catalog) : print_text(&catalog);
	catalog_close(&catalog);
	return error ? STATUS_FAILED : STATUS_DONE;
}

const struct verb verb_tree = { "tree", "show templates and their clones", usage, run };
