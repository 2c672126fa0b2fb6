/* SPDX-License-Identifier: GPL-2.0 */
/* Files whose names outlive a loss of power. */
#ifndef LCLONE_DURABLE_H
#define LCLONE_DURABLE_H

/*
 * Makes durable that there is a file or directory at @path, or that there is none any
 * more.  Returns 0 or a negative errno, and reports nothing.
 */
int sync_parent(const char *path);

/* A new file, which is called PATH.part until all of it is durable. */
struct part_file {
	const char *path;
	char *part;
	int fd;
};

/*
 * What an earlier run has left under that name is begun anew; what another one is
 * writing is refused, and so is a PATH that exists.  part_close() comes after it even
 * when it fails.  Both that return int return 0 or a negative errno, and have reported
 * what went wrong.
 */
int part_open(struct part_file *file, const char *path);

/*
 * Makes it durable and gives it its name, which nothing else may have.  When all of it
 * is durable, and only the name cannot be given, PATH.part stays, and that is said.
 */
int part_name(struct part_file *file);

/* Removes it, unless it has its name, or stays for want of one. */
void part_close(struct part_file *file);

#endif
