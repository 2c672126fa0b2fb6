// SPDX-License-Identifier: GPL-2.0
/* What has to hold when nothing is under way. */

#include "below.h"
#include "bio.h"
#include "check.h"
#include "layer.h"
#include "memory.h"
#include "model.h"
#include "random.h"
#include "report.h"
#include "walk.h"

/* Content -------------------------------------------------------------- */

void check_lookup(u64 block, struct lc_extent *extent)
{
	lc_lookup(edge.store, block, 1, extent);
	if (extent->kind == LC_UNLOADED) {
		if (lc_map_load(edge.store, block))
			violation("the leaf of block %llu cannot be loaded",
				  (unsigned long long)block);
		lc_lookup(edge.store, block, 1, extent);
	}
}

static void read_block(u64 block, u64 *tags)
{
	struct lc_extent extent;

	check_lookup(block, &extent);
	if (extent.kind == LC_DATA) {
		medium_tags_now(extent.store, tags);
		return;
	}
	if (extent.kind == LC_ZERO)
		memset(tags, 0, LC_BLOCK_SECTORS * sizeof(*tags));
	else
		below_block(block, tags);
}

/* A clone that was cut has them no more. */
static bool beyond(u64 block)
{
	return block * LC_BLOCK_SECTORS >= model.sectors;
}

void check_recovered(void)
{
	u64 tags[LC_BLOCK_SECTORS];
	u32 i;

	for (i = 0; i < model.watched; i++) {
		if (beyond(model.history[i].block))
			continue;
		read_block(model.history[i].block, tags);
		model_recovered(&model.history[i], tags);
	}
	model_restart();
}

void check_content(void)
{
	u64 tags[LC_BLOCK_SECTORS];
	u32 submitted = ++model.clock;
	u32 i;

	for (i = 0; i < model.watched; i++) {
		u64 block = model.history[i].block;
		u64 left = model.sectors - block * LC_BLOCK_SECTORS;

		if (beyond(block))
			continue;
		read_block(block, tags);
		model_read(block, left < LC_BLOCK_SECTORS ?
			   (u8)((1u << left) - 1) : ALL_SECTORS, submitted, tags);
	}
}

/* The device ------------------------------------------------------------ */

static int read_now(void *device, u32 block, void *page)
{
	(void)device;
	memcpy(page, medium_now(block), LC_BLOCK_SIZE);
	return 0;
}

static void expect(const char *what, u64 core, u64 walk)
{
	if (core != walk)
		violation("%s: the core says %llu, a walk %llu", what,
			  (unsigned long long)core, (unsigned long long)walk);
}

void check_device(void)
{
	struct kunit test = { .name = "walk of the device" };
	struct walk *walk = walk_device(&test, read_now, NULL);
	struct lc_store *store = edge.store;
	u64 block;

	expect("data blocks", store->map.data_blocks, walk->data_blocks);
	expect("zero blocks", store->map.zero_blocks, walk->zero_blocks);
	expect("used blocks", store->alloc.used_blocks, walk->data_blocks);
	expect("pages", store->alloc.page_blocks, walk->pages);
	expect("promised blocks", store->alloc.promised_blocks, 0);
	for (block = 0; block < walk->blocks; block++)
		if (walk->entry[block] && walk->entry[block] != LC_ENTRY_ZERO &&
		    !model_watches(block))
			violation("block %llu, which nobody wrote, is mapped",
				  (unsigned long long)block);
	walk_free(walk);
}

/* The allocator ---------------------------------------------------------- */

struct account {
	u8 used[LC_BLOCK_SIZE * 8];	/* by store block */
	u64 data;
	u64 zero;
};

static void use(struct account *account, u32 store, const char *what)
{
	if (account->used[store])
		violation("store block %u is used twice; the second time by %s",
			  store, what);
	account->used[store] = 1;
}

static void account_page(struct account *account, struct lc_page *page)
{
	const struct lc_ref *ref = lc_page_ref(edge.store, page);
	const struct lc_node *node;
	u32 i;

	/* Each page once: where the walk meets its first child, or itself. */
	if (ref->state == LC_REF_PAGE)
		use(account, ref->address, "a page");
	if (!page->level)
		return;
	node = container_of(page, struct lc_node, page);
	for (i = 0; i < LC_NODE_CHILDREN; i++)
		if (node->child[i])
			account_page(account, node->child[i]);
}

static void account_leaf(struct account *account, const struct lc_leaf *leaf)
{
	u32 i;

	for (i = 0; i < LC_LEAF_ENTRIES; i++) {
		if (leaf->entry[i] == LC_ENTRY_ZERO) {
			account->zero++;
		} else if (leaf->entry[i] != LC_ENTRY_UNMAPPED) {
			account->data++;
			use(account, leaf->entry[i], "an entry");
		}
	}
}

static void visit_all(struct account *account)
{
	struct lc_store *store = edge.store;
	/* A clone that was cut may have pages behind its end. */
	u64 end = lc_subtree_blocks(&store->map, store->super.root_level);
	struct lc_page *page;
	unsigned long flags;
	u64 block = 0, covered;

	while (block < end) {
		spin_lock_irqsave(&store->lock, flags);
		page = lc_map_visit(store, block, &covered);
		if (!page->level)
			account_leaf(account, container_of(page, struct lc_leaf, page));
		else if (covered)
			account->zero += lc_page_ref(store, page)->state ==
					 LC_REF_ZERO ? covered : 0;
		spin_unlock_irqrestore(&store->lock, flags);
		if (!covered && lc_map_load(store, block))
			violation("the leaf of block %llu cannot be loaded",
				  (unsigned long long)block);
		block += covered;
	}
}

static void check_bitmap(const struct account *account)
{
	const struct lc_alloc *alloc = &edge.store->alloc;
	u32 at;

	for (at = edge.store->super.layout.data_start; at < alloc->data_end; at++)
		if (test_bit(at, alloc->bitmap) != !!account->used[at])
			violation("store block %u is %s, and the bitmap says %s", at,
				  account->used[at] ? "used" : "free",
				  account->used[at] ? "free" : "used");
}

void check_accounts(void)
{
	static struct account account;
	const struct lc_alloc *alloc = &edge.store->alloc;

	memset(&account, 0, sizeof(account));
	visit_all(&account);
	account_page(&account, &edge.store->map.root->page);
	expect("data blocks", edge.store->map.data_blocks, account.data);
	expect("used blocks", alloc->used_blocks, account.data + alloc->freeing_blocks);
	expect("blocks on their way back", alloc->freeing_blocks, 0);
	if (alloc->scan == LC_SCAN_DONE)
		check_bitmap(&account);
}

/* Damage ------------------------------------------------------------------ */

static u32 damaged_block;
static u8 undamaged[LC_BLOCK_SIZE];

/* Blocks of whole groups from the replay point on, but for the last group. */
static u32 groups_before_last(const struct lc_super *super)
{
	const struct lc_layout *layout = &super->layout;
	u32 at = super->replay_block, csum = super->replay_csum;
	struct lc_journal_block block;
	u32 n, whole = 0, before = 0;

	for (n = 0; n < layout->journal_blocks - 1; n++) {
		u32 address = layout->journal_start + at;

		if (lc_journal_decode(medium_now(address), super->store_uuid, address,
				      &block) ||
		    block.epoch != super->epoch || block.previous_csum != csum ||
		    block.sequence != super->replay_sequence + n)
			break;
		csum = block.csum;
		at = (at + 1) % layout->journal_blocks;
		if (!block.closes)
			continue;
		before = whole;
		whole = n + 1;
	}
	return before;
}

bool check_damage(void)
{
	struct lc_super super;
	u8 page[LC_BLOCK_SIZE];
	u32 blocks;

	if (!layer_super(medium_seen(), &super) || !super.owner_epoch)
		return false;
	blocks = groups_before_last(&super);
	if (!blocks)
		return false;
	damaged_block = super.layout.journal_start +
			(super.replay_block + random_below(blocks)) %
			super.layout.journal_blocks;
	memcpy(undamaged, medium_now(damaged_block), LC_BLOCK_SIZE);
	memcpy(page, undamaged, LC_BLOCK_SIZE);
	page[random_below(LC_BLOCK_SIZE)] ^= 1 << random_below(8);
	medium_put(damaged_block, page);
	trace(TRACE_DAMAGE, damaged_block, 0, 0, 0);
	return true;
}

void check_mend(void)
{
	medium_put(damaged_block, undamaged);
}
