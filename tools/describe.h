/* SPDX-License-Identifier: GPL-2.0 */
/* What a superblock says, as JSON and as text. */
#ifndef LCLONE_DESCRIBE_H
#define LCLONE_DESCRIBE_H

#include "output.h"
#include "core/super.h"

/* "writable", "frozen" or "retired". */
const char *describe_state(const struct lc_super *super);

/*
 * The keys that info, scan and dump have in common; lclone-info(8) documents
 * them.  To be put by the caller.
 */
struct json_object *describe_super(const struct lc_super *super);

/* "UUID" or "-". */
const char *describe_uuid(const u8 *uuid, char text[UUID_TEXT_BYTES]);

/*
 * Copies a name or path from a superblock for people to read: '?' stands for
 * control characters and for what is not UTF-8.  Returns @clean.
 */
const char *describe_text(const char *text, char clean[LC_PATH_BYTES]);

#endif
