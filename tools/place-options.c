// SPDX-License-Identifier: GPL-2.0
/* Options that say where new stores of clones go. */

#include "output.h"
#include "place-options.h"

static int add_place(const struct verb *verb, enum store_kind kind,
		     struct place_options *options)
{
	if (options->places && (kind != STORE_KIND_DEVICE ||
				options->kind != STORE_KIND_DEVICE))
		return verb_misuse(verb, "takes one of --store DEV..., --dir DIR, --vg VG");
	if (options->places == PLACES_MAX)
		return verb_misuse(verb, "takes at most %d devices", PLACES_MAX);
	options->kind = kind;
	options->place[options->places++] = optarg;
	return STATUS_DONE;
}

int place_option(const struct verb *verb, int c, char **argv,
		 struct place_options *options)
{
	switch (c) {
	case PLACE_STORE:
		return add_place(verb, STORE_KIND_DEVICE, options);
	case PLACE_DIR:
		return add_place(verb, STORE_KIND_DIR, options);
	case PLACE_VG:
		return add_place(verb, STORE_KIND_VG, options);
	case PLACE_SIZE:
		return verb_size_option(verb, "store-size", optarg,
					&options->store_bytes);
	case PLACE_FORCE:
		options->force = true;
		return STATUS_DONE;
	default:
		return verb_bad_option(verb, c, argv);
	}
}

int place_check(const struct verb *verb, const struct place_options *options,
		size_t count)
{
	bool devices = options->places && options->kind == STORE_KIND_DEVICE;

	if (devices && options->places != count)
		return verb_misuse(verb, "takes one --store for each clone");
	if (devices && options->store_bytes)
		return verb_misuse(verb, "--store-size goes with --dir or --vg; a device has its size");
	return STATUS_DONE;
}

struct store_place *place_for_each(const struct place_options *options,
				   size_t count)
{
	struct store_place *each = must_alloc(count * sizeof(*each));
	size_t i;

	for (i = 0; i < count; i++) {
		each[i].given = options->places;
		each[i].kind = options->kind;
		each[i].place = options->place[options->places > 1 ? i : 0];
		each[i].store_bytes = options->store_bytes;
		each[i].force = options->force;
	}
	return each;
}
