// SPDX-License-Identifier: GPL-2.0
/* lclone diff: what has changed from a snapshot to a later one, or the present. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "levels.h"
#include "options.h"
#include "output.h"

static const char usage[] =
"usage: lclone diff A B [--layer STORE]... [--json]\n"
"\n"
"Prints the ranges that were written from snapshot A to B, a later one of the\n"
"same chain, or the present of a clone, active or not.  Both are CLONE@SNAP,\n"
"CLONE, or the block device or file of a store.  Only metadata is read.\n"
"\n"
"  --layer STORE  a store between them that cannot be found otherwise\n"
"  --json         as one JSON document\n";

enum { OPTION_JSON = OPTION_FIRST, OPTION_LAYER };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "layer", required_argument, NULL, OPTION_LAYER },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

/* What has been told, and the range that may still get longer. */
struct diff {
	bool json;
	bool zero;
	u64 sector;
	u64 sectors;
	u64 ranges;
	u64 data_bytes;
	u64 zero_bytes;
};

static void print_range(struct diff *diff)
{
	const char *type = diff->zero ? "zero" : "data";
	u64 offset = diff->sector * 512, length = diff->sectors * 512;

	if (!length)
		return;
	if (diff->json)
		printf("%s\n{\"type\": \"%s\", \"offset_bytes\": %" PRIu64
		       ", \"length_bytes\": %" PRIu64 "}",
		       diff->ranges ? "," : "", type, offset, length);
	else
		printf("%16" PRIu64 " %16" PRIu64 "  %s\n", offset, length, type);
	diff->ranges++;
	if (diff->zero)
		diff->zero_bytes += length;
	else
		diff->data_bytes += length;
}

static int see(void *ctx, const struct seen *seen)
{
	struct diff *diff = ctx;
	bool zero = seen->type != SEEN_DATA;

	if (seen->type == SEEN_BELOW)
		return 0;
	if (diff->zero == zero && diff->sector + diff->sectors == seen->sector) {
		diff->sectors += seen->sectors;
		return 0;
	}
	print_range(diff);
	diff->zero = zero;
	diff->sector = seen->sector;
	diff->sectors = seen->sectors;
	return ferror(stdout) ? -EIO : 0;
}

static struct json_object *state_json(const struct levels *levels, unsigned int n)
{
	const struct lc_super *super = level_super(levels, n);
	struct json_object *object = json_object_new_object();
	char *name = level_name(levels, n);

	json_add_string(object, "name", name);
	json_add_string(object, "path", levels->level[n].store.path);
	json_add_uuid(object, "content_uuid", super->content_uuid);
	json_add_number(object, "size_bytes", super->clone_sectors * 512);
	free(name);
	return object;
}

static void print_state(const char *key, const struct levels *levels,
			unsigned int n)
{
	struct json_object *object = state_json(levels, n);

	printf("\"%s\": ", key);
	json_write(object, 0);
	puts(",");
	json_object_put(object);
}

/* The first @count levels are those that were written after A. */
static int print_diff(struct levels *levels, unsigned int count, bool json)
{
	struct diff diff = { .json = json };
	int error;

	if (json) {
		puts("{");
		print_state("from", levels, count);
		print_state("to", levels, 0);
		printf("\"ranges\": [");
	} else {
		printf("%16s %16s  %s\n", "OFFSET", "LENGTH", "TYPE");
	}
	error = levels_see(levels, count, see, &diff);
	print_range(&diff);
	if (json)
		printf("\n],\n\"data_bytes\": %" PRIu64 ",\n\"zero_bytes\": %" PRIu64
		       "\n}\n", diff.data_bytes, diff.zero_bytes);
	return error;	/* of the output, which lclone.c reports */
}

static int compare(struct levels *a, struct levels *b, bool json)
{
	unsigned int count = levels_find(b, level_super(a, 0)->content_uuid);
	char *from = level_name(a, 0), *to = level_name(b, 0);
	int error = 0;

	if (count == b->count) {
		report_error(to, "does not stand on %s", from);
		report_hint("A must be a snapshot that B was made from: the earlier one comes first, and 'lclone tree' shows which stands on which");
		error = -EXDEV;
	}
	free(from);
	free(to);
	if (!error)
		error = levels_load(b, count);
	return error ? error : print_diff(b, count, json);
}

/* A is one of the stores below B, so it may as well be found by its path. */
static int open_both(const char *const *names, const char **layers,
		     unsigned int count, bool json)
{
	struct levels *a, *b = NULL;
	int error = levels_open_newest(names[0], &a);

	if (!error && level_super(a, 0)->state != LC_STORE_FROZEN) {
		report_error(names[0], "is not a snapshot: it is still being written");
		report_hint("take a snapshot with 'lclone snapshot'; changes are known from then on");
		error = -EINVAL;
	}
	if (!error) {
		layers[count] = a->level[0].store.path;
		error = levels_open_live(names[1], layers,
					 level_super(a, 0)->content_uuid, &b);
	}
	if (!error)
		error = compare(a, b, json);
	if (b)
		levels_free(b);
	levels_free(a);
	return error;
}

static int run(int argc, char **argv)
{
	const char *layers[LC_LAYERS_MAX + 2] = { NULL };	/* and A, and a NULL */
	unsigned int count = 0;
	bool json = false;
	int c, error;

	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_JSON:
			json = true;
			break;
		case OPTION_LAYER:
			if (verb_layer_option(&verb_diff, layers, &count))
				return STATUS_USAGE;
			break;
		case 'h':
			return verb_help(&verb_diff);
		default:
			return verb_bad_option(&verb_diff, c, argv);
		}
	}
	if (optind + 2 != argc)
		return verb_misuse(&verb_diff, "takes A and B");
	error = open_both((const char *const *)argv + optind, layers, count, json);
	if (error == -EUCLEAN)
		return STATUS_DAMAGED;
	return error ? STATUS_FAILED : STATUS_DONE;
}

const struct verb verb_diff = { "diff", "show what changed since a snapshot", usage, run };
