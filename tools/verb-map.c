// SPDX-License-Identifier: GPL-2.0
/* lclone map: where each part of a clone lies. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "levels.h"
#include "options.h"
#include "output.h"

static const char usage[] =
"usage: lclone map CLONE[@SNAP] [--json]\n"
"       lclone map [LAYER...] STORE [--json]\n"
"\n"
"Prints where each part of a clone lies: in its store, in a layer, in the origin,\n"
"or nowhere, when it is known to be zero.  STORE, and the LAYERs below it that\n"
"cannot be found otherwise, are block devices or files.  Of a clone that is active,\n"
"all that had ended when this began is in the map.\n"
"\n"
"  --json  as one JSON document\n";

enum { OPTION_JSON = OPTION_FIRST };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

struct map {
	struct levels *levels;
	char **name;		/* of each level */
	u64 runs;
	u64 bytes[SEEN_BEYOND + 1];
};

static const char *type_name(enum seen_type type)
{
	switch (type) {
	case SEEN_DATA:
		return "data";
	case SEEN_BELOW:
		return "origin";
	default:
		return "zero";
	}
}

static bool in_store(const struct seen *seen)
{
	return seen->type == SEEN_DATA || seen->type == SEEN_ZERO;
}

static int print_run(void *ctx, const struct seen *seen)
{
	struct map *map = ctx;

	printf("%16" PRIu64 " %16" PRIu64 "  %-6s  ", seen->sector * 512,
	       seen->sectors * 512, type_name(seen->type));
	if (seen->type == SEEN_DATA)
		printf("%16" PRIu64 "  ", seen->store_sector * 512);
	else
		printf("%16s  ", "-");
	puts(in_store(seen) ? map->name[seen->level] : "-");
	return ferror(stdout) ? -EIO : 0;
}

/* The document may be larger than memory, so its runs are written one by one. */
static int print_run_json(void *ctx, const struct seen *seen)
{
	struct map *map = ctx;
	struct json_object *object = json_object_new_object();

	json_add_string(object, "type", type_name(seen->type));
	json_add_number(object, "offset_bytes", seen->sector * 512);
	json_add_number(object, "length_bytes", seen->sectors * 512);
	if (in_store(seen))
		json_add_number(object, "store", seen->level);
	if (seen->type == SEEN_DATA)
		json_add_number(object, "store_offset_bytes",
				seen->store_sector * 512);
	printf("%s\n%s", map->runs++ ? "," : "",
	       json_object_to_json_string_ext(object, JSON_C_TO_STRING_SPACED));
	json_object_put(object);
	map->bytes[seen->type] += seen->sectors * 512;
	return ferror(stdout) ? -EIO : 0;
}

static struct json_object *stores_json(const struct map *map)
{
	struct json_object *array = json_object_new_array();
	unsigned int i;

	for (i = 0; i < map->levels->count; i++) {
		const struct lc_super *super = level_super(map->levels, i);
		struct json_object *object = json_object_new_object();

		json_add_string(object, "name", map->name[i]);
		json_add_string(object, "path", map->levels->level[i].store.path);
		json_add_uuid(object, "store_uuid", super->store_uuid);
		json_add_uuid(object, "content_uuid", super->content_uuid);
		json_object_array_add(array, object);
	}
	return array;
}

static int print_json(struct map *map)
{
	const struct lc_super *super = level_super(map->levels, 0);
	struct json_object *stores = stores_json(map);
	int error;

	printf("{\n\"size_bytes\": %" PRIu64 ",\n\"stores\": ",
	       super->clone_sectors * 512);
	json_write(stores, 0);
	printf(",\n\"runs\": [");
	json_object_put(stores);
	error = levels_see(map->levels, map->levels->count, print_run_json, map);
	printf("\n],\n\"data_bytes\": %" PRIu64 ",\n\"zero_bytes\": %" PRIu64
	       ",\n\"origin_bytes\": %" PRIu64 "\n}\n", map->bytes[SEEN_DATA],
	       map->bytes[SEEN_ZERO] + map->bytes[SEEN_BEYOND],
	       map->bytes[SEEN_BELOW]);
	return error;
}

static int print_text(struct map *map)
{
	printf("%16s %16s  %-6s  %16s  %s\n", "OFFSET", "LENGTH", "TYPE",
	       "STORE-OFFSET", "LAYER");
	return levels_see(map->levels, map->levels->count, print_run, map);
}

static int print_map(struct levels *levels, bool json)
{
	struct map map = { .levels = levels };
	unsigned int i;
	int error;

	map.name = must_alloc(levels->count * sizeof(*map.name));
	for (i = 0; i < levels->count; i++)
		map.name[i] = level_name(levels, i);
	error = json ? print_json(&map) : print_text(&map);
	for (i = 0; i < levels->count; i++)
		free(map.name[i]);
	free(map.name);
	return error;	/* of the output, which lclone.c reports */
}

static int map(char **names, unsigned int count, bool json)
{
	const char **layers = must_alloc(count * sizeof(*layers));
	struct levels *levels;
	int error;

	memcpy(layers, names, (count - 1) * sizeof(*layers));
	error = levels_open_live(names[count - 1], layers, NULL, &levels);
	if (!error)
		error = levels_load(levels, levels->count);
	if (!error)
		error = print_map(levels, json);
	levels_free(levels);
	free(layers);
	if (error == -EUCLEAN)
		return STATUS_DAMAGED;
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
			return verb_help(&verb_map);
		default:
			return verb_bad_option(&verb_map, c, argv);
		}
	}
	if (optind == argc)
		return verb_misuse(&verb_map, "takes a CLONE, or a STORE behind its LAYERs");
	return map(argv + optind, (unsigned int)(argc - optind), json);
}

const struct verb verb_map = { "map", "show where each part of a clone lies", usage, run };
