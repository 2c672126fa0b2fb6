# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Templates, clones and the catalog, as far as they need no device-mapper: clones that are not active.

# catalog: an empty catalog, and a template "gold" of 4 MiB in gold.img.
catalog() {
	export LCLONE_STATE_DIR=$PWD/state
	dd if=/dev/urandom of=gold.img bs=1M count=4 status=none
	expect 0 lclone template add gold gold.img
	silent
}

create() { expect 0 lclone create "$@" --template gold --dir . --no-activate; }

test_empty() {
	export LCLONE_STATE_DIR=$PWD/state
	expect 0 lclone list --json
	json '.clones == []'
	expect 0 lclone template list --json
	json '.templates == []'
	expect 0 lclone tree
	[ ! -e state ] || fail "reading made a catalog"
	refused 'no such template' lclone create vm --template gold --dir .
	refused 'no such clone' lclone status vm
}

test_template() {
	catalog
	[ ! -w gold.img ] || [ "$(stat -c %a gold.img)" = 444 ] || fail "gold.img is not read-only"
	expect 0 lclone template show gold --json
	json '.size_bytes == 4194304 and .kind == "file" and .clone_count == 0'
	json ".sha256 == \"$(sha256sum gold.img | cut -d' ' -f1)\""
	refused 'there is a template of this name' lclone template add gold gold.img
	refused 'origin of template gold already' lclone template add other ./gold.img || true
	expect 0 lclone template verify gold
	chmod u+w gold.img
	overwrite gold.img 700
	expect 3 lclone template verify gold
	says 'content differs'
	expect 0 lclone template remove gold
	[ -e gold.img ] || fail "the origin is gone"
	expect 0 lclone template add quick gold.img --quick
	expect 0 lclone template show quick --json
	json '.sha256 == null'
}

# Of a process that opens it and another file in turn, under the same descriptors, nobody says that it
# writes to it: it reads the one and writes to the other.
test_descriptor_that_becomes_another_file() {
	local i
	file gold.img 1M
	true >other
	export LCLONE_STATE_DIR=$PWD/state
	while :; do
		exec 5<gold.img 6<gold.img 7<gold.img 8<gold.img
		exec 5>other 6>other 7>other 8>other
	done &
	reader=$!
	trap 'kill "$reader"' EXIT
	for ((i = 0; i < 40; i++)); do
		expect 0 lclone template add gold gold.img --quick
		expect 0 lclone template remove gold
	done
	exec 5>>gold.img
	refused 'has it open for writing' lclone template add gold gold.img
}

# A loop device over a part of it, as for a partition that is mounted; no process has the file open then.
test_loop_over_a_part() {
	local options parts
	file gold.img 4M
	export LCLONE_STATE_DIR=$PWD/state
	for options in "" "--offset 1M" "--sizelimit 1M" "--offset 1M --sizelimit 1M"; do
		read -ra parts <<<"$options"
		loop gold.img "${parts[@]}"
		refused "the writable loop device $dev stands on it" lclone template add gold "$PWD/gold.img" --quick
		[ "$(stat -c %A gold.img | cut -c3)" = w ] || fail "the mode has changed"
		losetup -d "$dev"
		loop gold.img --read-only "${parts[@]}"
		expect 0 lclone template add gold gold.img --quick
		expect 0 lclone template remove gold
		losetup -d "$dev"
	done
}

test_qcow2() {
	command -v qemu-img >/dev/null || skip "no qemu-img"
	catalog
	qemu-img convert -O qcow2 gold.img gold.qcow2
	expect 0 lclone template add q gold.qcow2
	cmp gold.img state/images/q.raw
	expect 0 lclone template add as-it-is gold.qcow2 --format raw
	qemu-img create -q -f qcow2 -b gold.qcow2 -F qcow2 top.qcow2
	refused 'stands on another file' lclone template add top top.qcow2
	[ ! -e state/images/top.raw ] || fail "an image was left"
	expect 0 lclone template remove q
	[ ! -e state/images/q.raw ] || fail "the converted image stayed"
}

# qemu_img LINE...: a script takes the place of qemu-img; its last argument is in $to.
qemu_img() {
	command -v qemu-img >/dev/null || skip "no qemu-img"
	mkdir bin
	printf '%s\n' '#!/bin/bash' 'to=${*: -1}' "$@" >bin/qemu-img
	chmod +x bin/qemu-img
}

# An image of which a part was written when the power went is not taken for the whole one.
test_qcow2_cut_short() {
	catalog
	qemu-img convert -O qcow2 gold.img gold.qcow2
	# shellcheck disable=SC2016
	qemu_img 'head -c 1M gold.img >"$to"' 'kill -9 $PPID'
	expect 137 env PATH="$PWD/bin:$PATH" "$LCLONE" template add q gold.qcow2
	[ "$(ls state/images)" = q.raw.part ] || fail "there is $(ls state/images)"
	expect 0 lclone template add q gold.qcow2
	cmp gold.img state/images/q.raw
	[ "$(ls state/images)" = q.raw ] || fail "there is $(ls state/images)"
}

# Two that write into one directory.
test_qcow2_twice() {
	catalog
	mkdir images
	qemu-img convert -O qcow2 gold.img gold.qcow2
	qemu_img "PATH=$PATH LCLONE_STATE_DIR=$PWD/other '$LCLONE' template add q gold.qcow2 --dir images 2>other.err && exit 1" \
		"exec $(command -v qemu-img) \"\$@\""
	expect 0 env PATH="$PWD/bin:$PATH" "$LCLONE" template add q gold.qcow2 --dir images
	grep -q 'another command is writing it' other.err || fail "the second said: $(<other.err)"
	cmp gold.img images/q.raw
}

# traced VERB...: the calls that change directories or make them durable, one a line.
traced() {
	command -v strace >/dev/null || skip "no strace"
	expect 0 env ASAN_OPTIONS=detect_leaks=0 strace -qq -y -o trace \
		-e trace=openat,mkdir,fsync,unlink,rename,renameat2 "$LCLONE" "$@"
}
# in_order PATTERN...: there are such lines of the trace, each behind the one before.
in_order() {
	local at=0 pattern found
	for pattern; do
		found=$(grep -nm1 -E -- "$pattern" <(tail -n "+$((at + 1))" trace)) ||
			fail "after line $at there is no $pattern in: $(grep -v '^openat.*O_RDONLY' trace)"
		at=$((at + ${found%%:*}))
	done
}

# What the catalog names is there after a loss of power, and what it forgets is not.
test_directories_are_durable() {
	local here
	here=$(pwd -P)
	export LCLONE_STATE_DIR=$here/a/b
	head -c 4M /dev/urandom >gold.img
	qemu-img convert -O qcow2 gold.img gold.qcow2 2>/dev/null || skip "no qemu-img"
	traced template add gold gold.qcow2
	in_order 'mkdir\(.*/a"' "fsync.*<$here>" 'mkdir\(.*/a/b"' "fsync.*<$here/a>" 'mkdir\(.*/images"' "fsync.*<$here/a/b>" \
		"fsync.*gold.raw.part>" 'renameat2.*gold.raw"' "fsync.*<$here/a/b/images>" 'rename\(.*catalog.json"'
	mkdir d
	traced create vm --template gold --dir d --no-activate
	in_order 'openat.*vm.lclone.*O_CREAT' "fsync.*<$here/d>" 'fsync.*vm.lclone' 'rename\(.*catalog.json"'
	traced remove vm
	in_order 'unlink.*vm.lclone' "fsync.*<$here/d>" 'rename\(.*catalog.json"'
	traced template remove gold
	in_order 'unlink.*gold.raw' "fsync.*<$here/a/b/images>" 'rename\(.*catalog.json"'
}

test_clone() {
	catalog
	create vm --size 64M --json
	json '.clones | length == 1'
	json '.clones[0].device == null and .clones[0].size_bytes == 67108864'
	expect 0 lclone check vm.lclone
	expect 0 lclone info vm.lclone --json
	expect 0 lclone status vm --json
	json '.mode == "inactive" and .clone_type == "linked" and .block_bytes == 4096'
	json '.size_bytes == 67108864 and .data_bytes == 0 and .shared_bytes == 4194304'
	json '.origin.size_bytes == 4194304 and .layers == [] and .no_space == false'
	json ".store.size_bytes == $(stat -c %s vm.lclone) and .store.used_bytes == 0"
	expect 0 lclone tree
	prints '^`- vm  inactive'
	refused '1 clone is made of it: vm' lclone template remove gold
	expect 0 lclone remove vm
	[ ! -e vm.lclone ] || fail "the store stayed"
	expect 0 lclone template remove gold
}

test_count() {
	catalog
	create vm --count 3
	create n-%d-x --count 2
	expect 0 lclone list --json
	json '[.clones[].name] == ["vm1", "vm2", "vm3", "n-1-x", "n-2-x"]'
	touch b2.lclone
	expect 1 lclone create b --count 3 --template gold --dir . --no-activate
	says '1 of 3 clones were made, b1'
	[ ! -e b3.lclone ] || fail "it went on"
	[ ! -s b2.lclone ] || fail "it wrote to a file that was there"
	expect 2 lclone create c --count 0 --template gold --dir .
	expect 2 lclone create c --count 2 --template gold --store /dev/null
}

# What is in the way of a clone of a clone is found before that one is frozen, or even looked at whether it can be.
test_from_is_checked_first() {
	catalog
	create vm
	create other
	touch z2.lclone
	stopped() { expect 1 lclone "${@:2}"; says "^lclone: .*$1"; }
	stopped 'there is a clone of this name' create other --from vm
	stopped 'z2.lclone: cannot be made: File exists' create z --count 2 --from vm
	stopped 'nowhere: no directory to put a store in' create z --from vm --dir nowhere
	stopped 'there is no such volume group' create z --from vm --vg nowhere --store-size 16M
	stopped 'is too small for a store' create z --from vm --store-size 1M
	stopped 'a clone of .* is too large' create z --from vm --size 1000000T
	stopped 'is not a block device' create z --from vm --store gold.img
	expect 0 lclone list --json
	json '.clones | map(.layers) == [[], []]'
}

test_names() {
	catalog
	create a.b_c+d-9
	for name in '' a/b .a -- "a b" "$(printf 'x%.0s' {1..64})"; do
		expect 1 lclone create --template gold --dir . --no-activate -- "$name"
		says 'no name for a template or a clone'
	done
	refused 'there is a clone of this name' lclone create a.b_c+d-9 --template gold --dir . --no-activate
	create x --size 1M
	file y.lclone 16M
	refused 'File exists' lclone create y --template gold --dir . --no-activate
}

test_changed_origin() {
	catalog
	chmod u+w gold.img
	overwrite gold.img 0
	refused 'is not what it was' lclone create vm --template gold --dir . --no-activate
	[ ! -e vm.lclone ] || fail "a store was left"
}

# Paths are bytes, JSON is UTF-8: what is not is replaced for programs, and kept in the catalog.
test_paths_that_are_no_text() {
	local dir bad=$'\xff-\xc0\xaf-\xe0\x80\x80-\xed\xa0\x80-\xf4\x90\x80\x80-\xe2\x82'
	export LCLONE_STATE_DIR=$PWD/state
	dir=$PWD/stores-$bad-ü€𐍈
	mkdir "$dir"
	dd if=/dev/urandom of="$dir/gold.img" bs=1M count=4 status=none
	expect 0 lclone template add gold "$dir/gold.img"
	expect 0 lclone create vm --template gold --dir "$dir" --no-activate --store-size 12M
	for verb in "list" "template list" "status vm" "info $dir/vm.lclone" "map $dir/vm.lclone"; do
		# shellcheck disable=SC2086
		lclone $verb --json >out 2>err || fail "lclone $verb: $(<err)"
		iconv -f utf-8 -t utf-8 out >/dev/null || fail "lclone $verb --json is not UTF-8"
		jq -e . out >/dev/null || fail "lclone $verb --json is not JSON"
	done
	lclone template list --json >out
	[ "$(jq -r '.templates[0].path' out)" = "$PWD/stores-�-��-���-���-����-��-ü€𐍈/gold.img" ] ||
		fail "the path is $(jq -r '.templates[0].path' out)"
	expect 0 lclone template verify gold
	expect 0 lclone remove vm
	[ ! -e "$dir/vm.lclone" ] || fail "the store is left"
}

test_no_room() {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	mkdir small
	mount -t tmpfs -o size=1M none small 2>/dev/null || skip "cannot mount"
	catalog
	refused 'No space left' lclone create vm --template gold --dir small --no-activate
	[ -z "$(ls small)" ] || fail "a file was left"
}

test_scan_rebuilds() {
	catalog
	create vm --count 2
	expect 0 lclone template show gold --json
	uuid=$(jq -r .uuid out)
	rm state/catalog.json
	expect 0 lclone scan .
	expect 0 lclone list --json
	json '[.clones[].name] | sort == ["vm1", "vm2"]'
	json '[.clones[].store.kind] | unique == ["dir"]'
	expect 0 lclone template show gold --json
	json ".uuid == \"$uuid\" and .clone_count == 2"
	cp vm1.lclone copy
	expect 0 lclone scan .
	expect 0 lclone list --json
	json '.clones | length == 2'
}

# A clone that went on with a copy of its store would go back in time: it stays with what it has, whichever
# is found first, or alone.
test_scan_finds_a_copy() {
	catalog
	create vm --count 2
	cp vm1.lclone copy
	mkdir backup
	cp vm2.lclone backup
	for where in . backup; do
		expect 0 lclone scan "$where"
		says 'holds a copy of the store on .*/vm[12].lclone'
		expect 0 lclone list --json
		json "[.clones[].store.path] == [\"$PWD/vm1.lclone\", \"$PWD/vm2.lclone\"]"
	done
	rm copy
	mv vm1.lclone moved
	expect 0 lclone scan .
	expect 0 lclone list --json
	json ".clones[0].store.path == \"$PWD/moved\""
}

test_damaged_catalog() {
	catalog
	for text in '' x '{}' '{"version":1,"templates":[3],"clones":[{}]}' \
		'{"version":2,"templates":[],"clones":[]}'; do
		echo "$text" >state/catalog.json
		refused 'this is no catalog of this version' lclone list
	done
}

test_lost_stores() {
	catalog
	create vm --count 3
	rm vm1.lclone
	zero vm2.lclone 0
	cp vm3.lclone keep
	create other
	cp other.lclone vm3.lclone
	expect 0 lclone list --json
	json '[.clones[].mode] == ["missing", "damaged", "damaged", "inactive"]'
	refused 'is the store of another clone now' lclone remove vm3
	expect 1 lclone remove vm2
	expect 0 lclone remove vm1
	says 'is gone already'
	expect 0 lclone remove --force vm2 vm3
	[ -e vm3.lclone ] || fail "the store of another clone was removed"
	[ ! -e vm2.lclone ] || fail "the damaged store stayed"
}

# One that another host has is not taken from under it; and what this host had is, for it went down with it.
test_active_on_another_host() {
	local verb
	catalog
	create vm
	"$HELPERS/freeze-store" vm.lclone elsewhere owner
	cp vm.lclone kept
	cp state/catalog.json catalog
	for verb in remove 'remove --wipe' reset; do
		# shellcheck disable=SC2086 # two words
		refused "vm: it is active on host 'elsewhere', or was when that host went down" lclone $verb vm
		says "next: deactivate it there; only if that host is certainly down, use 'lclone ${verb% *} --force vm'"
		cmp vm.lclone kept || fail "$verb has changed the store"
		cmp state/catalog.json catalog || fail "$verb has changed the catalog"
	done
	[ "$(echo *.lclone)" = vm.lclone ] || fail "there is $(echo *.lclone)"
	expect 0 lclone reset --force vm
	[ ! -e vm.lclone ] || fail "its old store stays"
	"$HELPERS/freeze-store" vm@*.lclone elsewhere owner
	refused "is active on host 'elsewhere'" lclone remove vm
	expect 0 lclone remove --force vm
	create vm
	"$HELPERS/freeze-store" vm.lclone "$(uname -n)" owner
	expect 0 lclone reset vm
	"$HELPERS/freeze-store" vm@*.lclone "$(uname -n)" owner
	expect 0 lclone remove vm
	[ "$(echo *.lclone)" = '*.lclone' ] || fail "there is $(echo *.lclone)"
}
