// SPDX-License-Identifier: GPL-2.0
/*
 * planted.ko: has one bug, which it shows when it is loaded; for the test that
 * the debug kernels find such bugs in a module that is built as dm-lclone.ko is.
 */

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *bug = "none";
module_param(bug, charp, 0444);
MODULE_PARM_DESC(bug, "race, atomic, order, freed or leak");

static int shared;
static DEFINE_SPINLOCK(atomic_lock);
static DEFINE_MUTEX(first_lock);
static DEFINE_MUTEX(second_lock);

/* Two of them write and read the same, with nothing to order them. */
static int racer(void *unused)
{
	while (!kthread_should_stop()) {
		shared++;
		cond_resched();
	}
	return 0;
}

static int race(void)
{
	struct task_struct *one = kthread_run(racer, NULL, "planted/1");
	struct task_struct *two = kthread_run(racer, NULL, "planted/2");

	msleep(3000);
	if (!IS_ERR(one))
		kthread_stop(one);
	if (!IS_ERR(two))
		kthread_stop(two);
	return IS_ERR(one) || IS_ERR(two) ? -ENOMEM : 0;
}

static void sleep_under_spinlock(void)
{
	spin_lock(&atomic_lock);
	might_sleep();
	spin_unlock(&atomic_lock);
}

/* Nobody waits here, but two that do this at the same time would for ever. */
static void lock_in_both_orders(void)
{
	mutex_lock(&first_lock);
	mutex_lock(&second_lock);
	mutex_unlock(&second_lock);
	mutex_unlock(&first_lock);
	mutex_lock(&second_lock);
	mutex_lock(&first_lock);
	mutex_unlock(&first_lock);
	mutex_unlock(&second_lock);
}

static int read_freed_memory(void)
{
	int *memory = kzalloc(64, GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	kfree(memory);
	return READ_ONCE(*memory) & 1 ? -EIO : 0;
}

static int leak(void)
{
	unsigned int i;

	/* Many, since a copy of an address may lie around somewhere. */
	for (i = 0; i < 16; i++)
		if (!kmalloc(64, GFP_KERNEL))
			return -ENOMEM;
	return 0;
}

static int __init start(void)
{
	if (!strcmp(bug, "race"))
		return race();
	if (!strcmp(bug, "freed"))
		return read_freed_memory();
	if (!strcmp(bug, "leak"))
		return leak();
	if (!strcmp(bug, "atomic"))
		sleep_under_spinlock();
	else if (!strcmp(bug, "order"))
		lock_in_both_orders();
	else
		return -EINVAL;
	return 0;
}

static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_DESCRIPTION("bugs for the debug kernels to find");
MODULE_LICENSE("GPL");
