// SPDX-License-Identifier: GPL-2.0
/*
 * Compares two dumps of a map, but for what a repair said was lost:
 *
 *	compare-map BEFORE AFTER LOST zero|origin
 *
 * LOST has a line "FIRST COUNT" for each range.  Within it AFTER must have zeros
 * (or nothing); outside both must be alike.  And of what was lost, no more than
 * what was mapped may be missed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZERO	0xffffffffu
#define LOST	1

static uint64_t blocks;

static uint32_t *read_map(const char *path)
{
	unsigned long long first, count, store, sectors;
	FILE *file = fopen(path, "r");
	uint32_t *map = NULL;
	char line[1024];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "clone-sectors %llu", &sectors) == 1) {
			blocks = (sectors + 7) / 8;
			map = calloc(blocks, sizeof(*map));
		} else if (sscanf(line, "data %llu %llu %llu", &first, &count,
				  &store) == 3) {
			while (count--)
				map[first + count] = (uint32_t)(store + count);
		} else if (sscanf(line, "zero %llu %llu", &first, &count) == 2) {
			while (count--)
				map[first + count] = ZERO;
		}
	}
	if (!map) {
		fprintf(stderr, "compare-map: %s is no dump\n", path);
		exit(2);
	}
	fclose(file);
	return map;
}

int main(int argc, char **argv)
{
	uint32_t *before, *after, fill, i_bad = 0;
	unsigned long long first, count;
	uint8_t *lost;
	uint64_t i;
	FILE *file;

	if (argc != 5)
		return 2;
	before = read_map(argv[1]);
	after = read_map(argv[2]);
	fill = strcmp(argv[4], "zero") ? 0 : ZERO;
	lost = calloc(blocks, 1);
	file = fopen(argv[3], "r");
	while (file && fscanf(file, "%llu %llu", &first, &count) == 2) {
		if (first + count > blocks) {
			fprintf(stderr, "a lost range is not within the clone\n");
			return 1;
		}
		memset(lost + first, LOST, count);
	}
	for (i = 0; i < blocks; i++) {
		uint32_t want = lost[i] ? fill : before[i];

		if (after[i] == want)
			continue;
		fprintf(stderr, "block %llu: %u, not %u%s\n",
			(unsigned long long)i, after[i], want,
			lost[i] ? " (lost)" : "");
		if (++i_bad > 10)
			break;
	}
	if (file)
		fclose(file);
	free(before);
	free(after);
	free(lost);
	return i_bad != 0;
}
