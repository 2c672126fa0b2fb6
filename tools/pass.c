// SPDX-License-Identifier: GPL-2.0
/* A pass over a clone in use. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "clock.h"
#include "dm.h"
#include "output.h"
#include "pass.h"
#include "signals.h"

/* Blocks in one message: what the target takes, or a quarter of a second's worth. */
#define MOST_BLOCKS	1024u
#define PARTS_A_SECOND	4

/* Between tries while somebody else has it suspended. */
#define SUSPENDED_NS	100000000ull
#define SECOND_NS	1000000000ull

void pass_begin(struct pass *pass)
{
	signals_catch();
	pass->begun_ns = clock_ns();
	pass->spent = 0;
}

void pass_end(void)
{
	signals_uncatch();
}

/* A signal ends it. */
static void pause_ns(u64 ns)
{
	struct timespec pause = {
		(time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS),
	};

	nanosleep(&pause, NULL);
}

/* Until what was done so far is due. */
static void keep_rate(const struct pass *pass)
{
	double due;
	u64 passed;

	if (!pass->rate)
		return;
	due = (double)pass->spent * LC_BLOCK_SIZE / (double)pass->rate * 1e9;
	passed = clock_ns() - pass->begun_ns;
	if (due > (double)passed && !signals_told())
		pause_ns((u64)due - passed);
}

static u64 most_blocks(const struct pass *pass)
{
	u64 blocks = pass->rate / LC_BLOCK_SIZE / PARTS_A_SECOND;

	return pass->rate ? clamp_t(u64, blocks, 1, MOST_BLOCKS) : MOST_BLOCKS;
}

static void count_answer(struct pass *pass, const char *answer)
{
	unsigned long long first = 0, second = 0;

	if (answer)
		sscanf(answer, "%llu %llu", &first, &second);
	pass->answer[0] += first;
	pass->answer[1] += second;
	if (!pass->rate_of_all)
		pass->spent += first;
}

/* -EAGAIN: not now, somebody suspends it. */
static int send(struct pass *pass, u64 first, u64 count)
{
	char *message, *answer = NULL;
	struct dm_clone dm;
	int error = dm_clone_find(pass->clone_uuid, &dm);

	if (error)
		return error;
	if (!dm.active || dm.suspended) {
		error = dm.active ? -EAGAIN : -ENXIO;
		dm_clone_done(&dm);
		return error;
	}
	message = print_string("%s %llu %llu", pass->message,
			       (unsigned long long)first,
			       (unsigned long long)count);
	error = dm_clone_message(dm.name, message, &answer);
	if (!error)
		count_answer(pass, answer);
	free(answer);
	free(message);
	dm_clone_done(&dm);
	return error == -EBUSY ? -EAGAIN : error;
}

static int report(const struct pass *pass, int error)
{
	switch (error) {
	case -EINTR:
		report_error(pass->name, "stopped; what is done stays done");
		report_hint("the same command goes on from here");
		break;
	case -ENOSPC:
		report_error(pass->name, "its store is full");
		report_hint("'lclone extend %s' gives it more room; then the same command goes on from here",
			    pass->name);
		break;
	case -ENXIO:
		report_error(pass->name, "it is not active any more");
		report_hint("the same command goes on from here");
		break;
	default:
		report_errno(pass->name, error, "the target cannot do it");
		report_hint("see what the kernel says: 'dmesg | grep lclone'");
	}
	return error;
}

int pass_range(struct pass *pass, u64 first, u64 count, u64 before, u64 total)
{
	u64 done = 0, part;
	int error;

	while (done < count) {
		part = min(count - done, most_blocks(pass));
		error = signals_told() ? -EINTR : send(pass, first + done, part);
		if (error == -EAGAIN) {
			pause_ns(SUSPENDED_NS);
			continue;
		}
		if (error)
			return report(pass, error);
		done += part;
		if (pass->rate_of_all)
			pass->spent += part;
		print_progress(pass->name, (before + done) * LC_BLOCK_SIZE,
			       total * LC_BLOCK_SIZE);
		keep_rate(pass);
	}
	return 0;
}
