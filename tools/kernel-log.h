/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel says in its log about a device-mapper call that it refuses. */
#ifndef LCLONE_KERNEL_LOG_H
#define LCLONE_KERNEL_LOG_H

/* Starts to follow the log.  Returns a descriptor, or -1 when it cannot be read. */
int kernel_log_open(void);

/*
 * The last line since then that device-mapper or the target wrote, without its
 * prefix, or NULL; to be freed.  Closes @log.
 */
char *kernel_log_why(int log);

#endif
