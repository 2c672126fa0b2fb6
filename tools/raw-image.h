/* SPDX-License-Identifier: GPL-2.0 */
/* Writing what a clone shows as a raw image: a new file, or a block device. */
#ifndef LCLONE_RAW_IMAGE_H
#define LCLONE_RAW_IMAGE_H

#include "levels.h"

struct raw_image {
	struct levels *levels;		/* their maps get loaded */
	unsigned int count;		/* of levels that are looked at; 0: all */
	const char *origin_path;	/* what is below the last; NULL: nothing */
	const char *path;		/* a block device, or a file that is made */
	bool is_device;
	bool in_place;			/* a device that holds what is below the levels already */
	u64 rate_bytes;			/* in a second; 0: no limit */
	/* What it did. */
	u64 written_bytes;		/* of data */
	u64 shared_bytes;		/* that a file shares with the origin's (reflink) */
};

/*
 * Writes it, durably.  Zeros take no space in a file.  A file of this name must
 * not exist; there is none when this fails.  What a device has beyond the clone
 * becomes zero.  Returns 0 or a negative errno, which has been reported.
 */
int raw_image_write(struct raw_image *image);

/* Whether a clone has room on a device; reported if not. */
int raw_image_check_size(const char *device, u64 device_bytes, u64 clone_bytes);

#endif
