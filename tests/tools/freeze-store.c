// SPDX-License-Identifier: GPL-2.0
/*
 * freeze-store STORE NAME [writable]: what the kernel does to a store of which a
 * snapshot is made; or the opposite, which nothing does.
 * freeze-store STORE NAME set: the store was made for a snapshot NAME of several.
 * freeze-store STORE NAME next: it is of the next generation, as one that is made for
 * a rollback to NAME.
 * freeze-store STORE HOST owner: it is active on that host, or was.
 */
#include <stdlib.h>
#include <string.h>
#include "store-file.h"

int main(int argc, char **argv)
{
	struct store_file store;
	struct lc_super super;
	int error;

	if (argc < 3 || store_open_load(argv[1], STORE_WRITE, &store))
		return 2;
	super = *store_super(&store);
	super.generation++;
	if (argc > 3 && !strcmp(argv[3], "set")) {
		memset(super.snapshot_set, 0x5e, LC_UUID_BYTES);
		strncpy(super.parent_name, argv[2], LC_NAME_BYTES - 1);
	} else if (argc > 3 && !strcmp(argv[3], "next")) {
		super.head_generation++;
		strncpy(super.parent_name, argv[2], LC_NAME_BYTES - 1);
	} else if (argc > 3 && !strcmp(argv[3], "owner")) {
		super.owner_epoch = 1;
		memset(super.owner_boot, 0xb0, LC_UUID_BYTES);
		strncpy(super.owner_host, argv[2], LC_NAME_BYTES - 1);
	} else {
		super.state = argc > 3 ? LC_STORE_WRITABLE : LC_STORE_FROZEN;
		strncpy(super.snapshot_name, argv[2], LC_NAME_BYTES - 1);
	}
	error = store_write_supers(&store, &super);
	store_close(&store);
	return error ? 1 : 0;
}
