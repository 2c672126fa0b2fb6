// SPDX-License-Identifier: GPL-2.0
/* Messages: what changes a clone that runs. */

#include "lclone.h"

#define MESSAGES "error_if_no_space, queue_if_no_space, extend, checkpoint, change"

/* Errors of waiting writes come at once when the policy turns to them. */
static int set_no_space_policy(struct lclone_store *store, bool error)
{
	WRITE_ONCE(store->error_if_no_space, error);
	lclone_unpark_space(store);
	return 0;
}

static int extend(struct lclone_store *store)
{
	int error = lclone_extend(store);

	if (error)
		DMERR("%s: the store could not be extended (%d)",
		      dm_table_device_name(store->ti->table), error);
	return error;
}

int lclone_message(struct dm_target *ti, unsigned int argc, char **argv,
		   char *result, unsigned int maxlen)
{
	struct lclone *lc = ti->private;
	struct lclone_store *store = lc->store;

	if (!argc || (argc > 1 && strcasecmp(argv[0], "change"))) {
		DMERR("a message is one word, unless it is change: " MESSAGES);
		return -EINVAL;
	}
	if (store->state != LCLONE_LIVE) {
		DMERR("%s: no messages while it is suspended",
		      dm_table_device_name(ti->table));
		return -EBUSY;
	}
	if (!lc->store_dev) {
		DMERR("%s: a view has no store that a message could be for",
		      dm_table_device_name(ti->table));
		return -EINVAL;
	}
	if (!strcasecmp(argv[0], "error_if_no_space"))
		return set_no_space_policy(store, true);
	if (!strcasecmp(argv[0], "queue_if_no_space"))
		return set_no_space_policy(store, false);
	if (!strcasecmp(argv[0], "extend"))
		return extend(store);
	if (!strcasecmp(argv[0], "checkpoint"))
		return lc_checkpoint(&store->core);
	if (!strcasecmp(argv[0], "change"))
		return lclone_change_announce(store, argc - 1, argv + 1);
	DMERR("unknown message %s: it is one of: " MESSAGES, argv[0]);
	return -EINVAL;
}
