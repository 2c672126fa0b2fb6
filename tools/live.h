/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A store that is read while a clone writes to it.
 *
 * Functions that return int return 0 or a negative errno, and have reported what
 * went wrong unless it says otherwise.
 */
#ifndef LCLONE_LIVE_H
#define LCLONE_LIVE_H

#include "run-list.h"
#include "store-file.h"

/*
 * Has the target that @store is active in write its map out, and loads the
 * superblock that says so: all that ended before is in what that names.  @store
 * is open with STORE_DIRECT.  -ENXIO, not reported: no target has it.
 */
int live_checkpoint(struct store_file *store);

/*
 * Reads the map of one checkpoint, the one that store_super() is or a later one,
 * which store_super() is then.  -EUCLEAN when the map is damaged; -EAGAIN when the store
 * changes faster than it can be read; -ESTALE when it is another clone's by now, or
 * over something else.
 */
int live_read(struct store_file *store, struct run_list *map);

#endif
