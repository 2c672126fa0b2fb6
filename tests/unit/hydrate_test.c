// SPDX-License-Identifier: GPL-2.0
/* Hydration; beside many writers at a time it is in the crash simulator. */

#include "bulk.h"
#include "random.h"

#define LEAF	((u64)LC_LEAF_ENTRIES)

static int hydrate(struct bulk *bulk, u64 first, u32 count,
		   struct lc_hydrated *result)
{
	bulk->first = first;
	bulk->count = count;
	return lc_hydrate(&bulk->core, first, count, result);
}

static u32 unmapped(struct bulk *bulk, u64 first, u64 count)
{
	struct lc_extent extent;
	u32 found = 0;

	for (; count--; first++) {
		host_lookup(bulk->host, first, &extent);
		found += extent.kind == LC_BELOW;
	}
	return found;
}

static void all_of_a_range_is_mapped_and_nothing_else(struct kunit *test)
{
	struct bulk *bulk = bulk_new(test, 4096, 3 * LEAF, 3 * LEAF);
	struct lc_hydrated result;

	KUNIT_EXPECT_EQ(test, hydrate(bulk, LEAF - 100, 300, &result), 0);
	KUNIT_EXPECT_EQ(test, result.data + result.zero, 300u);
	KUNIT_EXPECT_EQ(test, bulk->host->store.map.data_blocks, result.data);
	KUNIT_EXPECT_EQ(test, bulk->host->store.map.zero_blocks, result.zero);
	KUNIT_EXPECT_EQ(test, bulk->host->store.alloc.used_blocks, result.data);
	KUNIT_EXPECT_EQ(test, unmapped(bulk, LEAF - 100, 300), 0u);
	KUNIT_EXPECT_EQ(test, unmapped(bulk, 0, 3 * LEAF), 3 * LEAF - 300);
	bulk_verify(bulk);
	/* There is nothing left to do. */
	KUNIT_EXPECT_EQ(test, hydrate(bulk, LEAF - 100, 300, &result), 0);
	KUNIT_EXPECT_EQ(test, result.data + result.zero, 0u);
	bulk_delete(bulk);
}

static void p4_what_was_discarded_stays_zero(struct kunit *test)
{
	struct bulk *bulk = bulk_new(test, 4096, LEAF, LEAF);
	struct lc_hydrated result;

	bulk_zero(bulk, 10, 100);
	bulk_write(bulk, 200, 50, 5);
	KUNIT_EXPECT_EQ(test, hydrate(bulk, 0, 400, &result), 0);
	KUNIT_EXPECT_EQ(test, result.data + result.zero, 250u);
	bulk_verify(bulk);
	bulk_delete(bulk);
}

static void end_of_what_is_below_and_of_the_clone(struct kunit *test)
{
	struct bulk *bulk = bulk_new(test, 4096, 500, 300);
	struct lc_hydrated result;

	KUNIT_EXPECT_EQ(test, hydrate(bulk, 250, 250, &result), 0);
	KUNIT_EXPECT_EQ(test, unmapped(bulk, 250, 250), 0u);
	KUNIT_EXPECT_GE(test, result.zero, 200u);
	bulk_verify(bulk);
	bulk_delete(bulk);
}

static void p5_full_store_ends_it_and_goes_on_as_before(struct kunit *test)
{
	struct bulk *bulk = bulk_new(test, 2048, 10 * LEAF, 10 * LEAF);
	struct lc_hydrated result;
	u64 block = 0;
	int error = 0;

	for (; block + 500 <= 10 * LEAF && !error; block += 500)
		error = hydrate(bulk, block, 500, &result);
	KUNIT_EXPECT_EQ(test, error, -ENOSPC);
	KUNIT_EXPECT_TRUE(test, bulk->host->kicked & LC_KICK_EVENT);
	KUNIT_EXPECT_FALSE(test, lc_failed(&bulk->host->store));
	bulk_write(bulk, 0, 1, 9);
	bulk_zero(bulk, 5, 400);
	bulk_verify(bulk);
	/* What the discard has given back is there for it. */
	host_flush(bulk->host);
	host_settle(bulk->host);
	KUNIT_EXPECT_EQ(test, hydrate(bulk, block - 500, 1, &result), 0);
	bulk_verify(bulk);
	bulk_delete(bulk);
}

static void errors_are_told_and_change_nothing(struct kunit *test)
{
	struct bulk *bulk = bulk_new(test, 4096, LEAF, LEAF);
	struct lc_hydrated result;

	bulk->bad_below = 77;
	KUNIT_EXPECT_EQ(test, hydrate(bulk, 77, 1, &result), -EIO);
	KUNIT_EXPECT_EQ(test, bulk->host->store.map.data_blocks, 0u);
	KUNIT_EXPECT_EQ(test, hydrate(bulk, 78, 1, &result), 0);
	bulk->bad_below = ~0ull;
	bulk->host->disk->fail_in[DISK_WRITE] = 1;
	KUNIT_EXPECT_EQ(test, hydrate(bulk, 0, 50, &result), -EIO);
	KUNIT_EXPECT_EQ(test, bulk->host->store.alloc.used_blocks,
			bulk->host->store.map.data_blocks);
	bulk->stop = true;
	KUNIT_EXPECT_EQ(test, hydrate(bulk, 0, 50, &result), -EBUSY);
	bulk->stop = false;
	bulk_verify(bulk);
	lc_fail(&bulk->host->store, "for a test");
	KUNIT_EXPECT_EQ(test, hydrate(bulk, 300, 50, &result), -EIO);
	bulk_delete(bulk);
}

static void guest_wins_wherever_it_comes_between(struct kunit *test)
{
	u32 rounds = random_rounds(150);
	struct lc_hydrated result;

	while (rounds-- && test->status != KUNIT_FAILURE) {
		u64 blocks = 100 + random_below(3000);
		struct bulk *bulk = bulk_new(test, 3000 + random_below(3000), blocks,
					     random_below(4000));
		u32 calls = 20;
		int error = 0;

		bulk->meanwhile = bulk_disturb;
		while (calls--) {
			u64 first = random_below((u32)blocks);
			u32 count = 1 + random_below(min_t(u32, blocks - first, 300));

			error = hydrate(bulk, first, count, &result);
			if (error)
				break;
			KUNIT_EXPECT_EQ(test, unmapped(bulk, first, count), 0u);
		}
		KUNIT_EXPECT_TRUE(test, !error || error == -ENOSPC);
		bulk_verify(bulk);
		KUNIT_EXPECT_EQ(test, host_flush(bulk->host), 0);
		host_drop(bulk->host);
		KUNIT_ASSERT_EQ(test, host_open(bulk->host, false), 0);
		bulk_verify(bulk);
		bulk_delete(bulk);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(all_of_a_range_is_mapped_and_nothing_else),
	KUNIT_CASE(p4_what_was_discarded_stays_zero),
	KUNIT_CASE(end_of_what_is_below_and_of_the_clone),
	KUNIT_CASE(p5_full_store_ends_it_and_goes_on_as_before),
	KUNIT_CASE(errors_are_told_and_change_nothing),
	KUNIT_CASE(guest_wins_wherever_it_comes_between),
	{ }
};

static struct kunit_suite suite = {
	.name = "hydrate",
	.test_cases = cases,
};
kunit_test_suite(suite);
