// SPDX-License-Identifier: GPL-2.0
/*
 * add-partition DEV NUMBER START SECTORS: the kernel gets a partition of which no
 * table tells.  As addpart(8), which util-linux has, but Debian from 13 on has not.
 */

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <linux/blkpg.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
	struct blkpg_partition partition = { 0 };
	struct blkpg_ioctl_arg request = {
		.op = BLKPG_ADD_PARTITION, .datalen = sizeof(partition),
		.data = &partition,
	};
	int fd;

	if (argc != 5)
		errx(2, "usage: add-partition DEV NUMBER START SECTORS");
	partition.pno = atoi(argv[2]);
	partition.start = strtoll(argv[3], NULL, 10) * 512;
	partition.length = strtoll(argv[4], NULL, 10) * 512;
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BLKPG, &request))
		err(1, "%s: partition %s", argv[1], argv[2]);
	return 0;
}
