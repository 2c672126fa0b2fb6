// SPDX-License-Identifier: GPL-2.0
/* Activation of a store by the core, in memory, one thread. */

#include <stdlib.h>
#include "core-host.h"
#include "core-open.h"
#include "plain-ops.h"

static u8 *block_of(void *ctx, u32 block)
{
	struct core_host *host = ctx;

	return host->image->bytes + (size_t)block * LC_BLOCK_SIZE;
}

static int op_read(void *ctx, u32 block, void *page)
{
	if (block >= IMAGE_BLOCKS)
		return -EIO;
	memcpy(page, block_of(ctx, block), LC_BLOCK_SIZE);
	return 0;
}

/* Whatever the store says: the header and both ends are not for the core. */
static int op_write(void *ctx, const struct lc_vec *vec, unsigned int count,
		    bool fua)
{
	(void)fua;
	for (; count--; vec++) {
		bool super = vec->block == LC_SUPER_BLOCK_0 ||
			     vec->block == LC_SUPER_BLOCK_1;

		if (vec->block >= IMAGE_BLOCKS - LC_TAIL_BLOCKS ||
		    (vec->block < LC_HEAD_BLOCKS && !super))
			abort();
		memcpy(block_of(ctx, vec->block), vec->page, LC_BLOCK_SIZE);
	}
	return 0;
}

static void op_round_io(void *ctx, enum lc_round_io io,
			const struct lc_vec *vec, unsigned int count)
{
	struct core_host *host = ctx;

	if (io != LC_ROUND_FLUSH)
		op_write(ctx, vec, count, false);
	if (lc_round_io_done(&host->store, 0))
		host->step = true;
}

static void *op_page_get(void *ctx, bool wait)
{
	(void)ctx;
	(void)wait;
	return calloc(1, LC_BLOCK_SIZE);
}

static void op_kick(void *ctx, enum lc_kick what)
{
	((struct core_host *)ctx)->kicks |= what;
}

static void op_report(void *ctx, const char *what, u64 block)
{
	(void)ctx;
	(void)what;
	(void)block;
}

static const struct lc_ops ops = {
	PLAIN_OPS,
	.read = op_read,
	.write = op_write,
	.round_io = op_round_io,
	.page_get = op_page_get,
	.kick = op_kick,
	.answer = core_answer,
	.report = op_report,
};

static const char *load_all(struct core_host *host, u64 leaves)
{
	struct lc_store *store = &host->store;
	const char *why = NULL;
	u64 block;

	for (block = 0; block < store->blocks && leaves; leaves--) {
		if (lc_map_load(store, block))
			why = "a page is lost";
		lc_map_evict(store, 4);
		block += LC_LEAF_ENTRIES;
	}
	return why;
}

static const char *use(struct core_host *host, u64 leaves, u64 seed)
{
	const char *why = load_all(host, leaves);

	lc_scan(&host->store);
	core_use(host, seed);
	if (lc_store_park(&host->store))
		why = "it cannot be parked";
	return why;
}

const char *core_open(struct image *image, u64 leaves, u64 seed)
{
	static const u8 boot[LC_UUID_BYTES] = "fuzz";
	struct core_host *host = calloc(1, sizeof(*host));
	enum lc_header_fault fault;
	u8 page[LC_BLOCK_SIZE];
	struct lc_super super;
	const char *why;
	int stale;

	host->image = image;
	why = lc_super_load(&ops, host, page, &super, &fault, &stale);
	if (!why && super.layout.store_blocks > IMAGE_BLOCKS)
		why = "is too large for its device";
	if (why || lc_store_init(&host->store, &ops, host, &super, false)) {
		free(host);
		return why ? why : "no memory";
	}
	lc_store_own(&host->store, "fuzz", boot);
	why = lc_store_open(&host->store, stale) ? "cannot be opened" :
						   use(host, leaves, seed);
	lc_store_destroy(&host->store);
	free(host);
	return why;
}
