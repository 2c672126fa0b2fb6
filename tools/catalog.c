// SPDX-License-Identifier: GPL-2.0
/* The catalog in memory: what is in it, and what it is called. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "catalog-internal.h"
#include "output.h"

#define NAME_CHARACTERS	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-"

static const char *const kind_names[] = {
	[STORE_KIND_DEVICE] = "device",
	[STORE_KIND_DIR] = "dir",
	[STORE_KIND_VG] = "vg",
};

const char *store_kind_name(enum store_kind kind)
{
	return kind_names[kind];
}

bool name_valid(const char *name)
{
	size_t bytes = strlen(name);

	return bytes && bytes < LC_NAME_BYTES && *name != '-' && *name != '.' &&
	       strspn(name, NAME_CHARACTERS) == bytes;
}

int name_check(const char *name)
{
	if (name_valid(name))
		return 0;
	report_error(*name ? name : "''", "no name for a template or a clone");
	report_hint("a name has 1 to %d of A-Z a-z 0-9 _ . + - and begins with neither - nor .",
		    LC_NAME_BYTES - 1);
	return -EINVAL;
}

struct template *catalog_template(const struct catalog *catalog, const char *name)
{
	size_t i;

	for (i = 0; i < catalog->template_count; i++)
		if (!strcmp(catalog->templates[i].name, name))
			return &catalog->templates[i];
	return NULL;
}

struct template *catalog_template_of(const struct catalog *catalog,
				     const struct clone *clone)
{
	size_t i;

	if (lc_uuid_is_null(clone->template_uuid))
		return NULL;
	for (i = 0; i < catalog->template_count; i++)
		if (!memcmp(catalog->templates[i].uuid, clone->template_uuid,
			    LC_UUID_BYTES))
			return &catalog->templates[i];
	return NULL;
}

struct clone *catalog_clone(const struct catalog *catalog, const char *name)
{
	size_t i;

	for (i = 0; i < catalog->clone_count; i++)
		if (!strcmp(catalog->clones[i].name, name))
			return &catalog->clones[i];
	return NULL;
}

struct clone *catalog_clone_by_uuid(const struct catalog *catalog, const u8 *uuid)
{
	size_t i;

	for (i = 0; i < catalog->clone_count; i++)
		if (!memcmp(catalog->clones[i].uuid, uuid, LC_UUID_BYTES))
			return &catalog->clones[i];
	return NULL;
}

struct clone *catalog_layer(const struct catalog *catalog, const u8 *content_uuid)
{
	size_t i;

	for (i = 0; i < catalog->layer_count; i++)
		if (!catalog->layers[i].replaced &&
		    !memcmp(catalog->layers[i].content_uuid, content_uuid,
			    LC_UUID_BYTES))
			return &catalog->layers[i];
	return NULL;
}

struct clone *catalog_parent(const struct catalog *catalog,
			     const struct clone *clone)
{
	return lc_uuid_is_null(clone->parent_uuid) ? NULL :
	       catalog_layer(catalog, clone->parent_uuid);
}

unsigned int catalog_depth(const struct catalog *catalog, const u8 *content_uuid)
{
	unsigned int depth = 0;
	const struct clone *layer;

	if (lc_uuid_is_null(content_uuid))
		return 0;
	/* No more than too many: a catalog could go in circles. */
	for (layer = catalog_layer(catalog, content_uuid);
	     layer && depth <= LC_LAYERS_MAX; depth++)
		layer = catalog_parent(catalog, layer);
	return depth;
}

static struct clone *find_snapshot(const struct catalog *catalog, const struct clone *clone,
				   const char *name, bool replaced)
{
	size_t i;

	for (i = 0; i < catalog->layer_count; i++)
		if (catalog->layers[i].replaced == replaced &&
		    !memcmp(catalog->layers[i].uuid, clone->uuid, LC_UUID_BYTES) &&
		    !strcmp(catalog->layers[i].name, name))
			return &catalog->layers[i];
	return NULL;
}

struct clone *catalog_snapshot(const struct catalog *catalog,
			       const struct clone *clone, const char *name)
{
	return find_snapshot(catalog, clone, name, false);
}

struct clone *catalog_snapshot_going(const struct catalog *catalog,
				     const struct clone *clone, const char *name)
{
	return find_snapshot(catalog, clone, name, true);
}

static char *append_name(char *names, const char *clone, const char *snapshot)
{
	char *more = print_string("%s%s%s%s%s", names ? names : "",
				  names ? ", " : "", clone, snapshot ? "@" : "",
				  snapshot ? snapshot : "");

	free(names);
	return more;
}

char *catalog_dependents(const struct catalog *catalog, const struct clone *layer,
			 const struct clone *but)
{
	char *names = NULL;
	size_t i;

	for (i = 0; i < catalog->clone_count; i++) {
		const struct clone *clone = &catalog->clones[i];

		if (clone != but && catalog_parent(catalog, clone) == layer)
			names = append_name(names, clone->name, NULL);
	}
	for (i = 0; i < catalog->layer_count; i++) {
		const struct clone *other = &catalog->layers[i];
		const struct clone *owner =
			catalog_clone_by_uuid(catalog, other->uuid);

		if (other->replaced ||
		    (but && !memcmp(other->uuid, but->uuid, LC_UUID_BYTES)))
			continue;
		if (catalog_parent(catalog, other) == layer)
			names = append_name(names, owner ? owner->name : "",
					    *other->name ? other->name :
							   "(no name)");
	}
	return names;
}

struct template *catalog_need_template(const struct catalog *catalog,
				       const char *name)
{
	struct template *template = catalog_template(catalog, name);

	if (!template) {
		report_error(name, "there is no such template");
		report_hint("'lclone template list' shows all; 'lclone template add' makes one");
	}
	return template;
}

struct clone *catalog_need_clone(const struct catalog *catalog, const char *name)
{
	struct clone *clone = catalog_clone(catalog, name);

	if (!clone) {
		report_error(name, "there is no such clone");
		report_hint("'lclone list' shows all; 'lclone scan' finds those whose devices came later");
	}
	return clone;
}

struct template *catalog_add_template(struct catalog *catalog,
				      const struct template *template)
{
	size_t bytes = (catalog->template_count + 1) * sizeof(*template);

	catalog->templates = must_realloc(catalog->templates, bytes);
	catalog->templates[catalog->template_count] = *template;
	return &catalog->templates[catalog->template_count++];
}

struct clone *catalog_add_clone(struct catalog *catalog, const struct clone *clone)
{
	size_t bytes = (catalog->clone_count + 1) * sizeof(*clone);

	catalog->clones = must_realloc(catalog->clones, bytes);
	catalog->clones[catalog->clone_count] = *clone;
	return &catalog->clones[catalog->clone_count++];
}

struct clone *catalog_add_layer(struct catalog *catalog, const struct clone *layer)
{
	size_t bytes = (catalog->layer_count + 1) * sizeof(*layer);

	catalog->layers = must_realloc(catalog->layers, bytes);
	catalog->layers[catalog->layer_count] = *layer;
	return &catalog->layers[catalog->layer_count++];
}

static void free_template(struct template *template)
{
	free(template->name);
	free(template->path);
	free(template->converted_from);
}

static void free_clone(struct clone *clone)
{
	free(clone->name);
	free(clone->store_path);
	free(clone->vg);
	free(clone->lv);
	free(clone->template_name);
	free(clone->adopted);
}

void catalog_drop_template(struct catalog *catalog, struct template *template)
{
	size_t at = (size_t)(template - catalog->templates);

	free_template(template);
	catalog->template_count--;
	memmove(template, template + 1,
		(catalog->template_count - at) * sizeof(*template));
}

void catalog_drop_clone(struct catalog *catalog, struct clone *clone)
{
	size_t at = (size_t)(clone - catalog->clones);

	free_clone(clone);
	catalog->clone_count--;
	memmove(clone, clone + 1, (catalog->clone_count - at) * sizeof(*clone));
}

void catalog_drop_layer(struct catalog *catalog, struct clone *layer)
{
	size_t at = (size_t)(layer - catalog->layers);

	free_clone(layer);
	catalog->layer_count--;
	memmove(layer, layer + 1, (catalog->layer_count - at) * sizeof(*layer));
}

void catalog_forget_clone(struct catalog *catalog, struct clone *clone)
{
	if (clone == &catalog->clones[catalog->clone_count - 1])
		catalog->clone_count--;
}

void catalog_free(struct catalog *catalog)
{
	size_t i;

	for (i = 0; i < catalog->template_count; i++)
		free_template(&catalog->templates[i]);
	for (i = 0; i < catalog->clone_count; i++)
		free_clone(&catalog->clones[i]);
	for (i = 0; i < catalog->layer_count; i++)
		free_clone(&catalog->layers[i]);
	free(catalog->layers);
	free(catalog->templates);
	free(catalog->clones);
}
