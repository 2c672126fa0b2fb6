// SPDX-License-Identifier: GPL-2.0
/*
 * Damages a metadata block of a store:
 *
 *	damage STORE TYPE N flip|zero|swap|cut
 *	damage STORE list
 *
 * TYPE is header, super, leaf, node, page, new-page (of the last checkpoint) or
 * journal; N counts from 0 and wraps.  swap exchanges it with the next of its
 * type (or moves it by a block, when it is the only one); cut keeps the first
 * 512 bytes only.  Prints the store block.
 */
#include <stdio.h>
#include <stdlib.h>
#include "store-blocks.h"

static void flip(u8 *page, u32 n)
{
	u32 bit = (n * 2654435761u) % (8 * LC_BLOCK_SIZE);

	page[bit / 8] ^= (u8)(1 << bit % 8);
}

static int damage(struct store_file *store, const char *type, u32 n,
		  const char *how)
{
	struct store_blocks all;
	u8 page[2][LC_BLOCK_SIZE];
	u32 block, other;
	int error;

	store_blocks(store, type, &all);
	if (!all.count)
		return 1;
	block = all.block[n % all.count];
	other = all.count > 1 ? all.block[(n + 1) % all.count] : block + 1;
	error = store_read(store, block, page[0], 1) ||
		store_read(store, other, page[1], 1);
	if (!strcmp(how, "flip"))
		flip(page[0], n);
	else if (!strcmp(how, "zero"))
		memset(page[0], 0, LC_BLOCK_SIZE);
	else if (!strcmp(how, "cut"))
		memset(page[0] + 512, 0, LC_BLOCK_SIZE - 512);
	else
		error |= store_write(store, other, page[0], 1);
	error |= store_write(store, block, strcmp(how, "swap") ? page[0] :
			     page[1], 1);
	printf("%u\n", block);
	store_blocks_free(&all);
	return error != 0;
}

static void list(struct store_file *store)
{
	static const char *const types[] = {
		"header", "super", "leaf", "node", "journal"
	};
	struct store_blocks all;
	size_t type;
	u32 i;

	for (type = 0; type < sizeof(types) / sizeof(*types); type++) {
		store_blocks(store, types[type], &all);
		for (i = 0; i < all.count; i++)
			printf("%s %u\n", types[type], all.block[i]);
		store_blocks_free(&all);
	}
}

int main(int argc, char **argv)
{
	struct store_file store;
	int status = 0;

	if (argc < 3 || store_open_load(argv[1], STORE_WRITE, &store))
		return 2;
	if (!strcmp(argv[2], "list"))
		list(&store);
	else if (argc == 5)
		status = damage(&store, argv[2], (u32)atol(argv[3]), argv[4]);
	else
		status = 2;
	store_close(&store);
	return status;
}
