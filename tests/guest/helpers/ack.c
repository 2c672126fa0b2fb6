// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a program that prints a line for each thing that it knows to be durable,
 * and passes the lines on while it waits.
 *
 *	ack log NAME KEY COMMAND...
 *		as marks "KEY:LINE" in the log of NAME, a dm-log-writes device
 *	ack host KEY COMMAND...
 *		to the host, as "remember KEY LINE" does, by descriptor 3
 *
 * What was passed on is printed as well.
 * The program cannot run ahead by more than two lines: they go through a pipe
 * that has room for one.  Dies with its parent, and the program with it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE	4096
#define HOST	3

struct message {
	struct dm_ioctl dm;
	struct dm_target_msg target;
	char text[LINE];
};

static void die(const char *what)
{
	fprintf(stderr, "FAIL: ack: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void mark(int control, const char *device, const char *key, const char *line)
{
	struct message message = {
		.dm = {
			.version = { DM_VERSION_MAJOR, 0, 0 },
			.data_size = sizeof(message),
			.data_start = offsetof(struct message, target),
		},
	};

	snprintf(message.dm.name, sizeof(message.dm.name), "%s", device);
	snprintf(message.text, sizeof(message.text), "mark %s:%s", key, line);
	if (ioctl(control, DM_TARGET_MSG, &message))
		die(device);
}

static void to_host(const char *key, const char *line)
{
	char text[LINE];
	int bytes = snprintf(text, sizeof(text), "keep %s %s\n", key, line);

	if (write(HOST, text, bytes) != bytes)
		die("the host");
}

/* Each write of the program is a packet of its own. */
static pid_t start(char **command, int *lines)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_DIRECT | O_CLOEXEC) ||
	    fcntl(ends[1], F_SETPIPE_SZ, 4096) < 0)
		die("pipe");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDOUT_FILENO);
		execvp(command[0], command);
		die(command[0]);
	}
	close(ends[1]);
	*lines = ends[0];
	return pid;
}

int main(int argc, char **argv)
{
	int status, lines, control = -1;
	const char *device = NULL, *key;
	char packet[LINE / 2];
	ssize_t bytes;
	pid_t pid;

	if (argc < 4)
		return 2;
	if (!strcmp(argv[1], "log")) {
		device = argv[2];
		control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
		if (control < 0)
			die("/dev/mapper/control");
		argv++;
	}
	key = argv[2];
	pid = start(argv + 3, &lines);
	while ((bytes = read(lines, packet, sizeof(packet) - 1)) > 0) {
		packet[bytes] = 0;
		packet[strcspn(packet, "\n")] = 0;
		if (device)
			mark(control, device, key, packet);
		else
			to_host(key, packet);
		puts(packet);
		fflush(stdout);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
