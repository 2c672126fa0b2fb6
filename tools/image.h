/* SPDX-License-Identifier: GPL-2.0 */
/* Images that a template can be made of. */
#ifndef LCLONE_IMAGE_H
#define LCLONE_IMAGE_H

#include <stdbool.h>

enum image_format {
	IMAGE_RAW,
	IMAGE_QCOW2,
};

/*
 * What @path, a file or block device, begins with.  Returns 0 or a negative
 * errno, which has been reported.
 */
int image_detect(const char *path, enum image_format *format);

/*
 * Converts the qcow2 image @path into the raw file @raw, durably.  @raw must
 * not exist, and does not before all of it is there; until then, and when that is
 * cut short, it is called RAW.part.  An image that stands on other files
 * is refused unless @backing, since reading it reads whatever files it names.
 * Returns 0 or a negative errno, which has been reported.
 */
int image_convert(const char *path, const char *raw, bool backing);

#endif
