// SPDX-License-Identifier: GPL-2.0
/*
 * json-field .NAME[.NAME]... [FILE]: that value of a JSON document, as "jq -r"
 * prints it; "null" where there is none.  jq compiles some hundred functions of
 * its own first, which takes it most of a second in an emulated guest.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <json-c/json.h>

int main(int argc, char **argv)
{
	struct json_object *value;
	char *name;

	if (argc < 2 || argv[1][0] != '.')
		return 2;
	value = argc > 2 ? json_object_from_file(argv[2]) :
			   json_object_from_fd(STDIN_FILENO);
	if (!value) {
		fprintf(stderr, "json-field: %s\n", json_util_get_last_err());
		return 1;
	}
	for (name = strtok(argv[1], "."); name; name = strtok(NULL, ".")) {
		if (value && !json_object_is_type(value, json_type_object)) {
			fprintf(stderr, "json-field: no object has %s\n", name);
			return 1;
		}
		value = json_object_object_get(value, name);
	}
	puts(value ? json_object_get_string(value) : "null");
	return 0;
}
