// SPDX-License-Identifier: GPL-2.0
/*
 * Reads what dm-log-writes has recorded, and brings a device to what it was at
 * some moment of it.
 *
 *	logreplay list LOG
 *		one line for each entry: its number and its kind (write, fua,
 *		flush, discard, mark), then first sector and sectors, or the
 *		mark's text.
 *	logreplay apply LOG FILE FROM END [SEED]
 *		carries out entries FROM to END - 1 on a file.  With SEED, only
 *		a part of what a cache may lose: of each write without FUA and
 *		of each discard some sectors, all or none, as SEED has it.
 *
 * dm-log-writes notes a plain write or discard when the next flush completes, a
 * FUA write when it completes itself.  So up to an entry "flush" or "fua" the log
 * is what is durable at that moment at least, and between two flushes the FUA
 * writes stand before the plain ones.
 *
 * Where a discard was the file gets garbage: what a device returns there is
 * nobody's business.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC		0x6a736677736872ull
#define VERSION		1
#define SECTOR		512
#define MOST_BYTES	(64u << 20)	/* of one write */

enum flag { FLUSH = 1, FUA = 2, DISCARD = 4, MARK = 8 };

struct super {
	uint64_t magic, version, entries;
	uint32_t sector_bytes;
} __attribute__((packed));

struct entry {
	uint64_t sector, sectors, flags, text_bytes;
};

static int log_fd;
static uint32_t unit;		/* bytes of a sector of the log */
static uint64_t entries, place;	/* of the next entry, in bytes */

static void die(const char *what, const char *why)
{
	fprintf(stderr, "FAIL: logreplay: %s: %s\n", what, why);
	exit(1);
}

static void read_log(void *data, size_t bytes, uint64_t offset)
{
	ssize_t done = pread(log_fd, data, bytes, offset);

	if (done != (ssize_t)bytes)
		die("the log", done < 0 ? strerror(errno) : "ends early");
}

static void open_log(const char *path)
{
	struct super super;

	log_fd = open(path, O_RDONLY);
	if (log_fd < 0)
		die(path, strerror(errno));
	read_log(&super, sizeof(super), 0);
	if (le64toh(super.magic) != MAGIC || le64toh(super.version) != VERSION)
		die(path, "is no log of dm-log-writes");
	entries = le64toh(super.entries);
	unit = le32toh(super.sector_bytes);
	if (unit < SECTOR || unit > 65536)
		die(path, "has an odd size of sector");
	place = unit;
}

/* Returns where the entry's data begins; the next call reads the next entry. */
static uint64_t next_entry(struct entry *entry)
{
	uint64_t data = place + unit;

	read_log(entry, sizeof(*entry), place);
	entry->sector = le64toh(entry->sector);
	entry->sectors = le64toh(entry->sectors);
	entry->flags = le64toh(entry->flags);
	entry->text_bytes = le64toh(entry->text_bytes);
	place = data;
	if (entry->flags & (DISCARD | MARK))
		return data;
	if (entry->sectors > MOST_BYTES / unit)
		die("an entry", "is too long");
	place += entry->sectors * unit;
	return data;
}

static const char *kind_of(const struct entry *entry)
{
	if (entry->flags & DISCARD)
		return "discard";
	if (entry->flags & FUA)
		return "fua";
	return entry->flags & FLUSH ? "flush" : "write";
}

static int list(void)
{
	char text[65536];
	struct entry entry;
	uint64_t n, data;

	for (n = 0; n < entries; n++) {
		data = next_entry(&entry);
		if (!(entry.flags & MARK)) {
			printf("%" PRIu64 " %s %" PRIu64 " %" PRIu64 "\n", n,
			       kind_of(&entry), entry.sector, entry.sectors);
			continue;
		}
		if (entry.text_bytes > unit - sizeof(entry))
			die("a mark", "is too long");
		read_log(text, entry.text_bytes, data - unit + sizeof(entry));
		printf("%" PRIu64 " mark %.*s\n", n, (int)entry.text_bytes, text);
	}
	return 0;
}

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Whether a cache that loses things kept this sector of entry @n: all, none, or half. */
static int kept(uint64_t seed, uint64_t n, uint64_t sector)
{
	uint64_t draw = mix(mix(seed * 1000003 + n) + 1);

	if (draw % 3 == 2)
		return mix(draw + sector) & 1;
	return draw % 3 == 0;
}

static void put(int file, const char *data, uint64_t sector, uint64_t sectors,
		const uint64_t *seed, uint64_t n)
{
	uint64_t i, first = 0;

	for (i = 0; i <= sectors; i++) {
		if (i < sectors && (!seed || kept(*seed, n, i)))
			continue;
		if (i > first && pwrite(file, data + first * SECTOR, (i - first) * SECTOR,
					(sector + first) * SECTOR) !=
				 (ssize_t)((i - first) * SECTOR))
			die("the file", strerror(errno));
		first = i + 1;
	}
}

static void carry_out(int file, const struct entry *entry, uint64_t data,
		      const uint64_t *seed, uint64_t n)
{
	uint64_t left = entry->sectors * unit / SECTOR, step;
	uint64_t sector = entry->sector * unit / SECTOR;
	static char buffer[1 << 20];

	if (entry->flags & FUA)
		seed = NULL;
	memset(buffer, 0xd5, sizeof(buffer));
	while (left) {
		step = left < sizeof(buffer) / SECTOR ? left : sizeof(buffer) / SECTOR;
		if (!(entry->flags & DISCARD))
			read_log(buffer, step * SECTOR, data);
		put(file, buffer, sector, step, seed, n);
		data += step * SECTOR;
		sector += step;
		left -= step;
	}
}

static int apply(const char *path, uint64_t from, uint64_t end, const char *seed_word)
{
	uint64_t seed = seed_word ? strtoull(seed_word, NULL, 10) : 0;
	int file = open(path, O_WRONLY);
	struct entry entry;
	uint64_t n, data;

	if (file < 0)
		die(path, strerror(errno));
	if (end > entries)
		die("the log", "has fewer entries");
	for (n = 0; n < end; n++) {
		data = next_entry(&entry);
		if (n >= from && !(entry.flags & MARK))
			carry_out(file, &entry, data, seed_word ? &seed : NULL, n);
	}
	return close(file) != 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	open_log(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "list"))
		return list();
	if ((argc != 6 && argc != 7) || strcmp(argv[1], "apply"))
		return 2;
	return apply(argv[3], strtoull(argv[4], NULL, 10),
		     strtoull(argv[5], NULL, 10), argv[6]);
}
