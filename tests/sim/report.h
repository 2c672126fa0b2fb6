/* SPDX-License-Identifier: GPL-2.0 */
/* What the simulator says: the trace, violations, what was covered. */
#ifndef LCLONE_SIM_REPORT_H
#define LCLONE_SIM_REPORT_H

#include <env.h>

/* What a line of the trace is about; the table in report.c says what is printed. */
enum trace_what {
	TRACE_LIFE,
	TRACE_OPERATION,
	TRACE_END,
	TRACE_LOOKUP,
	TRACE_BELOW,
	TRACE_TICKET,
	TRACE_PUBLISH,
	TRACE_ZERO,
	TRACE_PARK,
	TRACE_SUBMIT,
	TRACE_COMPLETE,
	TRACE_FLUSHED,
	TRACE_DISCARDED,
	TRACE_KICK,
	TRACE_WORK,
	TRACE_ROUND_IO,
	TRACE_ANSWER,
	TRACE_REPORT,
	TRACE_EVICT,
	TRACE_CUT,
	TRACE_SURVIVES,
	TRACE_OPEN,
	TRACE_GROW,
	TRACE_DAMAGE,
	TRACE_FREEZE,
	TRACE_MERGE,
	TRACE_CHANGE,
	TRACE_CHANGED,
	TRACE_BULK,
	TRACE_BULK_END,
	TRACE_KINDS,
};

/* Adds a line to the trace of the last few thousand; cheap. */
void trace(enum trace_what what, u64 a, u64 b, u64 c, u64 d);

/* Where a run is, for the report of a violation. */
struct report_at {
	u64 seed;		/* of the world */
	u64 round;		/* in it */
	u64 rounds;		/* in all */
};

extern struct report_at report_at;

/* Prints what is wrong, the seed that repeats it and the trace; ends the run. */
__attribute__((noreturn, format(printf, 1, 2)))
void violation(const char *format, ...);

/* The same when a signal says that the core went wrong. */
void report_signals(void);

/* Violates when the running thread holds a spinlock or is a completion. */
void may_sleep(void);

/* What a run has to have met to be worth anything. */
enum cover {
	COVER_ROUND,
	COVER_BODY,
	COVER_ROOM,
	COVER_CHECKPOINT,
	COVER_SUPER,
	COVER_RECOVERY,
	COVER_REPLAY,
	COVER_WRAP,
	COVER_FULL,
	COVER_GROWTH,
	COVER_SCAN,
	COVER_RECLAIM,
	COVER_DISCARD,
	COVER_TICKET,
	COVER_COPY,
	COVER_LOAD,
	COVER_LOAD_BELOW,
	COVER_PARK,
	COVER_FAILED,
	COVER_LAYERS,
	COVER_FREEZE,
	COVER_FOLLOW,
	COVER_CHANGE,
	COVER_SWAP,
	COVER_HYDRATE,
	COVER_RETHIN,
	COVER_CUTS,		/* those above are kinds of cuts */
	COVER_EVICT = COVER_CUTS,
	COVER_EVICT_BELOW,
	COVER_FROZEN,
	COVER_FOUND_FROZEN,
	COVER_NOT_FROZEN,
	COVER_FREEZE_FAILED,
	COVER_MERGED,
	COVER_GROWN,
	COVER_SHRUNK,
	COVER_DROPPED,
	COVER_STARVED,
	COVER_BELOW_FULL,
	COVER_LOST,
	COVER_DAMAGE,
	COVER_SETTLED,
	COVER_KINDS,
};

void cover(enum cover what);

/* Prints how often each was met; returns how many never were. */
u32 cover_print(void);
const char *cover_name(enum cover what);
u64 cover_count(enum cover what);

#endif
