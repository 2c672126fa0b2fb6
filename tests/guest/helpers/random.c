// SPDX-License-Identifier: GPL-2.0
/*
 * random BYTES: that many random bytes to standard output.  In an emulated guest
 * /dev/urandom takes a second and more for 16 MiB, and this a tenth.  Good for
 * content that is to be like no other, and for nothing else.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* Of period 2^64 - 1 (Marsaglia, "Xorshift RNGs", 2003). */
static uint64_t next(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

int main(int argc, char **argv)
{
	static uint64_t buffer[8192];
	unsigned long long left = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
	uint64_t state = 0;

	if (!left) {
		fprintf(stderr, "usage: random BYTES\n");
		return 2;
	}
	while (!state) {
		if (getrandom(&state, sizeof(state), 0) != sizeof(state)) {
			perror("random: getrandom");
			return 1;
		}
	}
	while (left) {
		size_t bytes = left < sizeof(buffer) ? left : sizeof(buffer);

		for (size_t i = 0; i < sizeof(buffer) / sizeof(*buffer); i++)
			buffer[i] = state = next(state);
		if (fwrite(buffer, 1, bytes, stdout) != bytes) {
			perror("random: standard output");
			return 1;
		}
		left -= bytes;
	}
	return fflush(stdout) ? 1 : 0;
}
