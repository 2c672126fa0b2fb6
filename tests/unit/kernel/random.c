// SPDX-License-Identifier: GPL-2.0
/*
 * lclone-test-random.ko: the random numbers of the unit tests, and how many of the
 * long tests' rounds are done.  A module of its own, to be loaded first: some kernels
 * run a module's suites before they have read its parameters, others when it is there.
 */

#include <linux/module.h>
#include "../random.c"

EXPORT_SYMBOL_GPL(random_u64);
EXPORT_SYMBOL_GPL(random_below);
EXPORT_SYMBOL_GPL(random_chance);
EXPORT_SYMBOL_GPL(random_fill);
EXPORT_SYMBOL_GPL(random_rounds);

static ulong seed = 20240501;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "seeds the random tests");

static uint permille = 1000;
module_param(permille, uint, 0444);
MODULE_PARM_DESC(permille, "how much of the long random tests is done");

static int __init start(void)
{
	random_seed(seed);
	random_limit(permille);
	return 0;
}

static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_DESCRIPTION("random numbers for the unit tests of dm-lclone");
MODULE_LICENSE("GPL");
