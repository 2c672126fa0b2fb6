/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers that look random and are the same for the same seed. */
#ifndef LCLONE_UNIT_RANDOM_H
#define LCLONE_UNIT_RANDOM_H

#include <env.h>

void random_seed(u64 seed);
u64 random_u64(void);

/* 0 to @limit - 1. */
u32 random_below(u32 limit);

/* True in @percent of the calls. */
bool random_chance(u32 percent);

void random_fill(void *into, size_t bytes);

/*
 * How many of @rounds a long random test is to do: all of them, or what
 * random_limit() leaves where a processor is slow; at least 1.
 */
u32 random_rounds(u32 rounds);
void random_limit(u32 permille);

#endif
