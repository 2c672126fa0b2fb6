// SPDX-License-Identifier: GPL-2.0
/*
 * reseal STORE BLOCK OFFSET HEX: changes bytes of a metadata block and seals it
 * anew, as an attacker would who knows the format.  Prints the new checksum, as HEX.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "core/page.h"

static void *page_at(int fd, u32 block)
{
	void *page;

	if (posix_memalign(&page, LC_BLOCK_SIZE, LC_BLOCK_SIZE) ||
	    pread(fd, page, LC_BLOCK_SIZE, (off_t)block * LC_BLOCK_SIZE) !=
	    LC_BLOCK_SIZE) {
		perror("reseal");
		exit(1);
	}
	return page;
}

static size_t patch(u8 *to, const char *hex)
{
	unsigned int byte;
	size_t bytes = 0;

	while (sscanf(hex + 2 * bytes, "%2x", &byte) == 1)
		to[bytes++] = (u8)byte;
	return bytes;
}

int main(int argc, char **argv)
{
	struct lc_disk_header *header;
	u32 block, offset;
	void *page;
	__le32 *csum;
	size_t i;
	int fd;

	if (argc != 5)
		return 2;
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	block = (u32)atol(argv[2]);
	offset = (u32)atol(argv[3]);
	page = page_at(fd, block);
	if (!patch((u8 *)page + offset, argv[4]))
		return 2;
	header = block == LC_HEADER_BLOCK ? page : page_at(fd, LC_HEADER_BLOCK);
	csum = block == LC_HEADER_BLOCK ? &header->csum :
	       &((struct lc_disk_page *)page)->csum;
	lc_seal(header->store_uuid, block, page, csum);
	if (pwrite(fd, page, LC_BLOCK_SIZE, (off_t)block * LC_BLOCK_SIZE) !=
	    LC_BLOCK_SIZE || fsync(fd)) {
		perror(argv[1]);
		return 1;
	}
	for (i = 0; i < sizeof(*csum); i++)
		printf("%02x", ((u8 *)csum)[i]);
	puts("");
	return 0;
}
