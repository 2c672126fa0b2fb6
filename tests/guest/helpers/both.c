// SPDX-License-Identifier: GPL-2.0
/*
 * both DEV MODEL NOISE SEED OP...: does the same to a device and to a file that
 * is its model, by direct I/O, and compares the two.
 *
 *	write OFFSET BYTES	noise, by one write(); write-dsync: with RWF_DSYNC
 *	zero OFFSET BYTES	BLKZEROOUT
 *	discard OFFSET BYTES	BLKDISCARD; whole blocks of the model become zero
 *	fsync
 *	same			fails unless the device is what the model is
 *	ranges			the same, but blocks that give EIO are printed, as
 *				"FIRST COUNT", and do not fail
 *	nowait-read OFFSET BYTES	with RWF_NOWAIT; prints bytes or EAGAIN
 *	nowait-write OFFSET BYTES	of noise, to the model as far as it was done
 *	pause NAME		suspends and resumes this dm device, without a word to udev
 *	stat DISK		prints reads, writes, sectors written and flushes of a
 *				disk, with all that has been answered
 *
 * OFFSET and BYTES are sums of terms such as 3M+2b-512: K, M, G, b (blocks of
 * 4096 bytes), s (sectors of 512).  The first failure ends the program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "counted.h"

#define BLOCK	4096
#define STRETCH	(1 << 20)

static int device, model;
static const char *noise;
static size_t noise_bytes;
static uint64_t state;
static char *buffer, *other;

static void die(const char *op, uint64_t offset, const char *why)
{
	fprintf(stderr, "FAIL: %s at %llu (block %llu): %s\n", op,
		(unsigned long long)offset, (unsigned long long)offset / BLOCK, why);
	exit(1);
}

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static uint64_t random_next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Somewhere in the noise, but not where the origin has it. */
static const char *some_noise(uint64_t offset, size_t bytes)
{
	uint64_t at;

	do {
		at = random_next() % (noise_bytes - bytes) / 512 * 512;
	} while (at == offset);
	return noise + at;
}

static uint64_t size_of(const char *text)
{
	static const char unit[] = "sbKMG";
	static const uint64_t factor[] = { 512, BLOCK, 1 << 10, 1 << 20, 1 << 30 };
	uint64_t sum = 0, term;
	int minus = 0;
	char *end;

	for (;;) {
		term = strtoull(text, &end, 10);
		if (end != text && *end && strchr(unit, *end))
			term *= factor[strchr(unit, *end++) - unit];
		sum += minus ? -term : term;
		if (end == text || (*end && *end != '+' && *end != '-')) {
			fprintf(stderr, "both: not a size: %s\n", text);
			exit(2);
		}
		if (!*end)
			return sum;
		minus = *end == '-';
		text = end + 1;
	}
}

static void to_model(const void *data, uint64_t offset, size_t bytes)
{
	if (pwrite(model, data, bytes, offset) != (ssize_t)bytes)
		die("model", offset, strerror(errno));
}

static void zero_model(uint64_t offset, uint64_t bytes)
{
	if (bytes && fallocate(model, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       offset, bytes))
		die("model", offset, strerror(errno));
}

static ssize_t do_write(uint64_t offset, size_t bytes, int flags)
{
	struct iovec vec = { buffer, bytes };
	ssize_t done;

	memcpy(buffer, some_noise(offset, bytes), bytes);
	done = pwritev2(device, &vec, 1, offset, flags);
	if (done > 0)
		to_model(buffer, offset, done);
	return done;
}

static void op_write(const char *op, uint64_t offset, size_t bytes)
{
	ssize_t done = do_write(offset, bytes, strcmp(op, "write") ? RWF_DSYNC : 0);

	if (done != (ssize_t)bytes)
		die(op, offset, done < 0 ? strerror(errno) : "short");
}

static void op_nowait(const char *op, uint64_t offset, size_t bytes)
{
	struct iovec vec = { buffer, bytes };
	ssize_t done;

	if (!strcmp(op, "nowait-write"))
		done = do_write(offset, bytes, RWF_NOWAIT);
	else
		done = preadv2(device, &vec, 1, offset, RWF_NOWAIT);
	if (done >= 0)
		printf("%zd\n", done);
	else
		printf("%s\n", errno == EAGAIN ? "EAGAIN" : strerror(errno));
}

static void op_zero(const char *op, uint64_t offset, uint64_t bytes)
{
	uint64_t range[2] = { offset, bytes };

	if (ioctl(device, BLKZEROOUT, range))
		die(op, offset, strerror(errno));
	zero_model(offset, bytes);
}

/* The last block of the device may be short, and is whole all the same. */
static void op_discard(const char *op, uint64_t offset, uint64_t bytes)
{
	uint64_t range[2] = { offset, bytes };
	uint64_t first = (offset + BLOCK - 1) / BLOCK * BLOCK;
	uint64_t end = offset + bytes;
	struct stat stat;

	if (ioctl(device, BLKDISCARD, range))
		die(op, offset, strerror(errno));
	fstat(model, &stat);
	if (end != (uint64_t)stat.st_size)
		end = end / BLOCK * BLOCK;
	if (end > first)
		zero_model(first, end - first);
}

/* Returns whether both can be read; they are compared. */
static int compare(uint64_t offset, size_t bytes, int may_fail)
{
	ssize_t done = pread(device, buffer, bytes, offset);
	size_t i;

	if (done < 0 && errno == EIO && may_fail)
		return 0;
	if (done != (ssize_t)bytes)
		die("read", offset, done < 0 ? strerror(errno) : "short");
	if (pread(model, other, bytes, offset) != (ssize_t)bytes)
		die("model", offset, "cannot be read");
	for (i = 0; i < bytes && buffer[i] == other[i];)
		i++;
	if (i < bytes)
		die("compare", offset + i, "the device is not as its model");
	return 1;
}

/* One stretch block by block; adds to the run of blocks that give EIO. */
static void find_bad(uint64_t offset, size_t bytes, uint64_t *first, uint64_t *count)
{
	uint64_t at;

	for (at = offset; at < offset + bytes; at += BLOCK) {
		size_t step = offset + bytes - at < BLOCK ? offset + bytes - at : BLOCK;

		if (compare(at, step, 1))
			continue;
		if (*count && *first + *count != at / BLOCK) {
			printf("%llu %llu\n", (unsigned long long)*first,
			       (unsigned long long)*count);
			*count = 0;
		}
		if (!*count)
			*first = at / BLOCK;
		++*count;
	}
}

static void op_compare(int ranges)
{
	uint64_t offset, first = 0, count = 0;
	uint64_t bytes = lseek(device, 0, SEEK_END);
	struct stat stat;
	size_t step;

	fstat(model, &stat);
	if (bytes != (uint64_t)stat.st_size)
		die("compare", bytes, "the sizes differ");
	for (offset = 0; offset < bytes; offset += step) {
		step = bytes - offset < STRETCH ? bytes - offset : STRETCH;
		if (!compare(offset, step, ranges))
			find_bad(offset, step, &first, &count);
	}
	if (count)
		printf("%llu %llu\n", (unsigned long long)first,
		       (unsigned long long)count);
}

static void suspend(int control, const char *name, int flags)
{
	struct dm_ioctl dm = {
		.version = { DM_VERSION_MAJOR, 0, 0 },
		.data_size = sizeof(dm),
		.flags = flags,
	};

	snprintf(dm.name, sizeof(dm.name), "%s", name);
	if (ioctl(control, DM_DEV_SUSPEND, &dm))
		die("pause", 0, strerror(errno));
}

static void op_pause(const char *name)
{
	int control = open_or_die("/dev/mapper/control", O_RDWR);

	suspend(control, name, DM_SUSPEND_FLAG);
	suspend(control, name, 0);
	close(control);
}

/* Of a disk that nobody uses meanwhile. */
static void op_stat(const char *disk)
{
	unsigned long long reads, writes, sectors, in_flight, flushes;
	char path[128];
	FILE *file;

	if (wait_until_counted())
		die("membarrier", 0, strerror(errno));
	snprintf(path, sizeof(path), "/sys/class/block/%s/stat", disk);
	do {
		file = fopen(path, "r");
		if (!file || fscanf(file, "%llu %*u %*u %*u %llu %*u %llu %*u %llu %*u"
				    " %*u %*u %*u %*u %*u %llu", &reads, &writes,
				    &sectors, &in_flight, &flushes) != 5)
			die("stat", 0, disk);
		fclose(file);
		/* A kernel that can be preempted there has not counted all of it. */
	} while (in_flight);
	printf("%llu %llu %llu %llu\n", reads, writes, sectors, flushes);
}

static int do_op(char **arg)
{
	uint64_t offset, bytes;

	if (!strcmp(arg[0], "same") || !strcmp(arg[0], "ranges")) {
		op_compare(!strcmp(arg[0], "ranges"));
		return 1;
	}
	if (!strcmp(arg[0], "fsync")) {
		if (fsync(device))
			die("fsync", 0, strerror(errno));
		return 1;
	}
	if (arg[1] && !strcmp(arg[0], "pause")) {
		op_pause(arg[1]);
		return 2;
	}
	if (arg[1] && !strcmp(arg[0], "stat")) {
		op_stat(arg[1]);
		return 2;
	}
	if (!arg[1] || !arg[2]) {
		fprintf(stderr, "both: what is %s?\n", arg[0]);
		exit(2);
	}
	offset = size_of(arg[1]);
	bytes = size_of(arg[2]);
	if (!strncmp(arg[0], "write", 5))
		op_write(arg[0], offset, bytes);
	else if (!strncmp(arg[0], "nowait", 6))
		op_nowait(arg[0], offset, bytes);
	else if (!strcmp(arg[0], "zero"))
		op_zero(arg[0], offset, bytes);
	else
		op_discard(arg[0], offset, bytes);
	return 3;
}

int main(int argc, char **argv)
{
	int i = 5, fd;

	if (argc < 6)
		return 2;
	device = open(argv[1], O_RDWR | O_DIRECT);
	if (device < 0)
		device = open_or_die(argv[1], O_RDONLY | O_DIRECT);
	model = open_or_die(argv[2], O_RDWR);
	fd = open_or_die(argv[3], O_RDONLY);
	noise_bytes = lseek(fd, 0, SEEK_END);
	noise = mmap(NULL, noise_bytes, PROT_READ, MAP_SHARED, fd, 0);
	state = atoll(argv[4]);
	if (noise == MAP_FAILED ||
	    posix_memalign((void **)&buffer, BLOCK, noise_bytes) ||
	    posix_memalign((void **)&other, BLOCK, STRETCH)) {
		perror("both");
		return 1;
	}
	setlinebuf(stdout);
	while (i < argc)
		i += do_op(argv + i);
	return 0;
}
