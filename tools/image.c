// SPDX-License-Identifier: GPL-2.0
/* Images that a template can be made of. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "command.h"
#include "core/super.h"
#include "durable.h"
#include "image.h"
#include "output.h"

#define QCOW2_MAGIC		"QFI\xfb"
#define QCOW2_EXTERNAL_DATA	0x4u	/* of incompatible_features */

/* The head of a qcow2 file, as QEMU's docs/interop/qcow2.txt has it. */
struct qcow2_head {
	char magic[4];
	__be32 version;
	__be64 backing_file_offset;
	__u8 between[56];
	__be64 incompatible_features;	/* version 3 and later */
};

_Static_assert(offsetof(struct qcow2_head, incompatible_features) == 72,
	       "qcow2 head");

static int read_head(const char *path, struct qcow2_head *head)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error = 0;

	memset(head, 0, sizeof(*head));
	if (fd < 0 || pread(fd, head, sizeof(*head), 0) < 0) {
		error = -errno;
		report_errno(path, error, "cannot be read");
	}
	if (fd >= 0)
		close(fd);
	return error;
}

int image_detect(const char *path, enum image_format *format)
{
	struct qcow2_head head;
	int error = read_head(path, &head);

	*format = memcmp(head.magic, QCOW2_MAGIC, 4) ? IMAGE_RAW : IMAGE_QCOW2;
	return error;
}

static int check_alone(const char *path)
{
	struct qcow2_head head;
	int error = read_head(path, &head);

	if (error)
		return error;
	if (!head.backing_file_offset &&
	    (be32toh(head.version) < 3 ||
	     !(be64toh(head.incompatible_features) & QCOW2_EXTERNAL_DATA)))
		return 0;
	report_error(path, "this image stands on another file, whose content would become part of the template");
	report_hint("see 'qemu-img info --backing-chain %s'; give --backing if you trust it",
		    path);
	return -EPERM;
}

static int run_convert(const char *path, const char *raw)
{
	const char *const command[] = {
		"qemu-img", "convert", isatty(STDERR_FILENO) ? "-p" : "-q",
		"-f", "qcow2", "-O", "raw", path, raw, NULL,
	};
	int error = command_must(command, COMMAND_SHOW_OUTPUT, path);

	if (error == -ENOENT)
		report_hint("install qemu-img (Debian: qemu-utils)");
	return error;
}

int image_convert(const char *path, const char *raw, bool backing)
{
	struct part_file file;
	int error = backing ? 0 : check_alone(path);

	if (error)
		return error;
	error = part_open(&file, raw);
	if (!error)
		error = run_convert(path, file.part);
	if (!error)
		error = part_name(&file);
	part_close(&file);
	return error;
}
