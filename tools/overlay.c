// SPDX-License-Identifier: GPL-2.0
/*
 * The runs of a journal as one layer.  A sweep goes over the places where runs
 * begin or end; a heap holds the runs that are open there, the newest on top,
 * which is the one that counts.
 */

#include <stdlib.h>
#include "output.h"
#include "overlay.h"

static void append(struct overlay *overlay, const struct lc_run *run)
{
	if (overlay->runs == overlay->room) {
		overlay->room = overlay->room ? 2 * overlay->room : 256;
		overlay->run = must_realloc(overlay->run, overlay->room *
					    sizeof(*overlay->run));
	}
	overlay->run[overlay->runs++] = *run;
}

void overlay_add(struct overlay *overlay, const struct lc_run *run)
{
	append(overlay, run);
}

void overlay_free(struct overlay *overlay)
{
	free(overlay->run);
	memset(overlay, 0, sizeof(*overlay));
}

struct heap {
	size_t *age;		/* numbers of runs: higher is newer */
	size_t count;
};

static void swap_ages(size_t *a, size_t *b)
{
	size_t held = *a;

	*a = *b;
	*b = held;
}

static void heap_push(struct heap *heap, size_t age)
{
	size_t at = heap->count++;

	heap->age[at] = age;
	while (at && heap->age[(at - 1) / 2] < heap->age[at]) {
		swap_ages(&heap->age[(at - 1) / 2], &heap->age[at]);
		at = (at - 1) / 2;
	}
}

static void heap_pop(struct heap *heap)
{
	size_t at = 0, child;

	heap->age[0] = heap->age[--heap->count];
	while ((child = 2 * at + 1) < heap->count) {
		if (child + 1 < heap->count &&
		    heap->age[child + 1] > heap->age[child])
			child++;
		if (heap->age[at] >= heap->age[child])
			return;
		swap_ages(&heap->age[at], &heap->age[child]);
		at = child;
	}
}

static int compare_numbers(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static const struct lc_run *sorted_runs;

static int compare_starts(const void *a, const void *b)
{
	return compare_numbers(&sorted_runs[*(const size_t *)a].first,
			       &sorted_runs[*(const size_t *)b].first);
}

static u64 end_of(const struct lc_run *run)
{
	return run->first + run->count;
}

/* The part of @run from @from to @to, which fits into one run. */
static void append_part(struct overlay *to_overlay, const struct lc_run *run,
			u64 from, u64 to)
{
	struct lc_run part = {
		.first = from,
		.count = (u32)(to - from),
		.value = lc_entry_behind(run->value, (u32)(from - run->first)),
	};

	append(to_overlay, &part);
}

void overlay_build(struct overlay *overlay)
{
	size_t n = overlay->runs, next = 0, i;
	u64 *edge = must_alloc(2 * n * sizeof(*edge));
	size_t *order = must_alloc(n * sizeof(*order));
	struct heap heap = { .age = must_alloc(n * sizeof(*heap.age)) };
	struct overlay built = { 0 };

	for (i = 0; i < n; i++) {
		order[i] = i;
		edge[2 * i] = overlay->run[i].first;
		edge[2 * i + 1] = end_of(&overlay->run[i]);
	}
	sorted_runs = overlay->run;
	qsort(order, n, sizeof(*order), compare_starts);
	qsort(edge, 2 * n, sizeof(*edge), compare_numbers);
	for (i = 0; i + 1 < 2 * n; i++) {
		if (edge[i] == edge[i + 1])
			continue;
		while (next < n && overlay->run[order[next]].first <= edge[i])
			heap_push(&heap, order[next++]);
		while (heap.count &&
		       end_of(&overlay->run[heap.age[0]]) <= edge[i])
			heap_pop(&heap);
		if (heap.count)
			append_part(&built, &overlay->run[heap.age[0]], edge[i],
				    edge[i + 1]);
	}
	free(edge);
	free(order);
	free(heap.age);
	overlay_free(overlay);
	*overlay = built;
}

size_t overlay_find(const struct overlay *overlay, u64 first)
{
	size_t low = 0, high = overlay->runs;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (end_of(&overlay->run[middle]) <= first)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool overlay_touches(const struct overlay *overlay, u64 first, u64 blocks)
{
	size_t at = overlay_find(overlay, first);

	return at < overlay->runs && overlay->run[at].first < first + blocks;
}
