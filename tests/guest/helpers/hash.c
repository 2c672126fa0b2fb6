// SPDX-License-Identifier: GPL-2.0
/*
 * hash FILE [OFFSET BYTES]: XXH64 of the content of a file or a device, or of a
 * part of it that begins at a sector, past the page cache where FILE can be read
 * so.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#define STRETCH	(1 << 20)

static void die(const char *why)
{
	fprintf(stderr, "hash: ");
	perror(why);
	exit(1);
}

int main(int argc, char **argv)
{
	unsigned long long offset = 0, left = ~0ull;
	XXH64_state_t *state = XXH64_createState();
	void *buffer;
	int fd;

	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: hash FILE [OFFSET BYTES]\n");
		return 2;
	}
	if (argc == 4) {
		offset = strtoull(argv[2], NULL, 10);
		left = strtoull(argv[3], NULL, 10);
	}
	fd = open(argv[1], O_RDONLY | O_DIRECT);
	if (fd < 0)
		fd = open(argv[1], O_RDONLY);
	if (fd < 0)
		die(argv[1]);
	if (!state || posix_memalign(&buffer, 4096, STRETCH) || XXH64_reset(state, 0))
		die("memory");
	while (left) {
		ssize_t got = pread(fd, buffer, STRETCH, offset);

		if (got < 0)
			die(argv[1]);
		if (!got)
			break;
		if ((unsigned long long)got > left)
			got = left;
		XXH64_update(state, buffer, got);
		offset += got;
		left -= got;
	}
	if (left && argc == 4) {
		fprintf(stderr, "hash: %s ends %llu bytes too early\n", argv[1], left);
		return 1;
	}
	printf("%016llx\n", (unsigned long long)XXH64_digest(state));
	return 0;
}
