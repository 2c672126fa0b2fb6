// SPDX-License-Identifier: GPL-2.0
/* Running other programs, without a shell. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "command.h"
#include "output.h"

extern char **environ;

struct text {
	char *data;
	size_t bytes;
};

static void text_add(struct text *text, const char *data, size_t bytes)
{
	text->data = must_realloc(text->data, text->bytes + bytes + 1);
	memcpy(text->data + text->bytes, data, bytes);
	text->bytes += bytes;
	text->data[text->bytes] = '\0';
}

/* What a pipe has for us.  Returns false at its end. */
static bool text_fill(struct text *text, int fd)
{
	char buffer[4096];
	ssize_t got = read(fd, buffer, sizeof(buffer));

	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	text_add(text, buffer, (size_t)got);
	return got > 0;
}

/* Reads both pipes to their ends, as the command fills them. */
static void collect(const int fd[2], struct text text[2])
{
	struct pollfd poller[2] = {
		{ .fd = fd[0], .events = POLLIN },
		{ .fd = fd[1], .events = POLLIN },
	};
	int i;

	while (poller[0].fd >= 0 || poller[1].fd >= 0) {
		if (poll(poller, 2, -1) < 0 && errno != EINTR)
			return;
		for (i = 0; i < 2; i++)
			if (poller[i].fd >= 0 && poller[i].revents &&
			    !text_fill(&text[i], poller[i].fd))
				poller[i].fd = -1;
	}
}

/* Our environment, in the C locale, and with lvm2 quiet about our files. */
static char **command_environment(void)
{
	static char locale[] = "LC_ALL=C";
	static char quiet[] = "LVM_SUPPRESS_FD_WARNINGS=1";
	size_t count = 0, kept = 0, i;
	char **list;

	while (environ[count])
		count++;
	list = must_alloc((count + 3) * sizeof(*list));
	for (i = 0; i < count; i++)
		if (strncmp(environ[i], "LC_ALL=", 7))
			list[kept++] = environ[i];
	list[kept++] = locale;
	list[kept++] = quiet;
	list[kept] = NULL;
	return list;
}

/* Leaves the last line that is not empty, without its newline. */
static void last_line(char *text)
{
	size_t bytes = strlen(text);
	char *line;

	while (bytes && strchr(" \t\n", text[bytes - 1]))
		text[--bytes] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	line += strspn(line, " \t");
	memmove(text, line, strlen(line) + 1);
}

static int spawn(const char *const *argv, unsigned int flags,
		 const int out[2], const int err[2], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	char **environment = command_environment();
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
					 O_RDONLY, 0);
	if (flags & COMMAND_SHOW_OUTPUT)
		posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO,
						 STDOUT_FILENO);
	else
		posix_spawn_file_actions_adddup2(&actions, out[1],
						 STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
	error = posix_spawnp(pid, argv[0], &actions, NULL, (char **)argv,
			     environment);
	posix_spawn_file_actions_destroy(&actions);
	free(environment);
	return -error;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int command_run(const char *const *argv, unsigned int flags,
		struct command_result *result)
{
	struct text text[2] = { { NULL, 0 }, { NULL, 0 } };
	int out[2], err[2], error;
	pid_t pid;

	memset(result, 0, sizeof(*result));
	if (pipe2(out, O_CLOEXEC))
		return -errno;
	if (pipe2(err, O_CLOEXEC)) {
		error = -errno;
		close(out[0]);
		close(out[1]);
		return error;
	}
	error = spawn(argv, flags, out, err, &pid);
	close(out[1]);
	close(err[1]);
	if (!error) {
		text_add(&text[0], "", 0);
		text_add(&text[1], "", 0);
		collect((int[2]){ out[0], err[0] }, text);
		result->status = wait_for(pid);
		result->output = text[0].data;
		result->errors = text[1].data;
		last_line(result->errors);
	}
	close(out[0]);
	close(err[0]);
	return error;
}

void command_done(struct command_result *result)
{
	free(result->output);
	free(result->errors);
	memset(result, 0, sizeof(*result));
}

int command_must(const char *const *argv, unsigned int flags, const char *what)
{
	struct command_result result;
	int error = command_run(argv, flags, &result);

	if (error) {
		report_errno(what, error, "cannot run %s", argv[0]);
	} else if (result.status) {
		report_error(what, "%s failed: %s", argv[0],
			     *result.errors ? result.errors : "it does not say why");
		error = -EIO;
	}
	command_done(&result);
	return error;
}
