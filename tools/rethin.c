// SPDX-License-Identifier: GPL-2.0
/* Space of a store that holds what lies below it anyway. */

#include "hold.h"
#include "pass.h"
#include "rethin.h"

static int look(const struct hold *hold, const struct lc_super *super, u64 rate,
		u64 *freed_bytes)
{
	u64 blocks = lc_blocks_of(super->clone_sectors);
	struct pass pass = {
		.name = hold->name, .clone_uuid = hold->clone_uuid,
		.message = "rethin", .rate = rate, .rate_of_all = true,
	};
	int error;

	pass_begin(&pass);
	error = pass_range(&pass, 0, blocks, 0, blocks);
	pass_end();
	*freed_bytes = pass.answer[0] * LC_BLOCK_SIZE;
	return error;
}

int rethin_run(const char *name, u64 rate, u64 *freed_bytes)
{
	struct hold hold = { .name = name };
	struct lc_super super;
	int error = hold_open(&hold);

	*freed_bytes = 0;
	if (!error)
		error = hold_activate(&hold, &super);
	hold_close(&hold);
	if (!error)
		error = look(&hold, &super, rate, freed_bytes);
	hold_release(&hold);
	return error;
}
