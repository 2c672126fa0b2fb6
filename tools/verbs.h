/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The verbs of lclone.  Each has a file verb-NAME.c that defines its row; the
 * table in lclone.c lists the rows in the order in which help prints them.
 */
#ifndef LCLONE_VERBS_H
#define LCLONE_VERBS_H

/* Exit statuses, which are also what verb->run() returns. */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_DAMAGED = 3,	/* the check found damage */
};

struct verb {
	const char *name;
	const char *summary;	/* a few words, for the list of verbs */
	const char *usage;	/* all of --help; ends in a newline */
	/*
	 * @argv[0] is the name of the verb; getopt is reset.  Returns one of
	 * STATUS_*; what went wrong has been reported.
	 */
	int (*run)(int argc, char **argv);
};

extern const struct verb verb_format;
extern const struct verb verb_table;
extern const struct verb verb_info;
extern const struct verb verb_check;
extern const struct verb verb_repair;
extern const struct verb verb_dump;
extern const struct verb verb_restore;
extern const struct verb verb_scan;
extern const struct verb verb_template;
extern const struct verb verb_create;
extern const struct verb verb_activate;
extern const struct verb verb_deactivate;
extern const struct verb verb_list;
extern const struct verb verb_tree;
extern const struct verb verb_status;
extern const struct verb verb_remove;
extern const struct verb verb_snapshot;
extern const struct verb verb_rollback;
extern const struct verb verb_reset;
extern const struct verb verb_consolidate;
extern const struct verb verb_commit;
extern const struct verb verb_resize;
extern const struct verb verb_extend;
extern const struct verb verb_set;
extern const struct verb verb_flatten;
extern const struct verb verb_rebase;
extern const struct verb verb_rethin;
extern const struct verb verb_adopt;
extern const struct verb verb_map;
extern const struct verb verb_diff;
extern const struct verb verb_export;
extern const struct verb verb_import;

#endif
