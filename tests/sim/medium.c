// SPDX-License-Identifier: GPL-2.0
/*
 * A device with a volatile cache.  There are two images: what reads see, and
 * what is durable.  They differ in what the list of cached writes says.
 */

#include <stdlib.h>
#include "co.h"
#include "medium.h"
#include "random.h"
#include "report.h"

#define SECTOR		512u
#define REQUESTS_MAX	4096

enum kind { READ_TAGS, READ_PAGE, WRITE, FLUSH, DISCARD, OTHER };

static const char *const kinds[] = {
	"read of data", "read of a page", "write", "flush", "discard", "other device",
};

struct request {
	enum kind kind;
	u32 block;
	u32 count;
	u8 sectors;		/* of a write: bits */
	bool fua;
	bool lost;		/* by a flush that failed */
	u64 clock;		/* a flush: submitted; a write: completed */
	u64 tag[LC_BLOCK_SECTORS];
	u8 *page;		/* of a write of a page: its own; of a read: the reader's */
	u64 *tags;		/* the reader's */
	const struct image *from;	/* of a read */
	struct batch *batch;
	struct request *next;	/* of the free ones */
};

struct medium medium;

static struct image *seen, *durable;
static u8 provided[IMAGE_BLOCKS];	/* by block: it has its space, where that is thin */
static struct request *under_way[REQUESTS_MAX];
static struct request *cached[REQUESTS_MAX];	/* oldest first */
static struct request *free_requests;
static void *free_pages;
static u64 clock_now;

static struct request *get(enum kind kind, u32 block, struct batch *batch)
{
	struct request *request = free_requests;

	if (request)
		free_requests = request->next;
	else
		request = malloc(sizeof(*request));
	if (medium.under_way == REQUESTS_MAX)
		violation("more than %u requests under way", REQUESTS_MAX);
	request->kind = kind;
	request->block = block;
	request->fua = false;
	request->lost = false;
	request->page = NULL;
	request->from = seen;
	request->batch = batch;
	batch->pending++;
	under_way[medium.under_way++] = request;
	return request;
}

static void put(struct request *request)
{
	if (request->kind == WRITE && request->page) {
		*(void **)request->page = free_pages;
		free_pages = request->page;
	}
	request->next = free_requests;
	free_requests = request;
}

static void put_all(struct request **list, u32 *count)
{
	while (*count)
		put(list[--*count]);
}

void medium_fail(u32 fail, u32 super)
{
	medium.fail = fail;
	medium.fail_super = super;
}

/* All that was under way or cached is forgotten. */
static void start(u32 blocks)
{
	put_all(under_way, &medium.under_way);
	put_all(cached, &medium.writes_cached);
	seen = image_get();
	durable = image_get();
	medium.blocks = blocks;
	medium_fail(0, 0);
	medium.fail_all = false;
	medium.failures = 0;
	medium.lost = false;
	medium.thin = false;
	memset(provided, 0, sizeof(provided));
	clock_now = 1;
}

void medium_new(u32 blocks)
{
	if (seen) {
		image_put(seen);
		image_put(durable);
	}
	start(blocks);
}

struct image *medium_replace(u32 blocks)
{
	struct image *old = durable;
	u64 failures = medium.failures;

	if (medium.under_way)
		violation("a store is retired with %u requests under way",
			  medium.under_way);
	image_put(seen);
	start(blocks);
	medium.failures = failures;
	return old;
}

void medium_thin(u32 room, u32 block, u32 count)
{
	medium.thin = true;
	medium.room = room;
	memset(provided + block, 1, count);
}

void medium_write_tags(u32 block, const u64 *tags, u8 sectors, bool fua,
		       struct batch *batch)
{
	struct request *request = get(WRITE, block, batch);

	memcpy(request->tag, tags, sizeof(request->tag));
	request->sectors = sectors;
	request->fua = fua;
}

void medium_write_page(u32 block, const void *page, bool fua, struct batch *batch)
{
	struct request *request = get(WRITE, block, batch);

	request->page = free_pages;
	if (free_pages)
		free_pages = *(void **)free_pages;
	else
		request->page = malloc(LC_BLOCK_SIZE);
	memcpy(request->page, page, LC_BLOCK_SIZE);
	request->sectors = ALL_SECTORS;
	request->fua = fua;
}

void medium_read_tags(u32 block, u64 *tags, struct batch *batch)
{
	get(READ_TAGS, block, batch)->tags = tags;
}

void medium_read_page(u32 block, void *page, struct batch *batch)
{
	get(READ_PAGE, block, batch)->page = page;
}

void medium_read_other_tags(const struct image *image, u32 block, u64 *tags,
			    struct batch *batch)
{
	struct request *request = get(READ_TAGS, block, batch);

	request->tags = tags;
	request->from = image;
}

void medium_read_other_page(const struct image *image, u32 block, void *page,
			    struct batch *batch)
{
	struct request *request = get(READ_PAGE, block, batch);

	request->page = page;
	request->from = image;
}

void medium_flush(struct batch *batch)
{
	get(FLUSH, 0, batch)->clock = ++clock_now;
}

void medium_discard(u32 block, u32 count, struct batch *batch)
{
	get(DISCARD, block, batch)->count = count;
}

void medium_other(struct batch *batch)
{
	get(OTHER, 0, batch);
}

int batch_wait(struct batch *batch)
{
	may_sleep();
	while (batch->pending)
		co_block(batch);
	return batch->error;
}

static void copy_sectors(struct image *image, const struct request *request,
			 u8 sectors)
{
	u8 *to = image_touch(image, request->block);
	u32 sector;

	if (request->page && sectors == ALL_SECTORS) {
		memcpy(to, request->page, LC_BLOCK_SIZE);
		return;
	}
	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++) {
		if (!(sectors >> sector & 1))
			continue;
		if (request->page)
			memcpy(to + sector * SECTOR, request->page + sector * SECTOR,
			       SECTOR);
		else
			memcpy(to + sector * SECTOR, &request->tag[sector],
			       sizeof(request->tag[sector]));
	}
}

/* What the cache has for these sectors will not come to the medium any more. */
static void supersede(u32 block, u8 sectors)
{
	u32 i;

	for (i = 0; i < medium.writes_cached; i++)
		if (cached[i]->block == block)
			cached[i]->sectors &= ~sectors;
}

static void complete_write(struct request *request, bool failed)
{
	/* Of one that fails, any part may have been written, or all of it. */
	if (failed && random_chance(70))
		request->sectors &= (u8)random_u64();
	copy_sectors(seen, request, request->sectors);
	if (request->fua && !failed) {
		supersede(request->block, request->sectors);
		copy_sectors(durable, request, request->sectors);
		put(request);
		return;
	}
	if (medium.writes_cached == REQUESTS_MAX)
		violation("more than %u writes in the cache", REQUESTS_MAX);
	request->clock = ++clock_now;
	cached[medium.writes_cached++] = request;
}

static void complete_flush(u64 begun, bool failed)
{
	bool loses = failed && random_chance(70);
	u32 i, kept = 0;

	for (i = 0; i < medium.writes_cached; i++) {
		struct request *request = cached[i];

		if (request->clock > begun || request->lost || (failed && !loses)) {
			cached[kept++] = request;
		} else if (failed) {
			request->lost = true;
			medium.lost = true;
			cached[kept++] = request;
		} else {
			copy_sectors(durable, request, request->sectors);
			put(request);
		}
	}
	medium.writes_cached = kept;
}

void medium_sync(void)
{
	complete_flush(~0ull, false);
}

/* Anything: the old content, or garbage, for good. */
static void discard_one(u32 block)
{
	u8 sectors = (u8)random_u64();
	u32 sector;

	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++) {
		if (!(sectors >> sector & 1))
			continue;
		image_put_tag(seen, block, sector, ~image_garbage(block, sector));
		image_put_tag(durable, block, sector, ~image_garbage(block, sector));
	}
	supersede(block, sectors);
}

static void complete_discard(const struct request *request)
{
	u32 i;

	for (i = 0; i < request->count; i++) {
		discard_one(request->block + i);
		medium.room += provided[request->block + i];
		provided[request->block + i] = 0;
	}
}

/* Whether a write finds no space below. */
static bool no_space(const struct request *request)
{
	if (!medium.thin || request->kind != WRITE || provided[request->block])
		return false;
	if (!medium.room) {
		medium.no_spaces++;
		return true;
	}
	medium.room--;
	provided[request->block] = 1;
	return false;
}

static void complete(struct request *request)
{
	bool beyond = request->kind != FLUSH && request->kind != OTHER &&
		      request->block >= (request->from == seen ? medium.blocks :
					 IMAGE_BLOCKS);
	bool failed = beyond || medium.fail_all ||
		      (medium.fail && (random_u64() & 0xffff) < medium.fail);
	struct batch *batch = request->batch;

	if (request->kind == FLUSH && medium.lost && !*medium.noticed)
		failed = true;
	if (failed && request->kind != DISCARD) {
		medium.failures++;
		batch->error = -EIO;
	} else if (no_space(request)) {
		if (!batch->error)
			batch->error = -ENOSPC;
		request->sectors = 0;
	}
	trace(TRACE_COMPLETE, (u64)(uintptr_t)kinds[request->kind], request->block, request->sectors, failed);
	switch (request->kind) {
	case READ_TAGS:
		image_tags(request->from, request->block, request->tags);
		break;
	case READ_PAGE:
		if (!failed)
			memcpy(request->page, image_at(request->from, request->block),
			       LC_BLOCK_SIZE);
		break;
	case WRITE:
		if (beyond)
			break;
		complete_write(request, failed);
		request = NULL;
		break;
	case FLUSH:
		complete_flush(request->clock, failed);
		break;
	case DISCARD:
		complete_discard(request);
		break;
	case OTHER:
		break;
	}
	if (request)
		put(request);
	if (--batch->pending)
		return;
	if (batch->done)
		batch->done(batch);
	else
		co_wake(batch);
}

void medium_step(void)
{
	u32 i = random_below(medium.under_way);
	struct request *request = under_way[i];

	under_way[i] = under_way[--medium.under_way];
	complete(request);
}

/* Kept, dropped or torn. */
static void survive(struct request *request, u32 keep, u32 tear)
{
	u8 sectors = 0;

	if (request->kind == DISCARD && random_chance(keep))
		complete_discard(request);
	if (request->kind != WRITE)
		return;
	if (!request->lost && request->block < medium.blocks) {
		if (tear && random_chance(tear))
			sectors = request->sectors & (u8)random_u64();
		else if (random_chance(keep))
			sectors = request->sectors;
	}
	trace(TRACE_SURVIVES, request->block, sectors, !!request->page, request->fua);
	copy_sectors(durable, request, sectors);
}

/* Makes what reads see what is durable. */
static void revert(const struct request *request)
{
	u64 tags[LC_BLOCK_SECTORS];
	u32 sector;

	if (request->kind != WRITE)
		return;
	if (request->page) {
		memcpy(image_touch(seen, request->block),
		       image_at(durable, request->block), LC_BLOCK_SIZE);
		return;
	}
	image_tags(durable, request->block, tags);
	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++)
		image_put_tag(seen, request->block, sector, tags[sector]);
}

static void shuffle(struct request **list, u32 count)
{
	for (; count > 1; count--) {
		u32 other = random_below(count);
		struct request *request = list[count - 1];

		list[count - 1] = list[other];
		list[other] = request;
	}
}

void medium_cut(void)
{
	static const u32 keep_percent[] = { 0, 10, 50, 90, 100 };
	u32 keep = keep_percent[random_below(5)];
	u32 tear = random_chance(50) ? random_below(60) : 0;
	u32 i;

	shuffle(under_way, medium.under_way);
	for (i = 0; i < medium.writes_cached; i++)
		survive(cached[i], keep, tear);
	for (i = 0; i < medium.under_way; i++)
		survive(under_way[i], keep, tear);
	for (i = 0; i < medium.writes_cached; i++)
		revert(cached[i]);
	for (i = 0; i < medium.under_way; i++)
		revert(under_way[i]);
	put_all(cached, &medium.writes_cached);
	put_all(under_way, &medium.under_way);
	medium.lost = false;
	medium.fail_all = false;
}

const struct image *medium_seen(void)
{
	return seen;
}

const void *medium_now(u32 block)
{
	return image_at(seen, block);
}

void medium_tags_now(u32 block, u64 *tags)
{
	image_tags(seen, block, tags);
}

void medium_put(u32 block, const void *page)
{
	provided[block] = 1;
	supersede(block, ALL_SECTORS);
	memcpy(image_touch(seen, block), page, LC_BLOCK_SIZE);
	memcpy(image_touch(durable, block), page, LC_BLOCK_SIZE);
}
