/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loop devices over the whole of a file, with sectors of 512 bytes, which stay
 * until they are detached.
 *
 * Functions that return int return 0 or a negative errno, and have reported
 * what went wrong.
 */
#ifndef LCLONE_LOOP_H
#define LCLONE_LOOP_H

#include <stdbool.h>

enum loop_kind {
	/* A store: direct I/O, for the file's data is not to be cached twice. */
	LOOP_STORE,
	/*
	 * An origin: read-only, and through the page cache, so that what many
	 * clones read of it is read once.
	 */
	LOOP_ORIGIN,
};

/*
 * The loop device of this kind over @file, or NULL; to be freed.  Reports
 * nothing.
 */
char *loop_find(const char *file, enum loop_kind kind);

/*
 * A loop device, whoever made it, that may write to @file or to a part of it, or
 * NULL; to be freed.  Reports nothing.
 */
char *loop_find_writable(const char *file);

/*
 * Finds it or makes it; @device is to be freed.  @made tells which; it may be
 * NULL.
 */
int loop_attach(const char *file, enum loop_kind kind, char **device, bool *made);

/*
 * Detaches @device, unless somebody else made it, and waits a moment for it to be gone: whoever has it open
 * keeps it until it is closed.
 */
int loop_detach(const char *device);

/* Has @device be as large as its file is now. */
int loop_set_capacity(const char *device);

/* Whether loop_attach() made it, and nobody else did. */
bool loop_is_ours(const char *device);

/* Whether no other device stands on @device, a path of a loop device. */
bool loop_idle(const char *device);

#endif
