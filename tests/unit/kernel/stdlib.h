/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the unit tests and their support want of the C library, in the kernel.
 * Every source includes this, whether it asks for it or not (see Kbuild).
 */
#ifndef LCLONE_UNIT_KERNEL_STDLIB_H
#define LCLONE_UNIT_KERNEL_STDLIB_H

#include <kunit/test.h>
#include <linux/types.h>

/* As in C; a few pages at most in any context, more than that where one may sleep. */
void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void *realloc(void *old, size_t bytes);
void free(void *memory);

/* KUnit's own has none for what is larger than kmalloc() can give. */
void *unit_zalloc(struct kunit *test, size_t bytes);

#undef kunit_kzalloc
#define kunit_kzalloc(test, bytes, gfp) unit_zalloc(test, bytes)

#endif
