/* SPDX-License-Identifier: GPL-2.0 */
#ifndef COUNTED_H
#define COUNTED_H

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Waits until each I/O that has been answered is in the counts of its disk, or
 * returns -1 with errno.  The block layer (blk_mq_end_request()) ends the bio
 * first and counts the request then, so that he who waited for the bio may read
 * the counts in between, from another processor.  Both are done without being
 * preempted, and this waits for all that is being done so (synchronize_rcu()).
 */
static inline int wait_until_counted(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

#endif
