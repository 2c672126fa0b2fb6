/* SPDX-License-Identifier: GPL-2.0 */
/* A new template of what a clone is. */
#ifndef LCLONE_COMMIT_H
#define LCLONE_COMMIT_H

#include "catalog.h"

struct commit_request {
	const char *clone;		/* as it is now, or */
	const char *snapshot;		/* this snapshot of it; else NULL */
	const char *template;		/* the name of the new one */
	const char *to;			/* a device, or a file that is made; NULL: beside the old template */
	const char *clone_store;	/* a device for the next store of the clone, or NULL */
	bool force;			/* over what the device of the template holds */
	bool quick_only;		/* no full fingerprint */
	u64 rate_bytes;			/* in a second; 0: no limit */
};

struct commit_result {
	char *path;			/* of the new origin; to be freed */
	u64 size_bytes;
	u64 written_bytes;
	u64 shared_bytes;		/* with the file of the old one */
	u64 pause_ns;			/* for which I/O was held; 0: it was not */
};

/*
 * Opens the catalog, but not while it copies.  An active clone is frozen for it,
 * and goes on.  No origin is written.  Returns 0 or a negative errno, which has
 * been reported.
 */
int commit(const struct commit_request *request, struct commit_result *result);

#endif
