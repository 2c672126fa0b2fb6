// SPDX-License-Identifier: GPL-2.0
/* counted: ends when each I/O that was answered before is counted in its disk's stat. */
#include <stdio.h>
#include "counted.h"

int main(void)
{
	if (wait_until_counted()) {
		perror("membarrier");
		return 1;
	}
	return 0;
}
