// SPDX-License-Identifier: GPL-2.0
/* What there is to tell of a clone, active or not. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "clone-state.h"
#include "clone-store.h"

static u64 bytes_of(u64 blocks)
{
	return blocks * LC_BLOCK_SIZE;
}

static void take_status(struct clone_state *state)
{
	const struct clone_status *status = &state->status;

	state->mode = clone_mode_name(status->mode);
	state->space = space_state_name(status->space);
	state->room_bytes = bytes_of(status->total_blocks);
	state->used_bytes = bytes_of(status->used_blocks);
	state->metadata_bytes = bytes_of(status->page_blocks);
	state->data_bytes = bytes_of(status->data_blocks);
	state->zero_bytes = bytes_of(status->zero_blocks);
	state->shared_bytes = bytes_of(status->shared_blocks);
}

/* Of a clone that is not active: as of its last checkpoint, which deactivation made. */
static void take_super(struct clone_state *state)
{
	const struct lc_super *super = &state->super;
	u64 below = lc_blocks_of(lc_below_sectors(super));
	u64 blocks = lc_blocks_of(super->clone_sectors);
	u64 own = super->root.data_blocks + super->root.zero_blocks;

	state->size_bytes = super->clone_sectors * 512;
	state->room_bytes = bytes_of(super->layout.data_end -
				     super->layout.reserve_start);
	state->metadata_bytes = bytes_of(super->page_blocks);
	state->data_bytes = bytes_of(super->root.data_blocks);
	state->used_bytes = state->data_bytes + state->metadata_bytes;
	state->zero_bytes = bytes_of(super->root.zero_blocks);
	/* As the target counts it, see its status. */
	state->shared_bytes = bytes_of(min(below, blocks - min(own, blocks)));
}

static void read_store(const struct clone *clone, struct clone_state *state)
{
	struct store_file store;
	const char *why;

	if (store_open(clone->store_path, STORE_READ | STORE_QUIET, &store))
		return;
	state->store_bytes = store.bytes;
	if (!store_load_quietly(&store, &why) &&
	    !memcmp(store_super(&store)->store_uuid, clone->store_uuid,
		    LC_UUID_BYTES)) {
		state->has_super = true;
		state->super = *store_super(&store);
	}
	store_close(&store);
}

void clone_state_get(const struct clone *clone, struct clone_state *state)
{
	struct stat st;

	memset(state, 0, sizeof(*state));
	state->mode = "inactive";
	dm_clone_find(clone->uuid, &state->dm);
	read_store(clone, state);
	if (!stat(clone->store_path, &st) && S_ISREG(st.st_mode))
		state->allocated_bytes = (u64)st.st_blocks * 512;
	if (state->has_super)
		take_super(state);
	else if (!clone_store_exists(clone))
		state->mode = "missing";
	else
		state->mode = "damaged";
	if (!state->dm.active)
		return;
	state->size_bytes = state->dm.sectors * 512;
	state->has_status = state->dm.target &&
		!strcmp(state->dm.target, "lclone") &&
		!status_parse(state->dm.status, &state->status);
	if (state->has_status)
		take_status(state);
	else
		state->mode = "lost";
}

void clone_state_done(struct clone_state *state)
{
	dm_clone_done(&state->dm);
}

const char *clone_type_name(const struct clone_state *state)
{
	return !state->has_super ? "unknown" :
	       state->super.origin_kind == LC_ORIGIN_NONE &&
	       !state->super.layers ? "independent" : "linked";
}
