// SPDX-License-Identifier: GPL-2.0
/* What the catalog has and a scan of all there is has not found: it goes, or is kept. */

#include <string.h>
#include <unistd.h>
#include "catalog-internal.h"
#include "clone-store.h"
#include "output.h"
#include "scan.h"

static bool was_found(const struct found_stores *found, const struct clone *clone)
{
	size_t i;

	for (i = 0; i < found->count; i++)
		if (found->store[i].super.state == LC_STORE_WRITABLE &&
		    !memcmp(found->store[i].super.clone_uuid, clone->uuid,
			    LC_UUID_BYTES))
			return true;
	return false;
}

/*
 * A file that no loop device shows, or a volume that is not active, is no loss, and what
 * cannot be seen may come back.  A device that is there has been looked at.
 */
static bool still_there(const struct clone *clone)
{
	enum store_presence presence = clone_store_presence(clone);

	if (clone->kind == STORE_KIND_DEVICE && presence == STORE_THERE)
		presence = STORE_GONE;
	switch (presence) {
	case STORE_GONE:
		return false;
	case STORE_UNSEEN:
		report_warning(clone->store_path, "cannot be seen; the catalog keeps it");
		report_hint("bring up what it is on; if that is gone for good, 'lclone remove --force' removes the clone");
		return true;
	default:
		return true;
	}
}

static bool has_layers(const struct catalog *catalog, const struct clone *clone)
{
	size_t i;

	for (i = 0; i < catalog->layer_count; i++)
		if (!memcmp(catalog->layers[i].uuid, clone->uuid, LC_UUID_BYTES))
			return true;
	return false;
}

/* What it was adopted from is in no store; and its layers go by its name only. */
static bool kept(const struct catalog *catalog, const struct clone *clone)
{
	if (still_there(clone))
		return true;
	if (has_layers(catalog, clone)) {
		report_warning(clone->name, "its store %s was not found; the catalog keeps it while there are layers of it",
			       clone->store_path);
		report_hint("'lclone remove %s' removes them, if nothing else stands on them",
			    clone->name);
		return true;
	}
	if (!clone->adopted)
		return false;
	report_warning(clone->name, "its store %s was not found; the catalog keeps it, for no scan finds again that it was adopted",
		       clone->store_path);
	return true;
}

static void drop_lost_clones(struct catalog *catalog,
			     const struct found_stores *found)
{
	size_t i = 0;

	while (i < catalog->clone_count) {
		struct clone *clone = &catalog->clones[i];

		if (was_found(found, clone) || kept(catalog, clone)) {
			i++;
			continue;
		}
		report_warning(clone->name, "its store %s was not found; the catalog forgets it",
			       clone->store_path);
		catalog_drop_clone(catalog, clone);
	}
}

static bool layer_found(const struct found_stores *found, const struct clone *layer)
{
	size_t i;

	for (i = 0; i < found->count; i++)
		if (!memcmp(found->store[i].super.content_uuid,
			    layer->content_uuid, LC_UUID_BYTES))
			return true;
	return false;
}

static void drop_lost_layers(struct catalog *catalog,
			     const struct found_stores *found)
{
	size_t i = 0;

	while (i < catalog->layer_count) {
		struct clone *layer = &catalog->layers[i];

		if (layer_found(found, layer) || still_there(layer)) {
			i++;
			continue;
		}
		report_warning(layer->name, "the store %s of this snapshot was not found; the catalog forgets it",
			       layer->store_path);
		catalog_drop_layer(catalog, layer);
	}
}

static bool template_used(const struct catalog *catalog,
			  const struct template *template)
{
	size_t i;

	for (i = 0; i < catalog->clone_count; i++)
		if (!memcmp(catalog->clones[i].template_uuid, template->uuid,
			    LC_UUID_BYTES))
			return true;
	for (i = 0; i < catalog->layer_count; i++)
		if (!memcmp(catalog->layers[i].template_uuid, template->uuid,
			    LC_UUID_BYTES))
			return true;
	return false;
}

/* No store tells of one without clones, so it is not for a scan to forget. */
static void report_lost_templates(const struct catalog *catalog)
{
	size_t i;

	for (i = 0; i < catalog->template_count; i++) {
		const struct template *template = &catalog->templates[i];

		if (!access(template->path, F_OK) ||
		    template_used(catalog, template))
			continue;
		report_warning(template->name, "its origin %s cannot be seen, and no clone needs it; the catalog keeps it",
			       template->path);
		report_hint("bring it up, or have 'lclone template remove %s' forget it",
			    template->name);
	}
}

void catalog_drop_lost(struct catalog *catalog, const struct found_stores *found)
{
	drop_lost_layers(catalog, found);
	drop_lost_clones(catalog, found);
	report_lost_templates(catalog);
}
