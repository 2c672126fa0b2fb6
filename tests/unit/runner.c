// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the suites.  Usage: unit [SUITE | SUITE.CASE]...
 *
 * UNIT_SEED in the environment seeds the random tests.  Each case has numbers of
 * its own, so that one that failed can be run again alone.
 */

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <kunit/test.h>
#include "random.h"

#define SEED_DEFAULT 20240501
#define FAILURES_SHOWN 8
#define CASE_SECONDS 120	/* a case that takes longer has got stuck */

struct memory {
	struct memory *next;
};

static struct kunit_suite *suites;
static unsigned int passed, failed;
static const char *running;

void kunit_register(struct kunit_suite *suite)
{
	struct kunit_suite **at = &suites;

	/* By name: the linker's order is nobody's business. */
	while (*at && strcmp((*at)->name, suite->name) < 0)
		at = &(*at)->next;
	suite->next = *at;
	*at = suite;
}

void *kunit_kzalloc(struct kunit *test, size_t bytes, int gfp)
{
	struct memory *memory = calloc(1, sizeof(*memory) + bytes);

	(void)gfp;
	if (!memory) {
		fprintf(stderr, "out of memory\n");
		abort();
	}
	memory->next = test->memory;
	test->memory = memory;
	return memory + 1;
}

static void free_memory(struct kunit *test)
{
	struct memory *memory = test->memory;

	while (memory) {
		struct memory *next = memory->next;

		free(memory);
		memory = next;
	}
}

void kunit_fail(struct kunit *test, bool fatal, const char *file, int line,
		const char *format, ...)
{
	va_list args;

	if (test->failures++ < FAILURES_SHOWN || fatal) {
		printf("# %s:%d: ", file, line);
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		printf("\n");
	}
	test->status = KUNIT_FAILURE;
	if (fatal)
		longjmp(test->abort, 1);
}

static u64 seed_of(u64 seed, const char *name)
{
	while (*name)
		seed = (seed ^ (u8)*name++) * 0x100000001b3ull;
	return seed;
}

static bool chosen(const char *name, const char *suite, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], suite) || !strcmp(argv[i], name))
			return true;
	return argc == 1;
}

/* There is no way out of a case that has got stuck: it ends the run. */
static void stuck(int signal)
{
	(void)signal;
	printf("not ok %s # did not end\n%u passed, %u failed\n", running, passed,
	       failed + 1);
	fflush(stdout);
	_Exit(1);
}

static bool run_case(const struct kunit_case *test_case, const char *name, u64 seed)
{
	/* Of the processor's time: other things may run on the machine. */
	struct itimerval limit = { .it_value.tv_sec = CASE_SECONDS };
	struct kunit test = { .name = name };
	clock_t begin = clock();
	double seconds;

	running = name;
	setitimer(ITIMER_PROF, &limit, NULL);
	random_seed(seed_of(seed, name));
	if (!setjmp(test.abort))
		test_case->run_case(&test);
	free_memory(&test);
	seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
	if (test.status == KUNIT_FAILURE)
		printf("not ok %s # UNIT_SEED=%llu\n", name,
		       (unsigned long long)seed);
	else if (seconds < 1)
		printf("ok %s\n", name);
	else
		printf("ok %s # %.0f s\n", name, seconds);
	fflush(stdout);
	return test.status == KUNIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const char *env = getenv("UNIT_SEED");
	u64 seed = env ? strtoull(env, NULL, 0) : SEED_DEFAULT;
	const struct kunit_suite *suite;
	const struct kunit_case *test_case;
	char name[256];

	signal(SIGPROF, stuck);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (suite = suites; suite; suite = suite->next) {
		for (test_case = suite->test_cases; test_case->run_case; test_case++) {
			snprintf(name, sizeof(name), "%s.%s", suite->name,
				 test_case->name);
			if (!chosen(name, suite->name, argc, argv))
				continue;
			if (run_case(test_case, name, seed))
				passed++;
			else
				failed++;
		}
	}
	printf("%u passed, %u failed\n", passed, failed);
	fflush(stdout);
	/* A case that failed has left its memory behind, which is no news. */
	if (failed)
		_Exit(1);
	return !passed;
}
