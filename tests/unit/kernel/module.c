// SPDX-License-Identifier: GPL-2.0
/*
 * lclone-test.ko: the core with its unit tests, for a kernel with KUnit, which
 * runs the suites when the module is loaded.
 */

#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <stdlib.h>

/* What was asked for, in front of it. */
struct memory {
	size_t bytes;
	u8 data[] __aligned(16);
};

/* What the core may ask for with a lock held, and more. */
#define SMALL_MAX	(32u << 10)

static void *allocate(size_t bytes, gfp_t zero)
{
	size_t all = sizeof(struct memory) + bytes;
	struct memory *memory;

	if (all <= SMALL_MAX)
		memory = kmalloc(all, zero | (irqs_disabled() ? GFP_ATOMIC : GFP_KERNEL));
	else
		memory = kvmalloc(all, zero | GFP_KERNEL);
	if (!memory)
		return NULL;
	memory->bytes = bytes;
	return memory->data;
}

void *malloc(size_t bytes)
{
	return allocate(bytes, 0);
}

/* Not by malloc() and memset(), of which the compiler would make a calloc(). */
void *calloc(size_t count, size_t bytes)
{
	return allocate(array_size(count, bytes), __GFP_ZERO);
}

void free(void *memory)
{
	if (memory)
		kvfree(container_of(memory, struct memory, data));
}

void *realloc(void *old, size_t bytes)
{
	void *new = malloc(bytes);

	if (old && new)
		memcpy(new, old, min(bytes, container_of(old, struct memory, data)->bytes));
	if (new)
		free(old);
	return new;
}

static int zalloc_init(struct kunit_resource *resource, void *bytes)
{
	resource->data = kvzalloc(*(size_t *)bytes, GFP_KERNEL);
	return resource->data ? 0 : -ENOMEM;
}

static void zalloc_free(struct kunit_resource *resource)
{
	kvfree(resource->data);
}

void *unit_zalloc(struct kunit *test, size_t bytes)
{
	void *memory = kunit_alloc_resource(test, zalloc_init, zalloc_free,
					    GFP_KERNEL, &bytes);

	KUNIT_ASSERT_NOT_NULL(test, memory);
	return memory;
}

MODULE_DESCRIPTION("unit tests of dm-lclone");
MODULE_LICENSE("GPL");
