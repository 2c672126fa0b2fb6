// SPDX-License-Identifier: GPL-2.0
/*
 * Thousands of writes that are under way at once, and what became of each.
 *
 *	crowd write DEV RESULTS FIRST COUNT
 *		writes COUNT blocks of 4096 bytes from block FIRST on, each by
 *		a write of its own, in no order, all of them before the first
 *		is waited for.  RESULTS gets a byte for each: 0, or the errno.
 *		Ends well however the writes end, and prints how often each
 *		way there was, as "COUNT ERRNO".
 *	crowd verify DEV RESULTS FIRST COUNT BELOW
 *		fails when a block that was written is not what was written
 *		there (P1), or one that failed neither that nor what it is in
 *		BELOW, a file (P2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK	4096
#define WORDS	(BLOCK / sizeof(uint64_t))
#define STRIDE	1009		/* a prime: goes through all blocks, in steps */
#define MAGIC	0x64776f7263636c6cull

static uint64_t first, count;
static int device;

static void die(const char *what)
{
	fprintf(stderr, "FAIL: crowd: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *allocate(size_t bytes)
{
	void *memory;

	errno = posix_memalign(&memory, BLOCK, bytes);
	if (errno)
		die("memory");
	return memory;
}

/* No two blocks have a word in common. */
static void fill(uint64_t *words, uint64_t block)
{
	size_t i;

	for (i = 0; i < WORDS; i++)
		words[i] = MAGIC + (block * WORDS + i) * 0x9e3779b97f4a7c15ull;
}

static void submit(aio_context_t context, struct iocb *iocbs, char *data)
{
	uint64_t i, index;

	for (i = 0; i < count; i++) {
		struct iocb *iocb = &iocbs[i];

		index = i * STRIDE % count;
		fill((uint64_t *)(data + i * BLOCK), first + index);
		iocb->aio_lio_opcode = IOCB_CMD_PWRITE;
		iocb->aio_fildes = device;
		iocb->aio_buf = (uintptr_t)(data + i * BLOCK);
		iocb->aio_nbytes = BLOCK;
		iocb->aio_offset = (first + index) * BLOCK;
		iocb->aio_data = index;
		if (syscall(SYS_io_submit, context, 1, &iocb) != 1)
			die("io_submit");
	}
}

static void reap(aio_context_t context, unsigned char *results)
{
	struct io_event event;
	uint64_t i;

	for (i = 0; i < count; i++) {
		if (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
			die("io_getevents");
		results[event.data] = event.res == BLOCK ? 0 :
				      event.res < 0 ? -event.res : EIO;
	}
}

static void print_results(const unsigned char *results)
{
	uint64_t of[256] = { 0 }, i;

	for (i = 0; i < count; i++)
		of[results[i]]++;
	for (i = 0; i < 256; i++)
		if (of[i])
			printf("%llu %llu\n", (unsigned long long)of[i], (unsigned long long)i);
}

static void write_all(const char *path)
{
	struct iocb *iocbs = allocate(count * sizeof(*iocbs));
	unsigned char *results = allocate(count);
	char *data = allocate(count * BLOCK);
	aio_context_t context = 0;
	FILE *file = fopen(path, "w");

	memset(iocbs, 0, count * sizeof(*iocbs));
	if (!file || syscall(SYS_io_setup, count, &context))
		die(path);
	submit(context, iocbs, data);
	reap(context, results);
	if (fwrite(results, 1, count, file) != count || fclose(file))
		die(path);
	print_results(results);
}

static void read_all(const char *path, void *data, uint64_t bytes, uint64_t offset, int flags)
{
	int fd = open(path, O_RDONLY | flags);
	ssize_t got = fd < 0 ? -1 : 0;
	uint64_t done = 0;

	while (done < bytes && (got = pread(fd, (char *)data + done, bytes - done, offset + done)) > 0)
		done += got;
	if (done < bytes)
		die(path);
	close(fd);
}

static void verify(const char *device_path, const char *results_path, const char *below_path)
{
	unsigned char *results = allocate(count);
	char *data = allocate(count * BLOCK), *below = allocate(count * BLOCK);
	uint64_t *whole = allocate(BLOCK);
	uint64_t i;

	read_all(results_path, results, count, 0, 0);
	read_all(device_path, data, count * BLOCK, first * BLOCK, O_DIRECT);
	read_all(below_path, below, count * BLOCK, first * BLOCK, 0);
	for (i = 0; i < count; i++) {
		fill(whole, first + i);
		if (!memcmp(data + i * BLOCK, whole, BLOCK) ||
		    (results[i] && !memcmp(data + i * BLOCK, below + i * BLOCK, BLOCK)))
			continue;
		fprintf(stderr, "FAIL: crowd: block %llu, whose write ended with %d, is something else\n",
			(unsigned long long)(first + i), results[i]);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int verifies = argc == 7 && !strcmp(argv[1], "verify");

	if (!verifies && !(argc == 6 && !strcmp(argv[1], "write"))) {
		fprintf(stderr, "usage: crowd write DEV RESULTS FIRST COUNT\n"
				"       crowd verify DEV RESULTS FIRST COUNT BELOW\n");
		return 2;
	}
	first = strtoull(argv[4], NULL, 0);
	count = strtoull(argv[5], NULL, 0);
	if (!count || count % STRIDE == 0) {
		fprintf(stderr, "crowd: COUNT may not be a multiple of %d\n", STRIDE);
		return 2;
	}
	if (verifies) {
		verify(argv[2], argv[3], argv[6]);
		return 0;
	}
	device = open(argv[2], O_WRONLY | O_DIRECT);
	if (device < 0)
		die(argv[2]);
	write_all(argv[3]);
	return 0;
}
