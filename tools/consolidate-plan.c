// SPDX-License-Identifier: GPL-2.0
/* Which layers become one. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "consolidate-plan.h"
#include "output.h"
#include "snapshot.h"

static bool same_uuid(const u8 *a, const u8 *b)
{
	return !memcmp(a, b, LC_UUID_BYTES);
}

static void plan_layer(struct consolidate_plan *plan, const struct clone *layer)
{
	memcpy(plan->store_uuid[plan->count++], layer->store_uuid, LC_UUID_BYTES);
}

static void plan_top(struct consolidate_plan *plan, const struct clone *layer,
		     const char *name)
{
	memcpy(plan->content_uuid, layer->content_uuid, LC_UUID_BYTES);
	memcpy(plan->name, name, strlen(name));
	plan_layer(plan, layer);
}

bool consolidate_drops(const struct consolidate_plan *plan,
		       const struct clone *layer)
{
	return !*layer->name || same_uuid(layer->uuid, plan->clone_uuid);
}

/* What stands on @layer: how many, and the only one when it is a layer. */
static unsigned int count_above(const struct catalog *catalog,
				const struct clone *layer, struct clone **sole)
{
	unsigned int count = 0;
	size_t i;

	*sole = NULL;
	for (i = 0; i < catalog->clone_count; i++)
		count += catalog_parent(catalog, &catalog->clones[i]) == layer;
	for (i = 0; i < catalog->layer_count; i++) {
		struct clone *other = &catalog->layers[i];

		if (other->replaced || catalog_parent(catalog, other) != layer)
			continue;
		*sole = other;
		count++;
	}
	if (count != 1)
		*sole = NULL;
	return count;
}

/* The names of snapshots that would go with the layers, as "a, b"; or NULL. */
static char *snapshots_between(const struct catalog *catalog,
			       const struct consolidate_plan *plan)
{
	char *names = NULL, *more;
	unsigned int i;

	for (i = 1; i < plan->count; i++) {
		struct clone *layer = consolidate_layer(catalog, plan, i), *sole;

		/* It stays, with all that is below it. */
		if (count_above(catalog, layer, &sole) > 1 ||
		    !consolidate_drops(plan, layer))
			break;
		if (!*layer->name)
			continue;
		more = print_string("%s%s%s", names ? names : "",
				    names ? ", " : "", layer->name);
		free(names);
		names = more;
	}
	return names;
}

static int plan_all(const struct catalog *catalog, const struct clone *clone,
		    const struct consolidate_request *request,
		    struct consolidate_plan *plan)
{
	const struct clone *layer = catalog_parent(catalog, clone);
	char *names;

	if (!layer)
		return 0;
	plan_top(plan, layer, layer->name);
	while ((layer = catalog_parent(catalog, layer)) &&
	       plan->count < LC_LAYERS_MAX)
		plan_layer(plan, layer);
	names = snapshots_between(catalog, plan);
	if (!names || request->drop_snapshots) {
		free(names);
		return 0;
	}
	report_error(clone->name, "its snapshots %s would be lost", names);
	report_hint("give --drop-snapshots if that is meant; 'lclone remove %s@SNAP' merges one snapshot alone",
		    clone->name);
	free(names);
	return -EBUSY;
}

static int several_above(const struct catalog *catalog, const struct clone *layer)
{
	char *names = catalog_dependents(catalog, layer, NULL);

	report_error(layer->name, "%s need it", names);
	report_hint("a snapshot on which several things stand can go when only one is left");
	free(names);
	return -EBUSY;
}

/*
 * The snapshot goes into the layer above it.  Where the clone itself comes next
 * it only loses its name, and takes in a layer below that lost its own before.
 */
static int plan_snapshot(const struct catalog *catalog, const struct clone *clone,
			 const char *name, struct consolidate_plan *plan)
{
	struct clone *layer = snapshot_need(catalog, clone, name);
	struct clone *above, *below, *sole;

	if (!layer)
		return -ENOENT;
	if (count_above(catalog, layer, &above) > 1)
		return several_above(catalog, layer);
	if (above) {
		plan_top(plan, above, above->name);
		plan_layer(plan, layer);
		return 0;
	}
	plan->rename = true;
	plan_top(plan, layer, "");
	below = catalog_parent(catalog, layer);
	if (below && !*below->name && count_above(catalog, below, &sole) == 1)
		plan_layer(plan, below);
	return 0;
}

int consolidate_plan(const struct catalog *catalog,
		     const struct consolidate_request *request,
		     struct consolidate_plan *plan)
{
	const struct clone *clone = catalog_need_clone(catalog, request->clone);

	memset(plan, 0, sizeof(*plan));
	if (!clone)
		return -ENOENT;
	memcpy(plan->clone_uuid, clone->uuid, LC_UUID_BYTES);
	return request->snapshot ?
	       plan_snapshot(catalog, clone, request->snapshot, plan) :
	       plan_all(catalog, clone, request, plan);
}

struct clone *consolidate_layer(const struct catalog *catalog,
				const struct consolidate_plan *plan,
				unsigned int n)
{
	size_t i;

	for (i = 0; i < catalog->layer_count; i++)
		if (!catalog->layers[i].replaced &&
		    same_uuid(catalog->layers[i].store_uuid, plan->store_uuid[n]))
			return &catalog->layers[i];
	return NULL;
}
