// SPDX-License-Identifier: GPL-2.0
/*
 * Stores that an attacker may have made, under the kernel:
 *
 *	hostile STORE FILE COUNT SEED IMAGE...
 *
 * Takes COUNT mutants of the images, each by a few edits of tests/fuzz/edit.c,
 * writes it to FILE, which is what the loop device STORE has below it, activates
 * it, reads, writes, discards and flushes, and takes it down.  Errors are what
 * such a store may cause; what else it may not is for the kernel's checkers to
 * say.  Says before each mutant on FD 9, when that is open, which one it is:
 * "hostile STORE FILE 1 NUMBER IMAGE..." does it again.
 */
#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "image.h"
#include "random.h"

#define NAME		"hostile"
#define IMAGES_MAX	8
#define PIECE		(256u << 10)
#define EDITS		4	/* of one mutant, at most */
#define SECONDS_MAX	600	/* for one mutant: a clone that hangs ends the run */

static struct image images[IMAGES_MAX], mutant;
static unsigned int image_count;
static const char *store;
static u8 *medium;		/* FILE */
static void *buffer;
static unsigned long activated, refused, failed_io, done_io;

/* dm ------------------------------------------------------------------ */

/* Runs @task and lets it go.  No cookie: udev is not to look at what we make. */
static int run(struct dm_task *task)
{
	int good = dm_task_run(task);

	dm_task_destroy(task);
	return good ? 0 : -1;
}

static struct dm_task *task_of(int type)
{
	struct dm_task *task = dm_task_create(type);

	if (!task || !dm_task_set_name(task, NAME))
		exit(2);
	return task;
}

static int activate(u64 sectors, bool read_only)
{
	struct dm_task *task = task_of(DM_DEVICE_CREATE);
	char table[300];

	snprintf(table, sizeof(table), "- %s 0 1 error_if_no_space", store);
	if (!dm_task_add_target(task, 0, sectors, "lclone", table) ||
	    (read_only && !dm_task_set_ro(task)))
		exit(2);
	return run(task);
}

static void message(const char *text)
{
	struct dm_task *task = task_of(DM_DEVICE_TARGET_MSG);

	dm_task_set_sector(task, 0);
	dm_task_set_message(task, text);
	run(task);
}

static void take_down(void)
{
	int tries;

	for (tries = 0; run(task_of(DM_DEVICE_REMOVE)); tries++) {
		if (tries == 100) {
			fputs("hostile: the clone cannot be removed\n", stderr);
			exit(1);
		}
		usleep(50000);
	}
}

static int open_clone(int flags)
{
	struct dm_task *task = task_of(DM_DEVICE_INFO);
	struct dm_info info;
	char path[40];

	if (!dm_task_run(task) || !dm_task_get_info(task, &info))
		exit(2);
	dm_task_destroy(task);
	snprintf(path, sizeof(path), "/dev/dm-%u", info.minor);
	return open(path, flags | O_DIRECT | O_CLOEXEC);
}

/* Use ----------------------------------------------------------------- */

static void count(bool good)
{
	if (good)
		done_io++;
	else
		failed_io++;
}

/* Near the begin, where the images have their data, or anywhere; aligned to sectors. */
static u64 somewhere(u64 bytes, u64 length)
{
	u64 limit = random_chance(70) && bytes > 32u << 20 ? 32u << 20 : bytes;

	if (length >= limit)
		return 0;
	return random_u64() % (limit - length + 1) / 512 * 512;
}

static void range_ioctl(int fd, unsigned long what, u64 at, u64 length)
{
	u64 range[2] = { at, length };

	count(!ioctl(fd, what, range));
}

static void use_once(int fd, u64 bytes)
{
	u64 length = 512 * (1 + random_below(random_chance(50) ? 16 : PIECE / 512));
	u64 large = (u64)random_below(64) << 20;
	u64 at;

	if (random_chance(50))
		length = (length + 4095) / 4096 * 4096;
	if (length > bytes)
		length = bytes;
	at = somewhere(bytes, length);
	if (random_chance(60))
		at = at / 4096 * 4096;
	switch (random_below(8)) {
	case 0:
	case 1:
		count(pread(fd, buffer, length, (off_t)at) == (ssize_t)length);
		break;
	case 2:
	case 3:
	case 4:
		count(pwrite(fd, buffer, length, (off_t)at) == (ssize_t)length);
		break;
	case 5:
		if (large > bytes - at)
			large = bytes - at;
		range_ioctl(fd, BLKDISCARD, at, large ? large : 512);
		break;
	case 6:
		range_ioctl(fd, BLKZEROOUT, at, length);
		break;
	case 7:
		count(!fdatasync(fd));
		break;
	}
}

static void read_all(int fd, u64 bytes)
{
	u64 at, end = bytes > 16u << 20 ? 16u << 20 : bytes;

	for (at = 0; at < end; at += PIECE) {
		u64 length = end - at < PIECE ? end - at : PIECE;

		count(pread(fd, buffer, length, (off_t)at) == (ssize_t)length);
	}
}

static void use(bool read_only)
{
	u32 steps = 10 + random_below(30);
	u64 bytes = 0;
	int fd;

	fd = open_clone(read_only ? O_RDONLY : O_RDWR);
	if (fd < 0)
		return;
	if (ioctl(fd, BLKGETSIZE64, &bytes))
		exit(2);
	read_all(fd, bytes);
	while (steps--) {
		if (random_chance(4))
			message("checkpoint");
		use_once(fd, bytes);
	}
	if (random_chance(30) && bytes)
		range_ioctl(fd, BLKDISCARD, 0, bytes / 512 * 512);
	fdatasync(fd);
	close(fd);
}

/* Mutants ------------------------------------------------------------- */

/* Only what differs: the medium is a file in memory, and what the last one wrote has to go. */
static void write_mutant(void)
{
	size_t at;

	for (at = 0; at < (size_t)IMAGE_BLOCKS * LC_BLOCK_SIZE; at += LC_BLOCK_SIZE)
		if (memcmp(medium + at, mutant.bytes + at, LC_BLOCK_SIZE))
			memcpy(medium + at, mutant.bytes + at, LC_BLOCK_SIZE);
}

/* What the superblock says, if that can be a size at all; else what it said once. */
static u64 size_of_clone(const struct image *image)
{
	const struct lc_disk_super *super = (const void *)
		(mutant.bytes + lc_super_address(0) * (size_t)LC_BLOCK_SIZE);
	u64 sectors = le64_to_cpu(super->clone_sectors);

	return sectors && sectors < 1ull << 53 ? sectors : image->super.clone_sectors;
}

/* Most of them under whole seals, up to the superblock, or little would come of them. */
static void make_edits(u8 edits[EDITS * EDIT_BYTES])
{
	u8 *flags;
	u32 i;

	random_fill(edits, EDITS * EDIT_BYTES);
	for (i = 0; i < EDITS; i++) {
		flags = &edits[i * EDIT_BYTES + 1];
		if (random_chance(90))
			*flags &= ~0x08;	/* a seal left broken */
		if (random_chance(70))
			*flags |= 0x70;		/* the parents, their counts, both superblocks */
	}
}

static void one(u64 number)
{
	const struct image *image;
	u8 edits[EDITS * EDIT_BYTES];
	bool read_only;

	random_seed(number);
	alarm(SECONDS_MAX);
	dprintf(9, "%llu\n", (unsigned long long)number);
	image = &images[random_below(image_count)];
	image_copy(image, &mutant);
	make_edits(edits);
	image_edit(&mutant, edits, EDIT_BYTES * (1 + random_below(EDITS)));
	write_mutant();
	read_only = random_chance(15);
	if (activate(size_of_clone(image), read_only)) {
		refused++;
		run(task_of(DM_DEVICE_REMOVE));	/* it is there when the table failed late */
		return;
	}
	activated++;
	use(read_only);
	take_down();
}

static void quiet(int level, const char *file, int line, int error,
		  const char *format, ...)
{
	(void)level;
	(void)file;
	(void)line;
	(void)error;
	(void)format;
}

int main(int argc, char **argv)
{
	u64 number, last;
	int fd, i;

	if (argc < 6 || argc > 5 + IMAGES_MAX)
		return 2;
	dm_log_with_errno_init(quiet);
	store = argv[1];
	fd = open(argv[2], O_RDWR);
	medium = mmap(NULL, (size_t)IMAGE_BLOCKS * LC_BLOCK_SIZE,
		      PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || medium == MAP_FAILED ||
	    posix_memalign(&buffer, LC_BLOCK_SIZE, PIECE)) {
		perror(argv[2]);
		return 2;
	}
	for (i = 5; i < argc; i++)
		image_load(&images[image_count++], argv[i]);
	random_seed(1);
	random_fill(buffer, PIECE);
	number = strtoull(argv[4], NULL, 0);
	for (last = number + strtoull(argv[3], NULL, 0); number < last; number++)
		one(number);
	printf("%lu activated, %lu refused; %lu requests done, %lu failed\n",
	       activated, refused, done_io, failed_io);
	return 0;
}
