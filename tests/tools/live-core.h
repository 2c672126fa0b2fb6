/* SPDX-License-Identifier: GPL-2.0 */
/* The core itself on a file, in one thread, which does by chance what a clone does. */
#ifndef TESTS_LIVE_CORE_H
#define TESTS_LIVE_CORE_H

#include "core/store.h"
#include "core/ticket.h"
#include "store-file.h"

extern struct store_file live_file;
extern struct lc_store live_store;
extern long live_stop;			/* the program ends at this write; 0: never */
extern void (*live_super_written)(void);	/* unless NULL: both copies are, of a checkpoint */

/* These end the program when something is wrong. */
void live_die(const char *why);
void live_open(const char *path, unsigned int seed);
void live_step(void);			/* writes, zeroing, rounds and checkpoints by chance */
void live_flush(void);
/* A try to write, zero or look up, which has to wait for what @take says. */
void live_again(enum lc_take take, u64 block);
void live_close(void);

u32 live_random(u32 n);			/* below @n */

#endif
