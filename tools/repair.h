/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Repair of an inactive store.  It restores what the journal and the older copy
 * of the superblock prove, and never guesses: what they do not prove is lost,
 * and is listed.
 */
#ifndef LCLONE_REPAIR_H
#define LCLONE_REPAIR_H

#include "store-file.h"

/* What lost blocks of the clone are to read as. */
enum repair_lost {
	REPAIR_LOST_REFUSE,	/* not chosen: nothing is repaired */
	REPAIR_LOST_ZERO,
	REPAIR_LOST_ORIGIN,
};

struct repair_request {
	enum repair_lost lost;
	bool cut_journal;	/* live without what lies behind damage of the journal */
	bool header;		/* make a header that is lost anew */
	bool dry_run;
	bool force;		/* a store that another host has marked as its own */
};

/* Blocks of the clone whose content is not known any more. */
struct repair_range {
	u64 first;
	u64 count;
	u64 data_blocks;	/* that held data of its own, at most */
	const char *why;
};

#define REPAIR_RANGES_MAX	100000u

enum repair_outcome {
	REPAIR_CLEAN,		/* there is nothing to repair */
	REPAIR_POSSIBLE,	/* a dry run: it would be done */
	REPAIR_DONE,
	REPAIR_REFUSED,		/* see @refusal */
};

struct repair_report {
	enum repair_outcome outcome;
	char *refusal;		/* a part of a sentence */
	char *hint;		/* or NULL: what to do about it */
	struct repair_range *range;
	size_t ranges;		/* all; at most REPAIR_RANGES_MAX are in @range */
	size_t ranges_room;
	u64 lost_blocks;
	u64 restored_blocks;	/* of lost pages, that the journal still knew */
	u32 older_pages;	/* lost pages that the older superblock still had */
	u64 groups;		/* of the journal that were applied */
	const char *journal_damage;	/* or NULL */
	u32 journal_block;	/* store block where it is */
	u64 journal_sequence;	/* the first that is lost */
	u64 journal_later;	/* whole blocks behind, which do not count */
	u32 new_pages;
	size_t findings;	/* of the check before */
};

/*
 * Repairs the store at @path.  Returns 0 with an outcome, or a negative errno,
 * reported: it is no store, is in use, or cannot be read or written.  Nothing
 * is written but to free blocks before the result has been checked.
 */
int repair_store(const char *path, const struct repair_request *request,
		 struct repair_report *report);
void repair_free(struct repair_report *report);

/* For repair-*.c: counts and keeps a range; joins it to the one before. */
void repair_note(struct repair_report *report, u64 first, u64 count,
		 u64 data_blocks, const char *why);

#endif
