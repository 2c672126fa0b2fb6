// SPDX-License-Identifier: GPL-2.0
/*
 * Coroutines.  On x86-64 a switch is a dozen instructions; elsewhere it is done
 * by ucontext, which costs two system calls.
 */

#include <stdlib.h>
#include <sys/mman.h>
#include "co.h"
#include "random.h"
#include "report.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

#define STACK_BYTES	(128u << 10)
#define THREADS_MAX	512
#define NEVER		0x7fffffff

int sim_points_left = NEVER;
struct co *co_current;
u32 co_ready, co_blocked, co_spins;

static struct co *ready[THREADS_MAX];
static struct co *blocked[THREADS_MAX];
static struct co *free_list;
static struct co *every[THREADS_MAX];
static u32 made;
static u32 mean_points;

#ifdef __x86_64__

static void *scheduler;

/* Saves what the ABI says a callee keeps, and goes on where @to was left. */
void co_switch(void **from, void *to);
__asm__(".text\n"
	".globl co_switch\n"
	".type co_switch, @function\n"
	"co_switch:\n"
	"	endbr64\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	".size co_switch, . - co_switch\n");

static void enter(void);

static void prepare(struct co *co)
{
	void **top = (void **)((char *)co->stack + STACK_BYTES);

	/* As a call of enter() leaves it: 8 bytes off the 16 that calls start at. */
	*--top = NULL;
	*--top = (void *)enter;
	top -= 6;
	memset(top, 0, 6 * sizeof(*top));
	co->context = top;
}

static void to_co(struct co *co)
{
	co_switch(&scheduler, co->context);
}

static void to_scheduler(struct co *co)
{
	co_switch(&co->context, scheduler);
}

#else

#include <ucontext.h>

static ucontext_t scheduler;
static void enter(void);

static void prepare(struct co *co)
{
	ucontext_t *context = co->context;

	if (!context)
		context = co->context = malloc(sizeof(*context));
	getcontext(context);
	context->uc_stack.ss_sp = co->stack;
	context->uc_stack.ss_size = STACK_BYTES;
	context->uc_link = NULL;
	makecontext(context, enter, 0);
}

static void to_co(struct co *co)
{
	swapcontext(&scheduler, co->context);
}

static void to_scheduler(struct co *co)
{
	swapcontext(co->context, &scheduler);
}

#endif

static void enter(void)
{
	struct co *co = co_current;

	co->run(co->arg);
	if (co->spins)
		violation("thread %s ended with a spinlock held", co->name);
	co->next = free_list;
	free_list = co;
	to_scheduler(co);
	abort();
}

static struct co *make(void)
{
	struct co *co = calloc(1, sizeof(*co));

	if (made == THREADS_MAX)
		violation("more than %u threads", THREADS_MAX);
	co->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (co->stack == MAP_FAILED)
		abort();
	every[made++] = co;
	return co;
}

struct co *co_start(const char *name, void (*run)(void *arg), void *arg)
{
	struct co *co = free_list;

	if (co)
		free_list = co->next;
	else
		co = make();
	co->name = name;
	co->run = run;
	co->arg = arg;
	co->spins = 0;
	co->atomic = false;
	/* Whoever ran on it may have been cut off. */
	ASAN_UNPOISON_MEMORY_REGION(co->stack, STACK_BYTES);
	prepare(co);
	ready[co_ready++] = co;
	return co;
}

static void draw(void)
{
	sim_points_left = mean_points ? (int)random_below(2 * mean_points) : NEVER;
}

void co_set_mean(u32 points)
{
	mean_points = points;
	draw();
}

void co_step(void)
{
	u32 at = random_below(co_ready);

	co_current = ready[at];
	ready[at] = ready[--co_ready];
	to_co(co_current);
	co_current = NULL;
}

void co_yield(void)
{
	struct co *co = co_current;

	ready[co_ready++] = co;
	to_scheduler(co);
}

void co_block(const void *key)
{
	struct co *co = co_current;

	if (!co)
		violation("the simulator itself would have to wait");
	co->key = key;
	blocked[co_blocked++] = co;
	to_scheduler(co);
}

void co_wake(const void *key)
{
	u32 i, kept = 0;

	if (!co_blocked)
		return;
	for (i = 0; i < co_blocked; i++) {
		if (blocked[i]->key == key)
			ready[co_ready++] = blocked[i];
		else
			blocked[kept++] = blocked[i];
	}
	co_blocked = kept;
}

struct co *co_blocked_at(u32 i)
{
	return blocked[i];
}

void co_reset(void)
{
	u32 i;

	co_ready = 0;
	co_blocked = 0;
	co_spins = 0;
	free_list = NULL;
	for (i = made; i-- > 0;) {
		every[i]->next = free_list;
		free_list = every[i];
	}
	co_set_mean(0);
}

/* The environment ----------------------------------------------------- */

void sim_preempt(void)
{
	draw();
	if (co_current && mean_points)
		co_yield();
}

static void acquire(bool *held)
{
	sim_point();
	while (*held)
		co_block(held);
	*held = true;
}

static void release(bool *held)
{
	if (!*held)
		violation("a lock was released that nobody held");
	*held = false;
	co_wake(held);
}

void sim_spin_lock(bool *held)
{
	acquire(held);
	if (co_current) {
		co_current->spins++;
		co_spins++;
	}
}

void sim_spin_unlock(bool *held)
{
	release(held);
	if (co_current) {
		co_current->spins--;
		co_spins--;
	}
	sim_point();
}

void sim_mutex_lock(bool *held)
{
	may_sleep();
	acquire(held);
}

void sim_mutex_unlock(bool *held)
{
	release(held);
	sim_point();
}

void sim_assert_held(bool held)
{
	if (!held)
		violation("a lock that has to be held is not");
}

void may_sleep(void)
{
	if (co_current && (co_current->spins || co_current->atomic))
		violation("thread %s would sleep where it must not", co_current->name);
}
