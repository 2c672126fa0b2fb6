// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a fuzz target without libFuzzer:
 *
 *	driver FILE...			each input once
 *	driver --random SEED COUNT [SECONDS]
 *
 * --random makes COUNT inputs of edits from a seed, but stops after SECONDS.
 * Each number gives the same input again; the one that broke something is in the
 * file "fuzz-failed".  Prints how many were run.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "target.h"

static int run_file(const char *path)
{
	static uint8_t data[65536];
	FILE *file = fopen(path, "rb");
	size_t bytes;

	if (!file) {
		perror(path);
		return 1;
	}
	bytes = fread(data, 1, sizeof(data), file);
	fclose(file);
	LLVMFuzzerTestOneInput(data, bytes);
	return 0;
}

static uint64_t state;

static uint64_t next(void)
{
	state += 0x9e3779b97f4a7c15ull;
	return (state ^ state >> 29) * 0xbf58476d1ce4e5b9ull >> 16;
}

/* Kept where a crash leaves it. */
static void keep(const uint8_t *data, size_t bytes)
{
	int file = open("fuzz-failed", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (file < 0 || write(file, data, bytes) != (ssize_t)bytes)
		exit(2);
	close(file);
}

static size_t make_input(uint64_t seed, uint8_t *data)
{
	size_t edits, bytes, i;

	state = seed * 0x2545f4914f6cdd1dull;
	edits = 1 + next() % 4;
	bytes = 2 + 12 * edits;
	for (i = 0; i < bytes; i++)
		data[i] = (uint8_t)next();
	for (i = 0; i < edits; i++) {
		/* Most keep the seal, and the chain of them. */
		if (next() % 8)
			data[2 + 12 * i + 1] &= 0xf7;
		if (next() % 4)
			data[2 + 12 * i + 1] |= 0x10;
	}
	return bytes;
}

static int run_random(uint64_t seed, long count, long seconds)
{
	time_t end = time(NULL) + seconds;
	uint8_t data[256];
	long i;

	for (i = 0; i < count && (!seconds || time(NULL) < end); i++) {
		size_t bytes = make_input(seed + (uint64_t)i, data);

		keep(data, bytes);
		LLVMFuzzerTestOneInput(data, bytes);
	}
	unlink("fuzz-failed");
	printf("%ld\n", i);
	return 0;
}

int main(int argc, char **argv)
{
	int i, status = 0;

	LLVMFuzzerInitialize(&argc, &argv);
	if (argc > 3 && !strcmp(argv[1], "--random"))
		return run_random(strtoull(argv[2], NULL, 10), atol(argv[3]),
				  argc > 4 ? atol(argv[4]) : 0);
	for (i = 1; i < argc; i++)
		status |= run_file(argv[i]);
	printf("%d\n", argc - 1);
	return status;
}
