// SPDX-License-Identifier: GPL-2.0
/*
 * Clones that get independent:
 *
 *  1. all that the clone reads from below is copied into its store, while it is in
 *     use: a pass with the message 'hydrate'
 *  2. its table becomes one without origin and layers: see change.c.  The kernel
 *     refuses that while anything is missing
 *  3. layers of its own that nobody can name, and nobody stands on, are removed
 *
 * A snapshot that was taken between 1 and 2 has put a new, empty store on top;
 * then the pass begins again.
 */

#include <errno.h>
#include <string.h>
#include "change.h"
#include "flatten.h"
#include "hold.h"
#include "pass.h"
#include "sectors.h"
#include "snapshot.h"

static bool independent(const struct lc_super *super)
{
	return super->origin_kind == LC_ORIGIN_NONE && !super->layers;
}

static int copy(const struct hold *hold, const struct lc_super *super, u64 rate,
		struct flatten_result *result)
{
	u64 blocks = lc_blocks_of(super->overlap_sectors);
	struct pass pass = {
		.name = hold->name, .clone_uuid = hold->clone_uuid,
		.message = "hydrate", .rate = rate,
	};
	int error;

	pass_begin(&pass);
	error = pass_range(&pass, 0, blocks, 0, blocks);
	pass_end();
	result->copied_bytes += pass.answer[0] * LC_BLOCK_SIZE;
	result->zero_bytes += pass.answer[1] * LC_BLOCK_SIZE;
	return error;
}

/* @super is to have nothing below it. */
static void part(struct lc_super *super)
{
	super->overlap_sectors = 0;
	super->layers = 0;
	memset(super->parent_uuid, 0, sizeof(super->parent_uuid));
	memset(super->parent_name, 0, sizeof(super->parent_name));
	super->origin_kind = LC_ORIGIN_NONE;
	super->origin_sectors = 0;
	super->fingerprint_algorithm = LC_FINGERPRINT_NONE;
	memset(super->fingerprint, 0, sizeof(super->fingerprint));
	memset(super->origin_uuid, 0, sizeof(super->origin_uuid));
	memset(super->origin_name, 0, sizeof(super->origin_name));
	memset(super->origin_path, 0, sizeof(super->origin_path));
}

/* With the catalog open.  @again: it has another store than @copied by now. */
static int hand_over(struct hold *hold, const struct lc_super *copied, bool *again,
		     u64 *pause_ns)
{
	struct lc_super now, next;
	int error = hold_activate(hold, &now);

	*again = !error && memcmp(now.store_uuid, copied->store_uuid, LC_UUID_BYTES);
	if (error || *again)
		return error;
	next = now;
	part(&next);
	error = change_run(&hold->catalog, &hold->origins, hold->clone, &now, &next,
			   pause_ns);
	return error ? error : snapshot_drop_chain(&hold->catalog, now.parent_uuid);
}

/* With the catalog open: is there anything to do? */
static int prepare(struct hold *hold, struct lc_super *super,
		   struct flatten_result *result)
{
	int error = snapshot_settle(&hold->catalog, &hold->origins, hold->clone);

	if (!error)
		error = change_super(hold->clone, super);
	result->already = !error && independent(super);
	if (result->already)
		/* What a run that was cut short at its end has left. */
		return snapshot_drop_unused(&hold->catalog, hold->clone);
	if (!error)
		error = hold_activate(hold, super);
	return error ? error : sectors_kept(hold->clone, NULL);
}

static int flatten(struct hold *hold, u64 rate, struct flatten_result *result)
{
	struct lc_super super;
	bool again;
	int error;

	do {
		again = false;
		error = hold_open(hold);
		if (!error)
			error = prepare(hold, &super, result);
		hold_close(hold);
		if (error || result->already)
			return error;
		error = copy(hold, &super, rate, result);
		if (error)
			return error;
		error = hold_open(hold);
		if (!error)
			error = hand_over(hold, &super, &again, &result->pause_ns);
		hold_close(hold);
	} while (!error && again);
	return error;
}

int flatten_run(const char *name, u64 rate, struct flatten_result *result)
{
	struct hold hold = { .name = name };
	int error;

	memset(result, 0, sizeof(*result));
	error = flatten(&hold, rate, result);
	hold_release(&hold);
	return error;
}
