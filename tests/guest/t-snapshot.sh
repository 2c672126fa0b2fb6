# shellcheck shell=bash
# Snapshots and the ways back, by the tool. LCLONE_STEP=N: the tool is killed at each Nth of its system
# calls (default 5, 6 and 1).
CPUS=1
TEST_TIMEOUT=400

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh

# layer_file NAME SNAP: where a snapshot lies.
layer_file() {
	lclone status "$1" --json | gojq -r --arg s "$2" '.layers[] | select(.snapshot == $s).path'
}

test_snapshot_rollback_reset() {
	local gold one two file kept
	tool_up
	lclone create vm --template gold --dir "$DIR"
	gold=$(sum vm)
	write_at /dev/mapper/vm 1
	one=$(sum vm)
	lclone snapshot vm one | grep -E 'snapshot one; I/O was held for [0-9.]+ ms'
	write_at /dev/mapper/vm 2
	two=$(sum vm)
	lclone snapshot vm two --json | gojq -e '.snapshot == "two" and .pause_us > 0 and (.clones | length) == 1'
	write_at /dev/mapper/vm 3
	assert_eq "$(layers_of vm)" "one two" layers
	file=$(layer_file vm one)
	kept="$(hash_of "$file") $(hash_of "$(layer_file vm two)")"
	expect_fail lclone snapshot vm two
	expect_said "has a snapshot two already"
	exec {held}</dev/mapper/vm
	expect_fail lclone rollback vm
	expect_said "it is open"
	lclone rollback vm --force | grep -E '^vm: is what it was at snapshot two; I/O was held for [0-9.]+ ms$'
	exec {held}<&-
	assert_eq "$(sum vm)" "$two" "content after rollback"
	write_at /dev/mapper/vm 4
	lclone rollback vm one --json |
		gojq -e '.name == "vm" and .snapshot == "one" and .pause_us > 0 and (.store | endswith(".lclone"))'
	assert_eq "$(sum vm)" "$one" "content after rollback to the first"
	lclone deactivate vm
	lclone activate vm
	assert_eq "$(sum vm)" "$one" "content after activation"
	assert_eq "$(hash_of "$file") $(hash_of "${file%/*}/vm@2.lclone")" "$kept" "P3: the layers"
	lclone deactivate vm
	# Nobody's I/O was held.
	assert_eq "$(lclone rollback vm two)" "vm: is what it was at snapshot two" said
	lclone activate vm
	assert_eq "$(sum vm)" "$two" "content of the later one"
	exec {held}</dev/mapper/vm
	lclone reset vm --force | grep -E '^vm: is what its template is; I/O was held for [0-9.]+ ms$'
	exec {held}<&-
	assert_eq "$(sum vm)" "$gold" "content after reset"
	lclone reset vm --json | gojq -e '.snapshot == null and .pause_us > 0'
	assert_eq "$(sum vm)" "$gold" "content after reset"
	expect_fail lclone rollback vm
	expect_said "stands on no snapshot"
	lclone remove vm@two
	lclone remove vm@one
	[ ! -e "$file" ] || fail "the store of a snapshot stayed"
	lclone remove vm
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
	assert_eq "$(losetup -n -l -O BACK-FILE | grep -c "$DIR")" 0 "loops left"
}

test_clone_of_a_running_clone() {
	local sum one
	tool_up
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	lclone snapshot vm one
	one=$(sum vm)
	write_at /dev/mapper/vm 2
	sum=$(sum vm)
	lclone create now --from vm | grep -E '^/dev/mapper/now: clone of vm, .* s; I/O of vm was held for [0-9.]+ ms$'
	lclone create past --from vm@one --size 20M --json | gojq -e '.pause_us == 0'
	assert_eq "$(sum now)" "$sum" "the clone as it was"
	assert_eq "$(hash_of /dev/mapper/past 0 16M)" "$one" "the clone of the snapshot"
	write_at /dev/mapper/vm 3
	write_at /dev/mapper/now 4
	write_at /dev/mapper/past 17
	assert_eq "$(layers_of vm)" "one -" layers
	assert_eq "$(layers_of now)" "one -" layers
	assert_eq "$(layers_of past)" "one" layers
	lclone tree
	lclone tree | grep -q 'from vm@one'
	expect_fail lclone remove vm
	expect_said "stands on what it has frozen"
	expect_said past
	sum=$(sum vm)$(sum now)$(sum past)
	lclone deactivate --all
	assert_eq "$(losetup -n -l -O BACK-FILE | grep -c "$DIR")" 0 "loops of inactive clones"
	# The catalog is only a cache.
	gojq 'del(.templates)' "$LCLONE_STATE_DIR/catalog.json" >/dev/null
	rm "$LCLONE_STATE_DIR/catalog.json"
	lclone scan "$DIR" >/dev/null
	lclone activate --all
	assert_eq "$(sum vm)$(sum now)$(sum past)" "$sum" "content after a scan"
	assert_eq "$(layers_of now)" "one -" "layers after a scan"
	lclone remove past now
	lclone remove vm
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
}

# Two disks of a guest that writes the one, then the other: the snapshot never has more of the
# second than of the first.
test_p7_two_clones_at_one_point_in_time() {
	local n a b
	tool_up
	lclone create root --template gold --dir "$DIR"
	lclone create data --template gold --dir "$DIR"
	: >/run/go
	(
		n=0
		while [ -e /run/go ]; do
			n=$((n + 1))
			printf '%04095d\n' $n | dd of=/dev/mapper/root bs=4K oflag=direct iflag=fullblock conv=notrunc status=none
			printf '%04095d\n' $n | dd of=/dev/mapper/data bs=4K oflag=direct iflag=fullblock conv=notrunc status=none
			: >/run/both-begun
		done
	) &
	on_exit rm -f /run/go /run/both-begun
	wait_until test -e /run/both-begun
	for n in 1 2 3 4 5; do
		lclone snapshot root data "s$n"
	done
	rm /run/go
	wait
	for n in 1 2 3 4 5; do
		lclone create "r$n" --from "root@s$n"
		lclone create "d$n" --from "data@s$n"
		a=$(head -c 4095 "/dev/mapper/r$n" | tr -cd 0-9 | sed 's/^0*//')
		b=$(head -c 4095 "/dev/mapper/d$n" | tr -cd 0-9 | sed 's/^0*//')
		echo "snapshot $n: $a and $b"
		[ "${#a}" -gt 8 ] || [ "$((${a:-0} - ${b:-0}))" -eq 0 ] || [ "$((${a:-0} - ${b:-0}))" -eq 1 ] ||
			fail "the first disk has $a, the second $b"
	done
}

# The second store fills when the first clone is held already: its writes wait, and go on in the next one.
test_p5_store_that_fills_during_a_snapshot() {
	local tool writer
	tool_up
	lclone create root --template gold --dir "$DIR"
	lclone create data --template gold --dir "$DIR" --store-size 8M
	LD_PRELOAD=$HELPERS/kill-at.so KILL_SIGNAL=19 KILL_HELD=1 lclone snapshot root data one &
	tool=$!
	wait_until stands_still "$tool"
	dd if=/dev/urandom of=/dev/mapper/data bs=1M count=8 oflag=direct conv=notrunc status=none &
	writer=$!
	wait_until is_full data
	kill -CONT "$tool"
	wait "$tool"
	wait "$writer" || fail "a write has failed"
	assert_eq "$(layers_of data)" one layers
}
stands_still() {
	grep -q '^State:.*T' "/proc/$1/status"
}
is_full() {
	[ "$(dmsetup status --noflush "$1" | cut -d' ' -f12)" = full ]
}

# A filesystem in use through snapshots; each is whole, and the last state too.
test_snapshots_of_a_filesystem_in_use() {
	local n
	filesystem_in_use
	for n in 1 2 3 4 5 6; do
		lclone snapshot vm "s$n"
	done
	filesystem_whole
	for n in 1 3; do
		lclone create "t$n" --from "vm@s$n"
		filesystem_of "t$n"
		mount "/dev/mapper/t$n" "$MNT"
		umount "$MNT"
	done
}

# What a loss of power leaves between the steps: the old store is not frozen yet.
test_a_snapshot_cut_short_is_undone() {
	local sum
	tool_up
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	sum=$(sum vm)
	lclone deactivate vm
	cp --sparse=always "$DIR/vm.lclone" "$DIR/kept"
	lclone snapshot vm one
	cp "$DIR/kept" "$DIR/vm.lclone"
	lclone activate vm 2>/run/said
	grep "has been undone" /run/said
	assert_eq "$(sum vm)" "$sum" content
	assert_eq "$(layers_of vm)" "" layers
	[ ! -e "$DIR/vm@2.lclone" ] || fail "the new store stayed"
	lclone snapshot vm one
	assert_eq "$(layers_of vm)" one layers
	assert_eq "$(sum vm)" "$sum" content
}

test_snapshot_needs_a_place() {
	local dev next
	tool_up
	dev=$(make_loop 32M)
	next=$(make_loop 32M)
	on_exit remove_all
	lclone create vm --template gold --store "$dev"
	expect_fail lclone snapshot vm one
	expect_said "has to be given"
	expect_fail lclone snapshot vm one --store "$dev" --force
	expect_said "is the store of clone vm"
	lclone snapshot vm one --store "$next"
	expect_fail lclone snapshot vm two --store "$dev" --force
	expect_said "is a layer"
	lclone snapshot vm two --dir "$DIR"
	assert_eq "$(layers_of vm)" "one two" layers
	lclone remove vm
	no_store "$dev" "$next"
}

# whole NAME SUM...: the clone can be used, after whatever happened, and is one of SUM.
whole() {
	local sum
	lclone activate "$1"
	assert_eq "$(dmsetup info -c --noheadings -o suspended "$1")" Active state
	sum=$(sum "$1")
	[[ " ${*:2} " == *" $sum "* ]] || fail "$1 is what it never was"
	write_at "/dev/mapper/$1" 5
	sum=$(sum "$1")
	lclone deactivate "$1"
	lclone activate "$1"
	assert_eq "$(sum "$1")" "$sum" "content of $1, activated again"
}

# The tool dies at any step of a snapshot: the clone lives, and the next snapshot works.
test_tool_killed_in_a_snapshot() {
	local n now
	tool_up
	lclone create vm --template gold --dir "$DIR"
	for ((n = 1; n < 400; n += ${LCLONE_STEP:-5})); do
		write_at /dev/mapper/vm 1
		now=$(sum vm)	# it may be suspended when the tool is dead
		killed_at "$n" snapshot vm "s$n" || break
		whole vm "$now"
	done
	note "$n steps"
	[ "$n" -gt 10 ] || fail "it has no more than $n steps"
	lclone snapshot vm last
	lclone remove vm
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
}

test_tool_killed_in_a_rollback() {
	local n one now
	tool_up
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	one=$(sum vm)
	lclone snapshot vm one
	for ((n = 1; n < 400; n += ${LCLONE_STEP:-6})); do
		write_at /dev/mapper/vm 2
		now=$(sum vm)
		killed_at "$n" rollback vm one || break
		whole vm "$one" "$now"
	done
	note "$n steps"
	[ "$n" -gt 10 ] || fail "it has no more than $n steps"
	assert_eq "$(sum vm)" "$one" "content at last"
	lclone remove vm
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
}

# cut_short VERB...: the tool dies in a way back of vm when the catalog has the new store already, and
# the device still has the old one.
cut_short() {
	local n
	for ((n = 1; n < 100; n++)); do
		killed_at "$n" "$@" --force || fail "it was never cut short there"
		gojq -e '.layers | any(.name == "")' "$LCLONE_STATE_DIR/catalog.json" >/dev/null && return
	done
	fail "it has no end"
}

# What is written after a way back that was cut short stays, whatever comes next.
test_writes_after_a_rollback_cut_short() {
	local one now held
	tool_up
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	one=$(sum vm)
	lclone snapshot vm one
	write_at /dev/mapper/vm 2
	exec {held}</dev/mapper/vm
	cut_short rollback vm one
	write_at /dev/mapper/vm 3
	now=$(sum vm)
	lclone resize vm 16M 2>/run/said
	assert_eq "$(sum vm)" "$now" "content after a rollback was cut short"
	grep "has been undone" /run/said
	cut_short reset vm
	write_at /dev/mapper/vm 4
	now=$(sum vm)
	exec {held}<&-
	lclone deactivate vm
	# The catalog has the new store, which is not what the clone is.
	expect_fail lclone map vm
	expect_said "next: 'lclone activate vm' settles that"
	expect_fail lclone diff vm@one vm
	expect_said "has been cut short"
	lclone activate vm 2>/run/said
	assert_eq "$(sum vm)" "$now" "content after a reset was cut short"
	lclone deactivate vm
	lclone map vm >/run/map
	lclone activate vm
	grep "has been undone" /run/said
	assert_eq "$(layers_of vm)" one layers
	lclone rollback vm one
	assert_eq "$(sum vm)" "$one" "content after a rollback"
	lclone remove vm
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
}

# The tool dies while it removes a snapshot on which nothing stands: it is there, or it is gone, or
# the next activation removes it, though there was a scan in between.
test_tool_killed_while_a_snapshot_goes() {
	local n finished=0
	tool_up
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	lclone snapshot vm one
	lclone reset vm
	for ((n = 1; n < 100; n++)); do
		killed_at "$n" remove vm@one || break
		lclone scan "$DIR" >/dev/null
		lclone activate vm 2>/run/said
		! grep -q "are removed now" /run/said || finished=$((finished + 1))
		if ! lclone tree | grep -q @one; then
			assert_eq "$(find "$DIR" -name '*.lclone' | wc -l)" 1 "stores, killed at $n"
			lclone snapshot vm one
			lclone reset vm
		fi
	done
	note "$n steps, and $finished times the next activation went on"
	[ "$finished" -gt 1 ] || fail "it was never cut short between catalog and store"
	assert_eq "$(find "$DIR" -name '*.lclone' | wc -l)" 1 "stores at last"
	lclone remove vm
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
}

# The same with a device of the user's, which is there when it is no store any more.
test_tool_killed_while_a_device_is_given_back() {
	local n dev cut=0
	tool_up
	dev=$(make_loop 32M)
	on_exit remove_all
	for ((n = 1; n < 100; n++)); do
		if [ ! -e /dev/mapper/vm ]; then
			lclone create vm --template gold --store "$dev"
			lclone snapshot vm one --dir "$DIR"
			lclone reset vm
		fi
		killed_at "$n" remove vm@one || break
		lclone activate vm
		lclone tree | grep -q @one && continue
		cut=$((cut + 1))
		gojq -e '.layers == []' "$LCLONE_STATE_DIR/catalog.json" >/dev/null ||
			fail "a layer stays, killed at $n"
		no_store "$dev"
		lclone remove vm
	done
	note "$n steps, and $cut times it was cut short behind the catalog"
	[ "$cut" -gt 1 ] || fail "it was never cut short there"
}

# unplugged NAME: as after a loss of power, for which the tool did nothing.
unplugged() {
	dmsetup clear "$1"
	dmsetup resume "$1"
	dmsetup remove --retry "$1"
}

# Of two clones both have the snapshot, or neither, whether they ran on or not.
test_tool_killed_in_a_snapshot_of_two() {
	local n name finished=0 first=15
	tool_up
	# The earlier steps are those of one clone, twice.
	[ -z "${LCLONE_STEP:-}" ] || first=1
	for ((n = first; n < 400; n += ${LCLONE_STEP:-1})); do
		# New ones each time: a longer chain has more steps.
		lclone create a --template gold --dir "$DIR"
		lclone create b --template gold --dir "$DIR"
		write_at /dev/mapper/a 3
		killed_at "$n" snapshot a b one || break
		# Those with the new table may not be set back.
		((n % 2)) || dmsetup info -c --noheadings -o name -S suspended=1 | awk '/^[ab]$/' | while read -r name; do
			unplugged "$name"
		done
		lclone activate a b 2>/run/said
		! grep -q "has been finished" /run/said || finished=$((finished + 1))
		assert_eq "$(layers_of a)" "$(layers_of b)" "snapshots, killed at $n"
		write_at /dev/mapper/a 3
		write_at /dev/mapper/b 4
		lclone remove a b
		assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left, killed at $n"
	done
	note "$n steps, and $finished times one clone had its snapshot alone, and the other then got it"
	[ "$n" -gt 10 ] || fail "it has no more than $n steps"
	[ "$finished" -gt 0 ] || fail "the first had never got its snapshot alone"
	lclone remove a b
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
}

# A store on the clone itself would be waited for by the clone, and the clone by it.
test_snapshot_into_the_filesystem_on_the_clone() {
	filesystem_mounted
	expect_fail lclone snapshot vm one --dir "$MNT" --store-size 8M
	expect_said "lies on a clone"
	assert_eq "$(find "$MNT" -name '*.lclone')" "" "stores left behind"
	umount "$MNT"
	assert_eq "$(layers_of vm)" "" layers
	filesystem_of vm
}
