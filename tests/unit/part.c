// SPDX-License-Identifier: GPL-2.0
/* The way of one part of an operation, as io.c of the target has it for a bio. */

#include <stdlib.h>
#include "clone.h"

void part_state(struct clone *clone, struct part *part, enum part_state state)
{
	part->state = state;
	list_move_tail(&part->link, &clone->part[state]);
}

void part_end(struct clone *clone, struct part *part, int error)
{
	bool durable = part->fua || part->device_fua;

	KUNIT_EXPECT_FALSE(clone->test, part->has_ticket);
	if (!error) {
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

struct part *part_new(struct clone *clone, const struct part *like)
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
		if (mutex_is_locked(&clone->host->store.load_mutex)) {
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

void part_go(struct clone *clone, struct part *part)
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

void part_io_done(struct clone *clone, struct part *part)
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
