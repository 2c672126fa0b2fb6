// SPDX-License-Identifier: GPL-2.0
/* A clone in use: the way of each part of an operation. */

#include <stdlib.h>
#include "clone.h"
#include "random.h"

#define PARTS_MAX 48

static void part_state(struct clone *clone, struct part *part,
		       enum part_state state)
{
	part->state = state;
	list_move_tail(&part->link, &clone->part[state]);
}

static void part_end(struct clone *clone, struct part *part, int error)
{
	bool durable = part->fua || part->device_fua;

	KUNIT_EXPECT_FALSE(clone->test, part->has_ticket);
	if (!error) {
		clone->done++;
		if (part->kind == PART_FLUSH)
			model_flushed(clone->model, part->submitted);
		else if (part->kind != PART_READ)
			model_complete(clone->model, part->operation, part->block,
				       part->count, durable);
	}
	list_del_init(&part->link);
	clone->parts--;
	free(part);
}

static void answered(struct host *host, struct host_wait *wait)
{
	part_end(host->owner, container_of(wait, struct part, wait), wait->error);
}

static struct part *part_new(struct clone *clone, const struct part *like)
{
	struct part *part = malloc(sizeof(*part));

	KUNIT_ASSERT_NOT_NULL(clone->test, part);
	*part = *like;
	INIT_LIST_HEAD(&part->link);
	part->wait.done = answered;
	part_state(clone, part, PART_READY);
	clone->parts++;
	return part;
}

/* Keeps the first @count blocks; the rest starts as a part of its own. */
static void part_split(struct clone *clone, struct part *part, u32 count)
{
	struct part *rest;

	if (count >= part->count)
		return;
	rest = part_new(clone, part);
	rest->block += count;
	rest->count -= count;
	part->count = count;
}

/* Done but for the round that FUA asks for. */
static void part_written(struct clone *clone, struct part *part)
{
	if (!part->fua || part->device_fua) {
		part_end(clone, part, 0);
		return;
	}
	/* It has completed for the model only when the round has. */
	part_state(clone, part, PART_ROUND);
	lc_round_wait_later(&clone->host->store, &part->wait.core);
}

static void submit_data(struct clone *clone, struct part *part, u32 store,
			const u8 *under)
{
	u8 page[LC_BLOCK_SIZE];
	u32 i;

	part_state(clone, part, PART_IO);
	part->entered = ++clone->entered;
	for (i = 0; i < part->count; i++) {
		if (under)
			memcpy(page, under, LC_BLOCK_SIZE);
		else
			memset(page, 0, LC_BLOCK_SIZE);
		model_page(clone->model, part->block + i, part->operation,
			   part->sectors, page);
		part->io[i] = disk_submit(clone->host->disk, store + i, page,
					  part->device_fua);
	}
}

static void overwrite(struct clone *clone, struct part *part)
{
	u32 i;

	part_split(clone, part, (u32)part->extent.count);
	part->device_fua = part->fua && part->extent.durable;
	submit_data(clone, part, part->extent.store, NULL);
	for (i = 0; i < part->count; i++)
		part->io[i]->sectors = part->sectors;
}

/* Returns true when it has to look up again. */
static bool part_taken(struct clone *clone, struct part *part, enum lc_take take)
{
	switch (take) {
	case LC_CHANGED:
		return true;
	case LC_LOAD:
		if (clone->host->store.load_mutex.held) {
			part_state(clone, part, PART_BUSY);
			clone->host->kicks |= LC_KICK_RETRY;
			return false;
		}
		if (!lc_map_load(&clone->host->store, part->block))
			return true;
		part_end(clone, part, -EIO);
		return false;
	case LC_BUSY:
		part_state(clone, part, PART_BUSY);
		return false;
	case LC_FULL:
		clone->full++;
		if (clone->error_if_no_space)
			part_end(clone, part, -ENOSPC);
		else
			part_state(clone, part, PART_FULL);
		return false;
	default:
		part_end(clone, part, -EIO);
		return false;
	}
}

static bool first_write(struct clone *clone, struct part *part)
{
	u8 under[LC_BLOCK_SIZE];
	enum lc_take take;
	u32 below;

	take = lc_ticket_take(&clone->host->store, part->block, part->count,
			      &part->ticket);
	if (take != LC_TAKEN)
		return part_taken(clone, part, take);
	part->device_fua = false;
	part_split(clone, part, part->ticket.count);
	part->has_ticket = true;
	if (part->sectors == ALL_SECTORS) {
		submit_data(clone, part, part->ticket.store, NULL);
		return false;
	}
	memset(under, 0, sizeof(under));
	below = part->ticket.expected == LC_ENTRY_ZERO ? CONTENT_ZERO : CONTENT_BELOW;
	model_page(clone->model, part->block, below, ALL_SECTORS, under);
	submit_data(clone, part, part->ticket.store, under);
	return false;
}

static bool zero(struct clone *clone, struct part *part)
{
	u64 count = part->count;
	enum lc_take take = lc_zero(&clone->host->store, part->block, &count);

	if (take != LC_TAKEN)
		return part_taken(clone, part, take);
	part_split(clone, part, (u32)count);
	part_written(clone, part);
	return false;
}

static void begin_read(struct clone *clone, struct part *part)
{
	part_split(clone, part, (u32)part->extent.count);
	part_state(clone, part, PART_IO);
	part->entered = ++clone->entered;
}

/* The way of a bio, from the lookup on.  Returns true to look up again. */
static bool part_map(struct clone *clone, struct part *part)
{
	struct lc_store *store = &clone->host->store;

	if (part->kind == PART_FLUSH) {
		part_state(clone, part, PART_ROUND);
		lc_round_wait(store, &part->wait.core);
		return false;
	}
	if (part->kind != PART_READ && lc_failed(store)) {
		part_end(clone, part, -EIO);
		return false;
	}
	if (part->kind == PART_ZERO)
		return zero(clone, part);
	lc_lookup(store, part->block, part->count, &part->extent);
	KUNIT_EXPECT_GE(clone->test, part->extent.count, 1u);
	KUNIT_EXPECT_LE(clone->test, part->extent.count, part->count);
	if (part->extent.kind == LC_UNLOADED)
		return part_taken(clone, part, LC_LOAD);
	if (part->kind == PART_READ) {
		begin_read(clone, part);
		return false;
	}
	if (part->extent.kind != LC_DATA)
		return first_write(clone, part);
	overwrite(clone, part);
	return false;
}

static void part_go(struct clone *clone, struct part *part)
{
	part_state(clone, part, PART_MAPPING);
	while (part_map(clone, part))
		;
}

static void end_read(struct clone *clone, struct part *part)
{
	u8 page[LC_BLOCK_SIZE];
	u32 i;

	for (i = 0; i < part->count; i++) {
		memset(page, 0, sizeof(page));
		if (part->extent.kind == LC_BELOW)
			model_page(clone->model, part->block + i, CONTENT_BELOW,
				   ALL_SECTORS, page);
		else if (part->extent.kind == LC_DATA &&
			 disk_read(clone->host->disk, part->extent.store + i, page))
			break;
		model_read(clone->model, part->block + i, part->submitted, page);
	}
	part_end(clone, part, 0);
}

static void part_io_done(struct clone *clone, struct part *part)
{
	struct host *host = clone->host;
	int error = 0;
	u32 i;

	if (part->kind == PART_READ) {
		end_read(clone, part);
		return;
	}
	for (i = 0; i < part->count; i++)
		if (disk_complete(host->disk, part->io[i]))
			error = -EIO;
	if (!part->has_ticket) {
		if (error)
			part_end(clone, part, error);
		else
			part_written(clone, part);
		return;
	}
	part->has_ticket = false;
	if (error) {
		lc_ticket_abort(&host->store, &part->ticket);
		part_end(clone, part, error);
	} else if (lc_ticket_publish(&host->store, &part->ticket)) {
		part_written(clone, part);
	} else {
		part_state(clone, part, PART_READY);
	}
}

static struct part *any(struct list_head *list)
{
	struct part *part, *choice = NULL;
	u32 seen = 0;

	list_for_each_entry(part, list, link)
		if (!random_below(++seen))
			choice = part;
	return choice;
}

static bool complete_one(struct clone *clone)
{
	struct part *part = any(&clone->part[PART_IO]);

	if (part)
		part_io_done(clone, part);
	return part;
}

static void requeue(struct clone *clone, enum part_state from)
{
	while (!list_empty(&clone->part[from]))
		part_state(clone, list_first_entry(&clone->part[from],
						   struct part, link), PART_READY);
}

static bool go_one(struct clone *clone)
{
	struct part *part = any(&clone->part[PART_READY]);

	if (part)
		part_go(clone, part);
	return part;
}

static void begin(struct clone *clone, struct part *like)
{
	struct model *model = clone->model;

	if (like->kind == PART_WRITE || like->kind == PART_ZERO)
		like->operation = model_submit(model, like->block, like->count,
					       like->sectors,
					       like->kind == PART_ZERO);
	like->submitted = ++model->clock;
	part_go(clone, part_new(clone, like));
}

void clone_begin(struct clone *clone)
{
	struct part part = { .sectors = ALL_SECTORS };
	u32 what = random_below(100);
	u32 left;

	part.block = model_pick(clone->model, &left);
	part.count = random_chance(50) ? 1 : 1 + random_below(left);
	part.fua = random_chance(10);
	part.kind = what < 15 ? PART_READ : what < 75 ? PART_WRITE :
		    what < 90 ? PART_ZERO : PART_FLUSH;
	if (part.kind == PART_READ || part.kind == PART_FLUSH)
		part.fua = false;
	if (part.kind == PART_WRITE && random_chance(20)) {
		part.count = 1;
		part.sectors = (u8)(1 + random_below(255));
	}
	if (part.kind == PART_ZERO && random_chance(10)) {
		/* To the end of the leaf, or all of it. */
		if (random_chance(50))
			part.block -= lc_leaf_slot(part.block);
		part.count = (u32)min_t(u64, clone->model->blocks - part.block,
					LC_LEAF_ENTRIES - lc_leaf_slot(part.block));
	}
	begin(clone, &part);
}

static void timer(struct clone *clone)
{
	struct lc_store *store = &clone->host->store;

	if (random_chance(50))
		lc_round_run(store, lc_round_wanted(store));
	else
		lc_map_evict(store, 1 + random_below(8));
}

static bool round_event(struct clone *clone)
{
	struct host *host = clone->host;

	if (host->step) {
		host->step = false;
		lc_round_step(&host->store);
		return true;
	}
	return host_round_io(host);
}

/* Kicks that are answered here, and not by the host. */
static void wake(struct clone *clone)
{
	if (host_take_kick(clone->host, LC_KICK_RETRY))
		requeue(clone, PART_BUSY);
	if (host_take_kick(clone->host, LC_KICK_SPACE))
		requeue(clone, PART_FULL);
	host_take_kick(clone->host, LC_KICK_EVENT | LC_KICK_DIRTY);
}

void clone_event(struct clone *clone)
{
	u32 what = random_below(100);

	clone->depth++;
	if (what < 30 && clone->parts < PARTS_MAX)
		clone_begin(clone);
	else if (what < 60)
		complete_one(clone);
	else if (what < 75)
		round_event(clone);
	else if (what < 83)
		go_one(clone);
	else if (what < 92)
		host_serve(clone->host, HOST_WORK);
	else if (what < 96)
		wake(clone);
	else if (what < 99)
		timer(clone);
	else
		clone->host->kicks |= LC_KICK_CHECKPOINT;
	clone->depth--;
}

void clone_settle(struct clone *clone)
{
	bool busy = true;

	while (busy) {
		wake(clone);
		busy = complete_one(clone) || go_one(clone) || round_event(clone) ||
		       host_serve(clone->host, HOST_WORK) ||
		       clone->host->kicks & (LC_KICK_RETRY | LC_KICK_SPACE);
	}
}

/* Other things happen where the core sleeps. */
static void paused(struct host *host)
{
	struct clone *clone = host->owner;
	u32 events = random_below(4);

	if (clone->depth > 2 || !clone->active)
		return;
	while (events--)
		clone_event(clone);
}

/* What had entered before the drain has to leave. */
static void drained(struct host *host)
{
	struct clone *clone = host->owner;
	u64 before = clone->entered;
	struct part *part;
	bool found;

	do {
		found = false;
		list_for_each_entry(part, &clone->part[PART_IO], link) {
			if (part->entered > before)
				continue;
			found = true;
			part_io_done(clone, part);
			break;
		}
	} while (found);
}

struct clone *clone_new(struct kunit *test, const struct host_format *format,
			u32 clusters)
{
	struct clone *clone = kunit_kzalloc(test, sizeof(*clone), GFP_KERNEL);
	struct host *host = host_new(test, format);
	unsigned int state;

	clone->test = test;
	clone->host = host;
	for (state = 0; state < PART_STATES; state++)
		INIT_LIST_HEAD(&clone->part[state]);
	clone->model = model_new(test, format->clone_sectors,
				 lc_below_sectors(&host->super), clusters);
	host->owner = clone;
	host->pause = paused;
	host->drain = drained;
	return clone;
}

void clone_delete(struct clone *clone)
{
	host_delete(clone->host);
	model_delete(clone->model);
}

int clone_open(struct clone *clone)
{
	return host_open(clone->host, false);
}

void clone_crash(struct clone *clone)
{
	unsigned int state;

	clone->active = false;
	disk_cut(clone->host->disk);
	while (!list_empty(&clone->part[PART_IO]))
		part_io_done(clone, list_first_entry(&clone->part[PART_IO],
						     struct part, link));
	for (state = 0; state < PART_STATES; state++)
		while (state != PART_ROUND && !list_empty(&clone->part[state]))
			part_end(clone, list_first_entry(&clone->part[state],
							 struct part, link), -EIO);
	host_drop(clone->host);
	KUNIT_ASSERT_TRUE(clone->test, list_empty(&clone->part[PART_ROUND]));
}

void clone_verify(struct clone *clone)
{
	struct model *model = clone->model;
	struct lc_extent extent;
	u8 page[LC_BLOCK_SIZE];
	u32 i;

	for (i = 0; i < model->watched; i++) {
		u64 block = model->history[i].block;

		host_lookup(clone->host, block, &extent);
		memset(page, 0, sizeof(page));
		if (extent.kind == LC_BELOW)
			model_page(model, block, CONTENT_BELOW, ALL_SECTORS, page);
		else if (extent.kind == LC_DATA)
			KUNIT_EXPECT_EQ(clone->test,
					disk_read(clone->host->disk,
						  extent.store, page), 0);
		model_recovered(model, block, page);
	}
}
