/* SPDX-License-Identifier: GPL-2.0 */
/* Reading the journal of an inactive store. */
#ifndef LCLONE_JOURNAL_READ_H
#define LCLONE_JOURNAL_READ_H

#include "overlay.h"
#include "store-file.h"

struct journal_contents {
	struct overlay overlay;		/* what the whole groups say */
	u64 groups;			/* whole groups from the replay point on */
	u64 blocks;			/* blocks of them */
	struct lc_journal_mark end;	/* behind the last whole group */
	u64 last_sequence;		/* the highest of any sealed block; 0: none */
	const char *damage;		/* NULL, or what is wrong */
	u32 damage_block;		/* store block where it is */
	/*
	 * For repair.  The last durable value of each block that the ring still
	 * has: the groups above, and those before the replay point whose chain
	 * leads to it.
	 */
	struct overlay known;
	/* Behind damage: what blocks of this epoch say that do not count. */
	struct overlay later;
	u64 later_blocks;
};

/*
 * Reads all whole groups from the replay point of @super on, as an activation
 * would replay them.  Damage, a block that cannot be read included, is no
 * error: @contents holds what lies before it.  Returns 0, or a negative errno
 * when nothing of the journal can be read; reports nothing.
 */
int journal_read(const struct store_file *store, const struct lc_super *super,
		 struct journal_contents *contents);
void journal_free(struct journal_contents *contents);

#endif
