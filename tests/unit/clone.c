// SPDX-License-Identifier: GPL-2.0
/* A clone in use: what happens when; part.c has what happens. */

#include "clone.h"
#include "random.h"

#define PARTS_MAX 48

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
	/* LC_KICK_DIRTY asks for the tick, which lets the busy ones try again. */
	if (host_take_kick(clone->host, LC_KICK_RETRY | LC_KICK_DIRTY))
		requeue(clone, PART_BUSY);
	if (host_take_kick(clone->host, LC_KICK_SPACE))
		requeue(clone, PART_FULL);
	host_take_kick(clone->host, LC_KICK_EVENT);
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
		/* Each in its turn: none is so busy that the others starve. */
		busy = complete_one(clone);
		busy |= go_one(clone);
		busy |= round_event(clone);
		busy |= host_serve(clone->host, HOST_WORK);
		busy |= clone->host->kicks & ~LC_KICK_EVENT;
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
