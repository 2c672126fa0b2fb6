// SPDX-License-Identifier: GPL-2.0
/*
 * check, repair, dump, restore and the core on one edited store:
 *
 *	byte 0		which image, modulo their number
 *	byte 1		how repair is asked: bit 0 zero or origin; and the seed of core_use()
 *	from 2 on	edits, see edit.c
 *
 * The rules: nothing crashes; whatever the store is, each request ends; what check
 * passes the core takes, and goes through dump and restore unharmed; a repair that was
 * told to give up what is lost ends in a store that check passes and the core takes, or
 * says why not.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include "check.h"
#include "core-open.h"
#include "dump.h"
#include "output.h"
#include "repair.h"
#include "restore.h"
#include "target.h"

static struct image images[IMAGES_MAX];
static u32 image_count;
/* Files in memory: the store, another one, and two dumps. */
static int file[4];
static char path[4][32];

enum { STORE, OTHER, DUMP, DUMP_AGAIN };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int i;

	(void)argc;
	(void)argv;
	image_count = images_load(images);
	for (i = 0; i < 4; i++) {
		file[i] = memfd_create("fuzz", MFD_CLOEXEC);
		snprintf(path[i], sizeof(path[i]), "/proc/self/fd/%d", file[i]);
	}
	/* Sanitizers write to the descriptor itself. */
	stderr = fopen("/dev/null", "w");
	return 0;
}

/* Only what is not zero, as the rest costs time. */
static void put_image(const struct image *image)
{
	static const u8 empty[LC_BLOCK_SIZE];
	u32 block;

	if (ftruncate(file[STORE], 0) ||
	    ftruncate(file[STORE], (off_t)IMAGE_BLOCKS * LC_BLOCK_SIZE))
		abort();
	for (block = 0; block < IMAGE_BLOCKS; block++) {
		const u8 *page = image->bytes + (size_t)block * LC_BLOCK_SIZE;

		if (memcmp(page, empty, LC_BLOCK_SIZE) &&
		    pwrite(file[STORE], page, LC_BLOCK_SIZE,
			   (off_t)block * LC_BLOCK_SIZE) != LC_BLOCK_SIZE)
			abort();
	}
}

static void get_image(struct image *image)
{
	size_t bytes = (size_t)IMAGE_BLOCKS * LC_BLOCK_SIZE;

	if (pread(file[STORE], image->bytes, bytes, 0) != (ssize_t)bytes)
		abort();
}

/* Returns a negative errno, or whether there are findings. */
static int check(size_t *findings)
{
	struct check_report report;
	struct store_file store;
	int error = store_open(path[STORE], STORE_READ, &store);

	if (error)
		abort();
	error = check_store(&store, &report);
	*findings = report.findings;
	check_free(&report);
	store_close(&store);
	return error;
}

static bool dump(int which, int to)
{
	struct store_file store;
	FILE *out = fopen(path[to], "w");
	int error = store_open_load(path[which], STORE_READ, &store);

	if (!out)
		abort();
	if (!error) {
		error = dump_store(&store, out, false);
		store_close(&store);
	}
	fclose(out);
	return !error;
}

static bool same_dumps(void)
{
	char a[4096], b[4096];
	FILE *one = fopen(path[DUMP], "r"), *other = fopen(path[DUMP_AGAIN], "r");
	size_t n, m;
	bool same = one && other;

	do {
		n = same ? fread(a, 1, sizeof(a), one) : 0;
		m = same ? fread(b, 1, sizeof(b), other) : 0;
		same = same && n == m && !memcmp(a, b, n);
	} while (same && n);
	if (one)
		fclose(one);
	if (other)
		fclose(other);
	return same;
}

/* dump | restore | dump */
static void round_trip(void)
{
	struct restore_result result;
	struct dump_reader reader;
	int error;

	if (!dump(STORE, DUMP))
		broken("dump reads what check passes", NULL);
	if (ftruncate(file[OTHER], 0) ||
	    ftruncate(file[OTHER], (off_t)IMAGE_BLOCKS * LC_BLOCK_SIZE) ||
	    dump_open(path[DUMP], &reader))
		abort();
	error = restore_store(&reader, path[OTHER], false, &result);
	dump_close(&reader);
	/* A map that only fits by its journal, or a name that only a dump of ours has. */
	if (error == -ENOSPC)
		return;
	if (error)
		broken("restore takes what dump wrote", strerror(-error));
	if (!dump(OTHER, DUMP_AGAIN) || !same_dumps())
		broken("dump, restore and dump give the same", NULL);
}

static void core_takes(struct image *image, u64 seed, const char *rule)
{
	const char *why;

	get_image(image);
	why = core_open(image, 700, seed);
	if (why)
		broken(rule, why);
}

static void repair(struct image *image, u8 how)
{
	struct repair_request request = {
		.lost = how & 1 ? REPAIR_LOST_ZERO : REPAIR_LOST_ORIGIN,
		.cut_journal = true,
		.header = true,
		.force = true,
	};
	struct repair_report report;
	size_t findings;
	int error = repair_store(path[STORE], &request, &report);

	if (!error && report.outcome == REPAIR_REFUSED && !report.refusal)
		broken("a refusal has a reason", NULL);
	if (!error && report.outcome == REPAIR_REFUSED &&
	    strstr(report.refusal, "would not be whole"))
		broken("a repair ends whole", report.refusal);
	if (!error && report.outcome == REPAIR_DONE) {
		if (check(&findings) || findings)
			broken("check passes after a repair", NULL);
		core_takes(image, how, "the core takes what was repaired");
	}
	repair_free(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct image image;
	size_t findings;
	int error;

	if (bytes < 2)
		return 0;
	image_copy(&images[data[0] % image_count], &image);
	image_edit(&image, data + 2, min(bytes - 2, 64 * (size_t)EDIT_BYTES));
	put_image(&image);
	error = check(&findings);
	if (error) {
		/* Not a store, or of another version: nothing may take it. */
		core_open(&image, 700, data[1]);
	} else if (!findings) {
		round_trip();
		core_takes(&image, data[1], "the core takes what check passes");
	} else {
		/* Whatever it is, it does no harm. */
		dump(STORE, DUMP);
		core_open(&image, 700, data[1]);
		repair(&image, data[1]);
	}
	return 0;
}
