// SPDX-License-Identifier: GPL-2.0
/* A store device with a volatile cache. */

#include <stdlib.h>
#include "disk.h"
#include "random.h"
#include "walk.h"

#define SECTOR 512u
#define ALL_SECTORS 0xff

static void garbage(u8 *at)
{
	u32 sector;

	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++) {
		u64 value = random_u64() | 1ull << 63;

		memcpy(at + (size_t)sector * SECTOR, &value, sizeof(value));
	}
}

struct disk *disk_new(struct kunit *test, u32 blocks)
{
	struct disk *disk = kunit_kzalloc(test, sizeof(*disk), GFP_KERNEL);

	disk->test = test;
	disk->blocks = blocks;
	disk->clock = 1;
	INIT_LIST_HEAD(&disk->under_way);
	INIT_LIST_HEAD(&disk->cache);
	disk->durable = calloc(blocks, LC_BLOCK_SIZE);
	disk->begun = calloc(blocks, sizeof(*disk->begun));
	KUNIT_ASSERT_NOT_NULL(test, disk->durable);
	KUNIT_ASSERT_NOT_NULL(test, disk->begun);
	return disk;
}

static void free_io(struct disk_io *io)
{
	list_del_init(&io->link);
	free(io);
}

static void free_list(struct list_head *list)
{
	while (!list_empty(list))
		free_io(list_first_entry(list, struct disk_io, link));
}

void disk_delete(struct disk *disk)
{
	free_list(&disk->under_way);
	free_list(&disk->cache);
	free(disk->durable);
	free(disk->begun);
	disk->durable = NULL;
	disk->begun = NULL;
}

void disk_grow(struct disk *disk, u32 blocks)
{
	disk->durable = realloc(disk->durable, (size_t)blocks * LC_BLOCK_SIZE);
	disk->begun = realloc(disk->begun, blocks * sizeof(*disk->begun));
	KUNIT_ASSERT_NOT_NULL(disk->test, disk->durable);
	KUNIT_ASSERT_NOT_NULL(disk->test, disk->begun);
	memset(disk->durable + (size_t)disk->blocks * LC_BLOCK_SIZE, 0,
	       (size_t)(blocks - disk->blocks) * LC_BLOCK_SIZE);
	memset(disk->begun + disk->blocks, true, blocks - disk->blocks);
	disk->blocks = blocks;
}

void *disk_medium(struct disk *disk, u32 block)
{
	u8 *at = disk->durable + (size_t)block * LC_BLOCK_SIZE;

	KUNIT_ASSERT_LT(disk->test, block, disk->blocks);
	if (!disk->begun[block]) {
		/* Most blocks of most disks are never looked at. */
		disk->begun[block] = true;
		garbage(at);
	}
	return at;
}

/* Whether the operation that begins now fails. */
static bool fails(struct disk *disk, enum disk_kind kind)
{
	disk->count[kind]++;
	return disk->dead || (disk->fail_in[kind] && !--disk->fail_in[kind]);
}

/* Whether the power goes while a write or flush is under way. */
static bool cut(struct disk *disk)
{
	if (disk->cut_in && !--disk->cut_in)
		disk->dead = true;
	return disk->dead;
}

static void copy_sectors(u8 *to, const struct disk_io *io, u8 sectors)
{
	u32 sector;

	if (sectors == ALL_SECTORS) {
		memcpy(to, io->page, LC_BLOCK_SIZE);
		return;
	}
	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++)
		if (sectors >> sector & 1)
			memcpy(to + sector * SECTOR, io->page + sector * SECTOR,
			       SECTOR);
}

static void persist(struct disk *disk, const struct disk_io *io, u8 sectors)
{
	copy_sectors(disk_medium(disk, io->block), io, sectors);
}

int disk_read(struct disk *disk, u32 block, void *page)
{
	struct disk_io *io;

	if (fails(disk, DISK_READ) || block >= disk->blocks ||
	    (disk->bad_block && block == disk->bad_block))
		return -EIO;
	memcpy(page, disk_medium(disk, block), LC_BLOCK_SIZE);
	list_for_each_entry(io, &disk->cache, link)
		if (io->block == block)
			copy_sectors(page, io, io->sectors);
	return 0;
}

struct disk_io *disk_submit(struct disk *disk, u32 block, const void *page,
			    bool fua)
{
	struct disk_io *io = malloc(sizeof(*io));

	KUNIT_ASSERT_NOT_NULL(disk->test, io);
	io->block = block;
	io->sectors = ALL_SECTORS;
	io->fua = fua;
	io->lost = false;
	io->completed = 0;
	memcpy(io->page, page, LC_BLOCK_SIZE);
	INIT_LIST_HEAD(&io->link);
	list_add_tail(&io->link, &disk->under_way);
	return io;
}

/* What the cache has for these sectors is older than what is persistent now. */
static void forget(struct disk *disk, u32 block, u8 sectors)
{
	struct disk_io *io, *next;

	list_for_each_entry_safe(io, next, &disk->cache, link) {
		if (io->block != block)
			continue;
		io->sectors &= ~sectors;
		if (!io->sectors)
			free_io(io);
	}
}

int disk_complete(struct disk *disk, struct disk_io *io)
{
	if (disk->dead || cut(disk))
		return -EIO;	/* it stays under way, for the crash */
	if (fails(disk, DISK_WRITE) || io->block >= disk->blocks) {
		free_io(io);
		return -EIO;
	}
	io->completed = ++disk->clock;
	if (!io->fua) {
		list_move_tail(&io->link, &disk->cache);
		return 0;
	}
	forget(disk, io->block, io->sectors);
	persist(disk, io, io->sectors);
	free_io(io);
	return 0;
}

int disk_write(struct disk *disk, u32 block, const void *page, bool fua)
{
	if (disk->backed && block >= disk->backed)
		return disk->dead ? -EIO : -ENOSPC;
	return disk_complete(disk, disk_submit(disk, block, page, fua));
}

u64 disk_flush_begin(struct disk *disk)
{
	return ++disk->clock;
}

int disk_flush_end(struct disk *disk, u64 begun)
{
	struct disk_io *io, *next;
	bool failed;

	if (disk->dead || cut(disk))
		return -EIO;
	/* A device whose flush fails has lost what it should have kept. */
	failed = fails(disk, DISK_FLUSH);
	list_for_each_entry_safe(io, next, &disk->cache, link) {
		if (io->completed > begun)
			continue;
		io->lost |= failed;
		if (io->lost)
			continue;
		persist(disk, io, io->sectors);
		free_io(io);
	}
	return failed ? -EIO : 0;
}

int disk_flush(struct disk *disk)
{
	return disk_flush_end(disk, disk_flush_begin(disk));
}

void disk_discard(struct disk *disk, u32 block, u32 count)
{
	for (; count-- && block < disk->blocks; block++) {
		forget(disk, block, ALL_SECTORS);
		garbage(disk_medium(disk, block));
	}
}

void disk_cut(struct disk *disk)
{
	disk->dead = true;
}

/* Kept, dropped or torn. */
static void survive(struct disk *disk, struct disk_io *io, u32 keep, u32 tear)
{
	if (io->lost || io->block >= disk->blocks)
		;
	else if (random_chance(tear))
		persist(disk, io, io->sectors & (u8)random_u64());
	else if (random_chance(keep))
		persist(disk, io, io->sectors);
	free_io(io);
}

void disk_power_on(struct disk *disk)
{
	static const u32 keep_percent[] = { 0, 10, 50, 90, 100 };
	u32 keep = keep_percent[random_below(5)];
	u32 tear = random_chance(50) ? random_below(50) : 0;

	while (!list_empty(&disk->cache))
		survive(disk, list_first_entry(&disk->cache, struct disk_io, link),
			keep, tear);
	while (!list_empty(&disk->under_way))
		survive(disk, list_first_entry(&disk->under_way, struct disk_io,
					       link), keep, tear);
	disk->dead = false;
	disk->cut_in = 0;
}

static int read_for_walk(void *device, u32 block, void *page)
{
	return disk_read(device, block, page);
}

struct walk *walk_disk(struct kunit *test, struct disk *disk)
{
	return walk_device(test, read_for_walk, disk);
}

void walk_check(struct kunit *test, struct disk *disk)
{
	walk_free(walk_disk(test, disk));
}
