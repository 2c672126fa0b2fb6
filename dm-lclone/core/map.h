/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The map of a store in memory: a tree of nodes with leaves of entries, loaded
 * when first touched, looked up without a lock.
 *
 * A leaf or node is "claimed" while tickets are out on it or below it, "dirty"
 * from the change of an entry to the checkpoint that takes it, and "writing"
 * from there to the end of that checkpoint.  Claimed and dirty pages, with the
 * leaves that a round has still to gather, are capped at what one checkpoint can
 * always write.  Only a page that is none of the three, and whose entries are
 * all durable, may be evicted.
 *
 * An "end" is the lowest page in memory on its way from the root: a leaf, or a
 * node with nothing below it in memory.  Eviction goes from there upwards.
 */
#ifndef LCLONE_MAP_H
#define LCLONE_MAP_H

#include "page.h"

struct lc_store;
struct lc_node;

/* What leaves and nodes in memory have in common.  Under the store's lock. */
struct lc_page {
	struct lc_node *parent;		/* NULL for the root */
	struct list_head dirty_link;	/* in map->dirty[level] */
	struct list_head writing_link;	/* in the checkpoint's list of its level */
	struct list_head ends_link;	/* in map->ends; never the root */
	u64 index;			/* in its level */
	u32 claims;
	struct lc_ref old;		/* its address is freed when the checkpoint is done */
	u16 slot;			/* in the parent */
	u8 level;
	bool dirty;
	bool writing;
	bool promised;			/* store space is set aside for it */
	bool referenced;		/* looked up since the last try to evict it */
	struct rcu_head rcu;		/* the environment's, for *_put() */
};

struct lc_leaf {
	struct lc_page page;
	struct list_head journal_link;	/* in map->journal or round->leaves */
	u64 round;			/* the latest round that it waits for */
	DECLARE_BITMAP(unjournaled, LC_LEAF_ENTRIES);
	u32 entry[LC_LEAF_ENTRIES];	/* read without the lock */
};

struct lc_node {
	struct lc_page page;
	u32 children;			/* in memory, or being read */
	struct lc_ref ref[LC_NODE_CHILDREN];
	struct lc_page *child[LC_NODE_CHILDREN];	/* read without the lock */
};

struct lc_map {
	struct lc_node *root;		/* always in memory */
	u64 span[LC_MAX_HEIGHT + 1];	/* leaves below one child, by level */
	struct list_head dirty[LC_MAX_HEIGHT + 1];	/* pages by level */
	struct list_head journal;	/* leaves with entries to journal */
	struct list_head ends;		/* what may be evicted, oldest first */
	u32 ends_in_memory;		/* length of @ends */
	u32 leaves_in_memory;
	u32 nodes_in_memory;
	u32 charged;			/* pages for which lc_page_charged() */
	u32 named;			/* pages that a replay may make dirty, or more */
	bool starved;			/* a claim failed; the next release tells */
	bool uncapped;			/* the journal is being replayed */
	u64 data_blocks;		/* data entries of the whole map */
	u64 zero_blocks;		/* known-zero entries of the whole map */
};

enum lc_kind {
	LC_BELOW,			/* what lies below the store */
	LC_ZERO,
	LC_DATA,			/* in the store or layer, from extent->store on */
	LC_UNLOADED,			/* lc_map_load() has to be called first */
};

struct lc_extent {
	enum lc_kind kind;
	bool durable;			/* LC_DATA: the mapping has reached the disk */
	u8 layer;			/* below the store: whose data it is */
	u32 store;
	u64 count;			/* blocks, 1 to the @most asked for */
	u64 limit;			/* below the store: zeros from this sector on */
};

/*
 * What the map says of @block and of as many blocks behind it, up to @most, as
 * are alike.  Any context, lock-free: the caller keeps leaves and nodes from
 * being freed (RCU), and data blocks from being reused (it has entered the
 * drain counter).
 */
void lc_lookup(struct lc_store *store, u64 block, u64 most,
	       struct lc_extent *extent);

/*
 * Brings the leaf of @block into memory, reading or making it.  Process
 * context.  Returns 0, -ENOMEM, or -EIO for a page that cannot be read or is
 * damaged, which has been reported.
 */
int lc_map_load(struct lc_store *store, u64 block);

/*
 * What is known of the whole leaf of @block (LC_REF_*), without loading it;
 * LC_REF_PAGE when it is in memory.  Of a store whose map does not change.  The
 * same otherwise.
 */
int lc_map_leaf_state(struct lc_store *store, u64 block, u8 *state);

/*
 * Reads the leaf or node @id that @ref, which is of a page, says is on disk, into
 * @into: LC_LEAF_ENTRIES entries, or LC_NODE_CHILDREN refs.  Process context.
 * Returns NULL, or what is wrong.
 */
const char *lc_page_read(struct lc_store *store, const struct lc_ref *ref,
			 struct lc_page_id id, void *into);

/* The leaf of @block when it is in memory.  Under the lock. */
struct lc_leaf *lc_map_leaf(struct lc_store *store, u64 block);

/*
 * For a walk of the whole map.  Under the lock.  Returns the page of the leaf of
 * @block, or of the lowest node in memory on the way to it; @covered is the
 * number of blocks from @block on that it speaks for, or 0 when there is a page
 * below it that is not in memory.
 */
struct lc_page *lc_map_visit(struct lc_store *store, u64 block, u64 *covered);

/*
 * Gives back up to @most clean ends, and the nodes above that get empty, after a
 * look at no more than four times as many.  Any context.  Returns how many ends.
 */
u32 lc_map_evict(struct lc_store *store, u32 most);

/*
 * Whether it can do more, now or when what was looked up lately is not any more.  Any
 * context.
 */
bool lc_map_evictable(struct lc_store *store);

/* Puts the zeroed @root above the root, and no other page.  Under the lock. */
void lc_map_raise(struct lc_store *store, struct lc_node *root);

/* Where the parent, or the superblock, keeps the ref of a page. */
struct lc_ref *lc_page_ref(struct lc_store *store, struct lc_page *page);

/* Whether @page counts against the dirty cap.  Under the lock. */
bool lc_page_charged(struct lc_page *page);

/*
 * Claims @page and all above it.  Under the lock.  Returns false, claims nothing
 * and asks for a checkpoint and a round when that would exceed the dirty cap, or
 * the journal already names as many pages as a replay takes in; a kick to retry
 * follows.  @new_pages is set to the number of pages that need
 * space for the first time; it has not been promised yet: lc_page_promise() does
 * that, once the space is known to be there.
 */
bool lc_page_claim(struct lc_store *store, struct lc_page *page, u32 *new_pages);
void lc_page_promise(struct lc_store *store, struct lc_page *page);
void lc_page_unclaim(struct lc_store *store, struct lc_page *page);

/* Takes a leaf from the list of those that a round has to gather.  Under the lock. */
void lc_leaf_gathered(struct lc_store *store, struct lc_leaf *leaf);

/*
 * How many of the pages in map->named no group behind what is durable now names: these are
 * the group that is under way, and others, which name what is charged by now, with what
 * is above it, or gets dirty later.  Under the lock.
 */
u32 lc_named_before(const struct lc_store *store);

/* Marks a claimed page and all above it dirty.  Under the lock. */
void lc_page_dirty(struct lc_store *store, struct lc_page *page);

/*
 * Sets an entry of a claimed leaf, its counts and its dirty mark.  Under the
 * lock, in one step with the check of the old value.  lc_leaf_set() also has
 * it journaled by the next round; lc_leaf_replay() is for what came from there.
 */
void lc_leaf_set(struct lc_store *store, struct lc_leaf *leaf, u32 slot,
		 u32 value);
void lc_leaf_replay(struct lc_store *store, struct lc_leaf *leaf, u32 slot,
		    u32 value);

/* The child of a node of @level, which is on the way to @block, that is so, too. */
u32 lc_map_slot(const struct lc_map *map, unsigned int level, u64 block);

/* The entries of a subtree of @level, for a ref that says all are zero. */
u64 lc_subtree_blocks(const struct lc_map *map, unsigned int level);

/*
 * lc_map_init() does no I/O; lc_map_open() makes the root, or reads it.
 * Process context.  Returns as lc_map_load().
 */
void lc_map_init(struct lc_store *store);
int lc_map_open(struct lc_store *store);
void lc_map_destroy(struct lc_store *store);

#endif
