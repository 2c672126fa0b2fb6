// SPDX-License-Identifier: GPL-2.0
/*
 * Where two templates differ.  Kept in "differences" of the catalog's directory, in
 * a file of the name UUID-UUID, the lower one first:
 *
 *	lclone difference 1
 *	QUICK_SHA256 BYTES		of the one
 *	QUICK_SHA256 BYTES		of the other
 *	FIRST COUNT			of each run, in blocks of 4 KiB
 *	end RUNS
 *
 * Templates never change, and have a new UUID when they are registered anew.  A
 * file that does not fit, or has no end, is made again.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "difference.h"
#include "output.h"
#include "store-file.h"

#define CHUNK_BYTES	(1u << 20)
#define HEX_BYTES	(2 * LC_FINGERPRINT_BYTES + 1)

void difference_side(const struct template *template, struct difference_side *side)
{
	side->name = must_strdup(template->name);
	side->path = must_strdup(template->path);
	memcpy(side->uuid, template->uuid, LC_UUID_BYTES);
	memcpy(side->quick, template->quick, LC_FINGERPRINT_BYTES);
	side->bytes = template->size_bytes;
}

void difference_side_done(struct difference_side *side)
{
	free(side->name);
	free(side->path);
	memset(side, 0, sizeof(*side));
}

/* Joins what goes on from the run before. */
static void add_run(struct overlay *runs, size_t begun, u64 first, u32 count)
{
	struct lc_run run = { first, count, LC_ENTRY_ZERO };
	struct lc_run *last = runs->runs > begun ? &runs->run[runs->runs - 1] : NULL;

	if (last && last->first + last->count == first &&
	    last->count <= UINT32_MAX - count)
		last->count += count;
	else
		overlay_add(runs, &run);
}

/* The file ----------------------------------------------------------------- */

static char *directory(void)
{
	return print_string("%s/differences", catalog_directory());
}

static char *file_name(const struct difference_side *a, const struct difference_side *b)
{
	char uuid_a[UUID_TEXT_BYTES], uuid_b[UUID_TEXT_BYTES];
	char *where = directory(), *path;

	path = print_string("%s/%s-%s", where, print_uuid(a->uuid, uuid_a),
			    print_uuid(b->uuid, uuid_b));
	free(where);
	return path;
}

/* To be freed. */
static char *header_of(const struct difference_side *a, const struct difference_side *b)
{
	char hex_a[HEX_BYTES], hex_b[HEX_BYTES];

	return print_string("lclone difference 1\n%s %llu\n%s %llu\n",
			    print_hex(a->quick, LC_FINGERPRINT_BYTES, hex_a),
			    (unsigned long long)a->bytes,
			    print_hex(b->quick, LC_FINGERPRINT_BYTES, hex_b),
			    (unsigned long long)b->bytes);
}

static bool read_header(FILE *file, const char *header)
{
	for (; *header; header++)
		if (fgetc(file) != *header)
			return false;
	return true;
}

static bool read_runs(FILE *file, u64 blocks, struct overlay *runs)
{
	size_t begun = runs->runs;
	unsigned long long first, end;
	u64 behind = 0;
	unsigned int count;

	while (fscanf(file, "%llu %u\n", &first, &count) == 2) {
		if (first < behind || !count || first + count > blocks)
			return false;
		behind = first + count;
		add_run(runs, begun, first, count);
	}
	return fscanf(file, "end %llu", &end) == 1 && fgetc(file) == '\n' &&
	       end == runs->runs - begun;
}

static bool load(const char *path, const char *header, u64 blocks,
		 struct overlay *runs)
{
	FILE *file = fopen(path, "re");
	size_t begun = runs->runs;
	bool whole;

	if (!file)
		return false;
	whole = read_header(file, header) && read_runs(file, blocks, runs);
	if (!whole)
		runs->runs = begun;
	fclose(file);
	return whole;
}

static int write_runs(FILE *file, const char *header, const struct overlay *runs,
		      size_t begun)
{
	size_t i;

	fputs(header, file);
	for (i = begun; i < runs->runs; i++)
		fprintf(file, "%llu %u\n", (unsigned long long)runs->run[i].first,
			runs->run[i].count);
	fprintf(file, "end %zu\n", runs->runs - begun);
	return fflush(file) || ferror(file) || fsync(fileno(file)) ? -EIO : 0;
}

/* That it cannot be kept costs the next one time, and nothing else. */
static void save(const char *path, const char *header, const struct overlay *runs,
		 size_t begun)
{
	char *where = directory();
	char *new = print_string("%s.%d", path, (int)getpid());
	FILE *file;
	int error = -EIO;

	mkdir(where, 0700);
	file = fopen(new, "we");
	if (file) {
		error = write_runs(file, header, runs, begun);
		fclose(file);
	}
	if (error || rename(new, path)) {
		report_warning(path, "the difference of the templates could not be kept");
		unlink(new);
	}
	free(new);
	free(where);
}

/* The comparison ------------------------------------------------------------ */

/* A chunk of a side, with zeros behind its end. */
static int read_chunk(int fd, u64 at, u8 *data)
{
	size_t done = 0;
	ssize_t got;

	while (done < CHUNK_BYTES) {
		got = pread(fd, data + done, CHUNK_BYTES - done, (off_t)(at + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		done += (size_t)got;
	}
	memset(data + done, 0, CHUNK_BYTES - done);
	return 0;
}

static void compare_chunk(const u8 *a, const u8 *b, u64 at, struct overlay *runs,
			  size_t begun)
{
	u64 first = at / LC_BLOCK_SIZE;
	u32 i;

	for (i = 0; i < CHUNK_BYTES / LC_BLOCK_SIZE; i++)
		if (memcmp(a + i * LC_BLOCK_SIZE, b + i * LC_BLOCK_SIZE, LC_BLOCK_SIZE))
			add_run(runs, begun, first + i, 1);
}

static int compare(const struct difference_side *a, int fd_a,
		   const struct difference_side *b, int fd_b, struct overlay *runs)
{
	u64 bytes = max(a->bytes, b->bytes), at;
	u8 *data = must_alloc(2 * CHUNK_BYTES);
	size_t begun = runs->runs;
	int error = 0;

	for (at = 0; at < bytes && !error; at += CHUNK_BYTES) {
		error = read_chunk(fd_a, at, data);
		if (error) {
			report_errno(a->path, error, "cannot be read");
			break;
		}
		error = read_chunk(fd_b, at, data + CHUNK_BYTES);
		if (error)
			report_errno(b->path, error, "cannot be read");
		else
			compare_chunk(data, data + CHUNK_BYTES, at, runs, begun);
		print_progress("comparing the templates", min(at + CHUNK_BYTES, bytes),
			       bytes);
	}
	free(data);
	return error;
}

static int open_side(const struct difference_side *side)
{
	unsigned int sector_bytes;
	u64 bytes;
	int fd = origin_open(side->path, &bytes, &sector_bytes);

	if (fd >= 0 && bytes / 512 != side->bytes / 512) {
		report_error(side->name, "its origin %s has another size than when it was registered",
			     side->path);
		close(fd);
		fd = -EUCLEAN;
	}
	return fd;
}

static int compare_sides(const struct difference_side *a,
			 const struct difference_side *b, struct overlay *runs)
{
	int fd_a = open_side(a);
	int fd_b, error;

	if (fd_a < 0)
		return fd_a;
	fd_b = open_side(b);
	error = fd_b < 0 ? fd_b : compare(a, fd_a, b, fd_b, runs);
	if (fd_b >= 0)
		close(fd_b);
	close(fd_a);
	return error;
}

int difference_find(const struct difference_side *a,
		    const struct difference_side *b, struct overlay *runs,
		    bool *compared)
{
	u64 blocks = DIV_ROUND_UP(max(a->bytes, b->bytes), (u64)LC_BLOCK_SIZE);
	size_t begun = runs->runs;
	char *path, *header;
	int error = 0;

	/* The same for both directions. */
	if (memcmp(a->uuid, b->uuid, LC_UUID_BYTES) > 0)
		return difference_find(b, a, runs, compared);
	path = file_name(a, b);
	header = header_of(a, b);
	*compared = !load(path, header, blocks, runs);
	if (*compared)
		error = compare_sides(a, b, runs);
	if (*compared && !error)
		save(path, header, runs, begun);
	free(header);
	free(path);
	return error;
}
