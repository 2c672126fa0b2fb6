// SPDX-License-Identifier: GPL-2.0
/* Logical volumes for stores, by lvm2's own commands. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "command.h"
#include "lvm.h"
#include "output.h"

#define TAG	"lclone"

char *lvm_path(const char *vg, const char *lv)
{
	return print_string("/dev/%s/%s", vg, lv);
}

/* Mostly it is that. */
static void hint_at_room(const char *vg, const char *option)
{
	report_hint("'vgs %s' shows how much is free: extend the group ('vgextend'), or give a smaller %s",
		    vg, option);
}

int lvm_create(const char *vg, const char *lv, uint64_t bytes)
{
	char *size = print_string("%llub", (unsigned long long)bytes);
	const char *const command[] = {
		"lvcreate", "--yes", "--quiet", "--addtag", TAG,
		/* What an earlier life left there, format wipes. */
		"--wipesignatures", "n", "--zero", "y",
		"--size", size, "--name", lv, vg, NULL,
	};
	int error = command_must(command, 0, lv);

	if (error)
		hint_at_room(vg, "--store-size");
	free(size);
	return error;
}

int lvm_remove(const char *vg, const char *lv)
{
	char *name = print_string("%s/%s", vg, lv);
	const char *const command[] = { "lvremove", "--yes", "--quiet", name, NULL };
	int error = command_must(command, 0, lv);

	free(name);
	return error;
}

int lvm_extend(const char *vg, const char *lv, uint64_t bytes)
{
	char *name = print_string("%s/%s", vg, lv);
	char *size = print_string("%llub", (unsigned long long)bytes);
	const char *const command[] = {
		"lvextend", "--yes", "--quiet", "--size", size, name, NULL,
	};
	int error = command_must(command, 0, lv);

	if (error)
		hint_at_room(vg, "--size");
	free(size);
	free(name);
	return error;
}

int lvm_activate(const char *vg, const char *lv)
{
	char *name = print_string("%s/%s", vg, lv);
	char *path = lvm_path(vg, lv);
	const char *const command[] = { "lvchange", "--activate", "y", name, NULL };
	int error = 0;

	if (access(path, F_OK))
		error = command_must(command, 0, name);
	free(path);
	free(name);
	return error;
}

int lvm_look(const char *vg, const char *lv, bool *exists)
{
	const char *const command[] = { "lvs", "--noheadings", "--options", "lv_name", vg, NULL };
	struct command_result result;
	char *save = NULL, *name;
	int error = 0;

	*exists = false;
	if (command_run(command, 0, &result) || result.status)
		error = -ENODEV;
	else
		for (name = strtok_r(result.output, " \n", &save); name;
		     name = strtok_r(NULL, " \n", &save))
			*exists |= !strcmp(name, lv);
	command_done(&result);
	return error;
}

/* "VG LV TAGS" of lvs: takes the first two, and tells whether TAGS has ours. */
static bool parse_line(char *line, char **vg, char **lv)
{
	char *save = NULL, *tag;
	char *group = strtok_r(line, " \n", &save);
	char *volume = strtok_r(NULL, " \n", &save);
	char *tags = strtok_r(NULL, " \n", &save);

	if (!tags)
		return false;
	while ((tag = strsep(&tags, ",")))
		if (!strcmp(tag, TAG)) {
			*vg = must_strdup(group);
			*lv = must_strdup(volume);
			return true;
		}
	return false;
}

bool lvm_is_ours(const char *path, char **vg, char **lv)
{
	const char *const command[] = {
		"lvs", "--noheadings", "--options", "vg_name,lv_name,lv_tags",
		path, NULL,
	};
	struct command_result result;
	bool ours = false;

	if (!command_run(command, 0, &result) && !result.status)
		ours = parse_line(result.output, vg, lv);
	command_done(&result);
	return ours;
}

size_t lvm_list(const char *vg, char ***volumes)
{
	const char *const command[] = {
		"lvs", "--noheadings", "--options", "vg_name,lv_name,lv_tags", vg, NULL,
	};
	struct command_result result;
	char *save = NULL, *line, *group, *volume;
	size_t count = 0;

	*volumes = NULL;
	if (!command_run(command, 0, &result) && !result.status)
		for (line = strtok_r(result.output, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save)) {
			if (!parse_line(line, &group, &volume))
				continue;
			free(group);
			*volumes = must_realloc(*volumes, (count + 1) * sizeof(**volumes));
			(*volumes)[count++] = volume;
		}
	command_done(&result);
	return count;
}
