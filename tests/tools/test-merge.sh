# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Layers that become one, and images of what clones show, compared with a model.
. "$here/lib-chain.sh"

# Puts together what the model says; stores are named from the newest to the oldest.
image_of() {
	local to=$1 type from at count
	local stores=("${@:2}")
	rm -f "$to"
	truncate -s $(($(wc -l <model) * 512)) "$to"
	awk '
		function put() { if (n) print type, from, at, n }
		{
			level = $1 == "data" ? $2 : $1
			sector = $1 == "data" ? $3 : NR - 1
			if (n && level == type && sector == from + n) { n++; next }
			put()
			type = level; from = sector; at = NR - 1; n = 1
		}
		END { put() }' model | while read -r type from at count; do
		case $type in
		zero) continue ;;
		below) from_file=o.img ;;
		*) from_file=${stores[type]} ;;
		esac
		dd if="$from_file" of="$to" bs=512 skip="$from" seek="$at" count="$count" conv=notrunc status=none
	done
}

# committed NAME IMAGE: what lclone commit makes of it is that.
committed() {
	local name=t$RANDOM$RANDOM
	expect 0 lclone commit "$1" --template "$name" --to "$PWD/$name.img" --quick
	cmp "$name.img" "$2" || fail "$1 shows something else"
}

# Sizes that are no multiples of blocks, layers that are smaller than what is below and above.
test_merge_agrees_with_the_model() {
	local seed
	for seed in 1 20 300; do
		chain $seed
		rm -rf state
		model below 36003 "$l1" "$l2" "$l3" "$s" >model
		image_of now.img s.img l3.img l2.img l1.img
		expect 0 lclone scan "$l1" "$l2" "$l3" "$s"
		committed vm3 now.img
		file m.img 64M
		loop m.img
		expect 0 lclone consolidate vm3 --store "$dev" --json
		json '.merged_layers == 3 and .removed_layers == 1'
		expect 0 lclone check "$dev"
		expect 0 lclone list --json
		json '.clones | map(select(.name == "vm3"))[0].layers | length == 1'
		committed vm3 now.img
		losetup -d "$dev"
		for dev in "$o" "$l1" "$l2" "$l3" "$s"; do
			losetup -d "$dev"
		done
	done
}

test_consolidate_usage() {
	expect 2 lclone consolidate
	expect 2 lclone consolidate a b
	expect 2 lclone consolidate a --rate 0
	expect 2 lclone commit a
	expect 2 lclone commit --template t
	expect 2 lclone remove a --store x
	says 'go with one NAME@SNAP'
	expect 2 lclone remove a@s b@s --rate 1M
	expect 2 lclone remove a@s --store x --store-size 16M
	expect 2 lclone remove a@s --dir x --vg y
	export LCLONE_STATE_DIR=$PWD/state
	refused 'there is no such clone' lclone consolidate a
	refused 'there is no such clone' lclone commit a --template t
}

# killed_at N VERB...: the tool dies before its Nth step; false when it had fewer.
killed_at() {
	local rc=0
	# A sanitizer wants to come before any other library.
	ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$HELPERS/kill-at.so KILL_AT=$1 \
		lclone "${@:2}" >out 2>err </dev/null || rc=$?
	[ "$rc" -ne 0 ] || return 1
	[ "$rc" -eq 137 ] || fail "lclone ${*:2}, killed at $1, ended with $rc"
}

test_tool_killed_in_a_commit() {
	local n image=$PWD/new.img steps=0 complete=0
	chain
	model below 36003 "$l1" "$l2" "$l3" "$s" >model
	image_of now.img s.img l3.img l2.img l1.img
	expect 0 lclone scan "$l1" "$l2" "$l3" "$s"
	for ((n = 1; ; n++)); do
		killed_at $n commit vm3 --template new --to "$image" --quick || break
		steps=$n
		[ -e "$image" ] || continue
		# All of it is there; whether it is a template yet or not, nothing overwrites it.
		complete=$((complete + 1))
		cmp new.img now.img || fail "killed at $n: it is not what the clone shows"
		expect 1 lclone commit vm3 --template new --to "$image"
		expect 0 lclone template list --json
		! jq -e '.templates | map(.name) | index("new")' out >/dev/null ||
			expect 0 lclone template remove new
		rm "$image"
	done
	echo "$steps steps, the image complete at $complete"
	[ "$steps" -gt 4 ] || fail "it has no more than $steps steps"
	cmp new.img now.img || fail "it is not what the clone shows"
	[ ! -e new.img.part ] || fail "a part is left"
}

test_tool_killed_in_a_consolidation() {
	local n steps=0
	chain
	model below 36003 "$l1" "$l2" "$l3" "$s" >model
	image_of now.img s.img l3.img l2.img l1.img
	expect 0 lclone scan "$l1" "$l2" "$l3" "$s"
	file m.img 64M
	loop m.img
	for ((n = 1; n < 200; n += 3)); do
		killed_at $n consolidate vm3 --store "$dev" --force || break
		steps=$n
		committed vm3 now.img
		expect 0 lclone list --json
		json '.clones | map(select(.name == "vm3"))[0].layers | length == 1 or length == 3'
		! jq -e '.clones | map(select(.name == "vm3"))[0].layers | length == 1' out >/dev/null || break
	done
	[ "$steps" -gt 4 ] || fail "it has no more than $steps steps"
	# It is done, or there is no more to do than to remove what was replaced.
	expect 0 lclone consolidate vm3
	committed vm3 now.img
	expect 0 lclone list --json
	json '.clones | map(select(.name == "vm3"))[0].layers | length == 1'
	jq -e '.layers | map(select(.replaced)) == []' state/catalog.json || fail "a replaced store is left"
}
