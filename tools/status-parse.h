/* SPDX-License-Identifier: GPL-2.0 */
/* The status line of the target, see Documentation/dm-lclone.rst. */
#ifndef LCLONE_STATUS_PARSE_H
#define LCLONE_STATUS_PARSE_H

#include <stdbool.h>
#include "core/super.h"

enum clone_mode {
	CLONE_RW,
	CLONE_RO,
	CLONE_FAILED,
};

enum space_state {
	SPACE_OK,
	SPACE_LOW,
	SPACE_FULL,
};

/* All blocks are of 4096 bytes. */
struct clone_status {
	enum clone_mode mode;
	u8 clone_uuid[LC_UUID_BYTES];
	u8 store_uuid[LC_UUID_BYTES];
	u64 used_blocks;	/* data, pages, and what is being freed */
	u64 total_blocks;	/* all that data and pages may use */
	u64 page_blocks;
	u64 data_blocks;
	u64 zero_blocks;
	u64 shared_blocks;	/* still read from below */
	enum space_state space;
	u64 dirty_pages;
	u64 dirty_cap;
	u64 journal_used;	/* blocks */
	u64 journal_total;
	u64 generation;		/* of the last checkpoint */
	u64 rounds;		/* made durable */
	u64 waiting;		/* bios that wait for space */
	bool error_if_no_space;
	bool discard_passdown;
	u64 cached_pages;	/* leaves and nodes in memory */
};

/*
 * @line is what follows "0 LENGTH lclone ".  Fields behind the last one known
 * here are ignored.  Returns 0 or -EINVAL; reports nothing.
 */
int status_parse(const char *line, struct clone_status *status);

/* "rw", "ro", "failed"; "ok", "low", "full". */
const char *clone_mode_name(enum clone_mode mode);
const char *space_state_name(enum space_state space);

#endif
