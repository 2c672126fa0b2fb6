# shellcheck shell=bash
# P9 where the kernel has no memory at all: what the pools hold has to be enough.
TEST_TIMEOUT=120

# shellcheck source=tests/guest/lib-faults.sh
. /repo/tests/guest/lib-faults.sh

# no_memory CACHE...: every allocation of these fails until the end of the test.
no_memory() {
	[ -e "$DEBUGFS/failslab" ] || skip "only with a debug kernel"
	marked "$@"
	on_exit no_faults
	set_fault failslab ignore-gfp-wait=N cache-filter=1 probability=100
}

# Each write takes a leaf of its own, and the reserve is of 64: a clone that gave leaves back only when
# it is idle would take minutes.
test_p9_leaves_from_the_reserve_alone() {
	local begin=$EPOCHREALTIME leaves=4000 stretch=$((1008 * 4096))
	ORIGIN=-
	STORE=$(disk 1)
	clone_format - "$STORE" --size 16G
	TABLE=$(lclone table "$STORE")
	clone_on
	no_memory lc_leaf
	fio --output=/run/fio --name=leaves --filename="$CLONE" --direct=1 --ioengine=psync --bs=4k \
		--rw=write:$((stretch - 4096)) --size=16G --io_size=$((leaves * 4096))
	injected failslab
	no_faults
	assert_eq "$(status_of clone data)" "$leaves" "blocks of data"
	note "$leaves leaves written in $(elapsed "$begin") s"
	clone_check
}
