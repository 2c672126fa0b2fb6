/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files of the catalog. */
#ifndef LCLONE_CATALOG_INTERNAL_H
#define LCLONE_CATALOG_INTERNAL_H

#include "catalog.h"

/* Frees all that is in it, not the lock. */
void catalog_free(struct catalog *catalog);

#endif
