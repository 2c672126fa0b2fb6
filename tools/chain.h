/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The layers that a store stands on, as devices.  Functions that return int
 * return 0 or a negative errno, and have reported with @what went wrong.
 */
#ifndef LCLONE_CHAIN_H
#define LCLONE_CHAIN_H

#include "core/super.h"

struct chain_layer {
	char *device;
	struct lc_super super;
};

struct chain {
	unsigned int count;
	struct chain_layer layer[LC_LAYERS_MAX];	/* oldest first */
};

/* Adds a layer below those that are there; takes @device over. */
void chain_push(struct chain *chain, char *device, const struct lc_super *super);

/*
 * Opens the layers at @paths, oldest first, to a NULL, and checks the chain up to
 * @head.  Without @head the newest need not be frozen.
 */
int chain_open(const char *what, const struct lc_super *head,
	       const char *const *paths, struct chain *chain);

/* Finds the layers of @head on the devices of this host, if it has any. */
int chain_scan(const char *what, const struct lc_super *head, struct chain *chain);

/*
 * Whether all fits together: identities, places, and what is frozen.  With
 * @follows the newest is a store that @head is to follow: it need not be frozen.
 */
int chain_check(const char *what, const struct lc_super *head, bool follows,
		const struct chain *chain);

/* Whether the origin at @path (NULL: none) is the one that the layers stand on. */
int chain_origin_matches(const char *what, const struct chain *chain,
			 const char *path);

/* Whether a store at @path may stand above all layers. */
int chain_stacking(const char *path, const struct chain *chain);

/* "COUNT DEVICE...", for a table; to be freed. */
char *chain_words(const struct chain *chain);

void chain_free(struct chain *chain);

#endif
