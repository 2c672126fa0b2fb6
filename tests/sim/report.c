// SPDX-License-Identifier: GPL-2.0
/* The trace, violations, what was covered. */

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <kunit/test.h>
#include "co.h"
#include "report.h"

#define TRACE_LINES	4096	/* kept */
#define TRACE_SHOWN	400	/* printed, unless SIM_TRACE says otherwise */

struct line {
	u8 what;
	const char *thread;
	u64 value[4];
};

struct report_at report_at;

static struct line lines[TRACE_LINES];
static u64 traced;
static u64 covered[COVER_KINDS];

/* How each line is printed; S: the first value is a string. */
static const char *const formats[TRACE_KINDS] = {
	[TRACE_LIFE] = "-- life %" PRIu64 " begins: points %" PRIu64 ", flags %#" PRIx64,
	[TRACE_OPERATION] = "guest: operation %" PRIu64 ", kind * 2 + FUA %" PRIu64
			    ", sector %" PRIu64 ", %" PRIu64 " sectors",
	[TRACE_END] = "guest: operation %" PRIu64 " ends, error %" PRIu64 ", kind %" PRIu64
		      ", sector %" PRIu64,
	[TRACE_LOOKUP] = "look-up: block %" PRIu64 " is of kind %" PRIu64 ", store %" PRIu64
			 ", count * 2 + durable %" PRIu64,
	[TRACE_BELOW] = "look-up below: block %" PRIu64 " is of kind %" PRIu64 ", layer %" PRIu64
			", block %" PRIu64 " there",
	[TRACE_TICKET] = "ticket: block %" PRIu64 ", result %" PRIu64 ", store %" PRIu64
			 ", %" PRIu64 " blocks",
	[TRACE_PUBLISH] = "publish: operation %" PRIu64 ", error %" PRIu64 ", won %" PRIu64
			  ", store %" PRIu64,
	[TRACE_ZERO] = "zero: block %" PRIu64 ", %" PRIu64 " blocks, result %" PRIu64
		       ", most %" PRIu64,
	[TRACE_PARK] = "park: operation %" PRIu64 ", result %" PRIu64,
	[TRACE_SUBMIT] = "submit: store block %" PRIu64 ", FUA %" PRIu64 ", page %" PRIu64
			 ", operation %" PRIu64,
	[TRACE_COMPLETE] = "S complete: %s, store block %" PRIu64 ", sectors %#" PRIx64
			   ", failed %" PRIu64,
	[TRACE_FLUSHED] = "checkpoint's flush: error %" PRIu64,
	[TRACE_DISCARDED] = "discard passed down: store block %" PRIu64 ", %" PRIu64 " blocks",
	[TRACE_KICK] = "kick %#" PRIx64,
	[TRACE_WORK] = "S work: %s",
	[TRACE_ROUND_IO] = "round: I/O %" PRIu64 " (0: body, 1: flush, 2: close), %" PRIu64
			   " blocks from %" PRIu64 ", round %" PRIu64,
	[TRACE_ANSWER] = "round: answer, error %" PRIu64,
	[TRACE_REPORT] = "S report: %s, store block %" PRIu64,
	[TRACE_EVICT] = "evict: leaf %" PRIu64 ", claims %" PRIu64,
	[TRACE_CUT] = "-- the power goes; round state %" PRIu64 ", %" PRIu64
		      " requests under way, %" PRIu64 " writes cached",
	[TRACE_SURVIVES] = "cut: store block %" PRIu64 " keeps sectors %#" PRIx64 ", page %" PRIu64
			   ", FUA %" PRIu64,
	[TRACE_OPEN] = "open: generation %" PRIu64 ", stale copy %" PRId64
		       ", %" PRIu64 " layers",
	[TRACE_GROW] = "grow: device has %" PRIu64 " blocks",
	[TRACE_DAMAGE] = "damage: store block %" PRIu64,
	[TRACE_FREEZE] = "-- the store is frozen, above %" PRIu64 " layers",
	[TRACE_MERGE] = "-- layers %" PRIu64 " and %" PRIu64 " in all are merged, too large %" PRIu64,
	[TRACE_CHANGE] = "-- change %" PRIu64 ": %" PRIu64 " sectors, overlap %" PRIu64
			 ", %" PRIu64 " layers",
	[TRACE_CHANGED] = "changed: error %" PRIu64 ", failed %" PRIu64,
	[TRACE_BULK] = "bulk: kind %" PRIu64 ", block %" PRIu64 ", %" PRIu64 " blocks",
	[TRACE_BULK_END] = "bulk: ends, error %" PRIu64 ", %" PRIu64 " data or freed, %" PRIu64 " zero",
};

void trace(enum trace_what what, u64 a, u64 b, u64 c, u64 d)
{
	struct line *line = &lines[traced++ % TRACE_LINES];

	line->what = (u8)what;
	line->thread = co_current ? co_current->name : NULL;
	line->value[0] = a;
	line->value[1] = b;
	line->value[2] = c;
	line->value[3] = d;
}

static void print_line(u64 n)
{
	const struct line *line = &lines[n % TRACE_LINES];
	const char *format = formats[line->what];
	const u64 *v = line->value;

	printf("%8" PRIu64 " %-18s ", n, line->thread ? line->thread : "");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
	if (*format == 'S')
		printf(format + 2, (const char *)(uintptr_t)v[0], v[1], v[2], v[3]);
	else
		printf(format, v[0], v[1], v[2], v[3]);
#pragma GCC diagnostic pop
	printf("\n");
}

static void print_trace(void)
{
	const char *env = getenv("SIM_TRACE");
	u64 most = env ? strtoull(env, NULL, 0) : TRACE_SHOWN;
	u64 n = min(traced, min(most, (u64)TRACE_LINES));

	for (n = traced - n; n < traced; n++)
		print_line(n);
}

__attribute__((noreturn))
static void end_run(void)
{
	printf("VIOLATION: seed %" PRIu64 ", round %" PRIu64
	       " of it (make sim SIM_SEED=%" PRIu64 " repeats it), %" PRIu64 " rounds in all\n",
	       report_at.seed, report_at.round, report_at.seed, report_at.rounds);
	fflush(stdout);
	_exit(1);
}

void violation(const char *format, ...)
{
	va_list args;

	print_trace();
	printf("VIOLATION: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	end_run();
}

/* The checks that are shared with the unit tests. */
void kunit_fail(struct kunit *test, bool fatal, const char *file, int line,
		const char *format, ...)
{
	va_list args;

	(void)fatal;
	print_trace();
	printf("VIOLATION: %s, %s:%d: ", test->name, file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	end_run();
}

static void caught(int number)
{
	printf("VIOLATION: signal %d\n", number);
	print_trace();
	end_run();
}

void report_signals(void)
{
	static u8 stack[64 << 10];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = {
		.sa_handler = caught, .sa_flags = SA_ONSTACK | SA_RESETHAND
	};

	sigaltstack(&alternate, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
	sigaction(SIGABRT, &action, NULL);
	/* A loop in the core is one as well: see main.c for the clock. */
	sigaction(SIGPROF, &action, NULL);
}

static const char *const names[COVER_KINDS] = {
	[COVER_ROUND] = "cut in a round",
	[COVER_BODY] = "cut in a group of several blocks",
	[COVER_ROOM] = "cut while a round waits for room in the ring",
	[COVER_CHECKPOINT] = "cut in a checkpoint",
	[COVER_SUPER] = "cut while a superblock is written",
	[COVER_RECOVERY] = "cut in recovery",
	[COVER_REPLAY] = "cut in recovery after groups were replayed",
	[COVER_WRAP] = "cut with a journal that wraps",
	[COVER_FULL] = "cut with writers that wait for space",
	[COVER_GROWTH] = "cut in growth",
	[COVER_SCAN] = "cut in a scan",
	[COVER_RECLAIM] = "cut with freed blocks on their way back",
	[COVER_DISCARD] = "cut in a discard passed down",
	[COVER_TICKET] = "cut with first writes under way",
	[COVER_COPY] = "cut with copies under way",
	[COVER_LOAD] = "cut while a leaf is loaded",
	[COVER_LOAD_BELOW] = "cut while what lies below is loaded",
	[COVER_PARK] = "cut while the clone is suspended or resumed",
	[COVER_FAILED] = "cut in failed mode",
	[COVER_LAYERS] = "cut with layers below",
	[COVER_FREEZE] = "cut in a freeze",
	[COVER_FOLLOW] = "cut while the store above a new layer is brought up",
	[COVER_CHANGE] = "cut in a change of size, or of what lies below",
	[COVER_SWAP] = "cut while merged layers are swapped in",
	[COVER_HYDRATE] = "cut in a hydration",
	[COVER_RETHIN] = "cut while rethin holds blocks",
	[COVER_EVICT] = "life that evicted leaves",
	[COVER_EVICT_BELOW] = "life that evicted merged leaves",
	[COVER_FROZEN] = "snapshot taken without a cut",
	[COVER_FOUND_FROZEN] = "store found frozen after a cut",
	[COVER_NOT_FROZEN] = "store found writable after a cut in its freeze",
	[COVER_FREEZE_FAILED] = "snapshot that failed, and reads went on",
	[COVER_MERGED] = "layers that were merged and swapped in",
	[COVER_GROWN] = "clone that got larger",
	[COVER_SHRUNK] = "clone that got smaller",
	[COVER_DROPPED] = "clone that does without what was below it",
	[COVER_STARVED] = "life that met the dirty cap",
	[COVER_BELOW_FULL] = "cut after a checkpoint that the device had no space for",
	[COVER_LOST] = "flush that lost what was cached",
	[COVER_DAMAGE] = "damage in the journal that was found",
	[COVER_SETTLED] = "life that settled without a cut",
};

void cover(enum cover what)
{
	covered[what]++;
}

const char *cover_name(enum cover what)
{
	return names[what];
}

u64 cover_count(enum cover what)
{
	return covered[what];
}

u32 cover_print(void)
{
	u32 missed = 0, i;

	for (i = 0; i < COVER_KINDS; i++) {
		printf("%12" PRIu64 "  %s\n", covered[i], names[i]);
		missed += !covered[i];
	}
	return missed;
}
