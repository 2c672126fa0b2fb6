// SPDX-License-Identifier: GPL-2.0
/*
 * The catalog as a file: JSON of the form
 *
 *	{ "version": 1,
 *	  "templates": [ { "name", "uuid", "kind": "device"|"file", "path",
 *			   "size_bytes", "quick_sha256", "sha256"|null,
 *			   "converted_from"|null, "was_writable" } ],
 *	  "clones": [ { "name", "uuid", "store_uuid",
 *			"store_kind": "device"|"dir"|"vg", "store_path",
 *			"vg"|null, "lv"|null, "template"|null,
 *			"template_uuid"|null, "error_if_no_space",
 *			"content_uuid"|null, "parent_uuid"|null,
 *			and perhaps "directory", "changing": true,
 *			"held": true, "adopted", "returning": true, "returned": true,
 *			"removing": true, "wiping": true } ],
 *	  "layers": [ the same keys, and perhaps "replaced": true; "name" is that of
 *		      the snapshot, or "" ] }
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>
#include "catalog-internal.h"
#include "dm-plain.h"
#include "durable.h"
#include "output.h"
#include "signals.h"

#define VERSION		1
#define HEX_BYTES	(2 * LC_FINGERPRINT_BYTES + 1)

const char *catalog_directory(void)
{
	const char *directory = getenv("LCLONE_STATE_DIR");

	return directory && *directory ? directory : "/var/lib/lclone";
}

static char *state_path(const char *file)
{
	return print_string("%s/%s", catalog_directory(), file);
}

/* --- reading --- */

/* A document that is not what we wrote; @bad is set, and nothing crashes. */
struct parser {
	bool bad;
};

static struct json_object *member(struct parser *parser,
				  struct json_object *object, const char *key,
				  enum json_type type)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, type)) {
		parser->bad = true;
		return NULL;
	}
	return value;
}

/* A copy of a string, "" when there is none. */
static char *get_text(struct parser *parser, struct json_object *object,
		      const char *key)
{
	struct json_object *value = member(parser, object, key, json_type_string);

	return must_strdup(value ? json_object_get_string(value) : "");
}

/* The same, but NULL where the document says null. */
static char *get_optional(struct parser *parser, struct json_object *object,
			  const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !value)
		return NULL;
	return get_text(parser, object, key);
}

static void get_uuid(struct parser *parser, struct json_object *object,
		     const char *key, u8 *uuid)
{
	char *text = get_optional(parser, object, key);

	memset(uuid, 0, LC_UUID_BYTES);
	if (text && uuid_parse(text, uuid))
		parser->bad = true;
	free(text);
}

/* Returns whether there was one. */
static bool get_sum(struct parser *parser, struct json_object *object,
		    const char *key, u8 *sum)
{
	char *text = get_optional(parser, object, key);
	unsigned int i, byte;

	memset(sum, 0, LC_FINGERPRINT_BYTES);
	if (!text)
		return false;
	if (strlen(text) != HEX_BYTES - 1)
		parser->bad = true;
	for (i = 0; !parser->bad && i < LC_FINGERPRINT_BYTES; i++) {
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			parser->bad = true;
		else
			sum[i] = (u8)byte;
	}
	free(text);
	return !parser->bad;
}

static bool get_bool(struct parser *parser, struct json_object *object,
		     const char *key)
{
	return json_object_get_boolean(member(parser, object, key,
					      json_type_boolean));
}

/* 16 digits, or 0. */
static u64 get_hex(struct parser *parser, struct json_object *object, const char *key)
{
	char *text = get_optional(parser, object, key);
	u64 number = 0;
	char *end;

	if (text) {
		number = strtoull(text, &end, 16);
		parser->bad |= *end;
	}
	free(text);
	return number;
}

static void read_template(struct parser *parser, struct json_object *object,
			  struct catalog *catalog)
{
	struct template t = { 0 };
	char *kind = get_text(parser, object, "kind");

	t.is_file = !strcmp(kind, "file");
	free(kind);
	t.name = get_text(parser, object, "name");
	get_uuid(parser, object, "uuid", t.uuid);
	t.path = get_text(parser, object, "path");
	t.size_bytes = json_object_get_uint64(member(parser, object, "size_bytes",
						     json_type_int));
	get_sum(parser, object, "quick_sha256", t.quick);
	t.has_full = get_sum(parser, object, "sha256", t.full);
	t.converted_from = get_optional(parser, object, "converted_from");
	t.was_writable = get_bool(parser, object, "was_writable");
	catalog_add_template(catalog, &t);
	if (!name_valid(t.name))
		parser->bad = true;
}

static void get_clone(struct parser *parser, struct json_object *object,
		      struct clone *c)
{
	char *kind = get_text(parser, object, "store_kind");

	memset(c, 0, sizeof(*c));
	while (c->kind < STORE_KIND_VG && strcmp(kind, store_kind_name(c->kind)))
		c->kind++;
	free(kind);
	c->name = get_text(parser, object, "name");
	get_uuid(parser, object, "uuid", c->uuid);
	get_uuid(parser, object, "store_uuid", c->store_uuid);
	get_uuid(parser, object, "content_uuid", c->content_uuid);
	get_uuid(parser, object, "parent_uuid", c->parent_uuid);
	c->store_path = get_text(parser, object, "store_path");
	c->directory = get_hex(parser, object, "directory");
	c->vg = get_optional(parser, object, "vg");
	c->lv = get_optional(parser, object, "lv");
	c->template_name = get_optional(parser, object, "template");
	get_uuid(parser, object, "template_uuid", c->template_uuid);
	c->error_if_no_space = get_bool(parser, object, "error_if_no_space");
	c->changing = json_object_object_get_ex(object, "changing", NULL);
	c->held = json_object_object_get_ex(object, "held", NULL);
	if (c->kind == STORE_KIND_VG && (!c->vg || !c->lv))
		parser->bad = true;
}

static void read_clone(struct parser *parser, struct json_object *object,
		       struct catalog *catalog)
{
	struct clone clone;

	get_clone(parser, object, &clone);
	clone.adopted = get_optional(parser, object, "adopted");
	clone.returning = json_object_object_get_ex(object, "returning", NULL);
	clone.returned = json_object_object_get_ex(object, "returned", NULL);
	clone.removing = json_object_object_get_ex(object, "removing", NULL);
	clone.wiping = json_object_object_get_ex(object, "wiping", NULL);
	if (clone.adopted)
		dm_alias_set(clone.uuid, clone.adopted);
	catalog_add_clone(catalog, &clone);
	if (!name_valid(clone.name))
		parser->bad = true;
}

static void read_layer(struct parser *parser, struct json_object *object,
		       struct catalog *catalog)
{
	struct clone layer;

	get_clone(parser, object, &layer);
	layer.replaced = json_object_object_get_ex(object, "replaced", NULL);
	layer.wiping = json_object_object_get_ex(object, "wiping", NULL);
	catalog_add_layer(catalog, &layer);
	if ((*layer.name && !name_valid(layer.name)) ||
	    lc_uuid_is_null(layer.content_uuid))
		parser->bad = true;
}

static void read_list(struct parser *parser, struct json_object *document,
		      const char *key, struct catalog *catalog,
		      void (*read_one)(struct parser *parser,
				       struct json_object *object,
				       struct catalog *catalog))
{
	struct json_object *list = member(parser, document, key, json_type_array);
	size_t i;

	for (i = 0; list && i < json_object_array_length(list); i++)
		read_one(parser, json_object_array_get_idx(list, i), catalog);
}

static int load(struct catalog *catalog)
{
	struct parser parser = { false };
	struct json_object *document;
	char *path = state_path("catalog.json");
	int error = 0;

	if (access(path, F_OK)) {
		if (errno != ENOENT) {
			error = -errno;
			report_errno(path, error, "cannot be read");
		}
		free(path);
		return error;
	}
	document = json_object_from_file(path);
	if (!document ||
	    json_object_get_int(member(&parser, document, "version",
				       json_type_int)) != VERSION) {
		parser.bad = true;
	} else {
		read_list(&parser, document, "templates", catalog, read_template);
		read_list(&parser, document, "clones", catalog, read_clone);
		/* What knew no layers yet wrote none. */
		if (json_object_object_get_ex(document, "layers", NULL))
			read_list(&parser, document, "layers", catalog,
				  read_layer);
	}
	json_object_put(document);
	if (parser.bad) {
		report_error(path, "this is no catalog of this version");
		report_hint("move it away and run 'lclone scan', which makes a new one from the stores");
		error = -EINVAL;
	}
	free(path);
	return error;
}

/* --- writing --- */

static struct json_object *write_template(const struct template *t)
{
	struct json_object *object = json_object_new_object();
	char hex[HEX_BYTES];

	json_add_string(object, "name", t->name);
	json_add_uuid(object, "uuid", t->uuid);
	json_add_string(object, "kind", t->is_file ? "file" : "device");
	json_add_string(object, "path", t->path);
	json_add_number(object, "size_bytes", t->size_bytes);
	json_add_string(object, "quick_sha256",
			print_hex(t->quick, LC_FINGERPRINT_BYTES, hex));
	json_add_string(object, "sha256", t->has_full ?
			print_hex(t->full, LC_FINGERPRINT_BYTES, hex) : NULL);
	json_add_string(object, "converted_from", t->converted_from);
	json_add_bool(object, "was_writable", t->was_writable);
	return object;
}

static void add_hex(struct json_object *object, const char *key, u64 number)
{
	char *text = print_string("%016llx", (unsigned long long)number);

	json_add_string(object, key, text);
	free(text);
}

static struct json_object *write_clone(const struct clone *c)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "name", c->name);
	json_add_uuid(object, "uuid", c->uuid);
	json_add_uuid(object, "store_uuid", c->store_uuid);
	json_add_string(object, "store_kind", store_kind_name(c->kind));
	json_add_string(object, "store_path", c->store_path);
	if (c->directory)
		add_hex(object, "directory", c->directory);
	json_add_string(object, "vg", c->vg);
	json_add_string(object, "lv", c->lv);
	json_add_string(object, "template", c->template_name);
	json_add_uuid(object, "template_uuid", c->template_uuid);
	json_add_bool(object, "error_if_no_space", c->error_if_no_space);
	if (c->changing)
		json_add_bool(object, "changing", true);
	if (c->held)
		json_add_bool(object, "held", true);
	json_add_uuid(object, "content_uuid", c->content_uuid);
	json_add_uuid(object, "parent_uuid", c->parent_uuid);
	if (c->adopted)
		json_add_string(object, "adopted", c->adopted);
	if (c->returning)
		json_add_bool(object, "returning", true);
	if (c->returned)
		json_add_bool(object, "returned", true);
	if (c->removing)
		json_add_bool(object, "removing", true);
	if (c->wiping)
		json_add_bool(object, "wiping", true);
	if (c->replaced)
		json_add_bool(object, "replaced", true);
	return object;
}

static struct json_object *write_document(const struct catalog *catalog)
{
	struct json_object *document = json_object_new_object();
	struct json_object *templates = json_object_new_array();
	struct json_object *clones = json_object_new_array();
	struct json_object *layers = json_object_new_array();
	size_t i;

	for (i = 0; i < catalog->template_count; i++)
		json_object_array_add(templates,
				      write_template(&catalog->templates[i]));
	for (i = 0; i < catalog->clone_count; i++)
		json_object_array_add(clones, write_clone(&catalog->clones[i]));
	for (i = 0; i < catalog->layer_count; i++)
		json_object_array_add(layers, write_clone(&catalog->layers[i]));
	json_add_number(document, "version", VERSION);
	json_object_object_add(document, "templates", templates);
	json_object_object_add(document, "clones", clones);
	json_object_object_add(document, "layers", layers);
	return document;
}

/* All of @text into a new file, durably. */
static int write_file(const char *path, const char *text)
{
	size_t bytes = strlen(text), done = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int error = 0;
	ssize_t wrote;

	if (fd < 0)
		return -errno;
	while (!error && done < bytes) {
		wrote = write(fd, text + done, bytes - done);
		if (wrote > 0)
			done += (size_t)wrote;
		else if (errno != EINTR)
			error = -errno;
	}
	if (!error && fsync(fd))
		error = -errno;
	close(fd);
	return error;
}

int catalog_save(const struct catalog *catalog)
{
	struct json_object *document = write_document(catalog);
	char *path = state_path("catalog.json");
	char *new = state_path("catalog.json.new");
	int error;

	error = write_file(new, json_object_to_json_string_ext(document,
						JSON_C_TO_STRING_PRETTY));
	if (!error && rename(new, path))
		error = -errno;
	if (!error)
		error = sync_parent(path);
	if (error) {
		report_errno(path, error, "cannot be written");
		unlink(new);
	}
	json_object_put(document);
	free(new);
	free(path);
	return error;
}

/* --- the lock --- */

/* The state directory, with those above it. */
static int make_directory(void)
{
	char *path = must_strdup(catalog_directory());
	char *slash = path;
	int error = 0;

	do {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (!mkdir(path, slash ? 0755 : 0700))
			error = sync_parent(path);
		else if (errno != EEXIST)
			error = -errno;
		if (slash)
			*slash = '/';
	} while (slash && !error);
	if (error) {
		report_errno(path, error, "cannot be made");
		report_hint("run this as root, or set LCLONE_STATE_DIR to a directory of your own");
	}
	free(path);
	return error;
}

static int take_lock(struct catalog *catalog)
{
	char *path = state_path("lock");
	int error = make_directory();

	if (!error) {
		catalog->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (catalog->lock < 0)
			error = -errno;
		while (!error && flock(catalog->lock, LOCK_EX))
			if (errno != EINTR || signals_told())
				error = -errno;
		if (error)
			report_errno(path, error, "cannot be locked");
	}
	free(path);
	return error;
}

int catalog_open(struct catalog *catalog, enum catalog_access access)
{
	int error = 0;

	memset(catalog, 0, sizeof(*catalog));
	catalog->lock = -1;
	if (access == CATALOG_CHANGE)
		error = take_lock(catalog);
	if (!error)
		error = load(catalog);
	if (error)
		catalog_close(catalog);
	return error;
}

void catalog_close(struct catalog *catalog)
{
	catalog_free(catalog);
	if (catalog->lock >= 0)
		close(catalog->lock);
	memset(catalog, 0, sizeof(*catalog));
	catalog->lock = -1;
}
