// SPDX-License-Identifier: GPL-2.0
/* The userspace side of env.h that is not inline. */

#include <stdio.h>
#include <stdlib.h>
#include <env.h>

void lc_env_lock(bool *held)
{
	if (*held) {
		fprintf(stderr, "lclone: internal error: a lock was taken twice\n");
		abort();
	}
	*held = true;
}

void lc_env_unlock(bool *held)
{
	if (!*held) {
		fprintf(stderr, "lclone: internal error: a lock was released that nobody held\n");
		abort();
	}
	*held = false;
}

static unsigned long find_next(const unsigned long *map, unsigned long size,
			       unsigned long start, unsigned long invert)
{
	unsigned long word;

	while (start < size) {
		word = (map[start / BITS_PER_LONG] ^ invert) >>
		       (start % BITS_PER_LONG);
		if (word) {
			start += (unsigned long)__builtin_ctzl(word);
			return min(start, size);
		}
		start = (start / BITS_PER_LONG + 1) * BITS_PER_LONG;
	}
	return size;
}

unsigned long find_next_bit(const unsigned long *map, unsigned long size,
			    unsigned long start)
{
	return find_next(map, size, start, 0);
}

unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size,
				 unsigned long start)
{
	return find_next(map, size, start, ~0ul);
}

void bitmap_set(unsigned long *map, unsigned int start, unsigned int count)
{
	while (count--)
		__set_bit(start++, map);
}

void bitmap_clear(unsigned long *map, unsigned int start, unsigned int count)
{
	while (count--)
		__clear_bit(start++, map);
}

#define CRC32C_POLYNOMIAL 0x82f63b78u	/* Castagnoli, reflected */

/* Eight tables, so that eight bytes cost eight look-ups and no shifts by bit. */
static u32 crc_table[8][256];

__attribute__((constructor)) static void crc32c_tables(void)
{
	for (u32 i = 0; i < 256; i++) {
		u32 crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ CRC32C_POLYNOMIAL : crc >> 1;
		crc_table[0][i] = crc;
	}
	for (u32 i = 0; i < 256; i++)
		for (int t = 1; t < 8; t++)
			crc_table[t][i] = crc_table[t - 1][i] >> 8 ^
					  crc_table[0][crc_table[t - 1][i] & 0xff];
}

u32 crc32c(u32 crc, const void *data, size_t bytes)
{
	const u8 *p = data;

	for (; bytes >= 8; bytes -= 8, p += 8) {
		u64 word;

		memcpy(&word, p, 8);
		word = le64toh(word) ^ crc;
		crc = 0;
		for (int t = 0; t < 8; t++)
			crc ^= crc_table[7 - t][word >> (8 * t) & 0xff];
	}
	while (bytes--)
		crc = crc >> 8 ^ crc_table[0][(crc ^ *p++) & 0xff];
	return crc;
}
