// SPDX-License-Identifier: GPL-2.0
/* Reads, writes and zeroing from begin to end, for tests that need no more. */

#include "host.h"

void host_page(u64 tag, void *page)
{
	u32 sector;

	memset(page, 0, LC_BLOCK_SIZE);
	for (sector = 0; sector < LC_BLOCK_SECTORS; sector++)
		memcpy((u8 *)page + sector * 512, &tag, sizeof(tag));
}

static void load(struct host *host, u64 block)
{
	KUNIT_ASSERT_EQ(host->test, lc_map_load(&host->store, block), 0);
}

void host_lookup(struct host *host, u64 block, struct lc_extent *extent)
{
	lc_lookup(&host->store, block, 1, extent);
	if (extent->kind == LC_UNLOADED) {
		load(host, block);
		lc_lookup(&host->store, block, 1, extent);
	}
}

struct lc_leaf *host_leaf(struct host *host, u64 block)
{
	struct lc_leaf *leaf;
	unsigned long flags;

	spin_lock_irqsave(&host->store.lock, flags);
	leaf = lc_map_leaf(&host->store, block);
	spin_unlock_irqrestore(&host->store.lock, flags);
	return leaf;
}

enum lc_take host_ticket(struct host *host, u64 block, u32 count,
			 struct lc_ticket *ticket)
{
	enum lc_take take = lc_ticket_take(&host->store, block, count, ticket);

	if (take == LC_LOAD) {
		load(host, block);
		take = lc_ticket_take(&host->store, block, count, ticket);
	}
	return take;
}

static void write_data(struct host *host, u32 store, u32 count, u64 tag)
{
	u8 page[LC_BLOCK_SIZE];

	host_page(tag, page);
	while (count--)
		KUNIT_ASSERT_EQ(host->test,
				disk_write(host->disk, store++, page, false), 0);
}

static enum lc_take write_some(struct host *host, u64 block, u32 *count, u64 tag)
{
	struct lc_extent extent;
	struct lc_ticket ticket;
	enum lc_take take;

	host_lookup(host, block, &extent);
	if (extent.kind == LC_DATA) {
		write_data(host, extent.store, 1, tag);
		*count = 1;
		return LC_TAKEN;
	}
	take = host_ticket(host, block, *count, &ticket);
	if (take != LC_TAKEN)
		return take;
	write_data(host, ticket.store, ticket.count, tag);
	KUNIT_EXPECT_TRUE(host->test, lc_ticket_publish(&host->store, &ticket));
	*count = ticket.count;
	return take;
}

enum lc_take host_write(struct host *host, u64 block, u32 count, u64 tag)
{
	enum lc_take take = LC_TAKEN;
	unsigned int tries = 0;
	u32 done;

	while (count) {
		done = count;
		take = write_some(host, block, &done, tag);
		if (take == LC_BUSY && tries++ < 1000) {
			host_settle(host);
			continue;
		}
		if (take != LC_TAKEN)
			return take;
		block += done;
		count -= done;
		tries = 0;
	}
	return take;
}

enum lc_take host_zero(struct host *host, u64 block, u64 count)
{
	enum lc_take take = LC_TAKEN;
	unsigned int tries = 0;
	u64 done;

	while (count) {
		done = count;
		take = lc_zero(&host->store, block, &done);
		if (take == LC_LOAD) {
			load(host, block);
			continue;
		}
		if (take == LC_BUSY && tries++ < 1000) {
			host_settle(host);
			continue;
		}
		if (take != LC_TAKEN)
			return take;
		block += done;
		count -= done;
		tries = 0;
	}
	return take;
}

u64 host_read(struct host *host, u64 block)
{
	struct lc_extent extent;
	u8 page[LC_BLOCK_SIZE];
	u64 tag;

	host_lookup(host, block, &extent);
	if (extent.kind != LC_DATA)
		return extent.kind == LC_ZERO ? 0 : HOST_BELOW;
	KUNIT_ASSERT_EQ(host->test,
			disk_read(host->disk, extent.store, page), 0);
	memcpy(&tag, page, sizeof(tag));
	return tag;
}
