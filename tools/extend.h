/* SPDX-License-Identifier: GPL-2.0 */
/* More room in the store of a clone. */
#ifndef LCLONE_EXTEND_H
#define LCLONE_EXTEND_H

#include "catalog.h"

struct extend_result {
	bool active;
	u64 store_bytes;		/* of the file, volume or device */
	u64 old_room_bytes;		/* what data and pages may use; 0: not known */
	u64 room_bytes;			/* and now; of an active clone */
};

/*
 * Makes the file or volume that the store of @clone is in as large as @bytes, or
 * leaves it as large as it is when @bytes is 0, and has the clone use what there
 * is: at once when it is active, else from its next activation on.
 * Returns 0 or a negative errno, which has been reported.
 */
int extend_run(const struct clone *clone, u64 bytes, struct extend_result *result);

#endif
