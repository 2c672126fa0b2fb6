# shellcheck shell=bash
# The unit tests, in the kernel (tests/unit/kernel).
# LCLONE_UNIT_PERMILLE=N does more or less of the long random tests, LCLONE_UNIT_SEED=N seeds them.
TEST_TIMEOUT=600

MODULES=/repo/tests/unit/kernel
RESULTS=/sys/kernel/debug/kunit

# cases: how many there should be. format_test.c cannot be built in a kernel.
cases() {
	find /repo/tests/unit -maxdepth 1 -name '*_test.c' ! -name format_test.c -exec cat {} + |
		grep -c 'KUNIT_CASE('
}

test_unit_tests_pass_in_the_kernel() {
	local ok bad
	[ -e "$MODULES/lclone-test.ko" ] || skip "only with a kernel that has KUnit"
	# insmod returns when the last suite is done.
	echo 0 >/proc/sys/kernel/hung_task_timeout_secs
	on_exit eval 'echo 120 >/proc/sys/kernel/hung_task_timeout_secs'
	insmod "$MODULES/lclone-test-random.ko" "permille=${LCLONE_UNIT_PERMILLE:-2}" "seed=${LCLONE_UNIT_SEED:-20240501}"
	on_exit rmmod lclone_test_random
	insmod "$MODULES/lclone-test.ko"
	on_exit rmmod lclone_test
	ok=$(cat "$RESULTS"/*/results | grep -c '^ *ok [0-9]* ' || true)
	bad=$(cat "$RESULTS"/*/results | grep -c '^ *not ok ' || true)
	cat "$RESULTS"/*/results | grep -aB 20 '^ *not ok ' || true
	note "$ok cases of unit tests passed in the kernel, $bad failed"
	assert_eq "$bad" 0 "cases that failed"
	assert_eq "$ok" "$(($(cases) + $(find "$RESULTS" -name results | wc -l)))" "cases and suites that passed"
}
