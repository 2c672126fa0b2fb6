# shellcheck shell=bash
# That the debug kernels find what they are for: planted.ko has a bug of each kind, and the kernel must
# complain. In a boot of its own, in this order, for some checkers are off after their first complaint
# and lockdep after any; kmemleak wants "--append kmemleak=on".
TEST_TIMEOUT=60

PLANTED=/repo/tests/guest/debug/planted/planted.ko
DEBUGFS=/sys/kernel/debug

# plant BUG: loads the module that has it. The console, from which the runner judges, does not hear of it.
plant() {
	[ -e "$PLANTED" ] || skip "only with a debug kernel"
	# Zero, since lockdep makes a console verbose that says anything at all.
	echo 0 >/proc/sys/kernel/printk
	on_exit dmesg --console-level debug
	kmsg_mark
	insmod "$PLANTED" "bug=$1"
	rmmod planted
}

# found PATTERN
found() {
	kmsg_has "$1" || { dmesg | tail -n 20 && fail "the kernel did not complain of $1"; }
}

need() {
	[ -e "$1" ] || skip "not with this kernel"
}

test_two_processors() {
	assert_eq "$(nproc)" 2 "processors"
}

test_lockdep_is_on() {
	need /proc/lockdep_stats
	grep -qE '^ *debug_locks: +1$' /proc/lockdep_stats || fail "$(grep debug_locks /proc/lockdep_stats)"
}

test_finds_a_data_race() {
	need "$DEBUGFS/kcsan"
	plant race
	found 'BUG: KCSAN: data-race in racer'
}

test_finds_sleep_under_a_spinlock() {
	need /proc/lockdep_stats
	plant atomic
	found 'BUG: sleeping function called from invalid context'
}

test_finds_locks_taken_in_both_orders() {
	need /proc/lockdep_stats
	plant order
	found 'possible circular locking dependency'
}

test_finds_use_of_freed_memory() {
	need /proc/lockdep_stats
	plant freed
	found 'BUG: KASAN: .*use-after-free'
}

# Twice, for kmemleak wants to have seen an object for some seconds.
leak_is_listed() {
	echo scan >"$DEBUGFS/kmemleak"
	grep -q 'comm "insmod"' "$DEBUGFS/kmemleak"
}

test_finds_a_leak() {
	need "$DEBUGFS/kmemleak"
	grep -q kmemleak=on /proc/cmdline || skip "kmemleak is off"
	echo clear >"$DEBUGFS/kmemleak"
	plant leak
	wait_until leak_is_listed
}
