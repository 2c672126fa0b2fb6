// SPDX-License-Identifier: GPL-2.0
/* Hosts for operations over ranges. */

#include <stdlib.h>
#include "bulk.h"
#include "random.h"

static struct bulk *bulk_of(void *ctx)
{
	struct host *host = ctx;

	return host->owner;
}

/* I/O of the operation: the guest does something before it, and after it. */
static void meanwhile(struct bulk *bulk)
{
	void (*run)(struct bulk *bulk) = bulk->meanwhile;

	KUNIT_ASSERT_FALSE(bulk->host->test, spin_is_locked(&bulk->host->store.lock));
	if (!run)
		return;
	bulk->meanwhile = NULL;		/* it does not disturb itself */
	run(bulk);
	bulk->meanwhile = run;
}

static int op_enter(void *ctx)
{
	struct bulk *bulk = bulk_of(ctx);

	KUNIT_EXPECT_FALSE(bulk->host->test, bulk->host->counted);
	bulk->host->counted = true;
	return 7;
}

static void op_leave(void *ctx, int phase)
{
	struct bulk *bulk = bulk_of(ctx);

	KUNIT_EXPECT_TRUE(bulk->host->test, bulk->host->counted);
	KUNIT_EXPECT_EQ(bulk->host->test, phase, 7);
	bulk->host->counted = false;
}

static int op_read_below(void *ctx, u64 block, u8 *const *page, u32 count)
{
	struct bulk *bulk = bulk_of(ctx);
	u32 i;

	meanwhile(bulk);
	for (i = 0; i < count; i++) {
		if (block + i == bulk->bad_below)
			return -EIO;
		host_page(bulk_below(bulk, block + i), page[i]);
	}
	meanwhile(bulk);
	return 0;
}

static int op_read_store(void *ctx, u32 block, u8 *const *page, u32 count)
{
	struct bulk *bulk = bulk_of(ctx);
	int error = 0;
	u32 i;

	meanwhile(bulk);
	for (i = 0; i < count && !error; i++)
		error = disk_read(bulk->host->disk, block + i, page[i]);
	meanwhile(bulk);
	return error;
}

static int op_write_store(void *ctx, u32 block, u8 *const *page, u32 count)
{
	struct bulk *bulk = bulk_of(ctx);
	int error = 0;
	u32 i;

	KUNIT_EXPECT_TRUE(bulk->host->test, bulk->host->counted);
	meanwhile(bulk);
	for (i = 0; i < count && !error; i++)
		error = disk_write(bulk->host->disk, block + i, page[i], false);
	meanwhile(bulk);
	return error;
}

static int op_go_on(void *ctx)
{
	return bulk_of(ctx)->stop ? -EBUSY : 0;
}

static u32 op_retries(void *ctx)
{
	return bulk_of(ctx)->host->retries;
}

static int op_wait(void *ctx, u32 retries)
{
	struct bulk *bulk = bulk_of(ctx);

	bulk->waits++;
	bulk->idle_waits += bulk->host->retries != retries;
	KUNIT_EXPECT_FALSE(bulk->host->test, bulk->host->counted);
	host_settle(bulk->host);
	return op_go_on(ctx);
}

static const struct lc_bulk_ops ops = {
	.enter = op_enter,
	.leave = op_leave,
	.read_below = op_read_below,
	.read_store = op_read_store,
	.write_store = op_write_store,
	.go_on = op_go_on,
	.retries = op_retries,
	.wait = op_wait,
};

static void drained(struct host *host)
{
	struct bulk *bulk = host->owner;

	KUNIT_EXPECT_FALSE(host->test, host->counted);
	if (bulk->drains)
		++*bulk->drains;
}

u64 bulk_below(const struct bulk *bulk, u64 block)
{
	bool there = block < lc_blocks_of(lc_below_sectors(&bulk->host->super));

	/* Stretches of either kind. */
	return there && block * 2654435761u >> 4 & 1 ? (1ull << 40) + block : 0;
}

struct bulk *bulk_new(struct kunit *test, u32 store_blocks, u64 blocks,
		      u64 below_blocks)
{
	struct host_format format = {
		.store_blocks = store_blocks,
		.clone_sectors = blocks * LC_BLOCK_SECTORS,
		.origin_sectors = below_blocks * LC_BLOCK_SECTORS,
	};
	struct bulk *bulk = kunit_kzalloc(test, sizeof(*bulk), GFP_KERNEL);
	u64 block;
	u32 i;

	bulk->host = host_new(test, &format);
	bulk->host->owner = bulk;
	bulk->host->drain = drained;
	KUNIT_ASSERT_EQ(test, host_open(bulk->host, false), 0);
	bulk->blocks = blocks;
	bulk->bad_below = ~0ull;
	bulk->core.ops = &ops;
	bulk->core.store = &bulk->host->store;
	bulk->content = kunit_kzalloc(test, blocks * sizeof(u64), GFP_KERNEL);
	bulk->memory = kunit_kzalloc(test, LC_BULK_PAGES * LC_BLOCK_SIZE, GFP_KERNEL);
	bulk->core.pages = 2 + random_below(LC_BULK_PAGES - 1);
	for (i = 0; i < bulk->core.pages; i++)
		bulk->core.page[i] = bulk->memory + i * LC_BLOCK_SIZE;
	for (block = 0; block < blocks; block++)
		bulk->content[block] = bulk_below(bulk, block);
	return bulk;
}

void bulk_delete(struct bulk *bulk)
{
	host_delete(bulk->host);
}

void bulk_write(struct bulk *bulk, u64 block, u32 count, u64 tag)
{
	struct lc_extent extent;

	for (; count--; block++) {
		/* It would wait. */
		host_lookup(bulk->host, block, &extent);
		if (extent.kind == LC_DATA && lc_held(&bulk->host->store, block, 1))
			continue;
		if (host_write(bulk->host, block, 1, tag) == LC_TAKEN)
			bulk->content[block] = tag;
	}
}

void bulk_zero(struct bulk *bulk, u64 block, u64 count)
{
	for (; count--; block++)
		if (host_zero(bulk->host, block, 1) == LC_TAKEN)
			bulk->content[block] = 0;
}

void bulk_disturb(struct bulk *bulk)
{
	u64 block = bulk->first + random_below((u32)bulk->count);
	u32 count = 1 + random_below(min_t(u32, bulk->first + bulk->count - block, 20));

	switch (random_below(6)) {
	case 0:
		bulk_write(bulk, block, count, 1 + random_below(1000));
		break;
	case 1:
		bulk_zero(bulk, block, count);
		break;
	case 2:
		host_settle(bulk->host);
		break;
	case 3:
		lc_map_evict(&bulk->host->store, 4);
		break;
	case 4:
		lc_round_run(&bulk->host->store, true);
		break;
	default:
		break;
	}
}

void bulk_verify(struct bulk *bulk)
{
	u64 block, tag;

	for (block = 0; block < bulk->blocks; block++) {
		tag = host_read(bulk->host, block);
		if (tag == HOST_BELOW)
			tag = bulk_below(bulk, block);
		KUNIT_ASSERT_EQ(bulk->host->test, tag, bulk->content[block]);
	}
}
