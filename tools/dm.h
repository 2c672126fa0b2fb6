/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Device-mapper as this tool needs it; dm.c and dm-plain.c alone include
 * libdevmapper.h.
 *
 * Functions that return int return 0 or a negative errno, and have reported
 * what went wrong unless it says otherwise.
 */
#ifndef LCLONE_DM_H
#define LCLONE_DM_H

#include <stdbool.h>
#include <stdint.h>
#include "output.h"

#define DM_UUID_TEXT_BYTES	(sizeof("LCLONE-") + UUID_TEXT_BYTES)

/* Writes device-mapper's uuid of a clone, "LCLONE-" and its uuid, and returns @text. */
char *dm_clone_uuid(const uint8_t *clone_uuid, char text[DM_UUID_TEXT_BYTES]);

/* A clone as device-mapper has it. */
struct dm_clone {
	bool active;		/* all else is unset when it is not */
	char *name;		/* in /dev/mapper */
	int open_count;
	bool suspended;
	bool read_only;
	bool inactive_table;	/* a table waits to be resumed */
	uint64_t sectors;
	char *target;		/* "lclone", or what was put in its place */
	char *status;		/* the target's fields, see status-parse.h */
};

/*
 * Looks a clone up by its uuid; that there is none is no error.  dm_clone_done()
 * frees @clone.
 */
int dm_clone_find(const uint8_t *clone_uuid, struct dm_clone *clone);
/* The same by its name; it may be a device of any kind, see @target. */
int dm_clone_find_name(const char *name, struct dm_clone *clone);
void dm_clone_done(struct dm_clone *clone);

/* Whether any device of device-mapper has this name.  Reports nothing. */
bool dm_name_taken(const char *name);

/* Loads the module unless the kernel knows the target, or says what to do. */
int dm_need_target(void);

/*
 * Between these, devices are made and removed without waiting for udev each
 * time; dm_batch_end() waits for all, before which there may be no /dev/mapper/NAME.
 */
void dm_batch_begin(void);
void dm_batch_end(void);

/*
 * Makes /dev/mapper/@name with the table "0 @sectors lclone @params" and waits
 * for udev, whose rules are told not to look at its content.
 */
int dm_clone_create(const char *name, const uint8_t *clone_uuid,
		    uint64_t sectors, const char *params);

/*
 * Removes it and waits for udev.  -EBUSY when it is open; for a moment it may
 * be open by somebody who just looks, so this tries for a second.
 */
int dm_clone_remove(const char *name);

/*
 * For a device that is open: fails all its I/O from now on, so that it lets go
 * of what is below, and has it vanish when it is closed.
 */
int dm_clone_force_out(const char *name, uint64_t sectors);

/*
 * Puts a table of the target into the inactive slot of a device; the kernel
 * checks it then.  dm_clone_clear() takes it out again, quietly.
 */
int dm_clone_load(const char *name, uint64_t sectors, const char *params);
int dm_clone_clear(const char *name);

/*
 * Sends a message to the target; words are separated by spaces, and a backslash
 * takes the next character as it is.  @answer, unless NULL, is set to what the
 * target says, or NULL; to be freed.  dm_clone_tell() alone reports a failure.
 */
int dm_clone_message(const char *name, const char *message, char **answer);
int dm_clone_tell(const char *name, const char *message);

/*
 * Lets the I/O under way end and holds what comes; with @no_flush what waits
 * for space is held as well.  dm_clone_resume() makes the inactive table the live
 * one, if there is one.
 */
int dm_clone_suspend(const char *name, bool no_flush);
int dm_clone_resume(const char *name);

#endif
