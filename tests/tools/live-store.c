// SPDX-License-Identifier: GPL-2.0
/*
 * Uses a store as an active clone does, by the core itself, from a seed:
 *
 *	live-store STORE SEED STEPS [STOP|park]
 *
 * First writes, overwrites, zeroing, rounds and checkpoints by chance, then a
 * last round, and no end: the store is left as a loss of power leaves it.  Prints
 * what a dump must then say.  With STOP the program ends at its STOPth write, and
 * prints nothing; with "park" the store is left as a clean deactivation leaves it.
 */
#include <stdio.h>
#include <stdlib.h>
#include "live-core.h"

/* Runs of the map as the dump has them. */
static void print_map(void)
{
	u64 block, count, runs = 0, data = 0, zeros = 0;
	struct lc_extent extent, next;

	for (block = 0; block < live_store.blocks; block += count) {
		lc_lookup(&live_store, block, live_store.blocks - block, &extent);
		count = extent.count;
		if (extent.kind == LC_UNLOADED) {
			live_again(LC_LOAD, block);
			count = 0;
			continue;
		}
		while (extent.kind != LC_BELOW && block + count < live_store.blocks) {
			lc_lookup(&live_store, block + count,
				  live_store.blocks - block - count, &next);
			if (next.kind == LC_UNLOADED)
				live_again(LC_LOAD, block + count);
			else if (next.kind != extent.kind ||
				 (next.kind == LC_DATA &&
				  next.store != extent.store + count))
				break;
			else
				count += next.count;
		}
		if (extent.kind == LC_BELOW)
			continue;
		runs++;
		if (extent.kind == LC_ZERO) {
			zeros += count;
			printf("zero %llu %llu\n", (unsigned long long)block,
			       (unsigned long long)count);
		} else {
			data += count;
			printf("data %llu %llu %u\n", (unsigned long long)block,
			       (unsigned long long)count, extent.store);
		}
	}
	printf("end %llu %llu %llu\n", (unsigned long long)runs,
	       (unsigned long long)data, (unsigned long long)zeros);
}

int main(int argc, char **argv)
{
	int steps;
	bool park;

	if (argc < 4)
		return 2;
	park = argc > 4 && !strcmp(argv[4], "park");
	live_stop = argc > 4 ? atol(argv[4]) : 0;
	live_open(argv[1], (unsigned int)atoi(argv[2]));
	for (steps = atoi(argv[3]); steps; steps--)
		live_step();
	live_flush();
	print_map();
	if (park && lc_store_park(&live_store))
		live_die("the store cannot be parked");
	live_close();
	return 0;
}
