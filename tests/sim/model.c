// SPDX-License-Identifier: GPL-2.0
/* What the sectors of the clone may read as. */

#include <stdio.h>
#include <stdlib.h>
#include "model.h"
#include "random.h"
#include "report.h"

#define WATCHED_MAX	4096
#define CLONE_BLOCKS	(400u << 10)

struct model model;

static u16 *slot;		/* by block: index + 1 of its history, 0 for none */
static u64 cluster[WATCHED_MAX];
static u64 salt;		/* no world's tags are another's */

u64 model_tag(u32 content, u64 sector)
{
	if (content == CONTENT_ZERO ||
	    (content == CONTENT_BELOW && sector >= model.below))
		return 0;
	return ((u64)content << 32 | (sector + 1)) ^ salt;
}

u64 model_origin(u64 sector)
{
	if (sector >= model.origin)
		violation("sector %llu of the origin is read, which has %llu",
			  (unsigned long long)sector, (unsigned long long)model.origin);
	return ((u64)CONTENT_BELOW << 32 | (sector + 1)) ^ salt;
}

static u64 tag_at(const struct history *history, u32 content, u32 sector)
{
	return model_tag(content, history->block * LC_BLOCK_SECTORS + sector);
}

void model_new(u64 sectors, u64 below, u64 origin)
{
	u32 i;

	if (!slot) {
		slot = calloc(CLONE_BLOCKS, sizeof(*slot));
		model.history = calloc(WATCHED_MAX, sizeof(*model.history));
	}
	for (i = 0; i < model.watched; i++)
		slot[model.history[i].block] = 0;
	if (lc_blocks_of(sectors) > CLONE_BLOCKS)
		abort();
	model.sectors = sectors;
	model.below = below;
	model.origin = origin;
	model.used = false;
	model.clock = 1;
	model.operation = CONTENT_FIRST;
	model.flushed = 0;
	model.clusters = 0;
	model.watched = 0;
	salt = random_u64() | 1ull << 62;
}

static void baseline(struct history *history, u32 content, u8 sectors)
{
	history->version[history->versions++] = (struct version) {
		.content = content,
		.submitted = model.clock,
		.ended = model.clock,
		.sectors = sectors,
		.good = true,
		.fua = true,
	};
}

static void watch_block(u64 block)
{
	struct history *history = &model.history[model.watched++];

	history->block = block;
	history->frozen = CONTENT_BELOW;
	history->pruned = 0;
	history->versions = 0;
	history->touched = true;
	slot[block] = (u16)model.watched;
	baseline(history, CONTENT_BELOW, ALL_SECTORS);
	if (model.used)
		baseline(history, CONTENT_ZERO, ALL_SECTORS);
}

void model_watch(u64 block, u32 most)
{
	u64 first = block - block % CLUSTER_BLOCKS;
	u64 end = min(first + CLUSTER_BLOCKS, lc_blocks_of(model.sectors));

	if (model.watched + CLUSTER_BLOCKS > most || slot[first])
		return;
	cluster[model.clusters++] = first;
	for (; first < end; first++)
		watch_block(first);
}

u64 model_cluster(u32 i, u32 *count)
{
	u64 blocks = lc_blocks_of(model.sectors);

	*count = cluster[i] >= blocks ? 0 :
		 (u32)min_t(u64, CLUSTER_BLOCKS, blocks - cluster[i]);
	return cluster[i];
}

u64 model_pick(u32 *left)
{
	u32 length = 0, skip;
	u64 first = 0;

	while (!length)
		first = model_cluster(random_below(model.clusters), &length);
	skip = random_chance(50) ? 0 : random_below(length);
	*left = length - skip;
	return first + skip;
}

bool model_watches(u64 block)
{
	return slot[block];
}

/* The sectors of @block from @sector on, @count of them at most. */
static u8 sectors_of(u64 block, u64 sector, u64 count)
{
	u64 begin = block * LC_BLOCK_SECTORS;
	u32 from = sector > begin ? (u32)(sector - begin) : 0;
	u32 to = (u32)min_t(u64, LC_BLOCK_SECTORS, sector + count - begin);

	return (u8)((ALL_SECTORS << from) & (ALL_SECTORS >> (LC_BLOCK_SECTORS - to)));
}

static bool durable(const struct version *version)
{
	return version->good && (version->fua || version->ended < model.flushed);
}

/* Whether a durable version of @sector came after @at had ended. */
static bool overtaken_for_good(const struct history *history,
			       const struct version *at, u32 sector)
{
	const struct version *by;
	u32 i;

	for (i = 0; at->ended && i < history->versions; i++) {
		by = &history->version[i];
		if (by->sectors >> sector & 1 && by->submitted > at->ended &&
		    durable(by))
			return true;
	}
	return false;
}

/* Makes room: drops sectors of versions that are impossible for good. */
static void prune(struct history *history)
{
	u32 i, sector, kept = 0;
	u8 gone[VERSIONS_MAX];

	for (i = 0; i < history->versions; i++) {
		gone[i] = 0;
		for (sector = 0; sector < LC_BLOCK_SECTORS; sector++)
			if (overtaken_for_good(history, &history->version[i], sector))
				gone[i] |= 1 << sector;
	}
	for (i = 0; i < history->versions; i++) {
		history->version[i].sectors &= ~gone[i];
		if (history->version[i].sectors)
			history->version[kept++] = history->version[i];
	}
	history->versions = kept;
	history->pruned = model.clock;
}

/* The sectors of it that are beyond the end, for good. */
static void cut_off(struct history *history)
{
	u64 begin = history->block * LC_BLOCK_SECTORS;
	u32 i, kept = 0;
	u8 gone;

	if (begin + LC_BLOCK_SECTORS <= model.sectors)
		return;
	gone = begin >= model.sectors ? ALL_SECTORS :
	       (u8)(ALL_SECTORS << (model.sectors - begin));
	for (i = 0; i < history->versions; i++) {
		history->version[i].sectors &= ~gone;
		if (history->version[i].sectors)
			history->version[kept++] = history->version[i];
	}
	history->versions = kept;
	if (kept >= VERSIONS_MAX)
		prune(history);
	history->touched = true;
	if (history->versions <= VERSIONS_MAX) {
		baseline(history, CONTENT_ZERO, gone);
		return;
	}
	/* An earlier cut has left one; no other has these sectors, so its age does not matter. */
	for (i = 0; i < history->versions; i++)
		if (history->version[i].content == CONTENT_ZERO && durable(&history->version[i]))
			break;
	if (i == history->versions)
		abort();
	history->version[i].sectors |= gone;
}

/* The end of what was the last cluster, and some that are new. */
static void watch_new(u64 blocks, u32 most)
{
	u64 now = lc_blocks_of(model.sectors);
	u32 i;

	for (i = 0; i < model.clusters; i++) {
		u64 block = max(cluster[i], blocks);
		u64 end = min(cluster[i] + CLUSTER_BLOCKS, now);

		for (; block < end; block++)
			if (!slot[block])
				watch_block(block);
	}
	model_watch(now - 1, most);
	for (i = random_below(4); now > blocks && i--;)
		model_watch(blocks + random_u64() % (now - blocks), most);
}

void model_resize(u64 sectors, u32 most)
{
	u64 before = model.sectors;
	u32 i;

	if (sectors == before)
		return;
	model.sectors = sectors;
	if (sectors > before) {
		watch_new(lc_blocks_of(before), most);
		return;
	}
	/* Something of what is left has to be watched. */
	for (i = 0; i < model.clusters; i++)
		if (cluster[i] < lc_blocks_of(sectors))
			return;
	model_watch(0, model.watched + CLUSTER_BLOCKS);
}

void model_cut(void)
{
	u32 i;

	model.below = min(model.below, model.sectors);
	for (i = 0; i < model.watched; i++)
		cut_off(&model.history[i]);
}

static bool has_room(u64 first, u64 last)
{
	struct history *history;

	for (; first <= last; first++) {
		if (!slot[first])
			continue;
		history = &model.history[slot[first] - 1];
		if (history->versions < VERSIONS_MAX)
			continue;
		prune(history);
		if (history->versions >= VERSIONS_MAX)
			return false;
	}
	return true;
}

u32 model_submit(u64 sector, u64 count, u32 content)
{
	u64 block = sector / LC_BLOCK_SECTORS;
	u64 last = (sector + count - 1) / LC_BLOCK_SECTORS;
	struct history *history;

	if (!has_room(block, last))
		return 0;
	model.clock++;
	model.operation++;
	for (; block <= last; block++) {
		if (!slot[block])
			continue;
		history = &model.history[slot[block] - 1];
		history->touched = true;
		history->version[history->versions++] = (struct version) {
			.operation = model.operation,
			.content = content == CONTENT_OWN ? model.operation : content,
			.submitted = model.clock,
			.sectors = sectors_of(block, sector, count),
		};
	}
	return model.operation;
}

void model_end(u32 operation, u64 sector, u64 count, bool good, bool fua)
{
	u64 block = sector / LC_BLOCK_SECTORS;
	u64 last = (sector + count - 1) / LC_BLOCK_SECTORS;
	struct history *history;
	u32 i;

	model.clock++;
	for (; block <= last; block++) {
		if (!slot[block])
			continue;
		history = &model.history[slot[block] - 1];
		for (i = 0; i < history->versions; i++) {
			struct version *version = &history->version[i];

			if (version->operation != operation)
				continue;
			version->ended = model.clock;
			version->good = good;
			version->fua = good && fua;
		}
	}
}

void model_flushed(u32 submitted)
{
	model.flushed = max(model.flushed, submitted);
	model.clock++;
}

void model_frozen(void)
{
	struct history *history;
	u32 i, j;

	for (i = 0; i < model.watched; i++) {
		const struct version *last = NULL;

		history = &model.history[i];
		for (j = 0; j < history->versions; j++)
			if (!last || history->version[j].submitted >= last->submitted)
				last = &history->version[j];
		if (last)
			history->frozen = last->content;
	}
	/* P7: all that had ended when the clone was suspended. */
	model_flushed(++model.clock);
}

u32 model_below(u64 block)
{
	return slot[block] ? model.history[slot[block] - 1].frozen : CONTENT_BELOW;
}

/* Who wrote a tag: for people. */
static const char *whose(u64 tag)
{
	static char text[120];
	u64 plain = tag ^ salt;

	if (!tag)
		return "zeros";
	if (plain >> 32 <= model.operation && (u32)plain - 1 < model.sectors)
		snprintf(text, sizeof(text), "content %u of block %u sector %u",
			 (u32)(plain >> 32), ((u32)plain - 1) / LC_BLOCK_SECTORS,
			 ((u32)plain - 1) % LC_BLOCK_SECTORS);
	else
		snprintf(text, sizeof(text), "%#llx, which nobody wrote here",
			 (unsigned long long)tag);
	return text;
}

__attribute__((noreturn))
static void wrong(const struct history *history, u32 sector, u64 tag,
		  const char *when)
{
	char list[2000];
	size_t length = 0;
	u32 i;

	for (i = 0; i < history->versions; i++) {
		const struct version *version = &history->version[i];

		length += (size_t)snprintf(list + length, sizeof(list) - length,
				"\n  content %u, sectors %#x, submitted %u, ended %u%s%s",
				version->content, version->sectors, version->submitted,
				version->ended,
				version->ended && !version->good ? ", failed" : "",
				durable(version) ? ", durable" : "");
	}
	violation("block %llu sector %u reads as %s %s; its history (content 0: zeros, 1: the origin's):%s",
		  (unsigned long long)history->block, sector, whose(tag), when, list);
}

static bool may_read(const struct history *history, const struct version *at,
		     u32 sector, u32 submitted)
{
	const struct version *by;
	u32 i;

	for (i = 0; at->ended && i < history->versions; i++) {
		by = &history->version[i];
		if (by->sectors >> sector & 1 && by->good &&
		    by->ended < submitted && by->submitted > at->ended)
			return false;
	}
	return true;
}

void model_read(u64 block, u8 sectors, u32 submitted, const u64 *tags)
{
	const struct history *history = &model.history[slot[block] - 1];
	const struct version *at;
	u32 sector, i;

	if (!slot[block] || history->pruned >= submitted)
		return;
	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++) {
		if (!(sectors >> sector & 1))
			continue;
		for (i = history->versions; i-- > 0;) {
			at = &history->version[i];
			if (at->sectors >> sector & 1 &&
			    tags[sector] == tag_at(history, at->content, sector) &&
			    may_read(history, at, sector, submitted))
				break;
		}
		if (i == ~0u)
			wrong(history, sector, tags[sector], "in use");
	}
}

/* The content that sector @sector has after a cut. */
static u32 content_of(const struct history *history, u32 sector, u64 tag)
{
	const struct version *at;
	u32 i;

	for (i = history->versions; i-- > 0;) {
		at = &history->version[i];
		if (at->sectors >> sector & 1 &&
		    tag == tag_at(history, at->content, sector) &&
		    !overtaken_for_good(history, at, sector))
			return at->content;
	}
	wrong(history, sector, tag, "after recovery");
}

void model_recovered(struct history *history, const u64 *tags)
{
	u64 left = model.sectors - history->block * LC_BLOCK_SECTORS;
	u32 sectors = (u32)min_t(u64, left, LC_BLOCK_SECTORS);
	u32 content[LC_BLOCK_SECTORS];
	u32 sector, i;

	for (sector = 0; sector < sectors; sector++)
		content[sector] = content_of(history, sector, tags[sector]);
	if (!history->touched)
		return;
	history->versions = 0;
	history->pruned = 0;
	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++) {
		u32 now = sector < sectors ? content[sector] : CONTENT_BELOW;

		for (i = 0; i < history->versions; i++)
			if (history->version[i].content == now)
				break;
		if (i == history->versions)
			baseline(history, now, 0);
		history->version[i].sectors |= 1 << sector;
	}
	history->touched = false;
}

void model_restart(void)
{
	model.clock++;
	model.flushed = 0;
	model.used = true;
}
