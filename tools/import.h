/* SPDX-License-Identifier: GPL-2.0 */
/* Making a frozen store of a delta stream. */
#ifndef LCLONE_IMPORT_H
#define LCLONE_IMPORT_H

#include "stream.h"

struct import_request {
	const char *store_path;		/* a block device, or a file of its full size */
	const char *origin_path;	/* NULL: not given; "-": there is none */
	const char *const *layers;	/* where the base may be; see levels_open() */
	const char *name;		/* of the clone; NULL: that in the stream */
	bool force;			/* over what the device holds */
};

struct import_result {
	struct stream_header header;
	u8 store_uuid[LC_UUID_BYTES];
	u64 store_bytes;
	char *base_path;		/* of the store that it stands on, or NULL; to be freed */
};

/*
 * Reads a stream from @fd, which reports call @name, onto a new store: frozen,
 * with the identities of the snapshot that was exported.  Nothing else is
 * written.  Returns 0 or a negative errno, reported: -EUCLEAN for a stream that
 * is damaged, -ESTALE for the wrong origin or base.  After a failure there is no
 * store.
 */
int import_stream(const struct import_request *request, int fd, const char *name,
		  struct import_result *result);

#endif
