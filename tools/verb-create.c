// SPDX-License-Identifier: GPL-2.0
/* lclone create: new clones of a template. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "clone.h"
#include "dm.h"
#include "options.h"
#include "output.h"
#include "snapshot.h"

#define COUNT_MAX	100000

static const char usage[] =
"usage: lclone create NAME --template T --store DEV [OPTION...]\n"
"       lclone create NAME --template T --dir DIR [--store-size SIZE] [OPTION...]\n"
"       lclone create NAME --template T --vg VG --store-size SIZE [OPTION...]\n"
"       lclone create NAME --from CLONE[@SNAP] [OPTION...]\n"
"\n"
"Makes a clone of template T and activates it as /dev/mapper/NAME.  What the\n"
"clone changes is kept on the block device DEV, in the sparse file\n"
"DIR/NAME.lclone (with a loop device), or in a new logical volume VG/NAME.\n"
"\n"
"  --template T         the template ('lclone template list')\n"
"  --from CLONE[@SNAP]  instead of a template: the snapshot SNAP of CLONE, or CLONE as\n"
"                       it is now, which is frozen while it runs: both go on with\n"
"                       stores of their own, which go where CLONE's is when no\n"
"                       other place is given; tells for how long its I/O was held\n"
"  --clone-store DEV    with --from CLONE: a device for the next store of CLONE\n"
"  --store DEV          a block device that holds nothing\n"
"  --dir DIR            a directory on a filesystem with room\n"
"  --vg VG              a volume group of LVM\n"
"  --store-size SIZE    room for what the clone changes; with --dir as much as\n"
"                       all of the clone may need when not given\n"
"  --size SIZE          of the clone; as large as the template when not given\n"
"  --count N            N clones, NAME1 to NAMEN, or with 1 to N for the %d in\n"
"                       NAME\n"
"  --error-if-no-space  when the store is full, writes fail with ENOSPC instead\n"
"                       of waiting for room\n"
"  --no-activate        only make it\n"
"  --force              overwrite what DEV holds\n"
"  --json               print what was made as JSON\n"
"\n"
"A size is in bytes, or has K, M, G, T (powers of 1024) or s (sectors) behind it.\n";

enum { OPTION_TEMPLATE = OPTION_FIRST, OPTION_FROM, OPTION_CLONE_STORE, OPTION_STORE, OPTION_DIR, OPTION_VG,
       OPTION_STORE_SIZE, OPTION_SIZE, OPTION_COUNT, OPTION_ERROR,
       OPTION_NO_ACTIVATE, OPTION_FORCE, OPTION_JSON };

static const struct option options[] = {
	{ "template", required_argument, NULL, OPTION_TEMPLATE },
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "clone-store", required_argument, NULL, OPTION_CLONE_STORE },
	{ "store", required_argument, NULL, OPTION_STORE },
	{ "dir", required_argument, NULL, OPTION_DIR },
	{ "vg", required_argument, NULL, OPTION_VG },
	{ "store-size", required_argument, NULL, OPTION_STORE_SIZE },
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "count", required_argument, NULL, OPTION_COUNT },
	{ "error-if-no-space", no_argument, NULL, OPTION_ERROR },
	{ "no-activate", no_argument, NULL, OPTION_NO_ACTIVATE },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

struct arguments {
	struct clone_request request;	/* but for name and template */
	const char *pattern;		/* of the name */
	const char *template;
	const char *from;
	const char *clone_store;
	unsigned int places;		/* how many of --store, --dir, --vg */
	unsigned long count;		/* 0: not given */
	unsigned long reserved;		/* stores that are there already, of the first clones */
	bool json;
	bool help;
};

/* Set by SIGINT and SIGTERM; looked at between two clones. */
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	stopped = signal;
}

static void stop_between_clones(void)
{
	struct sigaction action = { .sa_handler = stop, .sa_flags = SA_RESTART };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static int parse_count(const char *text, unsigned long *count)
{
	char *end;

	errno = 0;
	*count = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && *count &&
	    *count <= COUNT_MAX)
		return 0;
	return verb_misuse(&verb_create, "--count %s is not a number from 1 to %d",
			   text, COUNT_MAX);
}

static void set_place(struct arguments *arguments, enum store_kind kind)
{
	arguments->request.kind = kind;
	arguments->request.place = optarg;
	arguments->places++;
}

static int parse_one(int c, struct arguments *arguments)
{
	struct clone_request *request = &arguments->request;

	switch (c) {
	case OPTION_TEMPLATE:
		arguments->template = optarg;
		return 0;
	case OPTION_FROM:
		arguments->from = optarg;
		return 0;
	case OPTION_CLONE_STORE:
		arguments->clone_store = optarg;
		return 0;
	case OPTION_STORE:
		set_place(arguments, STORE_KIND_DEVICE);
		return 0;
	case OPTION_DIR:
		set_place(arguments, STORE_KIND_DIR);
		return 0;
	case OPTION_VG:
		set_place(arguments, STORE_KIND_VG);
		return 0;
	case OPTION_STORE_SIZE:
		return verb_size_option(&verb_create, "store-size", optarg,
					&request->store_bytes);
	case OPTION_SIZE:
		return verb_size_option(&verb_create, "size", optarg,
					&request->clone_bytes);
	case OPTION_COUNT:
		return parse_count(optarg, &arguments->count);
	case OPTION_ERROR:
		request->error_if_no_space = true;
		return 0;
	case OPTION_NO_ACTIVATE:
		request->activate = false;
		return 0;
	case OPTION_FORCE:
		request->force = true;
		return 0;
	case OPTION_JSON:
		arguments->json = true;
		return 0;
	default:
		arguments->help = true;
		return 0;
	}
}

static int check(const struct arguments *arguments)
{
	const struct clone_request *request = &arguments->request;

	if (!arguments->template == !arguments->from)
		return verb_misuse(&verb_create, "takes one of --template T, --from CLONE");
	if (arguments->clone_store && (!arguments->from || strchr(arguments->from, '@')))
		return verb_misuse(&verb_create, "--clone-store goes with --from CLONE");
	if (arguments->places > 1 || (!arguments->places && !arguments->from))
		return verb_misuse(&verb_create,
				   "takes one of --store DEV, --dir DIR, --vg VG");
	if (!arguments->places)
		return 0;
	if (request->kind == STORE_KIND_DEVICE && arguments->count > 1)
		return verb_misuse(&verb_create,
				   "--count needs --dir or --vg: one device holds one clone");
	if (request->kind == STORE_KIND_DEVICE && request->store_bytes)
		return verb_misuse(&verb_create,
				   "--store-size goes with --dir or --vg; a device has its size");
	if (request->kind == STORE_KIND_VG && !request->store_bytes)
		return verb_misuse(&verb_create, "--vg needs --store-size");
	if (request->kind != STORE_KIND_DEVICE && request->force)
		return verb_misuse(&verb_create, "--force goes with --store");
	return 0;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
	int c, status = 0;

	arguments->request.activate = true;
	while (!status && !arguments->help &&
	       (c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == '?' || c == ':')
			return verb_bad_option(&verb_create, c, argv);
		status = parse_one(c, arguments);
	}
	if (status || arguments->help)
		return status;
	if (optind + 1 != argc)
		return verb_misuse(&verb_create, "takes one NAME");
	arguments->pattern = argv[optind];
	return check(arguments);
}

/* The name of clone @number, from 1; to be freed. */
static char *make_name(const struct arguments *arguments, unsigned long number)
{
	const char *pattern = arguments->pattern;
	const char *place = strstr(pattern, "%d");

	if (!arguments->count)
		return must_strdup(pattern);
	if (!place)
		return print_string("%s%lu", pattern, number);
	return print_string("%.*s%lu%s", (int)(place - pattern), pattern,
			    number, place + 2);
}

/* What was made, for the report at the end. */
struct made {
	struct json_object *list;
	unsigned long count;
	char *first;
	char *last;
	u64 written_bytes;
	u64 pause_ns;			/* for which I/O of the clone they are of was held */
	struct timespec start;
};

static void note_made(struct made *made, const struct arguments *arguments,
		      const char *name, const struct clone *clone,
		      const struct format_result *result)
{
	struct json_object *object = json_object_new_object();
	char *device = arguments->request.activate ?
		       print_string("/dev/mapper/%s", name) : NULL;

	json_add_string(object, "name", name);
	json_add_uuid(object, "uuid", result->clone_uuid);
	json_add_string(object, "device", device);
	json_add_string(object, "store", clone->store_path);
	json_add_uuid(object, "store_uuid", result->store_uuid);
	json_add_number(object, "size_bytes", result->clone_bytes);
	json_add_number(object, "store_bytes", result->store_bytes);
	json_add_number(object, "written_bytes", result->written_bytes);
	json_object_array_add(made->list, object);
	free(device);
	if (!made->count++)
		made->first = must_strdup(name);
	free(made->last);
	made->last = must_strdup(name);
	made->written_bytes += result->written_bytes;
}

/* From clone @number on they will not be made. */
static void unreserve(const struct arguments *arguments, unsigned long number)
{
	struct clone_request request = arguments->request;

	for (; number <= arguments->reserved; number++) {
		char *name = make_name(arguments, number);

		request.name = name;
		clone_create_unreserve(&request);
		free(name);
	}
}

static int create_all(struct catalog *catalog, struct arguments *arguments,
		      struct made *made)
{
	unsigned long total = arguments->count ? arguments->count : 1;
	struct origins origins = { 0 };
	struct format_result result;
	unsigned long i;
	int error = 0;

	dm_batch_begin();
	for (i = 1; i <= total && !error && !stopped; i++) {
		char *name = make_name(arguments, i);

		if (total > 1)
			print_progress("creating", i - 1, total);
		arguments->request.name = name;
		arguments->request.reserved = i <= arguments->reserved;
		error = clone_create(catalog, &origins, &arguments->request,
				     &result);
		if (!error)
			note_made(made, arguments, name,
				  catalog_clone(catalog, name), &result);
		free(name);
	}
	dm_batch_end();
	unreserve(arguments, i);
	if (total > 1 && !error && !stopped)
		print_progress("creating", total, total);
	origins_done(&origins);
	if (!error && made->count < total)
		error = -EINTR;
	if (error && total > 1) {
		report_error("create", "%lu of %lu clones were made%s%s%s%s",
			     made->count, total, made->count ? ", " : "",
			     made->count ? made->first : "",
			     made->count > 1 ? " to " : "",
			     made->count > 1 ? made->last : "");
		if (made->count)
			report_hint("these are whole and can be used; 'lclone remove' removes them");
	}
	return error;
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) +
	       (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void print_text(const struct arguments *arguments,
		       const struct made *made)
{
	const char *directory = arguments->request.activate ? "/dev/mapper/" : "";
	char written[SIZE_TEXT_BYTES];

	if (!made->count)
		return;
	print_size(made->written_bytes / made->count, written);
	if (made->count == 1)
		printf("%s%s: clone of %s, %s written, %.2f s", directory,
		       made->last, arguments->template ? arguments->template :
		       arguments->from, written,
		       seconds_since(&made->start));
	else
		printf("%s%s to %s: %lu clones of %s, %s written and %.2f s each",
		       directory, made->first, made->last, made->count,
		       arguments->template ? arguments->template :
		       arguments->from, written,
		       seconds_since(&made->start) / (double)made->count);
	print_held(arguments->from, made->pause_ns);
	printf("\n");
}

static int print_json(struct made *made)
{
	struct json_object *document = json_object_new_object();

	json_object_object_add(document, "clones", made->list);
	made->list = NULL;
	json_add_number(document, "pause_us", made->pause_ns / 1000);
	return json_print(document);
}

/* Freezes the clone as it is now. */
static int freeze(struct catalog *catalog, struct clone *clone,
		  const char *clone_store, u64 *pause_ns)
{
	struct store_place place = {
		.given = clone_store, .kind = STORE_KIND_DEVICE,
		.place = clone_store,
	};
	const struct snapshot_request request = {
		.clones = &clone, .count = 1, .name = "", .places = &place,
	};
	struct origins origins = { 0 };
	int error = snapshot_take(catalog, &origins, &request, pause_ns);

	origins_done(&origins);
	return error;
}

/* Where the store of the clone is, the new ones go, too. */
static int default_place(const struct clone *clone, struct clone_request *request,
			 char **directory)
{
	char *slash;

	request->kind = clone->kind;
	if (clone->kind == STORE_KIND_DEVICE) {
		report_error("create", "the store of %s is a device: where is the new one to be?",
			     clone->name);
		report_hint("give --store DEV, --dir DIR or --vg VG");
		return -EINVAL;
	}
	if (clone->kind == STORE_KIND_VG && !request->store_bytes) {
		report_error("create", "a new volume in %s needs --store-size",
			     clone->vg);
		return -EINVAL;
	}
	*directory = must_strdup(clone->kind == STORE_KIND_VG ? clone->vg :
							       clone->store_path);
	slash = clone->kind == STORE_KIND_DIR ? strrchr(*directory, '/') : NULL;
	if (slash)
		*slash = '\0';
	request->place = *directory;
	return 0;
}

/*
 * Before the clone is held up for them, and has a layer more: all of them can be made,
 * and have their room.
 */
static int reserve_all(const struct catalog *catalog, const struct clone *from,
		       struct arguments *arguments)
{
	struct clone_request *request = &arguments->request;
	unsigned long total = arguments->count ? arguments->count : 1;
	int error = 0;

	request->from = from;
	while (!error && arguments->reserved < total) {
		char *name = make_name(arguments, arguments->reserved + 1);

		request->name = name;
		error = clone_create_reserve(catalog, request);
		arguments->reserved += !error;
		free(name);
	}
	return error;
}

/* The layer that --from means, made first when it is the clone as it is now. */
static int find_layer(struct catalog *catalog, struct arguments *arguments,
		      struct clone *layer, char **directory, u64 *pause_ns)
{
	char *name = must_strdup(arguments->from);
	char *snapshot = strchr(name, '@');
	const struct clone *found = NULL;
	struct clone *clone;
	int error = 0;

	if (snapshot)
		*snapshot++ = '\0';
	clone = catalog_need_clone(catalog, name);
	if (!clone)
		error = -ENOENT;
	if (!error && !arguments->places)
		error = default_place(clone, &arguments->request, directory);
	if (!error && !snapshot)
		error = reserve_all(catalog, clone, arguments);
	if (!error && !snapshot)
		error = freeze(catalog, clone, arguments->clone_store, pause_ns);
	if (!error) {
		found = snapshot ? snapshot_need(catalog, clone, snapshot) :
				   catalog_parent(catalog, clone);
		error = found ? 0 : -ENOENT;
	}
	if (!error)
		clone_copy(found, layer);
	free(name);
	return error;
}

static int create(struct arguments *arguments)
{
	struct made made = { .list = json_object_new_array() };
	struct clone layer = { 0 };
	char *directory = NULL;
	struct catalog catalog;
	int error;

	clock_gettime(CLOCK_MONOTONIC, &made.start);
	error = catalog_open(&catalog, CATALOG_CHANGE);
	if (error)
		goto put;
	if (arguments->from) {
		error = find_layer(&catalog, arguments, &layer, &directory,
				   &made.pause_ns);
		arguments->request.from = &layer;
	} else {
		arguments->request.template =
			catalog_need_template(&catalog, arguments->template);
		error = arguments->request.template ? 0 : -ENOENT;
	}
	if (!error)
		error = create_all(&catalog, arguments, &made);
	else
		unreserve(arguments, 1);
	catalog_close(&catalog);
	if (!arguments->json)
		print_text(arguments, &made);
	else if ((!error || made.count) && print_json(&made))
		error = -EIO;
put:
	free(directory);
	clone_release(&layer);
	json_object_put(made.list);
	free(made.first);
	free(made.last);
	return error;
}

static int run(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	int status = parse(argc, argv, &arguments);

	if (status)
		return status;
	if (arguments.help)
		return verb_help(&verb_create);
	stop_between_clones();
	return create(&arguments) ? STATUS_FAILED : STATUS_DONE;
}

const struct verb verb_create = { "create", "make clones of a template, or of a clone", usage, run };
