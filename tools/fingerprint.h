/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fingerprints of an origin, both SHA-256.
 *
 * The full one is the SHA-256 of the whole content: what sha256sum prints.
 *
 * The quick one, LC_FINGERPRINT_SHA256_SAMPLED in the superblock, is the
 * SHA-256 over, in this order:
 *
 *	the 32 bytes "dm-lclone sampled fingerprint v1" (no NUL)
 *	the size of the origin in sectors of 512 bytes, as a __le64
 *	for each sample i from 0 to n - 1: the number of its block as a __le64,
 *	then the 4096 bytes of that block, zeros standing for what lies behind
 *	the end of the origin
 *
 * where b is the number of blocks of 4096 bytes, the last one counted when it
 * is partial, n = min(b, 256), and sample i is block 0 for n = 1, else
 * floor(i * (b - 1) / (n - 1)): evenly spread, the first and the last with
 * them.  It finds a wrong, resized or rewritten origin in milliseconds; it does
 * not find every changed byte.
 */
#ifndef LCLONE_FINGERPRINT_H
#define LCLONE_FINGERPRINT_H

#include "core/super.h"

#define FINGERPRINT_SAMPLES	256u

/*
 * Reads from @fd, whose size is @bytes (a tail of less than a sector is left
 * out).  Return 0 or a negative errno; report nothing.
 */
int fingerprint_quick(int fd, u64 bytes, u8 sum[LC_FINGERPRINT_BYTES]);

/* @progress may be NULL; it is called now and then, and at the end. */
int fingerprint_full(int fd, u64 bytes, u8 sum[LC_FINGERPRINT_BYTES],
		     void (*progress)(void *ctx, u64 done, u64 total),
		     void *ctx);

#endif
