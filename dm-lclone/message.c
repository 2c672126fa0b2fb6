// SPDX-License-Identifier: GPL-2.0
/* Messages: what changes a clone that runs. */

#include "lclone.h"

/* Errors of waiting writes come at once when the policy turns to them. */
static int set_no_space_policy(struct lclone_store *store, bool error)
{
	WRITE_ONCE(store->error_if_no_space, error);
	lclone_unpark_space(store);
	return 0;
}

static int error_if_no_space(struct lclone_store *store)
{
	return set_no_space_policy(store, true);
}

static int queue_if_no_space(struct lclone_store *store)
{
	return set_no_space_policy(store, false);
}

static int extend(struct lclone_store *store)
{
	int error = lclone_extend(store);

	if (error)
		DMERR("%s: the store could not be extended (%d)",
		      dm_table_device_name(store->ti->table), error);
	return error;
}

static int checkpoint(struct lclone_store *store)
{
	return lc_checkpoint(&store->core);
}

/* Blocks of the clone that a message is about. */
struct block_range {
	u64 first;
	u32 count;
};

/* Returns 1: there is a @result. */
static int hydrate(struct lclone_store *store, const struct block_range *range,
		   char *result, unsigned int maxlen)
{
	struct lc_hydrated done;
	int error = lclone_hydrate(store, range->first, range->count, &done);
	unsigned int sz = 0;

	if (error)
		return error;
	DMEMIT("%u %u", done.data, done.zero);
	return 1;
}

static int rethin(struct lclone_store *store, const struct block_range *range,
		  char *result, unsigned int maxlen)
{
	u32 freed;
	int error = lclone_rethin(store, range->first, range->count, &freed);
	unsigned int sz = 0;

	if (error)
		return error;
	DMEMIT("%u", freed);
	return 1;
}

static const struct {
	const char *name;
	int (*run)(struct lclone_store *store);
	int (*run_range)(struct lclone_store *store, const struct block_range *range,
			 char *result, unsigned int maxlen);
	int (*run_words)(struct lclone_store *store, unsigned int argc, char **argv);
} messages[] = {
	{ "error_if_no_space", error_if_no_space },
	{ "queue_if_no_space", queue_if_no_space },
	{ "extend", extend },
	{ "checkpoint", checkpoint },
	{ "hydrate", NULL, hydrate },
	{ "rethin", NULL, rethin },
	{ "change", NULL, NULL, lclone_change_announce },
};

#define MESSAGES \
	"error_if_no_space, queue_if_no_space, extend, checkpoint, hydrate FIRST COUNT, " \
	"rethin FIRST COUNT, change KEY=VALUE..."

static int parse_range(const struct lclone_store *store, char **argv,
		       struct block_range *range)
{
	if (kstrtou64(argv[0], 10, &range->first) ||
	    kstrtou32(argv[1], 10, &range->count))
		return -EINVAL;
	if (!range->count || range->count > LC_BULK_BLOCKS ||
	    range->first >= store->core.blocks ||
	    range->count > store->core.blocks - range->first)
		return -ERANGE;
	return 0;
}

static int run_message(struct lclone_store *store, unsigned int which,
		       unsigned int argc, char **argv, char *result,
		       unsigned int maxlen)
{
	struct block_range range;
	int error;

	if (messages[which].run)
		return messages[which].run(store);
	if (messages[which].run_words)
		return messages[which].run_words(store, argc - 1, argv + 1);
	error = parse_range(store, argv + 1, &range);
	if (error) {
		DMERR("%s: %s FIRST COUNT: up to %u blocks of 4 KiB, within the clone",
		      dm_table_device_name(store->ti->table), argv[0],
		      LC_BULK_BLOCKS);
		return error;
	}
	return messages[which].run_range(store, &range, result, maxlen);
}

static bool has_words(unsigned int which, unsigned int argc)
{
	if (messages[which].run_words)
		return true;
	return argc == (messages[which].run ? 1 : 3);
}

/* Returns its number, or -1. */
static int find_message(unsigned int argc, char **argv)
{
	unsigned int i;

	for (i = 0; argc && i < ARRAY_SIZE(messages); i++)
		if (!strcasecmp(argv[0], messages[i].name))
			return has_words(i, argc) ? (int)i : -1;
	return -1;
}

/*
 * With message_lock, and until a suspend begins: that waits for the lock before
 * anything is taken down, see lclone_store_park().
 */
static int lock(struct dm_target *ti, struct lclone_store *store)
{
	if (mutex_lock_killable(&store->message_lock))
		return -EINTR;
	if (store->state == LCLONE_LIVE && store->ti == ti &&
	    !READ_ONCE(store->suspending))
		return 0;
	mutex_unlock(&store->message_lock);
	DMERR("%s: no messages while it is suspended",
	      dm_table_device_name(ti->table));
	return -EBUSY;
}

int lclone_message(struct dm_target *ti, unsigned int argc, char **argv,
		   char *result, unsigned int maxlen)
{
	struct lclone *lc = ti->private;
	int which = find_message(argc, argv);
	int error;

	if (which < 0) {
		DMERR("unknown message %s, or it has other words: there are " MESSAGES,
		      argc ? argv[0] : "");
		return -EINVAL;
	}
	if (!lc->store_dev) {
		DMERR("%s: a view has no store that a message could be for",
		      dm_table_device_name(ti->table));
		return -EINVAL;
	}
	error = lock(ti, lc->store);
	if (error)
		return error;
	error = run_message(lc->store, (unsigned int)which, argc, argv, result,
			    maxlen);
	mutex_unlock(&lc->store->message_lock);
	return error;
}
