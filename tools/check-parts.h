/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of the checker, for check*.c alone. */
#ifndef LCLONE_CHECK_PARTS_H
#define LCLONE_CHECK_PARTS_H

#include "check.h"

void check_add(struct check_report *report, const char *part, u64 block,
	       const char *text, ...) __attribute__((format(printf, 4, 5)));

/*
 * Header and superblocks; fills in report->super.  A store whose header is
 * damaged is still known by its superblocks.  Returns 0; -EUCLEAN when there is
 * nothing left to go on with, which has been added; another negative errno as
 * check_store().
 */
int check_supers(struct store_file *store, struct check_report *report);

/* Tree, journal and space, from report->super on. */
int check_map(const struct store_file *store, struct check_report *report);

#endif
