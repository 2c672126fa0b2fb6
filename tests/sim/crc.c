// SPDX-License-Identifier: GPL-2.0
/* CRC-32C by the instruction that x86-64 has for it, or by the tables of env.c. */

#include <env.h>

u32 crc32c_by_table(u32 crc, const void *data, size_t bytes);

#ifdef __x86_64__
#include <nmmintrin.h>

__attribute__((target("sse4.2")))
static u32 by_instruction(u32 crc, const void *data, size_t bytes)
{
	const u8 *p = data;
	u64 sum = crc, word;

	for (; bytes >= 8; bytes -= 8, p += 8) {
		memcpy(&word, p, 8);
		sum = _mm_crc32_u64(sum, word);
	}
	while (bytes--)
		sum = _mm_crc32_u8((u32)sum, *p++);
	return (u32)sum;
}

u32 crc32c(u32 crc, const void *data, size_t bytes)
{
	static int has = -1;

	if (has < 0)
		has = !!__builtin_cpu_supports("sse4.2");
	return has ? by_instruction(crc, data, bytes) :
		     crc32c_by_table(crc, data, bytes);
}
#else
u32 crc32c(u32 crc, const void *data, size_t bytes)
{
	return crc32c_by_table(crc, data, bytes);
}
#endif
