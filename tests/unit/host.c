// SPDX-License-Identifier: GPL-2.0
/* struct lc_ops over a simulated disk, and what serves the core's kicks. */

#include <stdlib.h>
#include "host.h"
#include "random.h"

static void pause(struct host *host)
{
	KUNIT_ASSERT_FALSE(host->test, spin_is_locked(&host->store.lock));
	if (host->pause)
		host->pause(host);
}

/* Operations ---------------------------------------------------------- */

static int op_read(void *ctx, u32 block, void *page)
{
	struct host *host = ctx;

	pause(host);
	return host->read ? host->read(host, block, page) :
			    disk_read(host->disk, block, page);
}

static int op_write(void *ctx, const struct lc_vec *vec, unsigned int count,
		    bool fua)
{
	struct host *host = ctx;
	int error = 0, failed;
	unsigned int i;

	for (i = 0; i < count; i++) {
		pause(host);
		if (host->wrote)
			host->wrote(host, vec[i].block);
		failed = disk_write(host->disk, vec[i].block, vec[i].page, fua);
		if (failed && error != -EIO)
			error = failed;
	}
	pause(host);
	return error;
}

static int op_flush(void *ctx)
{
	struct host *host = ctx;
	u64 begun = disk_flush_begin(host->disk);

	pause(host);
	return disk_flush_end(host->disk, begun);
}

static void op_discard(void *ctx, u32 block, u32 count)
{
	struct host *host = ctx;

	pause(host);
	if (host->discarded)
		host->discarded(host, block, count);
	if (!host->disk->dead)
		disk_discard(host->disk, block, count);
}

static void op_drain(void *ctx)
{
	struct host *host = ctx;

	pause(host);
	if (host->drain)
		host->drain(host);
}

static void op_round_io(void *ctx, enum lc_round_io kind,
			const struct lc_vec *vec, unsigned int count)
{
	struct host *host = ctx;
	struct host_round *round = &host->round;
	unsigned int i;

	KUNIT_ASSERT_FALSE(host->test, spin_is_locked(&host->store.lock));
	KUNIT_ASSERT_FALSE(host->test, round->active);
	round->active = true;
	round->kind = kind;
	round->writes = count;
	if (kind == LC_ROUND_FLUSH)
		round->flush = disk_flush_begin(host->disk);
	for (i = 0; i < count; i++)
		round->write[i] = disk_submit(host->disk, vec[i].block,
					      vec[i].page, kind == LC_ROUND_CLOSE);
}

static void *get(struct host *host, size_t bytes)
{
	void *memory;

	if (host->no_memory)
		return NULL;
	memory = calloc(1, bytes);
	KUNIT_ASSERT_NOT_NULL(host->test, memory);
	host->memory_out++;
	return memory;
}

static void put(struct host *host, void *memory)
{
	KUNIT_EXPECT_GT(host->test, host->memory_out, 0u);
	host->memory_out--;
	free(memory);
}

static void *op_page_get(void *ctx, bool wait)
{
	struct host *host = ctx;
	bool no_memory = host->no_memory;
	void *page;

	if (!wait && random_chance(host->scarce_percent))
		return NULL;
	if (wait)
		pause(host);
	host->no_memory = false;
	page = get(host, LC_BLOCK_SIZE);
	host->no_memory = no_memory;
	memset(page, 0xa5, LC_BLOCK_SIZE);
	return page;
}

static void op_page_put(void *ctx, void *page)
{
	put(ctx, page);
}

static void *get_of_map(struct host *host, size_t bytes)
{
	return host->no_leaves ? NULL : get(host, bytes);
}

static struct lc_leaf *op_leaf_get(void *ctx)
{
	return get_of_map(ctx, sizeof(struct lc_leaf));
}

static struct lc_node *op_root_get(void *ctx)
{
	return get_of_map(ctx, sizeof(struct lc_node));
}

static bool op_nodes_get(void *ctx, struct lc_node **node, u32 count)
{
	struct host *host = ctx;
	u32 i;

	KUNIT_ASSERT_FALSE(host->test, spin_is_locked(&host->store.lock));
	if (host->nodes)
		host->nodes(host, count);
	for (i = 0; i < count; i++) {
		node[i] = get_of_map(host, sizeof(struct lc_node));
		if (!node[i])
			break;
	}
	if (i == count)
		return true;
	while (i)
		put(host, node[--i]);
	return false;
}

static void *op_bitmap_get(void *ctx, size_t bytes)
{
	return get(ctx, bytes);
}

static void op_leaf_put(void *ctx, struct lc_leaf *leaf)
{
	put(ctx, leaf);
}

static void op_node_put(void *ctx, struct lc_node *node)
{
	put(ctx, node);
}

static void op_bitmap_put(void *ctx, void *bitmap)
{
	put(ctx, bitmap);
}

static void op_kick(void *ctx, enum lc_kick what)
{
	struct host *host = ctx;

	if (host->kick)
		host->kick(host, what);
	host->kicks |= what;
	host->kicked |= what;
	host->retries += what == LC_KICK_RETRY;
}

static void op_answer(void *ctx, struct lc_wait *wait, int error)
{
	struct host_wait *own = container_of(wait, struct host_wait, core);
	struct host *host = ctx;

	KUNIT_ASSERT_FALSE(host->test, spin_is_locked(&host->store.lock));
	KUNIT_EXPECT_FALSE(host->test, own->answered);
	own->answered = true;
	own->error = error;
	if (own->done)
		own->done(host, own);
}

static void op_report(void *ctx, const char *what, u64 block)
{
	struct host *host = ctx;

	(void)block;
	host->reports++;
	host->report = what;
}

static const struct lc_ops ops = {
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.discard = op_discard,
	.drain = op_drain,
	.round_io = op_round_io,
	.page_get = op_page_get,
	.page_put = op_page_put,
	.leaf_get = op_leaf_get,
	.root_get = op_root_get,
	.nodes_get = op_nodes_get,
	.bitmap_get = op_bitmap_get,
	.leaf_put = op_leaf_put,
	.node_put = op_node_put,
	.bitmap_put = op_bitmap_put,
	.kick = op_kick,
	.answer = op_answer,
	.report = op_report,
};

/* Up and down --------------------------------------------------------- */

static void first_super(const struct host_format *format, struct lc_super *super)
{
	memset(super, 0, sizeof(*super));
	super->generation = 1;
	random_fill(super->store_uuid, LC_UUID_BYTES);
	random_fill(super->clone_uuid, LC_UUID_BYTES);
	random_fill(super->content_uuid, LC_UUID_BYTES);
	super->state = LC_STORE_WRITABLE;
	super->head_generation = 1;
	super->clone_sectors = format->clone_sectors;
	super->overlap_sectors = min(format->clone_sectors, format->origin_sectors);
	super->origin_kind = format->origin_sectors ? LC_ORIGIN_DEVICE :
						      LC_ORIGIN_NONE;
	super->origin_sectors = format->origin_sectors;
	super->root_level = lc_root_level(lc_blocks_of(format->clone_sectors));
	super->replay_sequence = 1;
	strcpy(super->clone_name, "unit");
}

struct host *host_new(struct kunit *test, const struct host_format *format)
{
	struct host *host = kunit_kzalloc(test, sizeof(*host), GFP_KERNEL);
	struct lc_super *super = &host->super;
	struct lc_header header = { 0 };
	u8 page[LC_BLOCK_SIZE];
	unsigned int copy;

	host->test = test;
	host->disk = disk_new(test, format->store_blocks);
	first_super(format, super);
	KUNIT_ASSERT_EQ(test, lc_layout_new((u64)format->store_blocks *
					    LC_BLOCK_SECTORS, &super->layout), 0);
	super->high_water = super->layout.data_start;
	for (copy = 0; copy < 2; copy++) {
		lc_super_encode(super, copy, page);
		memcpy(disk_medium(host->disk, lc_super_address(copy)), page,
		       LC_BLOCK_SIZE);
	}
	memcpy(header.store_uuid, super->store_uuid, LC_UUID_BYTES);
	lc_header_encode(&header, page);
	memcpy(disk_medium(host->disk, LC_HEADER_BLOCK), page, LC_BLOCK_SIZE);
	return host;
}

void host_delete(struct host *host)
{
	if (host->open)
		host_drop(host);
	disk_delete(host->disk);
}

int host_open(struct host *host, bool read_only)
{
	static const u8 boot[LC_UUID_BYTES] = "unit test boot";
	enum lc_header_fault fault;
	u8 page[LC_BLOCK_SIZE];
	const char *why;
	int stale;

	KUNIT_ASSERT_FALSE(host->test, host->open);
	host->kicks = 0;
	host->step = false;
	host->round.active = false;
	why = lc_super_load(&ops, host, page, &host->super, &fault, &stale);
	if (why) {
		host->report = why;
		return -EINVAL;
	}
	KUNIT_ASSERT_EQ(host->test, lc_store_init(&host->store, &ops, host,
						  &host->super, read_only), 0);
	host->open = true;
	lc_store_own(&host->store, "unit", boot);
	return lc_store_open(&host->store, stale);
}

void host_drop(struct host *host)
{
	KUNIT_ASSERT_TRUE(host->test, host->open);
	/* No power, or not for long: what is under way fails. */
	host->disk->dead = true;
	lc_fail(&host->store, "the power is gone");
	while (host_round_io(host))
		;
	if (host->step)
		lc_round_step(&host->store);
	host->step = false;
	lc_round_run(&host->store, true);
	lc_store_destroy(&host->store);
	host->open = false;
	KUNIT_EXPECT_EQ(host->test, host->memory_out, 0u);
	disk_power_on(host->disk);
}

void host_close(struct host *host)
{
	host_settle(host);
	KUNIT_EXPECT_EQ(host->test, host_flush(host), 0);
	host_settle(host);
	KUNIT_EXPECT_EQ(host->test, lc_store_park(&host->store), 0);
	lc_store_destroy(&host->store);
	host->open = false;
	KUNIT_EXPECT_EQ(host->test, host->memory_out, 0u);
}

struct host *host_new_open(struct kunit *test, u32 store_blocks, u64 clone_blocks)
{
	struct host_format format = {
		.store_blocks = store_blocks,
		.clone_sectors = clone_blocks * LC_BLOCK_SECTORS,
		.origin_sectors = clone_blocks * LC_BLOCK_SECTORS,
	};
	struct host *host = host_new(test, &format);

	KUNIT_ASSERT_EQ(test, host_open(host, false), 0);
	return host;
}

/* The scheduler ------------------------------------------------------- */

bool host_take_kick(struct host *host, unsigned int which)
{
	bool any = host->kicks & which;

	host->kicks &= ~which;
	return any;
}

/* What may not run now because it would wait for what is under way. */
static unsigned int blocked(struct host *host)
{
	unsigned int kicks = 0;

	if (mutex_is_locked(&host->store.checkpoint_mutex) ||
	    mutex_is_locked(&host->store.load_mutex))
		kicks |= LC_KICK_CHECKPOINT | LC_KICK_SCAN;
	if (mutex_is_locked(&host->store.scan_mutex)) {
		kicks |= LC_KICK_SCAN;
		/* A checkpoint would have to wait for the scan, or needs none. */
		if (lc_space_known(&host->store) <
		    lc_dirty_cap(host->super.layout.reserve_blocks))
			kicks |= LC_KICK_CHECKPOINT;
	}
	if (host->reclaiming)
		kicks |= LC_KICK_RECLAIM;
	if (host->counted) {
		kicks |= LC_KICK_RECLAIM | LC_KICK_SCAN;
		if (lc_space_known(&host->store) <
		    lc_dirty_cap(host->super.layout.reserve_blocks))
			kicks |= LC_KICK_CHECKPOINT;
	}
	return kicks;
}

static void serve(struct host *host, unsigned int kick)
{
	struct lc_store *store = &host->store;

	switch (kick) {
	case LC_KICK_ROUND:
		lc_round_run(store, false);
		break;
	case LC_KICK_CHECKPOINT:
		lc_checkpoint(store);
		break;
	case LC_KICK_RECLAIM:
		host->reclaiming = true;
		lc_reclaim(store);
		host->reclaiming = false;
		break;
	case LC_KICK_SCAN:
		lc_scan(store);
		break;
	}
}

bool host_serve(struct host *host, unsigned int which)
{
	unsigned int ready = host->kicks & which & ~blocked(host);
	unsigned int kick;

	if (!ready)
		return false;
	do {
		kick = 1u << random_below(8);
	} while (!(ready & kick));
	host->kicks &= ~kick;
	serve(host, kick);
	return true;
}

bool host_round_io(struct host *host)
{
	struct host_round *round = &host->round;
	int error = 0;
	unsigned int i;

	if (!round->active)
		return false;
	if (round->kind == LC_ROUND_FLUSH)
		error = disk_flush_end(host->disk, round->flush);
	for (i = 0; i < round->writes; i++)
		if (disk_complete(host->disk, round->write[i]))
			error = -EIO;
	round->active = false;
	if (lc_round_io_done(&host->store, error))
		host->step = true;
	return true;
}

void host_settle(struct host *host)
{
	bool busy = true;

	while (busy) {
		busy = host_serve(host, HOST_WORK) || host_round_io(host);
		if (host->step) {
			host->step = false;
			lc_round_step(&host->store);
			busy = true;
		}
	}
}

int host_flush(struct host *host)
{
	struct host_wait wait = { .answered = false };

	lc_round_wait(&host->store, &wait.core);
	host_settle(host);
	KUNIT_ASSERT_TRUE(host->test, wait.answered);
	return wait.error;
}
