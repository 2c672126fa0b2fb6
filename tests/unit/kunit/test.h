/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of the kernel's <kunit/test.h> that the tests here use, for
 * userspace.  A test source includes <kunit/test.h> and means this file, or the
 * kernel's own in a debug kernel.
 */
#ifndef LCLONE_UNIT_KUNIT_TEST_H
#define LCLONE_UNIT_KUNIT_TEST_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define GFP_KERNEL 0

enum kunit_status {
	KUNIT_SUCCESS,
	KUNIT_FAILURE,
};

struct kunit {
	const char *name;
	enum kunit_status status;
	unsigned int failures;
	jmp_buf abort;			/* where a failed assertion goes */
	void *memory;			/* of kunit_kzalloc(), freed at the end */
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char *name;
	struct kunit_case *test_cases;
	struct kunit_suite *next;	/* of the runner */
};

#define KUNIT_CASE(function) { .run_case = function, .name = #function }

/* Gives the suite to the runner. */
#define kunit_test_suite(suite)						\
	__attribute__((constructor)) static void suite##_register(void)	\
	{								\
		kunit_register(&(suite));				\
	}

void kunit_register(struct kunit_suite *suite);

/* Zeroed memory that lives as long as the case.  Never NULL. */
void *kunit_kzalloc(struct kunit *test, size_t bytes, int gfp);

/* Says what failed, and with @fatal ends the case. */
__attribute__((format(printf, 5, 6)))
void kunit_fail(struct kunit *test, bool fatal, const char *file, int line,
		const char *format, ...);

#define KUNIT_CHECK_(test, fatal, good, ...)				\
	do {								\
		if (!(good))						\
			kunit_fail(test, fatal, __FILE__, __LINE__,	\
				   __VA_ARGS__);			\
	} while (0)

#define KUNIT_COMPARE_(test, fatal, left, op, right)			\
	do {								\
		__typeof__(left) left_ = (left);			\
		__typeof__(right) right_ = (right);			\
		KUNIT_CHECK_(test, fatal, left_ op right_,		\
			     "expected %s %s %s, but they are %lld and %lld", \
			     #left, #op, #right, (long long)left_,	\
			     (long long)right_);			\
	} while (0)

#define KUNIT_STRINGS_(test, fatal, left, right)			\
	do {								\
		const char *left_ = (left);				\
		const char *right_ = (right);				\
		KUNIT_CHECK_(test, fatal, left_ && right_ && !strcmp(left_, right_), \
			     "expected %s == %s, but they are \"%s\" and \"%s\"", \
			     #left, #right, left_ ? left_ : "(null)",	\
			     right_ ? right_ : "(null)");		\
	} while (0)

#define KUNIT_FAIL(test, ...) \
	kunit_fail(test, false, __FILE__, __LINE__, __VA_ARGS__)

#define KUNIT_EXPECT_TRUE(test, x) \
	KUNIT_CHECK_(test, false, x, "expected %s", #x)
#define KUNIT_EXPECT_TRUE_MSG(test, x, ...) \
	KUNIT_CHECK_(test, false, x, __VA_ARGS__)
#define KUNIT_EXPECT_FALSE(test, x) \
	KUNIT_CHECK_(test, false, !(x), "expected not %s", #x)
#define KUNIT_EXPECT_NULL(test, x) \
	KUNIT_CHECK_(test, false, !(x), "expected no %s", #x)
#define KUNIT_EXPECT_NOT_NULL(test, x) \
	KUNIT_CHECK_(test, false, x, "expected %s", #x)
#define KUNIT_EXPECT_EQ(test, a, b)	KUNIT_COMPARE_(test, false, a, ==, b)
#define KUNIT_EXPECT_NE(test, a, b)	KUNIT_COMPARE_(test, false, a, !=, b)
#define KUNIT_EXPECT_LT(test, a, b)	KUNIT_COMPARE_(test, false, a, <, b)
#define KUNIT_EXPECT_LE(test, a, b)	KUNIT_COMPARE_(test, false, a, <=, b)
#define KUNIT_EXPECT_GT(test, a, b)	KUNIT_COMPARE_(test, false, a, >, b)
#define KUNIT_EXPECT_GE(test, a, b)	KUNIT_COMPARE_(test, false, a, >=, b)
#define KUNIT_EXPECT_STREQ(test, a, b)	KUNIT_STRINGS_(test, false, a, b)

#define KUNIT_ASSERT_TRUE(test, x) \
	KUNIT_CHECK_(test, true, x, "expected %s", #x)
#define KUNIT_ASSERT_FALSE(test, x) \
	KUNIT_CHECK_(test, true, !(x), "expected not %s", #x)
#define KUNIT_ASSERT_NULL(test, x) \
	KUNIT_CHECK_(test, true, !(x), "expected no %s", #x)
#define KUNIT_ASSERT_NOT_NULL(test, x) \
	KUNIT_CHECK_(test, true, x, "expected %s", #x)
#define KUNIT_ASSERT_EQ(test, a, b)	KUNIT_COMPARE_(test, true, a, ==, b)
#define KUNIT_ASSERT_NE(test, a, b)	KUNIT_COMPARE_(test, true, a, !=, b)
#define KUNIT_ASSERT_LT(test, a, b)	KUNIT_COMPARE_(test, true, a, <, b)
#define KUNIT_ASSERT_LE(test, a, b)	KUNIT_COMPARE_(test, true, a, <=, b)
#define KUNIT_ASSERT_GT(test, a, b)	KUNIT_COMPARE_(test, true, a, >, b)
#define KUNIT_ASSERT_GE(test, a, b)	KUNIT_COMPARE_(test, true, a, >=, b)
#define KUNIT_ASSERT_STREQ(test, a, b)	KUNIT_STRINGS_(test, true, a, b)

#endif
