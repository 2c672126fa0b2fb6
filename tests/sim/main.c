// SPDX-License-Identifier: GPL-2.0
/*
 * The crash simulator.  Usage: sim [--seconds N] [--seed S] [--fault NAME]
 *				[--no-damage] [--cover] [--quiet]
 *
 * Runs worlds from seed S on until the time is over or one shows a violation.
 * --no-damage leaves the journal alone, which is damaged now and then otherwise.
 * --cover says how often each situation was met, and fails when one never was;
 * the last line is then "N passed, N failed".
 */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include "edge.h"
#include "random.h"
#include "report.h"
#include "world.h"

#define PROGRESS_SECONDS	10
#define WORLD_SECONDS		30	/* one that takes longer is in a loop */

/* Of the processor's time: how much is found does not depend on what else runs. */
static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A signal when the processor has spent so many seconds more on this; 0: none. */
static void limit(time_t seconds)
{
	struct itimerval timer = { .it_value.tv_sec = seconds };

	setitimer(ITIMER_PROF, &timer, NULL);
}

static void progress(double elapsed, u64 seed)
{
	double rounds = (double)report_at.rounds;

	printf("%.0f s: %.0f rounds, %.0f a minute, seed %" PRIu64 "\n", elapsed,
	       rounds, rounds * 60 / max(elapsed, 0.001), seed);
	fflush(stdout);
}

static const struct {
	const char *name;
	u32 fault;
} faults[] = {
	{ "publish-early", FAULT_PUBLISH_EARLY },
	{ "no-drain", FAULT_NO_DRAIN },
	{ "held-late", FAULT_HELD_LATE },
	{ "merge-older", FAULT_MERGE_OLDER },
	{ "merge-zeros", FAULT_MERGE_ZEROS },
	{ "merge-hidden", FAULT_MERGE_HIDDEN },
	{ "merge-untouched", FAULT_MERGE_UNTOUCHED },
	{ "merge-below", FAULT_MERGE_BELOW },
};

static u32 fault_of(const char *name)
{
	u32 i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (!strcmp(name, faults[i].name))
			return faults[i].fault;
	fprintf(stderr, "sim: %s: no such fault\n", name);
	exit(2);
}

static void run(double seconds, u64 seed, bool quiet)
{
	double begin = now(), shown = begin, time = begin;
	u64 first = seed;

	while (time - begin < seconds) {
		limit(WORLD_SECONDS);
		world_run(seed++);
		time = now();
		if (!quiet && time - shown >= PROGRESS_SECONDS) {
			shown = time;
			progress(time - begin, seed);
		}
	}
	limit(0);
	printf("seeds %" PRIu64 " to %" PRIu64 ", no violation\n", first, seed - 1);
	progress(time - begin, seed - 1);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'S' },
		{ "fault", required_argument, NULL, 'f' },
		{ "cover", no_argument, NULL, 'c' },
		{ "no-damage", no_argument, NULL, 'd' },
		{ "quiet", no_argument, NULL, 'q' },
		{ NULL, 0, NULL, 0 },
	};
	bool covered = false, quiet = false;
	double seconds = 10;
	u64 seed = 1;
	int option;
	u32 missed;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			seconds = strtod(optarg, NULL);
			break;
		case 'S':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			edge.faults |= fault_of(optarg);
			break;
		case 'c':
			covered = true;
			break;
		case 'd':
			world_damage = false;
			break;
		case 'q':
			quiet = true;
			break;
		default:
			return 2;
		}
	}
	report_signals();
	run(seconds, seed, quiet);
	missed = quiet ? 0 : cover_print();
	if (covered)
		printf("%u passed, %u failed\n", COVER_KINDS + 1 - missed, missed);
	return covered && missed;
}
