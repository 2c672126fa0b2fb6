// SPDX-License-Identifier: GPL-2.0
/* The frozen layers below the store. */

#include "edge.h"
#include "layer.h"
#include "memory.h"
#include "random.h"
#include "report.h"

struct layers layers;

/* What a layer asks for ------------------------------------------------------- */

static int op_read(void *ctx, u32 block, void *page)
{
	const struct layer *layer = ctx;
	struct batch batch = { 0 };

	medium_read_other_page(layer->image, block, page, &batch);
	return batch_wait(&batch);
}

static int op_write(void *ctx, const struct lc_vec *vec, unsigned int count, bool fua)
{
	(void)ctx, (void)count, (void)fua;
	violation("block %u of a layer is written", vec[0].block);
}

/* All of it is durable: see freeze_settle(). */
static int op_flush(void *ctx)
{
	(void)ctx;
	return 0;
}

static void op_discard(void *ctx, u32 block, u32 count)
{
	(void)ctx, (void)count;
	violation("block %u of a layer is discarded", block);
}

static void op_round_io(void *ctx, enum lc_round_io kind, const struct lc_vec *vec,
			unsigned int count)
{
	(void)ctx, (void)vec, (void)count;
	violation("a layer makes a round, I/O %d", kind);
}

/* No work of it runs any more. */
static void op_kick(void *ctx, enum lc_kick what)
{
	(void)ctx, (void)what;
}

static const struct lc_ops *layer_ops(void)
{
	static struct lc_ops ops;

	ops = edge_ops;
	ops.read = op_read;
	ops.write = op_write;
	ops.flush = op_flush;
	ops.discard = op_discard;
	ops.round_io = op_round_io;
	ops.kick = op_kick;
	return &ops;
}

/* The index ------------------------------------------------------------------- */

static struct lc_merged *op_merged_get(void *ctx)
{
	(void)ctx;
	may_sleep();
	sim_point();
	return memory_merged_get();
}

static struct lc_index_node *op_root_get(void *ctx)
{
	(void)ctx;
	may_sleep();
	sim_point();
	return memory_index_get();
}

static bool op_index_get(void *ctx, struct lc_index_node **node, u32 count)
{
	while (count--)
		*node++ = op_root_get(ctx);
	return true;
}

static void op_merged_put(void *ctx, struct lc_merged *merged)
{
	(void)ctx;
	edge.evicted_below++;
	memory_merged_put(merged);
	edge_grace();
}

static void op_index_put(void *ctx, struct lc_index_node *node)
{
	(void)ctx;
	memory_index_put(node);
	edge_grace();
}

static const struct lc_chain_ops chain_ops = {
	.merged_get = op_merged_get,
	.root_get = op_root_get,
	.index_get = op_index_get,
	.merged_put = op_merged_put,
	.index_put = op_index_put,
};

/* Opening and closing ---------------------------------------------------------- */

static const char *open_layer(struct layer *layer)
{
	struct lc_super *super = memory_page_get();
	void *page = memory_page_get();
	enum lc_header_fault fault;
	struct lc_store *store;
	const char *why;
	int stale;

	why = lc_super_load(layer_ops(), layer, page, super, &fault, &stale);
	if (!why && super->state != LC_STORE_FROZEN)
		why = "stands on a layer that is not frozen";
	if (!why) {
		store = memory_store_get();
		if (lc_store_init(store, layer_ops(), layer, super, true))
			why = "has no memory";
		else if (lc_store_open(store, -1))
			why = "stands on a layer that cannot be opened";
		if (why) {
			lc_store_destroy(store);
			memory_store_put(store);
		} else {
			layer->store = store;
		}
	}
	memory_page_put(super);
	memory_page_put(page);
	return why;
}

static void close_layer(struct layer *layer)
{
	if (!layer->store)
		return;
	lc_store_destroy(layer->store);
	memory_store_put(layer->store);
	layer->store = NULL;
}

/* As check_layer(): each is what stands on it says, in its identity and its origin. */
static const char *check_chain(const struct lc_super *head)
{
	const struct lc_super *super;
	const char *why = NULL;
	u32 i;

	for (i = layers.count; i-- && !why; head = super) {
		super = &layers.layer[i].store->super;
		why = layers.layer[i].image ? lc_chain_fault(head, super) :
					      lc_chain_fits(head, super);
		if (!why && !i && super->layers)
			why = "has layers below it that there are not";
	}
	return why;
}

static const char *make_chain(void)
{
	struct lc_store *store[LAYERS_MOST + 1];
	u32 i;

	for (i = 0; i < layers.count; i++)
		store[i] = layers.layer[i].store;
	if (lc_chain_init(&layers.chain, &chain_ops, &layers, store, layers.count))
		return "has no memory";
	layers.chained = true;
	return NULL;
}

static void unchain(void)
{
	if (layers.chained)
		lc_chain_destroy(&layers.chain);
	layers.chained = false;
}

const char *layers_open(const struct lc_super *head)
{
	const char *why = NULL;
	u32 i;

	if (!head->layers != !layers.count)
		return head->layers ? "stands on layers, and there are none" :
				      "stands on no layers, and there are some";
	for (i = 0; i < layers.count && !why; i++)
		if (!layers.layer[i].store)
			why = open_layer(&layers.layer[i]);
	if (!why)
		why = check_chain(head);
	unchain();
	if (!why && layers.count)
		why = make_chain();
	while (layers.replaced) {
		struct layer *old = &layers.old[--layers.replaced];

		close_layer(old);
		image_put(old->image);
	}
	return why;
}

void layers_close(void)
{
	u32 i;

	unchain();
	for (i = 0; i < layers.count; i++)
		close_layer(&layers.layer[i]);
	if (layers.count && !layers.layer[layers.count - 1].image)
		layers.count--;
}

void layers_reset(void)
{
	u32 i;

	layers.chained = false;
	for (i = 0; i < layers.count; i++)
		layers.layer[i].store = NULL;
	if (layers.count && !layers.layer[layers.count - 1].image)
		layers.count--;
	while (layers.replaced)
		image_put(layers.old[--layers.replaced].image);
}

void layers_set_aside(bool aside)
{
	if (aside) {
		layers_close();
		layers.aside += layers.count;
		layers.count = 0;
	} else if (layers.aside) {
		layers.count = layers.aside;
		layers.aside = 0;
	}
}

void layers_drop_aside(void)
{
	while (layers.aside)
		image_put(layers.layer[--layers.aside].image);
}

void layers_drop(void)
{
	layers_drop_aside();
	layers_close();
	while (layers.count)
		image_put(layers.layer[--layers.count].image);
}

/* What there is ------------------------------------------------------------------ */

static void push(struct image *image, struct lc_store *store)
{
	struct layer *layer = &layers.layer[layers.count++];

	layer->image = image;
	layer->store = store;
	if (!store)
		return;
	store->ops = layer_ops();
	store->ctx = layer;
	store->chain = NULL;
}

void layers_push(struct image *image, struct lc_store *store)
{
	push(image, store);
	unchain();
}

void layers_push_failed(struct lc_store *store)
{
	push(NULL, store);
	store->ops = &edge_ops;
	unchain();
}

void layers_replace(u32 first, u32 count, struct image *image)
{
	u32 i;

	for (i = first; i < first + count; i++) {
		struct layer *old = &layers.old[layers.replaced++];

		*old = layers.layer[i];
		if (old->store)
			old->store->ctx = old;
	}
	layers.layer[first] = (struct layer) { .image = image };
	for (i = first + 1; i + count - 1 < layers.count; i++) {
		layers.layer[i] = layers.layer[i + count - 1];
		if (layers.layer[i].store)
			layers.layer[i].store->ctx = &layers.layer[i];
	}
	layers.count -= count - 1;
}

const struct image *layer_image(u32 i)
{
	return layers.layer[i].image ? layers.layer[i].image : medium_seen();
}

bool layer_super(const struct image *image, struct lc_super *super)
{
	struct lc_header header;
	enum lc_header_fault fault;
	struct lc_super other;
	bool first;

	if (lc_header_decode(image_at(image, LC_HEADER_BLOCK), &header, &fault))
		return false;
	first = !lc_super_decode(image_at(image, LC_SUPER_BLOCK_0), header.store_uuid, 0,
				 super);
	if (lc_super_decode(image_at(image, LC_SUPER_BLOCK_1), header.store_uuid, 1, &other))
		return first;
	if (!first || other.generation > super->generation)
		*super = other;
	return true;
}

/* Memory ------------------------------------------------------------------------- */

void layers_evict(u32 most)
{
	u32 i;

	if (!layers.chained)
		return;
	lc_chain_evict(&layers.chain, most);
	i = random_below(layers.count);
	lc_map_evict(layers.layer[i].store, most);
}

/* The sweep of work.c. */
bool layers_evict_idle(void)
{
	bool more;
	u32 i;

	if (!layers.chained)
		return false;
	more = READ_ONCE(layers.chain.pages_in_memory);
	lc_chain_evict(&layers.chain, 64);
	for (i = 0; i < layers.count; i++) {
		more |= READ_ONCE(layers.layer[i].store->map.ends_in_memory);
		lc_map_evict(layers.layer[i].store, 64);
	}
	return more;
}
