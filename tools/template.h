/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Templates: registering an origin, comparing it, letting go of it.  Functions
 * that return int return 0 or a negative errno, and have reported what went
 * wrong, unless it says otherwise.
 */
#ifndef LCLONE_TEMPLATE_H
#define LCLONE_TEMPLATE_H

#include <json-c/json.h>
#include "catalog.h"

enum template_format {
	TEMPLATE_DETECT,
	TEMPLATE_RAW,
	TEMPLATE_QCOW2,
};

struct template_request {
	const char *name;
	const char *path;		/* a block device, or an image in a file */
	const char *directory;		/* for what is converted; NULL: the default */
	enum template_format format;
	bool backing;			/* an image may stand on other files */
	bool quick_only;		/* no full fingerprint */
};

/* Enters it into the catalog, which is saved. */
int template_add(struct catalog *catalog, const struct template_request *request);

/*
 * Refuses while there are clones of it, naming them; makes the origin writable
 * again if it was, and removes an image that template_add() converted.
 */
int template_remove(struct catalog *catalog, struct template *template);

/*
 * Compares the whole origin with its full fingerprint, or with the quick one
 * when that is all there is.  -EUCLEAN when it differs.
 */
int template_verify(const struct template *template);

/* How many clones of it the catalog knows. */
size_t template_clones(const struct catalog *catalog,
		       const struct template *template);

/* The document of 'lclone template show --json'.  To be put by the caller. */
struct json_object *template_json(const struct catalog *catalog,
				  const struct template *template);

#endif
