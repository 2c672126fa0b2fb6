// SPDX-License-Identifier: GPL-2.0
/*
 * Writes, discards, zeroes and syncs a part of a device, and tells later what of
 * it a loss of power may have left (P1, P2).
 *
 *	stamp run DEV SEED FIRST SECTORS
 *		does one operation after the other, for ever.  Prints the
 *		number of the last one that has been made durable.
 *	stamp verify DEV SEED FIRST SECTORS ACKED BELOW
 *		fails when a sector is not what operation ACKED, or the last
 *		before it, left there, nor what a later one gave it.  BELOW is
 *		what the clone showed before, a file.
 *
 * What operation N does follows from SEED and N alone, and each sector that it
 * writes names both, so nothing but ACKED has to be remembered.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR		512
#define BLOCK_SECTORS	8
#define MOST_SECTORS	256
#define SYNC_EVERY	6	/* operations */
#define LATER		256	/* operations that may have followed ACKED */

enum kind { WRITE, WRITE_DSYNC, DISCARD, ZERO };

struct op {
	enum kind kind;
	uint64_t first;		/* sector */
	uint64_t sectors;
};

struct stamp {
	uint64_t magic, seed, op, sector;
	uint64_t fill[SECTOR / 8 - 4];
};

#define MAGIC	0x706d617473636cull

static uint64_t seed, part_first, part_sectors;
static int fd;

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint64_t drawn(uint64_t n, unsigned int what, uint64_t below)
{
	return mix(mix(seed * 1000003 + n) + what * 0x9e3779b97f4a7c15ull) % below;
}

static struct op op_number(uint64_t n)
{
	uint64_t draw = drawn(n, 0, 100);
	struct op op = { .kind = WRITE };
	uint64_t first, sectors;

	if (draw >= 70)
		op.kind = draw < 80 ? WRITE_DSYNC : draw < 92 ? DISCARD : ZERO;
	op.sectors = drawn(n, 1, 4) ? 1 + drawn(n, 2, 32) :
				      1 + drawn(n, 2, MOST_SECTORS);
	op.first = part_first + drawn(n, 3, part_sectors - op.sectors);
	/* Half of them are of whole blocks. */
	first = (op.first + BLOCK_SECTORS - 1) / BLOCK_SECTORS * BLOCK_SECTORS;
	sectors = (op.sectors + BLOCK_SECTORS - 1) / BLOCK_SECTORS * BLOCK_SECTORS;
	if (drawn(n, 4, 2) && first + sectors <= part_first + part_sectors) {
		op.first = first;
		op.sectors = sectors;
	}
	return op;
}

/* A discard leaves parts of blocks alone. */
static int covers(const struct op *op, uint64_t sector)
{
	uint64_t block = sector / BLOCK_SECTORS * BLOCK_SECTORS;

	if (op->kind == DISCARD)
		return block >= op->first &&
		       block + BLOCK_SECTORS <= op->first + op->sectors;
	return sector >= op->first && sector < op->first + op->sectors;
}

static int writes(const struct op *op)
{
	return op->kind == WRITE || op->kind == WRITE_DSYNC;
}

static void stamp_fill(struct stamp *stamp, uint64_t n, uint64_t sector)
{
	size_t i;

	stamp->magic = MAGIC;
	stamp->seed = seed;
	stamp->op = n;
	stamp->sector = sector;
	for (i = 0; i < SECTOR / 8 - 4; i++)
		stamp->fill[i] = mix(n * 0x10001 + sector + i);
}

static int do_op(uint64_t n, struct stamp *buffer)
{
	struct op op = op_number(n);
	uint64_t range[2] = { op.first * SECTOR, op.sectors * SECTOR };
	struct iovec vec = { buffer, op.sectors * SECTOR };
	uint64_t i;

	if (!writes(&op))
		return ioctl(fd, op.kind == ZERO ? BLKZEROOUT : BLKDISCARD, range);
	for (i = 0; i < op.sectors; i++)
		stamp_fill(&buffer[i], n, op.first + i);
	return pwritev2(fd, &vec, 1, op.first * SECTOR,
			op.kind == WRITE_DSYNC ? RWF_DSYNC : 0) !=
	       (ssize_t)vec.iov_len;
}

static int run(struct stamp *buffer)
{
	uint64_t n;

	setlinebuf(stdout);
	for (n = 1;; n++) {
		if (do_op(n, buffer))
			break;
		if (n % SYNC_EVERY && op_number(n).kind != WRITE_DSYNC)
			continue;
		if (n % SYNC_EVERY == 0 && fsync(fd))
			break;
		printf("%llu\n", (unsigned long long)n);
	}
	fprintf(stderr, "stamp: operation %llu: %s\n", (unsigned long long)n,
		strerror(errno));
	return 1;
}

static int all_zero(const void *data)
{
	static const char zero[SECTOR];

	return !memcmp(data, zero, SECTOR);
}

/* For each sector the last operation up to @acked that covers it, 0: none. */
static void find_last(uint64_t acked, uint64_t *last)
{
	struct op op;
	uint64_t n, i;

	for (n = 1; n <= acked; n++) {
		op = op_number(n);
		for (i = op.first; i < op.first + op.sectors; i++)
			if (covers(&op, i))
				last[i - part_first] = n;
	}
}

static int zeroed_later(uint64_t acked, uint64_t sector)
{
	struct op op;
	uint64_t n;

	for (n = acked + 1; n <= acked + LATER; n++) {
		op = op_number(n);
		if (!writes(&op) && covers(&op, sector))
			return 1;
	}
	return 0;
}

/* NULL, or what is wrong with the sector that reads as @data. */
static const char *judge(const struct stamp *data, const void *below,
			 uint64_t sector, uint64_t acked, uint64_t last)
{
	struct op op = op_number(last);
	struct stamp whole;

	if (!last && !memcmp(data, below, SECTOR))
		return NULL;
	if (data->magic == MAGIC) {
		if (data->seed != seed || data->sector != sector)
			return "holds what belongs elsewhere";
		stamp_fill(&whole, data->op, sector);
		if (memcmp(&whole, data, SECTOR))
			return "holds a torn sector";
		op = op_number(data->op);
		if (!writes(&op) || !covers(&op, sector))
			return "holds what was never written there";
		if (data->op < last)
			return "holds something older than what was synced";
		return data->op > acked + LATER ? "holds the future" : NULL;
	}
	if (all_zero(data) && ((last && !writes(&op)) || zeroed_later(acked, sector)))
		return NULL;
	return last ? "lost what was synced" : "holds what nobody gave it";
}

static int verify(uint64_t acked, int below)
{
	uint64_t *last = calloc(part_sectors, sizeof(*last));
	uint64_t sector, i, bad = 0;
	struct stamp *data, *under;
	const char *why;

	if (!last || posix_memalign((void **)&data, 4096, part_sectors * SECTOR) ||
	    posix_memalign((void **)&under, 4096, part_sectors * SECTOR))
		return 1;
	if (pread(fd, data, part_sectors * SECTOR, part_first * SECTOR) !=
	    (ssize_t)(part_sectors * SECTOR) ||
	    pread(below, under, part_sectors * SECTOR, part_first * SECTOR) !=
	    (ssize_t)(part_sectors * SECTOR)) {
		perror("stamp: read");
		return 1;
	}
	find_last(acked, last);
	for (i = 0; i < part_sectors; i++) {
		sector = part_first + i;
		why = judge(&data[i], &under[i], sector, acked, last[i]);
		if (why && bad++ < 10)
			printf("sector %llu (last synced operation %llu) %s\n",
			       (unsigned long long)sector,
			       (unsigned long long)last[i], why);
	}
	printf("%llu of %llu sectors wrong after operation %llu\n",
	       (unsigned long long)bad, (unsigned long long)part_sectors,
	       (unsigned long long)acked);
	return bad != 0;
}

int main(int argc, char **argv)
{
	void *buffer;
	int below;

	if (argc < 6)
		return 2;
	fd = open(argv[2], O_RDWR | O_DIRECT);
	if (fd < 0) {
		perror(argv[2]);
		return 1;
	}
	seed = strtoull(argv[3], NULL, 10);
	part_first = strtoull(argv[4], NULL, 10);
	part_sectors = strtoull(argv[5], NULL, 10);
	if (posix_memalign(&buffer, 4096, MOST_SECTORS * SECTOR + 4096))
		return 1;
	if (!strcmp(argv[1], "run"))
		return run(buffer);
	if (argc != 8)
		return 2;
	below = open(argv[7], O_RDONLY);
	if (below < 0) {
		perror(argv[7]);
		return 1;
	}
	return verify(strtoull(argv[6], NULL, 10), below);
}
