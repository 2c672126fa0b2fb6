# shellcheck shell=bash
# P1 and P7 on the real kernel: the machine is killed while snapshots are made of a clone that is
# written and synced.
ROUNDS=1
TEST_TIMEOUT=400

# shellcheck source=tests/guest/lib-powercut.sh
. /repo/tests/guest/lib-powercut.sh

# Snapshots, one after the other, until the machine goes down.
snapshots() {
	local n
	for ((n = 1; n < 60; n++)); do
		lclone snapshot vm "s$n"
		[ "$n" -lt 2 ] || touch /run/amidst
	done
}

phase1() {
	disk_begin
	cut_in snapshots
}

phase2() {
	local n
	disk_again
	lclone activate vm
	synced_there /dev/mapper/vm
	lclone tree
	n=$(lclone status vm --json | gojq '.layers | length')
	echo "$n snapshots"
	[ "$n" -gt 1 ] || fail "the power was cut before the second snapshot"
	lclone snapshot vm after
	lclone deactivate vm
	stores_whole
	assert_eq "$(find "$DIR" -name '*.lclone' | wc -l)" "$((n + 2))" "stores"
}
