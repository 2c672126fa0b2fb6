# shellcheck shell=bash
# In the guest: faults that a debug kernel injects. A test file sources it.

DEBUGFS=/sys/kernel/debug
FAULTS=1000000	# of a kind, at most

# set_fault KIND NAME=VALUE...: attributes of a fault. Silent, since its call traces would look like
# a complaint of the kernel's.
set_fault() {
	local setting kind=$1
	for setting in verbose=0 "times=$FAULTS" interval=1 "${@:2}"; do
		echo "${setting#*=}" >"$DEBUGFS/$kind/${setting%%=*}"
	done
}

# injected KIND: says how often it has happened since set_fault; not at all would prove nothing.
injected() {
	local count=$((FAULTS - $(<"$DEBUGFS/$1/times")))
	echo "$1: $count times"
	[ "$count" -gt 0 ] || fail "$1 has never happened"
}

no_faults() {
	local kind
	for kind in failslab fail_page_alloc fail_make_request; do
		[ ! -e "$DEBUGFS/$kind" ] || echo 0 >"$DEBUGFS/$kind/probability"
	done
}

# marked CACHE...: failslab with cache-filter=1 can hit these. They have their mark from the kernel's
# command line (see allow_for_debug): 6.1 takes it from nowhere else.
marked() {
	local cache
	for cache; do
		assert_eq "$(<"/sys/kernel/slab/$cache/failslab")" 1 "mark of $cache"
	done
}
