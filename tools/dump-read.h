/* SPDX-License-Identifier: GPL-2.0 */
/* Reading a dump, whose format dump.h has. */
#ifndef LCLONE_DUMP_READ_H
#define LCLONE_DUMP_READ_H

#include <stdio.h>
#include "core/super.h"

struct dump_run {
	u64 first;		/* blocks of the clone */
	u64 count;
	u32 value;		/* first store block, or LC_ENTRY_ZERO */
};

struct dump_reader {
	FILE *from;		/* can be read again from its beginning */
	char *path;		/* for errors */
	unsigned long line;
	char *text;		/* the line, without its end */
	size_t room;
	const struct lc_super *super;
	struct dump_run last;	/* the run read last */
	u64 runs;
	u64 data_blocks;
	u64 zero_blocks;
};

/*
 * Functions that return int return 0 or a negative errno and have reported what
 * is wrong, with the number of the line.
 */

/* Opens the dump in file @path, or on stdin for NULL, which is copied first. */
int dump_open(const char *path, struct dump_reader *reader);
void dump_close(struct dump_reader *reader);

/*
 * Reads all lines but those of runs, from the beginning on.  What a dump does
 * not hold (the tree, the journal, the owner) is as in an empty store.  @super
 * must stay where it is.
 */
int dump_read_super(struct dump_reader *reader, struct lc_super *super);

/*
 * The next run, which lies behind the one before and within clone and store.
 * Returns 1 when there is one, 0 at the end, whose counts are right.
 */
int dump_read_run(struct dump_reader *reader, struct dump_run *run);

#endif
