// SPDX-License-Identifier: GPL-2.0
/* splitmix64. */

#include "random.h"

static u64 state;
static u32 limit_permille = 1000;

void random_seed(u64 seed)
{
	state = seed;
}

u64 random_u64(void)
{
	u64 z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

u32 random_below(u32 limit)
{
	return (u32)(random_u64() % limit);
}

bool random_chance(u32 percent)
{
	return random_below(100) < percent;
}

void random_fill(void *into, size_t bytes)
{
	u8 *at = into;

	while (bytes--)
		*at++ = (u8)random_u64();
}

void random_limit(u32 permille)
{
	limit_permille = permille;
}

u32 random_rounds(u32 rounds)
{
	return max((u32)((u64)rounds * limit_permille / 1000), 1u);
}
