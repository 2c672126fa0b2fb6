// SPDX-License-Identifier: GPL-2.0
/*
 * What consolidations that were killed have left: files and volumes which nothing names.
 *
 * Only what bears the name of such a one, is not in the catalog and not in use, goes; and
 * of that only what is no store yet, or what is one and whose content is proved to be in
 * other layers: the catalog, which is but a cache, may not know who stands on it.
 */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "clone-store.h"
#include "consolidate.h"
#include "format.h"
#include "lvm.h"
#include "output.h"
#include "probe.h"

static const char *skip_digits(const char *text)
{
	return text && isdigit((unsigned char)*text) ? text + strspn(text, "0123456789") : NULL;
}

static const char *skip_text(const char *text, const char *what)
{
	size_t length = strlen(what);

	return text && !strncmp(text, what, length) ? text + length : NULL;
}

/* NAME, @between, the generation, ".m", a number, @behind; as consolidate() names them. */
static bool is_named(const char *entry, const char *name, const char *between, const char *behind)
{
	const char *at = skip_text(skip_text(entry, name), between);

	at = skip_text(skip_digits(skip_text(skip_digits(at), ".m")), behind);
	return at && !*at;
}

/* Whether the layers of the catalog, down to the last, hold what it does. */
static bool is_elsewhere(const struct catalog *catalog, const struct lc_super *super)
{
	const struct clone *layer = catalog_layer(catalog, super->content_uuid);
	struct lc_super found;

	while (layer && clone_store_look(layer, &found) && found.state == LC_STORE_FROZEN) {
		if (!found.layers)
			return true;
		layer = catalog_parent(catalog, layer);
	}
	return false;
}

/* Its superblocks come before its header: those name the store then. */
static bool load_without_header(struct store_file *store)
{
	u8 page[LC_BLOCK_SIZE];
	unsigned int copy;
	const char *why;

	for (copy = 0; copy < 2; copy++) {
		if (store_read(store, lc_super_address(copy), page, 1))
			continue;
		memcpy(store->header.store_uuid,
		       page + offsetof(struct lc_disk_super, store_uuid), LC_UUID_BYTES);
		if (!store_load_supers(store, &why))
			return true;
	}
	return false;
}

static bool is_left(const struct catalog *catalog, const struct clone *place,
		    struct store_file *store)
{
	const struct lc_super *super;
	const char *why;
	int error = store_load_quietly(store, &why);

	if (error == -EMEDIUMTYPE && clone_store_begun(place, store)) {
		if (!load_without_header(store))
			return true;
	} else if (error) {
		return false;
	}
	super = store_super(store);
	return super->state == LC_STORE_FROZEN &&
	       !memcmp(super->clone_uuid, place->uuid, LC_UUID_BYTES) &&
	       is_elsewhere(catalog, super);
}

/* Who writes one holds it, and opening it so would fail. */
static void sweep_one(const struct catalog *catalog, const struct clone *place, bool wipe)
{
	struct store_file store;
	bool left;

	if (clone_store_known(catalog, place->store_path) || clone_store_up(place) ||
	    loop_over_file(place->store_path) ||
	    store_open(place->store_path, STORE_READ | STORE_EXCLUSIVE | STORE_QUIET, &store))
		return;
	left = is_left(catalog, place, &store);
	store_close(&store);
	if (left && wipe && clone_store_wipe(place))
		return;
	if (left && !clone_store_unmake(place))
		report_warning(place->store_path, "a command that was cut short has left it, and it is removed now");
}

static void sweep_directory(const struct catalog *catalog, const struct clone *beside,
			    const char *name, bool wipe)
{
	const char *slash = strrchr(beside->store_path, '/');
	char *directory = print_string("%.*s", (int)(slash + 1 - beside->store_path),
				       beside->store_path);
	struct dirent **entry;
	int count = scandir(directory, &entry, NULL, alphasort), i;
	struct clone place = *beside;

	for (i = 0; i < count; i++) {
		if (is_named(entry[i]->d_name, name, "@", ".lclone")) {
			place.store_path = print_string("%s%s", directory, entry[i]->d_name);
			sweep_one(catalog, &place, wipe);
			free(place.store_path);
		}
		free(entry[i]);
	}
	if (count >= 0)
		free(entry);
	free(directory);
}

static void sweep_group(const struct catalog *catalog, const struct clone *beside,
			const char *name, bool wipe)
{
	struct clone place = *beside;
	char **volumes;
	size_t count = lvm_list(beside->vg, &volumes), i;

	for (i = 0; i < count; i++) {
		if (is_named(volumes[i], name, ".g", "")) {
			place.lv = volumes[i];
			place.store_path = lvm_path(beside->vg, volumes[i]);
			sweep_one(catalog, &place, wipe);
			free(place.store_path);
		}
		free(volumes[i]);
	}
	free(volumes);
}

void consolidate_sweep(const struct catalog *catalog, const struct clone *beside,
		       const char *name, bool wipe)
{
	if (beside->kind == STORE_KIND_DIR)
		sweep_directory(catalog, beside, name, wipe);
	else if (beside->kind == STORE_KIND_VG)
		sweep_group(catalog, beside, name, wipe);
}
