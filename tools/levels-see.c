// SPDX-License-Identifier: GPL-2.0
/* What is seen of a clone through its levels. */

#include "levels.h"

struct view {
	struct levels *levels;
	unsigned int count;
	u64 limit[LC_LAYERS_MAX + 2];	/* sectors of each level that are seen, and of what is below */
};

/* Each store says how far it sees what is below it; no lower one is seen further. */
static void find_limits(struct view *view)
{
	unsigned int i;

	view->limit[0] = level_super(view->levels, 0)->clone_sectors;
	for (i = 0; i < view->count; i++) {
		const struct lc_super *super = level_super(view->levels, i);
		u64 limit = min(view->limit[i], lc_below_sectors(super));

		if (i + 1 < view->levels->count)
			limit = min(limit, level_super(view->levels, i + 1)->clone_sectors);
		view->limit[i + 1] = limit;
	}
}

u64 levels_below(const struct levels *levels, unsigned int count)
{
	struct view view = { .levels = (struct levels *)levels, .count = count };

	find_limits(&view);
	return view.limit[count];
}

/* The run of @level at or behind @sector, or NULL. */
static const struct level_run *run_at(struct level *level, u64 sector)
{
	while (level->next < level->map.count) {
		const struct level_run *run = &level->map.run[level->next];

		if ((run->first + run->count) * LC_BLOCK_SECTORS > sector)
			return run;
		level->next++;
	}
	return NULL;
}

static void take_run(const struct level_run *run, unsigned int level, u64 end,
		     struct seen *seen)
{
	u64 start = run->first * LC_BLOCK_SECTORS;

	end = min(end, (run->first + run->count) * LC_BLOCK_SECTORS);
	seen->sectors = end - seen->sector;
	seen->level = level;
	seen->type = SEEN_ZERO;
	if (run->value == LC_ENTRY_ZERO)
		return;
	seen->type = SEEN_DATA;
	seen->store_sector = (u64)run->value * LC_BLOCK_SECTORS +
			     seen->sector - start;
}

/* Finds out what is seen at @sector, and how far. */
static void look(struct view *view, u64 sector, struct seen *seen)
{
	u64 end = view->limit[0];
	unsigned int i;

	memset(seen, 0, sizeof(*seen));
	seen->sector = sector;
	for (i = 0; i <= view->count; i++) {
		const struct level_run *run;

		if (sector >= view->limit[i]) {
			seen->type = SEEN_BEYOND;
			break;
		}
		end = min(end, view->limit[i]);
		seen->type = SEEN_BELOW;
		if (i == view->count)
			break;
		run = run_at(&view->levels->level[i], sector);
		if (run && run->first * LC_BLOCK_SECTORS <= sector) {
			take_run(run, i, end, seen);
			return;
		}
		if (run)
			end = min(end, run->first * LC_BLOCK_SECTORS);
	}
	seen->sectors = end - sector;
}

/* Whether @more goes on where @seen ends. */
static bool join(struct seen *seen, const struct seen *more)
{
	if (seen->type != more->type || seen->level != more->level)
		return false;
	if (seen->type == SEEN_DATA &&
	    seen->store_sector + seen->sectors != more->store_sector)
		return false;
	seen->sectors += more->sectors;
	return true;
}

int levels_see(struct levels *levels, unsigned int count,
	       int (*run)(void *ctx, const struct seen *seen), void *ctx)
{
	struct view view = { .levels = levels, .count = count };
	struct seen seen = { 0 }, next;
	u64 at;
	int error = 0;
	unsigned int i;

	find_limits(&view);
	for (i = 0; i < count; i++)
		levels->level[i].next = 0;
	for (at = 0; at < view.limit[0] && !error; at += next.sectors) {
		look(&view, at, &next);
		if (seen.sectors && join(&seen, &next))
			continue;
		if (seen.sectors)
			error = run(ctx, &seen);
		seen = next;
	}
	return error || !seen.sectors ? error : run(ctx, &seen);
}
