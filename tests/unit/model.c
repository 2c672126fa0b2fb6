// SPDX-License-Identifier: GPL-2.0
/* What the blocks of a clone may read as. */

#include <stdlib.h>
#include "model.h"
#include "random.h"

#define SECTOR 512

static u64 tag_of(const struct model *model, u64 block, u32 content, u32 sector)
{
	u64 at = block * LC_BLOCK_SECTORS + sector;

	if (content == CONTENT_ZERO ||
	    (content == CONTENT_BELOW && at >= model->below))
		return 0;
	return (u64)content << 32 | (at + 1);
}

static u64 tag_in(const void *page, u32 sector)
{
	u64 tag;

	memcpy(&tag, (const u8 *)page + sector * SECTOR, sizeof(tag));
	return tag;
}

void model_page(const struct model *model, u64 block, u32 content, u8 sectors,
		void *page)
{
	u32 sector;
	u64 tag;

	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++) {
		if (!(sectors >> sector & 1))
			continue;
		tag = tag_of(model, block, content, sector);
		memcpy((u8 *)page + sector * SECTOR, &tag, sizeof(tag));
	}
}

static struct version *add(struct history *history)
{
	if (history->versions == history->room) {
		history->room = history->room ? history->room * 2 : 4;
		history->version = realloc(history->version, history->room *
					   sizeof(*history->version));
	}
	return &history->version[history->versions++];
}

static void baseline(struct model *model, struct history *history, u32 content,
		     u8 sectors)
{
	*add(history) = (struct version) {
		.content = content,
		.submitted = model->clock,
		.completed = model->clock,
		.sectors = sectors,
		.durable = true,
	};
}

static void watch(struct model *model, u64 first)
{
	u32 i;

	model->cluster[model->clusters++] = first;
	for (i = 0; i < CLUSTER_BLOCKS && first + i < model->blocks; i++) {
		struct history *history = &model->history[model->watched++];

		history->block = first + i;
		model->slot[first + i] = (u16)model->watched;
		baseline(model, history, CONTENT_BELOW, ALL_SECTORS);
	}
}

struct model *model_new(struct kunit *test, u64 clone_sectors, u64 below,
			u32 clusters)
{
	struct model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	u64 blocks = lc_blocks_of(clone_sectors);
	u64 first;

	model->test = test;
	model->blocks = blocks;
	model->below = below;
	model->clock = 1;
	model->operation = CONTENT_FIRST;
	model->cluster = calloc(clusters, sizeof(*model->cluster));
	model->history = calloc(clusters * CLUSTER_BLOCKS, sizeof(*model->history));
	model->slot = calloc(blocks, sizeof(*model->slot));
	while (clusters--) {
		/* Often next to each other, and at the ends of leaves. */
		first = random_u64() % blocks;
		if (random_chance(30))
			first = first / LC_LEAF_ENTRIES * LC_LEAF_ENTRIES;
		first = first / CLUSTER_BLOCKS * CLUSTER_BLOCKS;
		if (!model->slot[first])
			watch(model, first);
	}
	return model;
}

void model_delete(struct model *model)
{
	u32 i;

	for (i = 0; i < model->watched; i++)
		free(model->history[i].version);
	free(model->history);
	free(model->cluster);
	free(model->slot);
}

u64 model_pick(struct model *model, u32 *left)
{
	u64 first = model->cluster[random_below(model->clusters)];
	u32 length = (u32)min_t(u64, CLUSTER_BLOCKS, model->blocks - first);
	u32 skip = random_chance(40) ? 0 : random_below(length);

	*left = length - skip;
	return first + skip;
}

struct history *model_history(struct model *model, u64 block)
{
	if (block >= model->blocks || !model->slot[block])
		return NULL;
	return &model->history[model->slot[block] - 1];
}

/* Drops what @history's durable versions have made impossible. */
static void prune(struct model *model, struct history *history)
{
	struct version *at, *by;
	u32 i, k, kept = 0;

	if (history->versions < 2)
		return;
	for (i = 0; i < history->versions; i++) {
		at = &history->version[i];
		for (k = 0; at->completed && k < history->versions; k++) {
			by = &history->version[k];
			if (k != i && by->durable && by->submitted > at->completed &&
			    at->sectors & by->sectors) {
				at->sectors &= ~by->sectors;
				history->pruned = model->clock;
			}
		}
	}
	for (i = 0; i < history->versions; i++)
		if (history->version[i].sectors)
			history->version[kept++] = history->version[i];
	history->versions = kept;
}

u32 model_submit(struct model *model, u64 block, u32 count, u8 sectors, bool zero)
{
	struct history *history;
	u32 number = ++model->operation;

	model->clock++;
	for (; count--; block++) {
		history = model_history(model, block);
		if (!history)
			continue;
		*add(history) = (struct version) {
			.operation = number,
			.content = zero ? CONTENT_ZERO : number,
			.submitted = model->clock,
			.sectors = sectors,
		};
	}
	return number;
}

void model_complete(struct model *model, u32 number, u64 block, u32 count,
		    bool durable)
{
	struct history *history;
	u32 i;

	model->clock++;
	for (; count--; block++) {
		history = model_history(model, block);
		for (i = 0; history && i < history->versions; i++) {
			if (history->version[i].operation != number)
				continue;
			if (!history->version[i].completed)
				history->version[i].completed = model->clock;
			history->version[i].durable |= durable;
		}
		if (history && durable)
			prune(model, history);
	}
}

void model_flushed(struct model *model, u64 submitted)
{
	struct history *history;
	u32 i, k;

	model->clock++;
	for (i = 0; i < model->watched; i++) {
		history = &model->history[i];
		for (k = 0; k < history->versions; k++)
			if (history->version[k].completed &&
			    history->version[k].completed < submitted)
				history->version[k].durable = true;
		prune(model, history);
	}
}

static bool overtaken(const struct history *history, const struct version *at,
		      u32 sector, u64 when)
{
	const struct version *by;
	u32 i;

	for (i = 0; at->completed && i < history->versions; i++) {
		by = &history->version[i];
		if (by->sectors >> sector & 1 && by->completed &&
		    by->completed < when && by->submitted > at->completed)
			return true;
	}
	return false;
}

void model_read(struct model *model, u64 block, u64 submitted, const void *page)
{
	struct history *history = model_history(model, block);
	const struct version *at;
	bool good;
	u32 sector, i;
	u64 tag;

	if (history->pruned >= submitted)
		return;
	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++) {
		tag = tag_in(page, sector);
		good = false;
		for (i = 0; !good && i < history->versions; i++) {
			at = &history->version[i];
			good = at->sectors >> sector & 1 &&
			       tag == tag_of(model, block, at->content, sector) &&
			       !overtaken(history, at, sector, submitted);
		}
		KUNIT_EXPECT_TRUE_MSG(model->test, good,
				      "block %llu sector %u reads %#llx",
				      (unsigned long long)block, sector,
				      (unsigned long long)tag);
	}
}

static void show(struct model *model, struct history *history)
{
	u32 i;

	for (i = 0; i < history->versions; i++)
		KUNIT_FAIL(model->test, "  may be %#x of %llu to %llu, sectors %#x%s",
			   history->version[i].content,
			   (unsigned long long)history->version[i].submitted,
			   (unsigned long long)history->version[i].completed,
			   history->version[i].sectors,
			   history->version[i].durable ? ", durable" : "");
}

void model_recovered(struct model *model, u64 block, const void *page)
{
	struct history *history = model_history(model, block);
	struct history now = { .block = block };
	u32 sector, i, k;
	u64 tag;

	model->clock++;
	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++) {
		tag = tag_in(page, sector);
		for (i = 0; i < history->versions; i++)
			if (history->version[i].sectors >> sector & 1 &&
			    tag == tag_of(model, block,
					  history->version[i].content, sector))
				break;
		if (i == history->versions) {
			KUNIT_FAIL(model->test,
				   "after a crash block %llu sector %u is %#llx",
				   (unsigned long long)block, sector,
				   (unsigned long long)tag);
			show(model, history);
			continue;
		}
		for (k = 0; k < now.versions; k++)
			if (now.version[k].content == history->version[i].content)
				break;
		if (k == now.versions)
			baseline(model, &now, history->version[i].content, 0);
		now.version[k].sectors |= 1 << sector;
	}
	free(history->version);
	*history = now;
}
