/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files of the catalog. */
#ifndef LCLONE_CATALOG_INTERNAL_H
#define LCLONE_CATALOG_INTERNAL_H

#include "catalog.h"

/* Frees all that is in it, not the lock. */
void catalog_free(struct catalog *catalog);

struct found_stores;

/*
 * After all that a host has was @found and taken: forgets clones and layers whose stores are
 * gone, and says what it keeps though it was not found.
 */
void catalog_drop_lost(struct catalog *catalog, const struct found_stores *found);

#endif
