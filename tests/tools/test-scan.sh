# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# lclone scan: which stores are found, and how often.

test_directory() {
	mkdir d d/below
	store d/a.img 16M --origin - --size 1G --name a
	store d/b.img 16M --origin - --size 2G --name b
	store d/below/c.img 16M --origin - --size 2G --name c
	file d/empty.img 16M
	echo text >d/text
	expect 0 lclone scan --no-catalog --json d
	silent
	json '.stores | map(.name) == ["a", "b"]'
	json '.stores[0].file == "'"$PWD"'/d/a.img" and .stores[0].device == null'
	expect 0 lclone scan --no-catalog d d/below
	prints '^c  *2G  *16M '
}

test_one_store_with_two_names() {
	store s.img 16M --origin - --size 1G --name a
	loop s.img
	expect 0 lclone scan --no-catalog --json s.img "$dev" .
	silent
	json '.stores | length == 1'
	json '.stores[0].device == "'"$dev"'" and .stores[0].file == "'"$PWD"'/s.img"'
}

test_all_devices() {
	store s.img 16M --origin - --size 1G --name findme
	loop s.img
	expect 0 lclone scan --no-catalog --json
	json '.stores | map(select(.name == "findme")) | length == 1'
}

test_copy_of_a_store() {
	store a.img 16M
	cp a.img b.img
	expect 0 lclone scan --no-catalog --json a.img b.img
	says 'b.img: warning: holds a copy of the store on .*a.img'
	json '.stores | length == 1'
}

# What was written last is more likely to be the store, and the other one the copy.
test_older_copy_of_a_store() {
	store b.img 16M
	cp b.img a.img
	expect 0 lclone dump b.img --output dump
	sed -i "s/^generation 1$/generation 3/" dump
	expect 0 lclone restore b.img --input dump --force
	expect 0 lclone scan --no-catalog --json a.img b.img
	says 'a.img: warning: holds a copy of the store on .*b.img'
	json '.stores | length == 1 and .[0].file == "'"$PWD"'/b.img"'
}

test_damaged_stores_are_told() {
	store a.img 16M
	store b.img 16M
	overwrite a.img 0
	expect 0 lclone scan --no-catalog --json .
	says 'a.img: warning: has a damaged header'
	json '.stores | length == 1'
}

test_missing_path() {
	store a.img 16M
	expect 1 lclone scan --no-catalog --json none a.img
	says '^lclone: none: '
	json '.stores | length == 1'
}

test_names_are_made_safe() {
	store a.img 64M --origin - --size 1G --name a
	fill a.img 1 1 1 hostile-name >/dev/null
	expect 0 lclone scan --no-catalog a.img
	! grep -q $'\033' out || fail "a control character came through"
	prints '^\?\[2Jx'
	expect 0 lclone scan --no-catalog --json a.img
	json '.stores[0].name == "?[2Jx?"'
}

# The catalog is a cache: what was lost comes back from the stores.
test_rebuilds_the_catalog() {
	export LCLONE_STATE_DIR=$PWD/state
	mkdir d
	store d/a.lclone 16M --origin - --size 1G --name a
	store d/b.lclone 16M --origin - --size 2G --name b
	expect 0 lclone scan d
	[ -s state/catalog.json ] || fail "no catalog"
	jq -e '.. | strings | select(. == "a")' state/catalog.json >/dev/null || fail "no clone a"
	jq -e '.. | strings | select(. == "b")' state/catalog.json >/dev/null || fail "no clone b"
	rm state/catalog.json
	expect 0 lclone scan --no-catalog d
	[ ! -e state/catalog.json ] || fail "--no-catalog made one"
}

# Two clones, in $a and $b, on their way to the snapshot "one"; in $a2 and $b2 is what they get for it.
set_begun() {
	local name
	export LCLONE_STATE_DIR=$PWD/state
	for name in a b; do
		store $name.img 16M --origin - --size 1G --name $name
		loop $name.img
		eval "$name=$dev"
		file ${name}2.img 16M
		loop ${name}2.img
		eval "${name}2=$dev"
		expect 0 lclone format "$dev" --origin - --layer "${!name}"
		"$HELPERS/freeze-store" "$dev" one set
	done
}

# Of two clones one has its snapshot, and the other was on its way to it when the power went. With
# the catalog lost as well, the other has to be found as it is on its way.
test_unfinished_child_of_a_snapshot_set() {
	set_begun
	# Neither has it yet: both go back.
	expect 0 lclone scan "$a" "$a2" "$b" "$b2"
	says 'was not finished'
	expect 0 lclone list --json
	json '.clones | map(.layers | length) == [0, 0]'
	rm -r state
	"$HELPERS/freeze-store" "$a" one
	expect 0 lclone scan "$a" "$a2" "$b" "$b2"
	silent
	expect 0 lclone list --json
	json '.clones | map(.layers | map(.snapshot)) == [["one"], ["one"]]'
	json '.clones | map(select(.name == "b"))[0].store.path == "'"$b2"'"'
}

# merge_status: how a consolidation ends that has nothing to do: it wants the kernel's target all the same.
merge_status() {
	if [ -d /sys/module/dm_lclone ]; then echo 0; else echo 1; fi
}

# The one that has it has another one since: the other is still to have it, for which it takes a kernel.
test_set_whose_store_is_a_layer_now() {
	set_begun
	file a3.img 16M
	loop a3.img
	"$HELPERS/freeze-store" "$a" one
	expect 0 lclone format "$dev" --origin - --layer "$a" --layer "$a2"
	"$HELPERS/freeze-store" "$a2" two
	expect 0 lclone scan "$a" "$a2" "$dev" "$b" "$b2"
	expect "$(merge_status)" lclone consolidate b
	! grep -q 'has been undone' err || fail "it is undone"
	expect 0 lclone info "$b2"
	expect 0 lclone list --json
	json '.clones | map(.layers | map(.snapshot)) == [["one", "two"], ["one"]]'
}

# Whether the one has its snapshot is in a store that cannot be read now: the other is neither finished nor
# undone before that is known. Once that clone is out of the catalog, nothing speaks for the snapshot.
test_p7_set_of_which_one_is_not_there() {
	set_begun
	"$HELPERS/freeze-store" "$a" one
	expect 0 lclone scan "$a" "$a2" "$b" "$b2"
	cp state/catalog.json before
	losetup -d "$a2"
	expect 1 lclone consolidate b
	says 'finished or undone depends on a store that cannot be read'
	cmp before state/catalog.json
	losetup "$a2" a2.img
	expect "$(merge_status)" lclone consolidate b
	! grep -q 'has been undone\|cannot be read' err || fail "it is undone, or not seen to have begun"
	expect 0 lclone info "$b2"
	# Where the kernel has the target it is finished by now.
	[ "$(merge_status)" -ne 0 ] || return 0
	losetup -d "$a2"
	expect 0 lclone remove --force a
	expect 0 lclone consolidate b
	says 'its snapshot one, which was cut short, has been undone'
}

# The same with files: one that is gone for good is in nobody's way.
test_p7_set_of_which_one_is_gone() {
	set_begun
	"$HELPERS/freeze-store" "$a" one
	mkdir d
	for name in a a2 b b2; do
		losetup -d "${!name}"
		mv $name.img d/$name.lclone
	done
	expect 0 lclone scan d
	mv d/a2.lclone away
	expect 0 lclone consolidate b
	says 'its snapshot one, which was cut short, has been undone'
}

# Sets $l, $h and $c: a frozen layer "one", and two stores of one clone that were made above it: the
# one that it has, and one for a rollback that was cut short.
two_heads() {
	local name
	export LCLONE_STATE_DIR=$PWD/state
	for name in l h c; do
		file $name.img 64M
		loop $name.img
		printf -v $name %s "$dev"
	done
	expect 0 lclone format "$l" --origin - --size 1G --name vm
	expect 0 lclone format "$h" --origin - --layer "$l"
	expect 0 lclone format "$c" --origin - --layer "$l"
	"$HELPERS/freeze-store" "$l" one
}

# head_is DEV SCAN_ARGUMENT...: after a scan that is the store of the clone.
head_is() {
	local want=$1
	shift
	expect 0 lclone scan "$@"
	cp err said
	expect 0 lclone list --json
	json '.clones | map(.store.path) == ["'"$want"'"]'
}

# What was made for a rollback, and never used, is of a higher generation, but nothing.
test_child_of_a_rollback_cut_short() {
	two_heads
	"$HELPERS/freeze-store" "$c" one next
	live "$h" 1 0 park >/dev/null
	head_is "$h" "$l" "$h" "$c"
	grep -q "$c: warning: made for a snapshot or a rollback that was not finished" said || fail "not told of $c"
	head_is "$h" "$l" "$c" "$h"
	rm -r state
	head_is "$h" "$l" "$c" "$h"
	# The one that the catalog has was not looked at.
	head_is "$h" "$c"
	# The catalog has the new one: to be settled by the next activation, not here.
	rm -r state
	head_is "$c" "$l" "$c"
	head_is "$c" "$l" "$h" "$c"
	# One that was restored from a dump was never live, but has a map.
	rm -r state
	fill "$c" 1 1 1 >/dev/null
	head_is "$c" "$l" "$h" "$c"
}

# A snapshot to another place was not finished; one that was has the same generation.
test_child_of_a_snapshot_elsewhere() {
	two_heads
	live "$h" 1 0 park >/dev/null
	head_is "$h" "$l" "$c" "$h"
	! grep -q "both its store" said || fail "takes $c for a copy of $h"
}

# The store that was to go is the one that is left, and then none that is to go.
test_what_a_clone_has_is_no_layer() {
	two_heads
	"$HELPERS/freeze-store" "$c" one next
	live "$h" 1 0 park >/dev/null
	head_is "$c" "$l" "$c"
	expect 0 lclone info --json "$h"
	jq --slurpfile h out '.layers += [.clones[0] | .name = "" | .store_uuid = $h[0].store_uuid |
		.content_uuid = $h[0].content_uuid | .store_path = "'"$h"'"]' state/catalog.json >catalog
	jq -e '.layers | map(.store_uuid) | length == 2 and all(. != null)' catalog >/dev/null || fail "no such key"
	cp catalog state/catalog.json
	zero "$c" 0
	head_is "$h" "$l" "$h"
	jq -e '.layers | map(.name) == ["one"]' state/catalog.json >/dev/null || fail "its store is a layer, too"
}
