/* SPDX-License-Identifier: GPL-2.0 */
/* Options that say where new stores of clones go. */
#ifndef LCLONE_PLACE_OPTIONS_H
#define LCLONE_PLACE_OPTIONS_H

#include "clone-child.h"
#include "options.h"

#define PLACES_MAX	64

enum {
	PLACE_STORE = OPTION_FIRST + 100, PLACE_DIR, PLACE_VG, PLACE_SIZE,
	PLACE_FORCE,
};

#define PLACE_OPTIONS \
	{ "store", required_argument, NULL, PLACE_STORE }, \
	{ "dir", required_argument, NULL, PLACE_DIR }, \
	{ "vg", required_argument, NULL, PLACE_VG }, \
	{ "store-size", required_argument, NULL, PLACE_SIZE }, \
	{ "force", no_argument, NULL, PLACE_FORCE }

#define PLACE_USAGE \
"  --store DEV        an empty block device; one for each clone, in their order\n" \
"  --dir DIR          a directory\n" \
"  --vg VG            a volume group of LVM\n" \
"  --store-size SIZE  its size; when not given, as the manual page says\n" \
"  --force            overwrite what DEV holds\n"

struct place_options {
	enum store_kind kind;
	const char *place[PLACES_MAX];
	unsigned int places;
	u64 store_bytes;
	bool force;
};

/* Takes one option that getopt_long() returned.  STATUS_DONE or STATUS_USAGE. */
int place_option(const struct verb *verb, int c, char **argv,
		 struct place_options *options);

/* Whether they go together, for @count clones.  The same. */
int place_check(const struct verb *verb, const struct place_options *options,
		size_t count);

/* The place of each of @count clones; to be freed. */
struct store_place *place_for_each(const struct place_options *options,
				   size_t count);

#endif
