// SPDX-License-Identifier: GPL-2.0
/* lclone template: registers origins by name. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "options.h"
#include "output.h"
#include "template.h"

static const char usage[] =
"usage: lclone template add NAME DEV|FILE [--quick] [--format raw|qcow2]\n"
"                           [--dir DIR] [--backing]\n"
"       lclone template list [--json]\n"
"       lclone template show NAME [--json]\n"
"       lclone template verify NAME\n"
"       lclone template remove NAME\n"
"\n"
"A template is an origin with a name.  'add' makes sure that nobody writes to the\n"
"device or image, makes it read-only and takes its fingerprints.  An image in\n"
"qcow2 is converted once, into a raw file.  'verify' reads all of it and compares;\n"
"it exits with 3 when it differs.  'remove' refuses while there are clones.\n"
"\n"
"  --quick      no SHA-256 of all of it, only of 256 samples\n"
"  --format F   what FILE is, instead of finding out\n"
"  --dir DIR    where to put what is converted (default: images, beside the\n"
"               catalog)\n"
"  --backing    take a qcow2 image that stands on other files\n"
"  --json       as JSON\n";

enum { OPTION_QUICK = OPTION_FIRST, OPTION_FORMAT, OPTION_DIR, OPTION_BACKING,
       OPTION_JSON };

static const struct option options[] = {
	{ "quick", no_argument, NULL, OPTION_QUICK },
	{ "format", required_argument, NULL, OPTION_FORMAT },
	{ "dir", required_argument, NULL, OPTION_DIR },
	{ "backing", no_argument, NULL, OPTION_BACKING },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

struct arguments {
	struct template_request request;
	unsigned int add_options;	/* how many were given that go with add */
	bool json;
};

/* The actions; each returns a STATUS_*. */
struct action {
	const char *name;
	int names;			/* that it takes */
	enum catalog_access access;
	int (*run)(struct catalog *catalog, struct template *template,
		   const struct arguments *arguments);
};

static int run_add(struct catalog *catalog, struct template *template,
		   const struct arguments *arguments)
{
	char size[SIZE_TEXT_BYTES];

	(void)template;
	if (template_add(catalog, &arguments->request))
		return STATUS_FAILED;
	template = catalog_template(catalog, arguments->request.name);
	if (arguments->json)
		return json_print(template_json(catalog, template)) ?
		       STATUS_FAILED : STATUS_DONE;
	printf("%s: template of %s, %s, read-only from now on\n", template->name,
	       print_size(template->size_bytes, size), template->path);
	return STATUS_DONE;
}

static int list_json(const struct catalog *catalog)
{
	struct json_object *document = json_object_new_object();
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < catalog->template_count; i++)
		json_object_array_add(list, template_json(catalog,
						&catalog->templates[i]));
	json_object_object_add(document, "templates", list);
	return json_print(document) ? STATUS_FAILED : STATUS_DONE;
}

static int run_list(struct catalog *catalog, struct template *template,
		    const struct arguments *arguments)
{
	static const char *const headings[] = {
		"NAME", ">SIZE", ">CLONES", "KIND", "ORIGIN",
	};
	struct text_table *table;
	size_t i;

	(void)template;
	if (arguments->json)
		return list_json(catalog);
	table = text_table_new(5, headings);
	for (i = 0; i < catalog->template_count; i++) {
		const struct template *t = &catalog->templates[i];
		char size[SIZE_TEXT_BYTES], clones[24];
		const char *cells[] = {
			t->name, print_size(t->size_bytes, size), clones,
			t->is_file ? "file" : "device", t->path,
		};

		snprintf(clones, sizeof(clones), "%zu",
			 template_clones(catalog, t));
		text_table_row(table, cells);
	}
	text_table_print(table);
	return STATUS_DONE;
}

static int run_show(struct catalog *catalog, struct template *template,
		    const struct arguments *arguments)
{
	char hex[2 * LC_FINGERPRINT_BYTES + 1];
	char uuid[UUID_TEXT_BYTES], size[SIZE_TEXT_BYTES];

	if (arguments->json)
		return json_print(template_json(catalog, template)) ?
		       STATUS_FAILED : STATUS_DONE;
	printf("%s: template of %s, %s\n", template->name,
	       print_size(template->size_bytes, size),
	       template->is_file ? "a file" : "a device");
	printf("  uuid      %s\n", print_uuid(template->uuid, uuid));
	printf("  origin    %s\n", template->path);
	if (template->converted_from)
		printf("  made of   %s\n", template->converted_from);
	printf("  quick     %s\n",
	       print_hex(template->quick, LC_FINGERPRINT_BYTES, hex));
	printf("  sha256    %s\n", template->has_full ?
	       print_hex(template->full, LC_FINGERPRINT_BYTES, hex) :
	       "not taken");
	printf("  clones    %zu\n", template_clones(catalog, template));
	return STATUS_DONE;
}

static int run_verify(struct catalog *catalog, struct template *template,
		      const struct arguments *arguments)
{
	int error = template_verify(template);

	(void)catalog;
	(void)arguments;
	if (error)
		return error == -EUCLEAN ? STATUS_DAMAGED : STATUS_FAILED;
	printf("%s: as it was registered\n", template->name);
	return STATUS_DONE;
}

static int run_remove(struct catalog *catalog, struct template *template,
		      const struct arguments *arguments)
{
	(void)arguments;
	return template_remove(catalog, template) ? STATUS_FAILED : STATUS_DONE;
}

static const struct action actions[] = {
	{ "add", 2, CATALOG_CHANGE, run_add },
	{ "list", 0, CATALOG_READ, run_list },
	{ "show", 1, CATALOG_READ, run_show },
	{ "verify", 1, CATALOG_READ, run_verify },
	{ "remove", 1, CATALOG_CHANGE, run_remove },
};

static const struct action *find_action(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (!strcmp(actions[i].name, name))
			return &actions[i];
	return NULL;
}

static int parse_format(const char *text, enum template_format *format)
{
	if (!strcmp(text, "raw"))
		*format = TEMPLATE_RAW;
	else if (!strcmp(text, "qcow2"))
		*format = TEMPLATE_QCOW2;
	else
		return verb_misuse(&verb_template, "--format %s is neither raw nor qcow2",
				   text);
	return 0;
}

static int parse_option(int c, struct arguments *arguments)
{
	struct template_request *request = &arguments->request;

	arguments->add_options += c != OPTION_JSON;
	switch (c) {
	case OPTION_QUICK:
		request->quick_only = true;
		return 0;
	case OPTION_FORMAT:
		return parse_format(optarg, &request->format);
	case OPTION_DIR:
		request->directory = optarg;
		return 0;
	case OPTION_BACKING:
		request->backing = true;
		return 0;
	default:
		arguments->json = true;
		return 0;
	}
}

static int call(const struct action *action, struct arguments *arguments)
{
	struct template *template = NULL;
	struct catalog catalog;
	int status = STATUS_FAILED;

	if (catalog_open(&catalog, action->access))
		return STATUS_FAILED;
	if (action->names == 1)
		template = catalog_need_template(&catalog,
						 arguments->request.name);
	if (template || action->names != 1)
		status = action->run(&catalog, template, arguments);
	catalog_close(&catalog);
	return status;
}

static int run(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	const struct action *action;
	int c, status = 0;

	while (!status &&
	       (c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h')
			return verb_help(&verb_template);
		if (c == '?' || c == ':')
			return verb_bad_option(&verb_template, c, argv);
		status = parse_option(c, &arguments);
	}
	if (status)
		return status;
	action = optind < argc ? find_action(argv[optind]) : NULL;
	if (!action)
		return verb_misuse(&verb_template, "takes one of add, list, show, verify, remove");
	if (argc - optind - 1 != action->names)
		return verb_misuse(&verb_template, "%s takes %s", action->name,
				   !action->names ? "no names" :
				   action->names == 1 ? "one NAME" :
				   "NAME and a device or file");
	if (arguments.add_options && action->run != run_add)
		return verb_misuse(&verb_template, "--quick, --format, --dir and --backing go with add");
	arguments.request.name = argv[optind + 1];
	arguments.request.path = action->names == 2 ? argv[optind + 2] : NULL;
	return call(action, &arguments);
}

const struct verb verb_template = { "template", "register origins by name", usage, run };
