/* SPDX-License-Identifier: GPL-2.0 */
/* Keeping a copy below a rate. */
#ifndef LCLONE_THROTTLE_H
#define LCLONE_THROTTLE_H

#include <stdint.h>

struct throttle {
	uint64_t rate_bytes;	/* in a second; 0: none */
	uint64_t begin_ns;
	uint64_t bytes;
};

void throttle_begin(struct throttle *throttle, uint64_t rate_bytes);

/* Notes @bytes that were copied, and waits for as long as they should have taken. */
void throttle_done(struct throttle *throttle, uint64_t bytes);

#endif
