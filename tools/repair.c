// SPDX-License-Identifier: GPL-2.0
/*
 * Repair of an inactive store.
 *
 * The map is put together three times: to see which store blocks it names, to
 * tell what is lost, and to write it.  New pages go to blocks that neither the
 * old tree nor the map uses; the result is checked where it lies; only then the
 * superblock names it.  A repair that is cut short has changed nothing.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "check.h"
#include "output.h"
#include "owner.h"
#include "probe.h"
#include "repair-map.h"

struct repair {
	struct store_file store;
	const struct repair_request *request;
	struct repair_report *report;
	bool header_lost;
	struct journal_contents journal;
	struct journal_contents older_journal;
	struct repair_map map;
};

void repair_note(struct repair_report *report, u64 first, u64 count,
		 u64 data_blocks, const char *why)
{
	struct repair_range *last = report->ranges &&
		report->ranges <= REPAIR_RANGES_MAX ?
		&report->range[report->ranges - 1] : NULL;

	report->lost_blocks += count;
	if (last && last->first + last->count == first && last->why == why) {
		last->count += count;
		last->data_blocks += data_blocks;
		return;
	}
	if (report->ranges++ >= REPAIR_RANGES_MAX)
		return;
	if (report->ranges > report->ranges_room) {
		report->ranges_room = 2 * report->ranges;
		report->range = must_realloc(report->range,
			report->ranges_room * sizeof(*report->range));
	}
	report->range[report->ranges - 1] = (struct repair_range) {
		first, count, data_blocks, why
	};
}

void repair_free(struct repair_report *report)
{
	free(report->range);
	free(report->refusal);
	free(report->hint);
	memset(report, 0, sizeof(*report));
}

__attribute__((format(printf, 3, 4)))
static int refuse(struct repair *repair, const char *hint, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	if (vasprintf(&repair->report->refusal, why, args) < 0)
		repair->report->refusal = must_strdup(why);
	va_end(args);
	repair->report->hint = hint ? must_strdup(hint) : NULL;
	repair->report->outcome = REPAIR_REFUSED;
	return 0;
}

/* Whether the older copy, with the journal from its replay point, says the same. */
static bool older_counts(struct repair *repair, const struct lc_super *super,
			 const struct lc_super *older)
{
	struct journal_contents *journal = &repair->older_journal;

	if (repair->store.super_fault[0] || repair->store.super_fault[1] ||
	    repair->journal.damage || older->generation + 1 != super->generation ||
	    memcmp(&older->layout, &super->layout, sizeof(super->layout)) ||
	    older->clone_sectors != super->clone_sectors ||
	    older->root_level != super->root_level)
		return false;
	if (journal_read(&repair->store, older, journal) || journal->damage)
		return false;
	/* Either the chain goes on, or an activation began a new one right there. */
	if (older->epoch == super->epoch)
		return journal->end.sequence == repair->journal.end.sequence &&
		       journal->end.sequence >= super->replay_sequence;
	return older->epoch + 1 == super->epoch && !repair->journal.groups &&
	       journal->end.sequence == super->replay_sequence;
}

/* What there is after the repair, but for the tree. */
static int next_super(struct repair *repair, struct lc_super *super)
{
	const struct store_file *store = &repair->store;
	const struct journal_contents *journal = &repair->journal;
	u64 sequence = max(journal->end.sequence, journal->last_sequence + 1);
	unsigned int copy;

	*super = *store_super(store);
	for (copy = 0; copy < 2; copy++)
		if (!store->super_fault[copy])
			super->generation = max(super->generation,
						store->super[copy].generation);
	if (super->generation == ~0ull || super->epoch == ~0ull || !sequence)
		return -ERANGE;
	super->generation++;
	super->epoch++;
	super->replay_sequence = sequence;
	super->replay_block = journal->end.block;
	super->replay_csum = 0;
	super->owner_epoch = 0;
	memset(super->owner_boot, 0, sizeof(super->owner_boot));
	memset(super->owner_host, 0, sizeof(super->owner_host));
	super->high_water = repair->map.high_water;
	return 0;
}

static int pass(struct repair *repair, enum repair_pass pass,
		struct lc_super *super)
{
	struct repair_map *map = &repair->map;
	struct tree_build build = {
		.store = &repair->store,
		.source = &repair_source,
		.ctx = map,
		.used = pass == REPAIR_COLLECT ? NULL : map->avoid,
		.write = pass == REPAIR_BUILD,
		.super = super,
	};
	int error = next_super(repair, super);

	map->pass = pass;
	if (!error)
		error = tree_build(&build);
	repair->report->new_pages = build.new_pages;
	return error;
}

/* The blocks that must stay as they are until the superblock is written. */
static void avoid_data(struct repair_map *map)
{
	size_t words = BITS_TO_LONGS((size_t)map->super->layout.store_blocks);
	size_t i;

	for (i = 0; i < words; i++)
		map->avoid[i] |= map->data[i] | map->page[i];
}

static int refuse_errno(struct repair *repair, int error)
{
	if (error == -ENOSPC)
		return refuse(repair, "extend the device a little, or dump the store and restore it elsewhere",
			      "has no room for the pages that would have to be written");
	if (error == -ERANGE)
		return refuse(repair, NULL, "has counters that have come to their end");
	if (error == -ECANCELED)
		return refuse(repair, NULL, "maps more blocks than it has");
	report_errno(repair->store.path, error, "cannot be written");
	return error;
}

/* What the user has to decide comes before anything is written. */
static bool undecided(struct repair *repair)
{
	const struct repair_request *request = repair->request;
	struct repair_report *report = repair->report;

	if (report->journal_damage && !request->cut_journal) {
		refuse(repair, "--cut-journal gives up what lies behind the damage; see lclone-repair(8) for what that means",
		       "has lost durable changes of its journal");
		return true;
	}
	if (report->ranges && request->lost == REPAIR_LOST_REFUSE) {
		refuse(repair, "--lost=zero or --lost=origin says what they are to read as",
		       "has lost what %zu ranges of the clone held",
		       report->ranges);
		return true;
	}
	return false;
}

/* Writes the pages, looks at the result, and makes it the store. */
static int commit(struct repair *repair)
{
	struct check_report after;
	struct lc_super super;
	int error = pass(repair, REPAIR_BUILD, &super);

	if (!error)
		error = store_sync(&repair->store);
	if (error)
		return refuse_errno(repair, error);
	error = check_super(&repair->store, &super, &after);
	if (!error && after.findings)
		refuse(repair, NULL, "would not be whole after it: %s",
		       after.finding[0].text);
	check_free(&after);
	if (error || repair->report->refusal)
		return error;
	error = store_write_supers(&repair->store, &super);
	if (!error)
		repair->report->outcome = REPAIR_DONE;
	return error;
}

static void note_journal(struct repair *repair)
{
	const struct journal_contents *journal = &repair->journal;
	struct repair_report *report = repair->report;

	report->groups = journal->groups;
	report->journal_damage = journal->damage;
	report->journal_block = journal->damage_block;
	report->journal_sequence = journal->end.sequence;
	report->journal_later = journal->later_blocks;
}

/* The tree or the journal is damaged: a new tree. */
static int repair_tree(struct repair *repair)
{
	const struct lc_super *super = store_super(&repair->store);
	const struct lc_super *older =
		&repair->store.super[!repair->store.newest];
	struct repair_map *map = &repair->map;
	struct lc_super next;
	int error = journal_read(&repair->store, super, &repair->journal);

	if (error)
		return refuse(repair, NULL, "has a journal that cannot be read");
	note_journal(repair);
	map->store = &repair->store;
	map->super = super;
	map->journal = &repair->journal;
	if (older_counts(repair, super, older)) {
		map->older = older;
		map->older_journal = &repair->older_journal;
	}
	map->report = repair->report;
	map->lost = repair->request->lost;
	repair_map_init(map);
	error = pass(repair, REPAIR_COLLECT, &next);
	if (!error) {
		repair_map_clashes(map);
		avoid_data(map);
		error = pass(repair, REPAIR_TELL, &next);
	}
	if (!undecided(repair)) {
		repair->report->outcome = REPAIR_POSSIBLE;
		if (error)
			error = refuse_errno(repair, error);
		else if (!repair->request->dry_run)
			error = commit(repair);
	} else {
		error = 0;
	}
	repair_map_free(map);
	return error;
}

static int write_header(struct repair *repair)
{
	struct lc_header header = { 0 };
	u8 page[LC_BLOCK_SIZE];
	int error;

	memcpy(header.store_uuid, repair->store.header.store_uuid, LC_UUID_BYTES);
	lc_header_encode(&header, page);
	error = store_write(&repair->store, LC_HEADER_BLOCK, page, 1);
	if (!error)
		error = store_sync(&repair->store);
	if (error)
		report_errno(repair->store.path, error,
			     "the header cannot be written");
	return error;
}

/* Tree and journal are whole: the copy that holds, once more. */
static int repair_supers(struct repair *repair)
{
	struct lc_super super = *store_super(&repair->store);

	repair->report->outcome = REPAIR_POSSIBLE;
	if (repair->request->dry_run)
		return 0;
	repair->report->outcome = REPAIR_DONE;
	return store_write_supers(&repair->store, &super);
}

/* What no option can mend. */
static bool hopeless(struct repair *repair)
{
	const struct store_file *store = &repair->store;
	const struct lc_super *super;

	if (store_not_to_be_written(store)) {
		refuse(repair, "use the version of lclone that made it, or a later one",
		       "%s", store_not_to_be_written(store));
		return true;
	}
	if (store->newest < 0) {
		refuse(repair, "'lclone restore' writes it anew, if there is a dump of it",
		       "has lost both copies of its superblock, and with them all that leads to its map");
		return true;
	}
	super = store_super(store);
	if ((u64)super->layout.store_blocks * LC_BLOCK_SIZE > store->bytes) {
		refuse(repair, "give the device its size back",
		       "is smaller than the store that was made on it");
		return true;
	}
	if (!store->super_fault[0] && !store->super_fault[1] &&
	    store->super[0].generation == store->super[1].generation) {
		u8 page[2][LC_BLOCK_SIZE];

		lc_super_encode(&store->super[0], 0, page[0]);
		lc_super_encode(&store->super[1], 0, page[1]);
		if (memcmp(page[0], page[1], LC_BLOCK_SIZE)) {
			refuse(repair, NULL,
			       "has two superblocks that differ, and nothing tells which is right");
			return true;
		}
	}
	if (owner_is_elsewhere(super) && !repair->request->force) {
		refuse(repair, "make sure that it is not active there, and give --force",
		       "is marked as active on another host");
		return true;
	}
	return false;
}

static int run(struct repair *repair, const struct check_report *before)
{
	struct check_report map;
	int error;

	repair->report->findings = before->findings;
	if (!before->findings)
		return 0;
	if (hopeless(repair))
		return 0;
	repair->header_lost = before->finding[0].part &&
			      !strcmp(before->finding[0].part, "header");
	if (repair->header_lost && !repair->request->header)
		return refuse(repair, "--header makes it anew from a superblock; a feature that only the header named is lost then",
			      "has lost its header");
	error = check_super(&repair->store, &before->super, &map);
	if (!error)
		error = map.findings ? repair_tree(repair) : repair_supers(repair);
	check_free(&map);
	if (!error && repair->header_lost &&
	    repair->report->outcome == REPAIR_DONE)
		error = write_header(repair);
	return error;
}

int repair_store(const char *path, const struct repair_request *request,
		 struct repair_report *report)
{
	struct repair repair = { .request = request, .report = report };
	struct check_report before;
	int error;

	memset(report, 0, sizeof(*report));
	if (request->dry_run) {
		error = store_open_idle(path, STORE_READ, &repair.store);
	} else {
		error = probe_unused(path);
		if (!error)
			error = store_open_idle(path, STORE_WRITE, &repair.store);
	}
	if (error)
		return error;
	error = check_store(&repair.store, &before);
	if (!error)
		error = run(&repair, &before);
	check_free(&before);
	journal_free(&repair.journal);
	journal_free(&repair.older_journal);
	store_close(&repair.store);
	return error;
}
