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

# Sets up clone vm with snapshots s1 and s2, all of it files in d.
files() {
	local name dev below=()
	export LCLONE_STATE_DIR=$PWD/state
	mkdir d
	for name in s1 s2 vm; do
		file d/$name.lclone 64M
		loop d/$name.lclone
		expect 0 lclone format "$dev" --origin - --size 16M --name vm "${below[@]}"
		[ ${#below[@]} -eq 0 ] || "$HELPERS/freeze-store" "${below[-1]}" "$old"
		fill "$dev" ${#name} 4 0 >/dev/null
		old=$name below+=(--layer "$dev")
	done
	for dev in "${below[@]}"; do
		[ "$dev" = --layer ] || losetup -d "$dev"
	done
	expect 0 lclone scan d
	expect 0 lclone list --json
	json '.clones | map(.layers | map(.snapshot)) == [["s1", "s2"]]'
	ls d >files
}

# Layers, too, stay with the stores that they have.
test_scan_finds_a_copy_of_a_layer() {
	files
	cp state/catalog.json catalog
	cp --sparse=always d/s1.lclone d/a.lclone
	mkdir backup
	cp --sparse=always d/s2.lclone backup
	for where in d backup; do
		expect 0 lclone scan $where
		says 'holds a copy of the store on .*/s[12].lclone, which the catalog has'
		cmp state/catalog.json catalog || fail "the catalog has changed"
	done
}

# left_over FROM: sets n, from FROM on, to where a consolidation that is killed leaves $left.
left_over() {
	left=
	for ((n = $1; ; n++)); do
		killed_at $n consolidate vm --drop-snapshots || fail "it leaves nothing, from $1 on"
		left=$(ls d | comm -13 files - | grep -vxF vm@77.m3.lclone) || true
		[ -z "$left" ] || break
	done
	[[ $left =~ ^vm@[0-9]+\.m1\.lclone$ ]] || fail "it has left $left"
}

# What was killed at any time before the catalog had it goes, though the next one takes another name.
test_killed_consolidation_is_swept() {
	local n left steps=0 whole=0
	files
	for ((n = 1; ; n++)); do
		left_over $n
		! jq -e '.layers[] | select(.store_path | endswith("'"$left"'"))' state/catalog.json >/dev/null || break
		! lclone info "d/$left" >/dev/null 2>&1 || whole=$((whole + 1))
		mv "d/$left" d/vm@77.m3.lclone
		steps=$((steps + 1))
	done
	[ "$steps" -gt 4 ] && [ "$whole" -gt 0 ] || fail "$steps steps, the layer whole at $whole"
	expect 0 lclone consolidate vm
	[ "$(ls d)" = "$(printf '%s\n' vm.lclone "$left" | sort)" ] || fail "there is $(ls d)"
	expect 0 lclone check d/vm.lclone
}

test_killed_consolidation_is_removed_with_the_clone() {
	local n left
	files
	left_over 1
	expect 0 lclone remove vm
	says 'a command that was cut short has left it'
	[ -z "$(ls d)" ] || fail "there is $(ls d)"
}

# What is like one but for one thing stays: it has another name, it is in use, it is a whole store whose
# content is in no other layer, or which is of another clone.
test_what_is_not_left_by_a_consolidation_stays() {
	local n left
	files
	file d/vm@1.m1.lclone.old 64M
	file d/vm@m1.lclone 64M
	file d/vm@1.m.lclone 64M
	file d/vmm@1.m1.lclone 64M
	file d/vm@5.m1.lclone 64M
	echo text >d/vm@6.m1.lclone
	store d/vm@7.m1.lclone 64M --origin - --size 16M --name vm
	"$HELPERS/freeze-store" d/vm@7.m1.lclone s2
	cp d/s2.lclone d/vm@8.m1.lclone
	cp d/s2.lclone d/vm@9.m1.lclone
	loop d/vm@9.m1.lclone
	ls d >files
	exec 9>>d/vm@5.m1.lclone
	flock -n 9
	# Its layer is not what the catalog says: the copy may be the only one.
	mv d/s1.lclone s1
	expect 1 lclone consolidate vm --drop-snapshots
	[ -e d/vm@8.m1.lclone ] || fail "the only copy of a layer is gone"
	mv s1 d/s1.lclone
	expect 0 lclone remove vm
	grep -vxF -e vm@8.m1.lclone -e vm.lclone -e s1.lclone -e s2.lclone files | diff - <(ls d) ||
		fail "something else is there"
	exec 9>&-
}

# Cut short at any step, and with the catalog lost: what is left is found as the clone, and goes with it.
test_tool_killed_in_a_removal() {
	local n steps=0
	files
	mkdir keep
	cp --sparse=always d/* keep
	for ((n = 1; ; n++)); do
		killed_at $n remove vm || break
		steps=$n
		rm state/catalog.json
		expect 0 lclone scan d
		if [ -n "$(ls d)" ]; then
			expect 0 lclone remove vm
			[ -z "$(ls d)" ] || fail "killed at $n, $(ls d) stays"
		fi
		cp --sparse=always keep/* d
		expect 0 lclone scan d
	done
	[ "$steps" -gt 4 ] || fail "it has no more than $steps steps"
	[ -z "$(ls d)" ] || fail "there is $(ls d)"
}

all_kept() {
	local file
	for file in keep/*; do
		cmp -s -n 8M "$file" "d/${file##*/}" || return
	done
}

# removal_cut_short OPTION...: at each step, of a clone whose stores are kept in keep. The next activation
# has all of it go, unless all of it is there and nothing was to be overwritten.
removal_cut_short() {
	local n finished=0 undone=0
	for ((n = 1; ; n++)); do
		cp --sparse=always keep/* d
		expect 0 lclone scan d
		killed_at $n remove "$@" vm || break
		expect 0 lclone list --json
		if jq -e '.clones == []' out >/dev/null; then
			finished=$((finished + 1))
		elif ! jq -e '.clones[0].removing' state/catalog.json >/dev/null; then
			all_kept || fail "killed at $n, and not all is what it was"
			continue
		elif all_kept && [ $# -eq 0 ]; then
			# There may be no target here to activate it.
			lclone activate vm 2>err || true
			says 'vm: warning: its removal, which was cut short, has been undone'
			lclone deactivate vm 2>/dev/null || true
			jq -e '.clones[0].removing | not' state/catalog.json >/dev/null || fail "it is still being removed"
			[ "$(ls d)" = "$(ls keep)" ] || fail "killed at $n, there is $(ls d)"
			undone=$((undone + 1))
			continue
		else
			expect 0 lclone activate vm
			says 'vm: warning: its removal, which was cut short, has been finished'
			finished=$((finished + 1))
		fi
		[ -z "$(ls d)" ] || fail "killed at $n, $(ls d) stays"
	done
	[ "$finished" -gt 3 ] || fail "it was cut short no more than $finished times"
	[ "$undone" -gt 0 ] || [ $# -gt 0 ] || fail "it was never undone"
	[ -z "$(ls d)" ] || fail "there is $(ls d)"
}

test_removal_cut_short_is_finished_or_undone() {
	files
	mkdir keep
	cp --sparse=always d/* keep
	removal_cut_short
	removal_cut_short --wipe
}

# Its store is gone, and a scan of the host does not take away the name by which the layers can go.
test_layers_of_a_lost_clone_can_be_removed() {
	local uuid
	files
	uuid=$(jq -er '.clones[0].uuid' state/catalog.json)
	rm d/vm.lclone
	expect 0 lclone scan
	says "vm: warning: its store .* was not found; the catalog keeps it while there are layers of it"
	expect 0 lclone remove vm
	[ -z "$(ls d)" ] || fail "there is $(ls d)"
	# The host may have other stores, which the scan has found.
	! grep -q "$uuid" state/catalog.json || fail "the catalog has something"
}

# What cannot go is found before anything is gone.
test_removal_is_checked_first() {
	files
	zero d/s1.lclone 0
	refused 's1.lclone: is not an lclone store' lclone remove vm
	[ "$(ls d)" = "$(<files)" ] || fail "there is only $(ls d)"
	expect 0 lclone remove --force vm
	[ -z "$(ls d)" ] || fail "there is $(ls d)"
}

# What could not be removed is removed by the same command, when it can be.
test_removal_of_a_snapshot_is_taken_up_again() {
	files
	[ "$(id -u)" -eq 0 ] || skip "not root"
	expect 0 lclone rollback vm s1
	mount --bind d d && mount -o remount,ro,bind d || skip "cannot mount"
	refused 'cannot be removed: Read-only file system' lclone remove vm@s2
	refused 'cannot be removed: Read-only file system' lclone remove vm@s2
	expect 0 lclone tree
	! grep -q s2 out || fail "it is a snapshot still"
	umount d
	expect 0 lclone remove vm@s2
	[ ! -e d/s2.lclone ] || fail "its store stays"
	refused 'it has no snapshot s2' lclone remove vm@s2
}

# The same when it has been merged into what stands on it.
test_merging_of_a_snapshot_is_taken_up_again() {
	files
	[ "$(id -u)" -eq 0 ] || skip "not root"
	mkdir e
	mount --bind d d && mount -o remount,ro,bind d || skip "cannot mount"
	refused 'cannot be removed: Read-only file system' lclone remove vm@s1 --dir e
	refused 'cannot be removed: Read-only file system' lclone remove vm@s1
	expect 0 lclone list --json
	json '.clones | map(.layers | map(.snapshot)) == [["s2"]]'
	umount d
	expect 0 lclone remove vm@s1
	[ "$(ls d)" = vm.lclone ] || fail "there is $(ls d)"
	expect 0 lclone check d/vm.lclone
	refused 'it has no snapshot s1' lclone remove vm@s1
}

# Another host reads the layers, and has the store.
test_layers_of_a_clone_that_is_active_on_another_host() {
	files
	"$HELPERS/freeze-store" d/vm.lclone elsewhere owner
	mkdir keep
	cp --sparse=always d/* keep
	refused "vm: it is active on host 'elsewhere'" lclone rollback vm s1
	says "use 'lclone rollback --force vm'"
	refused "vm: it is active on host 'elsewhere'" lclone remove vm@s1
	says "use 'lclone activate --force vm'"
	refused "vm: it is active on host 'elsewhere'" lclone consolidate vm --drop-snapshots
	all_kept || fail "something was changed"
	[ "$(ls d)" = "$(<files)" ] || fail "there is $(ls d)"
	expect 0 lclone rollback --force vm s1
	[ ! -e d/vm.lclone ] || fail "its old store stays"
}

# Independent, with snapshots: there is no template, and zeros are not what it was made of.
test_reset_without_a_template() {
	files
	mkdir keep
	cp --sparse=always d/* keep
	refused 'vm: it stands on no template that it could become again' lclone reset vm
	says "'lclone rollback' goes back to a snapshot"
	all_kept || fail "something was changed"
	[ "$(ls d)" = "$(<files)" ] || fail "there is $(ls d)"
}

# wiped FILE...: other names of stores that went, which have nothing left.
wiped() {
	local file
	for file; do
		cmp -n "$(stat -c %s "$file")" "$file" /dev/zero || fail "$file has something left"
	done
}

test_snapshot_is_wiped() {
	files
	expect 0 lclone rollback vm s1
	ln d/s2.lclone s2
	expect 0 lclone remove --wipe vm@s2
	[ ! -e d/s2.lclone ] || fail "its store stays"
	wiped s2
}

# What it becomes one with goes, too.
test_merged_snapshot_is_wiped() {
	files
	expect 0 lclone commit vm --template before --to "$PWD/now.img" --quick
	ln d/s1.lclone s1
	ln d/s2.lclone s2
	expect 0 lclone remove --wipe vm@s1
	prints 'merged into the layer that stands on it'
	[ ! -e d/s1.lclone ] && [ ! -e d/s2.lclone ] || fail "there is $(ls d)"
	wiped s1 s2
	expect 0 lclone list --json
	json '.clones | map(.layers | map(.snapshot)) == [["s2"]]'
	committed vm now.img
}

# Whoever goes on with it overwrites what is left.
test_wiping_of_a_snapshot_cut_short() {
	local n again=0
	files
	expect 0 lclone rollback vm s1
	mkdir keep
	cp -r --sparse=always d/* state keep
	for ((n = 1; ; n++)); do
		rm -rf d/* state s2
		cp -r --sparse=always keep/*.lclone d
		cp -r keep/state .
		ln d/s2.lclone s2
		killed_at $n remove --wipe vm@s2 || break
		! jq -e '.layers | any(.replaced)' state/catalog.json >/dev/null || again=$((again + 1))
		lclone remove vm@s2 >out 2>err || says 'has no snapshot s2'
		[ ! -e d/s2.lclone ] || fail "killed at $n, its store stays"
		jq -e '.layers | length == 1' state/catalog.json >/dev/null || fail "killed at $n, its layer stays"
		[ "$again" -eq 0 ] || wiped s2
	done
	[ "$again" -gt 1 ] || fail "it was cut short no more than $again times"
}

# A copy that a consolidation left behind holds the data of its layers.
test_left_over_is_wiped() {
	local n left
	files
	for ((n = 1; ; n++)); do
		left_over $n
		! lclone info "d/$left" >/dev/null 2>&1 || break
		rm "d/$left"
	done
	ln "d/${left##*/}" left
	expect 0 lclone remove --wipe vm
	[ -z "$(ls d)" ] || fail "there is $(ls d)"
	wiped left
}
