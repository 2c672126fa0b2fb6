// SPDX-License-Identifier: GPL-2.0
/* Fingerprints of an origin; fingerprint.h has the recipe. */

#include <stdlib.h>
#include <unistd.h>
#include <openssl/evp.h>
#include "fingerprint.h"

#define CHUNK_BYTES	(1u << 20)

static const char sampled_name[32] __attribute__((nonstring)) = "dm-lclone sampled fingerprint v1";

/* Reads @bytes at @at; 0 or a negative errno, -ENODATA at the end. */
static int read_all(int fd, void *data, size_t bytes, u64 at)
{
	while (bytes) {
		ssize_t got = pread(fd, data, bytes, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return -ENODATA;
		data = (u8 *)data + got;
		bytes -= (size_t)got;
		at += (u64)got;
	}
	return 0;
}

static EVP_MD_CTX *hash_start(void)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();

	if (hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1)
		return hash;
	EVP_MD_CTX_free(hash);
	return NULL;
}

static int hash_add(EVP_MD_CTX *hash, const void *data, size_t bytes)
{
	return EVP_DigestUpdate(hash, data, bytes) == 1 ? 0 : -EIO;
}

static int hash_finish(EVP_MD_CTX *hash, int error,
		       u8 sum[LC_FINGERPRINT_BYTES])
{
	unsigned int bytes = 0;

	if (!error && (EVP_DigestFinal_ex(hash, sum, &bytes) != 1 ||
		       bytes != LC_FINGERPRINT_BYTES))
		error = -EIO;
	EVP_MD_CTX_free(hash);
	return error;
}

static int hash_block(EVP_MD_CTX *hash, int fd, u64 bytes, u64 block)
{
	__le64 number = cpu_to_le64(block);
	u8 page[LC_BLOCK_SIZE] = { 0 };
	u64 at = block * LC_BLOCK_SIZE;
	int error;

	error = read_all(fd, page, (size_t)min(bytes - at, (u64)LC_BLOCK_SIZE),
			 at);
	if (!error)
		error = hash_add(hash, &number, sizeof(number));
	return error ? error : hash_add(hash, page, sizeof(page));
}

int fingerprint_quick(int fd, u64 bytes, u8 sum[LC_FINGERPRINT_BYTES])
{
	u64 sectors = bytes / 512;
	u64 blocks = lc_blocks_of(sectors);
	u64 samples = min(blocks, (u64)FINGERPRINT_SAMPLES);
	__le64 size = cpu_to_le64(sectors);
	EVP_MD_CTX *hash = hash_start();
	int error;
	u64 i;

	if (!hash)
		return -ENOMEM;
	error = hash_add(hash, sampled_name, sizeof(sampled_name));
	if (!error)
		error = hash_add(hash, &size, sizeof(size));
	for (i = 0; i < samples && !error; i++)
		error = hash_block(hash, fd, sectors * 512, samples == 1 ? 0 :
				   i * (blocks - 1) / (samples - 1));
	return hash_finish(hash, error, sum);
}

int fingerprint_full(int fd, u64 bytes, u8 sum[LC_FINGERPRINT_BYTES],
		     void (*progress)(void *ctx, u64 done, u64 total),
		     void *ctx)
{
	u64 total = bytes / 512 * 512, done = 0;
	EVP_MD_CTX *hash = hash_start();
	void *chunk = malloc(CHUNK_BYTES);
	int error = hash && chunk ? 0 : -ENOMEM;

	while (!error && done < total) {
		size_t part = (size_t)min(total - done, (u64)CHUNK_BYTES);

		error = read_all(fd, chunk, part, done);
		if (!error)
			error = hash_add(hash, chunk, part);
		done += part;
		if (!error && progress)
			progress(ctx, done, total);
	}
	free(chunk);
	return hash ? hash_finish(hash, error, sum) : error;
}
