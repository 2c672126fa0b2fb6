// SPDX-License-Identifier: GPL-2.0
/* The table of a clone: its devices, found, brought up and checked. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "chain.h"
#include "clone-store.h"
#include "clone-table.h"
#include "describe.h"
#include "loop.h"
#include "output.h"
#include "probe.h"

/* The path of the origin: the template's, else what the store says of it. */
static const char *origin_path_of(const struct catalog *catalog,
				  const struct clone *clone,
				  const struct lc_super *super)
{
	const struct template *template = catalog_template_of(catalog, clone);

	return template ? template->path : super->origin_path;
}

int clone_check_template(const struct catalog *catalog, const struct clone *clone,
			 const struct lc_super *super)
{
	const struct template *template = catalog_template_of(catalog, clone);
	char name[LC_PATH_BYTES];

	if (!template || !memcmp(template->uuid, super->origin_uuid, LC_UUID_BYTES))
		return 0;
	report_error(clone->name, "the catalog says that it stands on %s, and its store names another template: %s",
		     template->name, describe_text(super->origin_name, name));
	report_hint("the catalog is older than the store, perhaps a copy; 'lclone scan', with the directory of the store if it is in one, puts it right");
	return -ESTALE;
}

/* Finds the origin and compares it; @device is set to its path, or "-". */
static int need_origin(const struct catalog *catalog, const struct clone *clone,
		       const struct lc_super *super, struct origins *origins,
		       const char **device)
{
	const char *path = origin_path_of(catalog, clone, super);
	struct origin *origin;
	char name[LC_PATH_BYTES];
	int error;

	*device = "-";
	if (super->origin_kind == LC_ORIGIN_NONE)
		return 0;
	error = clone_check_template(catalog, clone, super);
	if (error)
		return error;
	if (!*path) {
		report_error(clone->name, "neither its store nor the catalog tells where its origin is");
		report_hint("register the origin again with 'lclone template add'");
		return -ENOENT;
	}
	error = origins_look(origins, path, &origin);
	if (error)
		return error;
	if (origin->bytes == super->origin_sectors * 512 &&
	    (clone->returning || !memcmp(origin->quick, super->fingerprint, LC_FINGERPRINT_BYTES))) {
		if (catalog_template_of(catalog, clone))
			error = origin_guard(path);
		if (!error)
			error = origin_up(origin);
		*device = origin->device;
		return error;
	}
	report_error(clone->name, "%s is not the origin it was made of: its %s", path,
		     origin->bytes == super->origin_sectors * 512 ?
		     "content differs" : "size differs");
	report_hint("a clone over another origin would be garbage; find the origin '%s' that it was made of",
		    describe_text(super->origin_name, name));
	return -ESTALE;
}

/* "MAJOR:MINOR" of a block device, as a table names it; to be freed. */
static char *device_number(const char *path)
{
	struct stat st;

	if (!strcmp(path, "-"))
		return must_strdup(path);
	if (stat(path, &st) || !S_ISBLK(st.st_mode)) {
		report_error(path, "is no block device");
		return NULL;
	}
	return print_string("%u:%u", major(st.st_rdev), minor(st.st_rdev));
}

/* Brings up and loads the layers, from the newest down. */
static int need_layers(const struct catalog *catalog, const struct clone *clone,
		       const struct lc_super *super, bool follows,
		       struct chain *chain)
{
	const struct lc_super *child = super;
	const struct clone *layer;
	struct store_file store;
	char *device;
	bool made;
	int error;

	while (child->layers && chain->count < LC_LAYERS_MAX) {
		layer = catalog_layer(catalog, child->parent_uuid);
		if (!layer) {
			report_error(clone->name, "the catalog does not know the layer below %u others that it stands on",
				     chain->count);
			report_hint("attach the device that it is on and run 'lclone scan'");
			return -ENOENT;
		}
		error = clone_store_attach(layer, &device, &made);
		if (error)
			return error;
		error = clone_store_open(layer, device, STORE_READ, &store);
		if (error) {
			free(device);
			return error;
		}
		chain_push(chain, device, store_super(&store));
		store_close(&store);
		child = &chain->layer[0].super;
	}
	return chain_check(clone->name, super, follows, chain);
}

/* A name that was right when the clone was made may lead elsewhere by now. */
static int check_stacking(const char *device, const char *origin,
			  const struct chain *chain)
{
	int error = strcmp(origin, "-") ? probe_stacking(device, origin) : 0;

	return error ? error : chain_stacking(device, chain);
}

/* The same devices by their numbers, as a table names them. */
static int number_layers(struct chain *chain)
{
	unsigned int i;

	for (i = 0; i < chain->count; i++) {
		char *number = device_number(chain->layer[i].device);

		if (!number)
			return -ENOTBLK;
		free(chain->layer[i].device);
		chain->layer[i].device = number;
	}
	return 0;
}

static int compose(const struct clone *clone, const char *origin_path,
		   const char *store_path, struct chain *chain,
		   struct clone_table *table)
{
	char *origin = device_number(origin_path);
	char *store = device_number(store_path);
	int error = origin && store ? number_layers(chain) : -ENOTBLK;
	char *words;

	if (!error) {
		words = chain_words(chain);
		table->params = print_string("%s %s %s%s", origin, store, words,
					     clone->error_if_no_space ?
					     " 1 error_if_no_space" : "");
		table->sectors = table->super.clone_sectors;
		free(words);
	}
	free(origin);
	free(store);
	return error;
}

int clone_table_as(const struct catalog *catalog, const struct clone *clone,
		   const char *device, struct origins *origins,
		   const struct lc_super *super, bool follows,
		   struct clone_table *table)
{
	struct chain chain = { 0 };
	const char *origin;
	int error;

	memset(table, 0, sizeof(*table));
	table->super = *super;
	error = need_origin(catalog, clone, super, origins, &origin);
	if (!error)
		error = need_layers(catalog, clone, super, follows, &chain);
	if (!error)
		error = check_stacking(device, origin, &chain);
	if (!error)
		error = compose(clone, origin, device, &chain, table);
	chain_free(&chain);
	return error;
}

int clone_table(const struct catalog *catalog, const struct clone *clone,
		const char *device, struct origins *origins, bool follows,
		struct clone_table *table)
{
	struct store_file store;
	struct lc_super super;
	int error = clone_store_open(clone, device, STORE_READ, &store);

	memset(table, 0, sizeof(*table));
	if (error)
		return error;
	super = *store_super(&store);
	store_close(&store);
	return clone_table_as(catalog, clone, device, origins, &super, follows,
			      table);
}

void clone_table_down(const struct catalog *catalog, const struct clone *clone)
{
	const struct template *template = catalog_template_of(catalog, clone);
	const struct clone *layer = catalog_parent(catalog, clone);
	unsigned int most = LC_LAYERS_MAX;
	char *device;

	for (; layer && most--; layer = catalog_parent(catalog, layer)) {
		device = layer->kind == STORE_KIND_DIR ?
			 loop_find(layer->store_path, LOOP_STORE) : NULL;
		if (device && loop_idle(device))
			loop_detach(device);
		free(device);
	}
	if (template)
		origin_down(template->path);
}
