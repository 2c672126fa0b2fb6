// SPDX-License-Identifier: GPL-2.0
/*
 * Takes memory.
 *
 *	hog lock MIB		locks it, says "locked" and keeps it until its input ends
 *	hog use MIB ROUNDS	fills it, then ROUNDS times reads all of it, checks that
 *				each page is as it was left, and changes it; prints a
 *				line for each round
 *
 * Pages are filled with what does not compress and names them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	4096
#define WORDS	(PAGE / 8)

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void fill(uint64_t *page, uint64_t n, uint64_t round)
{
	uint64_t i, seed = mix(n * 1000003 + round + 1);

	for (i = 0; i < WORDS; i++)
		page[i] = seed + i * 0x9e3779b97f4a7c15ull;
}

static int intact(const uint64_t *page, uint64_t n, uint64_t round)
{
	static uint64_t whole[WORDS];

	fill(whole, n, round);
	return !memcmp(whole, page, PAGE);
}

static int use(uint64_t *memory, uint64_t pages, uint64_t rounds)
{
	uint64_t round, n;

	for (n = 0; n < pages; n++)
		fill(memory + n * WORDS, n, 0);
	for (round = 0; round < rounds; round++) {
		for (n = 0; n < pages; n++) {
			if (!intact(memory + n * WORDS, n, round)) {
				printf("FAIL: page %llu is not as it was left, round %llu\n",
				       (unsigned long long)n, (unsigned long long)round);
				return 1;
			}
			fill(memory + n * WORDS, n, round + 1);
		}
		printf("%llu\n", (unsigned long long)round + 1);
		fflush(stdout);
	}
	return 0;
}

static int lock(void *memory, size_t bytes)
{
	char byte;

	if (mlock(memory, bytes)) {
		perror("hog: mlock");
		return 1;
	}
	puts("locked");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	size_t bytes;
	void *memory;

	if (argc < 3)
		return 2;
	bytes = strtoull(argv[2], NULL, 10) << 20;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		perror("hog: mmap");
		return 1;
	}
	if (!strcmp(argv[1], "lock"))
		return lock(memory, bytes);
	if (argc != 4 || strcmp(argv[1], "use"))
		return 2;
	return use(memory, bytes / PAGE, strtoull(argv[3], NULL, 10));
}
