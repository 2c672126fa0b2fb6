// SPDX-License-Identifier: GPL-2.0
/* Keeping a copy below a rate. */

#include <time.h>
#include "clock.h"
#include "throttle.h"

#define SECOND_NS	1000000000ull

void throttle_begin(struct throttle *throttle, uint64_t rate_bytes)
{
	throttle->rate_bytes = rate_bytes;
	throttle->begin_ns = clock_ns();
	throttle->bytes = 0;
}

void throttle_done(struct throttle *throttle, uint64_t bytes)
{
	uint64_t due_ns, wait_ns, now = clock_ns();
	struct timespec wait;

	throttle->bytes += bytes;
	if (!throttle->rate_bytes)
		return;
	due_ns = throttle->begin_ns +
		 (uint64_t)((double)throttle->bytes / (double)throttle->rate_bytes *
			    (double)SECOND_NS);
	if (due_ns <= now)
		return;
	wait_ns = due_ns - now;
	wait.tv_sec = (time_t)(wait_ns / SECOND_NS);
	wait.tv_nsec = (long)(wait_ns % SECOND_NS);
	nanosleep(&wait, NULL);
}
