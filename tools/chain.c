// SPDX-License-Identifier: GPL-2.0
/* The layers that a store stands on, as devices. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "chain.h"
#include "output.h"
#include "probe.h"
#include "scan.h"
#include "store-file.h"
#include "table.h"

void chain_push(struct chain *chain, char *device, const struct lc_super *super)
{
	memmove(chain->layer + 1, chain->layer,
		chain->count * sizeof(*chain->layer));
	chain->layer[0].device = device;
	chain->layer[0].super = *super;
	chain->count++;
}

static int misfit(const char *what, const struct chain_layer *layer,
		  const char *why)
{
	report_error(what, "layer %s %s", layer->device, why);
	report_hint("'lclone info' shows what each store records; name the layers from the oldest to the newest");
	return -ESTALE;
}

int chain_check(const char *what, const struct lc_super *head, bool follows,
		const struct chain *chain)
{
	const struct lc_super *child = head;
	unsigned int i;

	if (head && !head->layers != !chain->count) {
		report_error(what, head->layers ?
			     "it stands on layers, and there are none" :
			     "it stands on no layers, and there are some");
		return -ESTALE;
	}
	for (i = chain->count; i--;) {
		const struct chain_layer *layer = &chain->layer[i];
		const char *why = NULL;

		if (child && child == head && follows)
			why = lc_chain_fits(child, &layer->super);
		else if (child)
			why = lc_chain_fault(child, &layer->super);
		if (!why && !i && layer->super.layers)
			why = "has layers below it that are not named";
		if (why)
			return misfit(what, layer, why);
		child = &layer->super;
	}
	return 0;
}

static int open_one(const char *path, struct chain_layer *layer)
{
	struct store_file store;
	int error = store_open_load(path, STORE_READ, &store);

	if (error)
		return error;
	layer->super = *store_super(&store);
	store_close(&store);
	layer->device = table_device(path, "layer");
	return layer->device ? 0 : -ENOTBLK;
}

int chain_open(const char *what, const struct lc_super *head,
	       const char *const *paths, struct chain *chain)
{
	int error = 0;

	memset(chain, 0, sizeof(*chain));
	for (; *paths && !error; paths++)
		error = open_one(*paths, &chain->layer[chain->count++]);
	return error ? error : chain_check(what, head, false, chain);
}

/* The store with the content that @child names; a frozen one, if there is one. */
static const struct found_store *find_parent(const struct found_stores *found,
					     const struct lc_super *child)
{
	const struct found_store *parent = NULL;
	size_t i;

	for (i = 0; i < found->count; i++) {
		const struct found_store *store = &found->store[i];

		if (memcmp(store->super.content_uuid, child->parent_uuid,
			   LC_UUID_BYTES))
			continue;
		if (!parent || (store->super.state == LC_STORE_FROZEN &&
				store->device))
			parent = store;
	}
	return parent;
}

static int take_found(const char *what, const struct found_stores *found,
		      const struct lc_super *head, struct chain *chain)
{
	const struct lc_super *child = head;
	const struct found_store *parent;
	char uuid[UUID_TEXT_BYTES];
	char *device;

	while (child->layers && chain->count < LC_LAYERS_MAX) {
		parent = find_parent(found, child);
		if (!parent) {
			report_error(what, "the layer below it, with the content %s, is on no device of this host",
				     print_uuid(child->parent_uuid, uuid));
			report_hint("attach it, or name all layers with --layer");
			return -ENODEV;
		}
		device = table_device(parent->device ? parent->device :
				      parent->file, "layer");
		if (!device)
			return -ENOTBLK;
		chain_push(chain, device, &parent->super);
		child = &parent->super;
	}
	return chain_check(what, head, false, chain);
}

int chain_scan(const char *what, const struct lc_super *head, struct chain *chain)
{
	struct found_stores found;
	int error;

	memset(chain, 0, sizeof(*chain));
	if (!head->layers)
		return 0;
	error = scan_stores(NULL, 0, &found);
	if (!error)
		error = take_found(what, &found, head, chain);
	scan_free(&found);
	return error;
}

int chain_origin_matches(const char *what, const struct chain *chain,
			 const char *path)
{
	const struct lc_super *super = &chain->layer[0].super;

	if (super->origin_kind != LC_ORIGIN_NONE && path)
		return origin_matches(what, super, path);
	if (super->origin_kind == LC_ORIGIN_NONE && !path)
		return 0;
	report_error(what, path ? "the layers stand on no origin" :
				  "the layers stand on an origin");
	report_hint(path ? "give '--origin -'" :
			   "give it with --origin; 'lclone info' shows where it was");
	return -EINVAL;
}

static bool same_device(const char *a, const char *b)
{
	struct stat sa, sb;

	return !stat(a, &sa) && !stat(b, &sb) && S_ISBLK(sa.st_mode) &&
	       sa.st_rdev == sb.st_rdev;
}

int chain_stacking(const char *path, const struct chain *chain)
{
	unsigned int i;
	int error = 0;

	for (i = 0; i < chain->count && !error; i++) {
		if (same_device(path, chain->layer[i].device)) {
			report_error(path, "is one of the layers");
			report_hint("the store must be a device of its own");
			return -EINVAL;
		}
		error = probe_stacking(path, chain->layer[i].device);
	}
	return error;
}

char *chain_words(const struct chain *chain)
{
	char *words = print_string("%u", chain->count);
	char *more;
	unsigned int i;

	for (i = 0; i < chain->count; i++) {
		more = print_string("%s %s", words, chain->layer[i].device);
		free(words);
		words = more;
	}
	return words;
}

void chain_free(struct chain *chain)
{
	unsigned int i;

	for (i = 0; i < chain->count; i++)
		free(chain->layer[i].device);
	chain->count = 0;
}
