// SPDX-License-Identifier: GPL-2.0
/* Clean pages of maps are given back when the kernel is short of memory. */

#include "lclone.h"

static struct shrinker *shrinker;

static unsigned long count(struct shrinker *s, struct shrink_control *control)
{
	return lclone_registry_pages() + lclone_chains_pages() ?: SHRINK_EMPTY;
}

static unsigned long scan(struct shrinker *s, struct shrink_control *control)
{
	unsigned long most = control->nr_to_scan;
	unsigned long evicted = lclone_registry_evict(most);

	if (evicted < most)
		evicted += lclone_chains_evict(most - evicted);

	return evicted ?: SHRINK_STOP;
}

int lclone_shrink_init(void)
{
	shrinker = shrinker_alloc(0, "lclone");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->seeks = DEFAULT_SEEKS;
	shrinker_register(shrinker);
	return 0;
}

void lclone_shrink_exit(void)
{
	shrinker_free(shrinker);
}
