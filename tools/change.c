// SPDX-License-Identifier: GPL-2.0
/*
 * A clone that gets another table while it is in use:
 *
 *  1. the catalog notes that its table is being changed
 *  2. the target is told what the store will be
 *  3. the new table is loaded: the kernel checks all there is to check
 *  4. the clone is suspended, and resumed: the kernel records the change
 *  5. the catalog takes over what the store says, and forgets the note
 *
 * What the store records is what holds, wherever this is cut short.
 */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "change.h"
#include "clone-store.h"
#include "clone-table.h"
#include "dm.h"
#include "handover.h"
#include "output.h"
#include "signals.h"

int change_super(const struct clone *clone, struct lc_super *super)
{
	struct store_file store;
	int error = clone_store_up(clone);

	if (!error)
		error = clone_store_open(clone, clone->store_path, STORE_READ,
					 &store);
	if (error)
		return error;
	*super = *store_super(&store);
	store_close(&store);
	return 0;
}

/* The message ------------------------------------------------------------ */

/* Appends " KEY=VALUE" to @words. */
static void add_text(char **words, const char *key, const char *value)
{
	char *quoted = must_alloc(2 * strlen(value) + 1), *to = quoted;
	char *longer;

	for (; *value; value++) {
		if (isspace((unsigned char)*value) || *value == '\\')
			*to++ = '\\';
		*to++ = *value;
	}
	longer = print_string("%s %s=%s", *words, key, quoted);
	free(quoted);
	free(*words);
	*words = longer;
}

static void add_number(char **words, const char *key, u64 now, u64 next)
{
	char *value;

	if (now == next)
		return;
	value = print_string("%llu", (unsigned long long)next);
	add_text(words, key, value);
	free(value);
}

static void add_uuid(char **words, const char *key, const u8 *now, const u8 *next)
{
	char text[UUID_TEXT_BYTES];

	if (memcmp(now, next, LC_UUID_BYTES))
		add_text(words, key, print_uuid(next, text));
}

static void add_origin(char **words, const struct lc_super *next)
{
	static const u8 null[LC_UUID_BYTES];
	char hex[2 * LC_FINGERPRINT_BYTES + 1];

	if (next->origin_kind == LC_ORIGIN_NONE) {
		char *longer = print_string("%s no_origin", *words);

		free(*words);
		*words = longer;
		return;
	}
	add_number(words, "origin_sectors", 0, next->origin_sectors);
	add_uuid(words, "origin_uuid", null, next->origin_uuid);
	add_text(words, "origin_name", next->origin_name);
	add_text(words, "origin_path", next->origin_path);
	add_text(words, "fingerprint",
		 print_hex(next->fingerprint, LC_FINGERPRINT_BYTES, hex));
}

static bool same_origin(const struct lc_super *a, const struct lc_super *b)
{
	return a->origin_kind == b->origin_kind &&
	       a->origin_sectors == b->origin_sectors &&
	       !memcmp(a->origin_uuid, b->origin_uuid, LC_UUID_BYTES) &&
	       !memcmp(a->fingerprint, b->fingerprint, LC_FINGERPRINT_BYTES);
}

/* To be freed. */
static char *message_of(const struct lc_super *now, const struct lc_super *next)
{
	char *words = must_strdup("change");

	add_number(&words, "clone_sectors", now->clone_sectors, next->clone_sectors);
	add_number(&words, "overlap_sectors", now->overlap_sectors,
		   next->overlap_sectors);
	add_number(&words, "layers", now->layers, next->layers);
	add_uuid(&words, "parent_uuid", now->parent_uuid, next->parent_uuid);
	if (strcmp(now->parent_name, next->parent_name))
		add_text(&words, "parent_name", next->parent_name);
	if (!same_origin(now, next))
		add_origin(&words, next);
	return words;
}

/* The change ------------------------------------------------------------- */

/* What the catalog has of a store that is @super. */
static void take_over(const struct lc_super *super, struct clone *clone)
{
	free(clone->template_name);
	clone->template_name = *super->origin_name ?
			       must_strdup(super->origin_name) : NULL;
	memcpy(clone->template_uuid, super->origin_uuid, LC_UUID_BYTES);
	memcpy(clone->parent_uuid, super->parent_uuid, LC_UUID_BYTES);
}

static int finish(struct catalog *catalog, struct clone *clone)
{
	struct lc_super super;
	int error = change_super(clone, &super);

	if (error)
		return error;
	take_over(&super, clone);
	clone->changing = false;
	return catalog_save(catalog);
}

static int tell_target(const struct clone *clone, const struct lc_super *now,
		       const struct lc_super *next)
{
	char *message = message_of(now, next);
	struct dm_clone dm;
	int error = dm_clone_find(clone->uuid, &dm);

	if (!error)
		error = dm_clone_tell(dm.name, message);
	dm_clone_done(&dm);
	free(message);
	return error;
}

/* The clone as its table is to be; it borrows from @clone and @next. */
static struct clone clone_as(const struct clone *clone, const struct lc_super *next)
{
	struct clone as = *clone;

	as.template_name = NULL;
	memcpy(as.template_uuid, next->origin_uuid, LC_UUID_BYTES);
	memcpy(as.parent_uuid, next->parent_uuid, LC_UUID_BYTES);
	return as;
}

static bool is_suspended(const struct clone *clone)
{
	struct dm_clone dm;
	bool suspended = !dm_clone_find(clone->uuid, &dm) && dm.active && dm.suspended;

	dm_clone_done(&dm);
	return suspended;
}

/* The kernel has refused the change at the last moment: the table of before. */
static int go_back(const struct catalog *catalog, struct origins *origins,
		   const struct clone *clone)
{
	struct handover handover = { 0 };
	struct lc_super super;
	struct clone as;
	int error = change_super(clone, &super);

	if (error)
		return error;
	as = clone_as(clone, &super);
	error = handover_load_as(catalog, origins, &as, &super, &handover);
	if (!error)
		error = handover_resume(&as);
	handover_done(&handover);
	return error;
}

/* @held: its I/O is, and stays so. */
static int run(const struct catalog *catalog, struct origins *origins,
	       const struct clone *clone, const struct lc_super *next,
	       bool *held, u64 *pause_ns)
{
	struct handover handover = { 0 }, *one = &handover;
	struct clone as = clone_as(clone, next);
	sigset_t signals;
	int error = handover_load_as(catalog, origins, &as, next, &handover);

	/* When it cannot be resumed it is held until it has the table of before. */
	signals_hold(&signals);
	if (!error)
		error = handover_run(&one, 1, pause_ns);
	if (error == -EUCLEAN && is_suspended(clone))
		go_back(catalog, origins, clone);
	else if (error)
		handover_undo(&handover);
	*held = error == -EUCLEAN && is_suspended(clone);
	if (*held) {
		report_error(clone->name, "neither its new table nor that of before could be resumed: its I/O is held");
		report_hint("'lclone activate %s' tries again", clone->name);
	}
	signals_release(&signals);
	handover_done(&handover);
	return error;
}

int change_run(struct catalog *catalog, struct origins *origins,
	       struct clone *clone, const struct lc_super *now,
	       const struct lc_super *next, u64 *pause_ns)
{
	struct clone before = clone_as(clone, now);
	bool held = false;
	int error, finished;

	clone->changing = true;
	error = catalog_save(catalog);
	if (!error)
		error = tell_target(clone, now, next);
	if (!error)
		error = run(catalog, origins, clone, next, &held, pause_ns);
	/* The note stays, for change_settle(). */
	if (held)
		return error;
	finished = finish(catalog, clone);
	/* Loop devices that it does not stand on any more, if nobody else does. */
	if (!error)
		clone_table_down(catalog, &before);
	return error ? error : finished;
}

int change_settle(struct catalog *catalog, struct origins *origins,
		  struct clone *clone)
{
	enum handover_left left;
	int error;

	if (!clone->changing)
		return 0;
	error = handover_left(clone, &left);
	if (!error && left != HANDOVER_INACTIVE && handover_reset(clone))
		error = go_back(catalog, origins, clone);
	if (!error)
		error = finish(catalog, clone);
	if (!error)
		report_warning(clone->name, "the change of its table that was cut short has been done as a whole or not at all: 'lclone status %s' shows which",
			       clone->name);
	return error;
}
