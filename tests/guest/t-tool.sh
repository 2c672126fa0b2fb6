# shellcheck shell=bash
# shellcheck disable=SC2034
CPUS=1
TEST_TIMEOUT=300

# The tool on real devices: templates, clones in files, on devices and on logical volumes, the
# catalog, and what is refused.

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh

test_template_of_a_device() {
	local dev sum
	tool_state
	dev=$(make_loop 16M)
	on_exit remove_all
	random 16M | dd of="$dev" bs=1M iflag=fullblock oflag=direct status=none
	sum=$(sha256sum <"$dev" | cut -d' ' -f1)
	template_add gold "$dev"
	assert_eq "$(blockdev --getro "$dev")" 1 "read-only"
	expect_fail dd if=/dev/zero of="$dev" bs=4k count=1 oflag=direct
	assert_eq "$(lclone template show gold --json | json_field .sha256)" "$sum" sha256
	lclone template verify gold
	expect_fail lclone template add gold "$dev"
	expect_said "there is a template of this name"
	expect_fail lclone template add other "$dev"
	expect_said "is the origin of template gold already"
	lclone template remove gold
	assert_eq "$(blockdev --getro "$dev")" 0 "read-only after remove"
}

test_template_in_use_is_refused() {
	local dev writer
	tool_state
	dev=$(make_loop 32M)
	on_exit remove_all
	mkfs.ext4 -q "$dev"
	mount "$dev" /mnt
	expect_fail lclone template add gold "$dev"
	expect_said "mounted"
	umount /mnt
	tail -f /dev/null 7>>"$dev" &
	writer=$!
	wait_until test -e "/proc/$writer/fd/7"
	expect_fail lclone template add gold "$dev"
	expect_said "process $writer has it open for writing"
	kill "$writer"
	wait "$writer" || true
	assert_eq "$(blockdev --getro "$dev")" 0 "read-only"
	template_add gold "$dev"
}

test_template_verify_finds_a_changed_byte() {
	tool_up
	chmod u+w "$IMAGE"
	printf 'what nobody drew' | dd of="$IMAGE" bs=1 seek=5000000 conv=notrunc status=none
	# Nor would any other test miss it.
	expect_fail image_untouched "$IMAGE"
	image_given_up "$IMAGE"
	expect_fail lclone template verify gold
	assert_eq "$RC" 3 status
	expect_said "content differs"
	# Where the samples lie, create sees it too.
	printf 'what nobody drew' | dd of="$IMAGE" bs=1 seek=1 conv=notrunc status=none
	expect_fail lclone create vm --template gold --dir "$DIR"
	expect_said "is not what it was"
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "stores left behind"
}

test_template_of_qcow2() {
	tool_state
	tool_dir 200M
	tool_image 16M
	qemu-img convert -O qcow2 "$IMAGE" "$DIR/gold.qcow2"
	lclone template add gold "$DIR/gold.qcow2" --dir "$DIR"
	assert_eq "$(lclone template show gold --json | json_field .sha256)" \
		"$(sha256sum <"$IMAGE" | cut -d' ' -f1)" sha256
	lclone create vm --template gold --dir "$DIR"
	cmp "$IMAGE" /dev/mapper/vm
	write_at /dev/mapper/vm 3
	lclone remove vm
	cmp "$IMAGE" "$DIR/gold.raw"
	lclone template remove gold
	[ ! -e "$DIR/gold.raw" ] || fail "the converted image stayed"
	qemu-img create -q -f qcow2 -b gold.qcow2 -F qcow2 "$DIR/top.qcow2"
	expect_fail lclone template add top "$DIR/top.qcow2" --dir "$DIR"
	expect_said "stands on another file"
	lclone template add top "$DIR/top.qcow2" --dir "$DIR" --backing
}

test_template_remove_names_the_clones() {
	tool_up
	lclone create vm --count 2 --template gold --dir "$DIR" --no-activate
	expect_fail lclone template remove gold
	expect_said "2 clones are made of it: vm1, vm2"
	lclone template show gold >/dev/null
}

test_clone_in_a_file_comes_back() {
	local sum
	tool_up
	lclone create vm --template gold --dir "$DIR"
	cmp "$IMAGE" /dev/mapper/vm
	write_at /dev/mapper/vm 3
	sum=$(hash_of /dev/mapper/vm)
	assert_eq "$(loops_over "$DIR/vm.lclone")" 1 "loops of the store"
	lclone deactivate vm
	[ ! -e /dev/mapper/vm ] || fail "the device stayed"
	assert_eq "$(loops_over "$DIR/vm.lclone")" 0 "loops of the store, inactive"
	assert_eq "$(loops_over "$IMAGE")" 0 "loops of the origin, inactive"
	assert_eq "$(tool_status vm .mode)" inactive mode
	assert_eq "$(tool_status vm .data_bytes)" 1048576 "data, inactive"
	lclone check "$DIR/vm.lclone"
	lclone deactivate vm
	lclone activate vm
	lclone activate vm
	assert_eq "$(hash_of /dev/mapper/vm)" "$sum" content
	lclone remove vm
	[ ! -e "$DIR/vm.lclone" ] || fail "the store stayed"
}

test_store_in_a_file_uses_direct_io() {
	local loop
	tool_up
	lclone create vm --template gold --dir "$DIR"
	loop=$(tool_status vm .store.device)
	assert_eq "$(<"/sys/block/${loop#/dev/}/loop/dio")" 1 "direct I/O"
	assert_eq "$(blockdev --getss "$loop")" 512 "sector size"
}

test_status_tells_what_is_there() {
	tool_up
	lclone create vm --template gold --dir "$DIR" --size 20M --error-if-no-space
	write_at /dev/mapper/vm 0
	write_at /dev/mapper/vm 17
	assert_eq "$(tool_status vm '[.name, .mode, .clone_type, .size_bytes, .block_bytes] | join(" ")')" \
		"vm rw linked 20971520 4096" identity
	assert_eq "$(tool_status vm '[.data_bytes, .zero_bytes, .no_space, .space] | join(" ")')" \
		"2097152 0 false ok" drift
	assert_eq "$(tool_status vm .origin.size_bytes)" 16777216 "origin size"
	assert_eq "$(tool_status vm .origin.device)" "$IMAGE" origin
	assert_eq "$(tool_status vm .store.size_bytes)" "$(stat -c %s "$DIR/vm.lclone")" "store size"
	assert_eq "$(tool_status vm '.layers | length')" 0 layers
	assert_eq "$(tool_status vm .target.error_if_no_space)" true error_if_no_space
	[ "$(tool_status vm .store.used_bytes)" -ge 2097152 ] || fail "used_bytes is too small"
	lclone status vm | grep -q error_if_no_space
	assert_eq "$(lclone list --json | gojq -r '.clones[0].name')" vm list
	lclone list | grep -Eq '^vm +rw +20M +2M '
	lclone tree | grep -q '^`- vm  rw, 2M changed'
	lclone deactivate vm
	lclone activate vm
	assert_eq "$(tool_status vm .target.error_if_no_space)" true "error_if_no_space, later"
}

test_store_on_a_device() {
	local dev other
	tool_up
	dev=$(make_loop 32M)
	other=$(make_loop 32M)
	on_exit remove_all
	mkfs.ext4 -q "$dev"
	expect_fail lclone create vm --template gold --store "$dev"
	expect_said "filesystem"
	lclone create vm --template gold --store "$dev" --force
	write_at /dev/mapper/vm 1
	expect_fail lclone create two --template gold --store "$dev" --force
	expect_said "is the store of clone vm"
	lclone deactivate vm
	expect_fail lclone create two --template gold --store "$dev" --force
	expect_said "is the store of clone vm"
	lclone create two --template gold --store "$other"
	lclone activate vm
	assert_eq "$(dmsetup table two | cut -d' ' -f5)" "$(($(stat -c 0x%t "$other"))):$(($(stat -c 0x%T "$other")))" store
	lclone remove vm two
	no_store "$dev"
}

test_store_on_a_logical_volume() {
	local dev
	tool_up
	dev=$(disk 2)
	wipefs -qa "$dev"
	vgcreate -q --yes lcvg "$dev" >/dev/null
	on_exit wipefs -qa "$dev"
	on_exit vgremove -q --force --yes lcvg
	on_exit remove_all
	lclone create vm --template gold --vg lcvg --store-size 40M
	write_at /dev/mapper/vm 2
	assert_eq "$(lvs --noheadings -o lv_tags lcvg/vm | tr -d ' ')" lclone tags
	assert_eq "$(tool_status vm .store.kind)" vg kind
	lclone deactivate vm
	lvchange -an lcvg/vm
	lclone activate vm
	assert_eq "$(tool_status vm .data_bytes)" 1048576 data
	lclone deactivate vm
	rm "$LCLONE_STATE_DIR/catalog.json"
	lclone scan >/dev/null
	assert_eq "$(tool_status vm .store.kind)" vg "kind after scan"
	expect_fail lclone create big --template gold --vg lcvg --store-size 1T
	expect_said "lvcreate failed"
	# What a consolidation has left goes with it, what is not ours stays; active or not.
	lvcreate -q --yes --addtag lclone --size 12M --name vm.g7.m1 lcvg
	lvcreate -q --yes --size 12M --name vm.g8.m1 lcvg
	lvchange -an lcvg
	lclone remove vm
	assert_eq "$(lvs --noheadings -o lv_name lcvg | tr -d ' ')" vm.g8.m1 "volumes left"
}

test_many_at_once() {
	local begin n
	tool_up 600M
	begin=$EPOCHREALTIME
	lclone create vm --count 16 --template gold --dir "$DIR"
	echo "16 clones in $(elapsed "$begin") s"
	for n in 1 9 16; do
		write_at "/dev/mapper/vm$n" "$((n % 16))"
		assert_eq "$(tool_status "vm$n" .data_bytes)" 1048576 "data of vm$n"
	done
	assert_eq "$(tool_status vm2 .data_bytes)" 0 "data of vm2"
	lclone create host-%d-a --count 2 --template gold --dir "$DIR" --no-activate
	lclone status host-2-a >/dev/null
	lclone deactivate --all
	assert_eq "$(lclone list --json | gojq '[.clones[] | select(.active)] | length')" 0 active
	lclone activate --all
	assert_eq "$(lclone list --json | gojq '[.clones[] | select(.active)] | length')" 18 active
	for n in 1 9 16; do
		assert_eq "$(tool_status "vm$n" .data_bytes)" 1048576 "data of vm$n"
	done
}

test_a_count_that_fails_keeps_what_is_whole() {
	tool_up
	touch "$DIR/vm3.lclone"
	expect_fail lclone create vm --count 5 --template gold --dir "$DIR"
	expect_said "2 of 5 clones were made, vm1 to vm2"
	assert_eq "$(lclone list --json | gojq -r '[.clones[].name] | join(" ")')" "vm1 vm2" clones
	assert_eq "$(stat -c %s "$DIR/vm3.lclone")" 0 "the file in the way"
	lclone activate vm1 vm2
}

test_a_signal_stops_between_two_clones() {
	local maker count
	tool_up
	lclone create vm --count 500 --template gold --dir "$DIR" --store-size 8M &
	maker=$!
	wait_until [ -e "$DIR/vm3.lclone" ]
	kill "$maker"
	wait "$maker" && fail "it was not stopped"
	count=$(lclone list --json | gojq '.clones | length')
	if [ "$count" -lt 2 ] || [ "$count" -ge 500 ]; then
		fail "$count clones"
	fi
	assert_eq "$(find "$DIR" -name '*.lclone' | wc -l)" "$count" stores
	assert_eq "$(lclone list --json | gojq '[.clones[] | select(.mode == "rw")] | length')" "$count" "active clones"
}

test_a_failed_create_leaves_nothing() {
	tool_up
	dmsetup create taken --notable
	on_exit dmsetup remove taken
	expect_fail lclone create taken --template gold --dir "$DIR"
	expect_said "there is a device /dev/mapper/taken"
	expect_fail lclone create vm --template gold --dir "$DIR" --store-size 4M
	expect_said "too small"
	expect_fail lclone create vm --template nope --dir "$DIR"
	expect_said "there is no such template"
	expect_fail lclone create vm --template gold --dir "$DIR/nope"
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "stores left"
	assert_eq "$(loops_over "$IMAGE")" 0 "loops left"
	assert_eq "$(lclone list --json | gojq '.clones | length')" 0 clones
}

test_a_full_directory_is_told_and_left_clean() {
	local before
	tool_up 40M
	fallocate -l "$(($(stat -fc '%f*%S' "$DIR") - 1000000))" "$DIR/ballast"
	before=$(ls "$DIR")
	expect_fail lclone create vm --template gold --dir "$DIR"
	expect_said "No space left on device"
	assert_eq "$(ls "$DIR")" "$before" files
	rm "$DIR/ballast"
	lclone create vm --template gold --dir "$DIR"
}

test_names_and_usage() {
	local name
	tool_up
	lclone create vm --template gold --dir "$DIR" --no-activate
	expect_fail lclone create vm --template gold --dir "$DIR"
	assert_eq "$RC" 1 status
	expect_said "there is a clone of this name"
	for name in a/b .hidden "a b" "$(printf 'x%.0s' {1..64})" ''; do
		expect_fail lclone create "$name" --template gold --dir "$DIR"
		expect_said "no name"
	done
	expect_fail lclone create --template gold --dir "$DIR"
	assert_eq "$RC" 2 status
	expect_fail lclone create x --template gold --dir "$DIR" --vg v
	assert_eq "$RC" 2 status
	expect_fail lclone create x --template gold --vg v
	assert_eq "$RC" 2 status
	expect_fail lclone status nope
	assert_eq "$RC" 1 status
	for name in template create activate deactivate list tree status remove; do
		lclone "$name" --help | grep -q "^usage: lclone $name"
	done
}

test_another_origin_is_refused() {
	tool_up
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	lclone deactivate vm
	cp "$IMAGE" "$DIR/keep"
	chmod u+w "$IMAGE"
	random 16M | dd of="$IMAGE" bs=1M iflag=fullblock conv=notrunc status=none
	expect_fail lclone activate vm
	expect_said "is not the origin it was made of: its content differs"
	truncate -s 20M "$IMAGE"
	expect_fail lclone activate vm
	expect_said "its size differs"
	rm -f "$IMAGE"
	expect_fail lclone activate vm
	expect_said "the origin cannot be found"
	assert_eq "$(loops_over "$DIR/vm.lclone")" 0 "loops left"
	mv "$DIR/keep" "$IMAGE"
	lclone activate vm
}

# host_dies: the store of vm is what its host leaves then.
host_dies() {
	cp "$DIR/vm.lclone" "$DIR/left"
	lclone deactivate vm
	mv "$DIR/left" "$DIR/vm.lclone"
}

test_a_store_of_another_host_is_refused() {
	local name sum
	tool_up
	name=$(hostname)
	hostname elsewhere
	on_exit hostname "$name"
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	sum=$(hash_of /dev/mapper/vm)
	host_dies
	hostname "$name"
	expect_fail lclone activate vm
	expect_said "it is active on host 'elsewhere'"
	lclone activate --force vm
	assert_eq "$(hash_of /dev/mapper/vm)" "$sum" content
}

# The module may have been given another name for this host than the kernel has.
test_p8_host_id_names_this_host() {
	local sum
	tool_up
	rmmod dm_lclone
	on_exit load_lclone
	on_exit rmmod dm_lclone
	on_exit remove_all
	load_lclone host_id=golem
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	sum=$(hash_of /dev/mapper/vm)
	host_dies
	# With one superblock lost there is something to repair.
	dd if=/dev/zero of="$DIR/vm.lclone" bs=4096 seek=1 count=1 conv=notrunc status=none
	lclone repair "$DIR/vm.lclone"
	lclone activate vm
	assert_eq "$(hash_of /dev/mapper/vm)" "$sum" content
}

test_in_use_is_refused() {
	local holder
	tool_up
	lclone create vm --template gold --dir "$DIR"
	tail -f /dev/null 7</dev/mapper/vm &
	holder=$!
	wait_until test -e "/proc/$holder/fd/7"
	expect_fail lclone deactivate vm
	expect_said "it is in use"
	expect_fail lclone remove vm
	expect_said "it is in use"
	[ -e "$DIR/vm.lclone" ] || fail "the store is gone"
	write_at /dev/mapper/vm 1
	lclone remove --force vm
	[ ! -e "$DIR/vm.lclone" ] || fail "the store stayed"
	kill "$holder"
	wait "$holder" || true
	wait_until [ ! -e /dev/mapper/vm ]
}

test_remove_wipes() {
	local dev
	tool_up
	dev=$(make_loop 32M)
	on_exit remove_all
	lclone create vm --template gold --store "$dev"
	write_at /dev/mapper/vm 1
	lclone remove --wipe vm
	cmp -n "$(bytes 32M)" "$dev" /dev/zero
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	lclone remove --wipe vm
	[ ! -e "$DIR/vm.lclone" ] || fail "the store stayed"
	# A snapshot, while the clone is in use.
	lclone create vm --template gold --store "$dev"
	write_at /dev/mapper/vm 1
	lclone snapshot vm one --dir "$DIR"
	lclone rollback vm one
	lclone snapshot vm two
	lclone remove --wipe vm@one
	cmp -n "$(bytes 32M)" "$dev" /dev/zero
	lclone remove vm
}

test_remove_spares_what_is_not_its_own() {
	local dev
	tool_up
	dev=$(make_loop 32M)
	on_exit remove_all
	lclone create vm --template gold --store "$dev"
	lclone deactivate vm
	wipefs -qa "$dev"
	dd if=/dev/zero of="$dev" bs=1M count=1 status=none
	mkfs.ext4 -q "$dev"
	assert_eq "$(tool_status vm .mode)" damaged mode
	expect_fail lclone remove vm
	lclone remove --force vm
	assert_eq "$(blkid -p -o value -s TYPE "$dev")" ext4 content
	lclone create vm --template gold --dir "$DIR" --no-activate
	rm "$DIR/vm.lclone"
	assert_eq "$(tool_status vm .mode)" missing mode
	lclone remove vm
}

test_scan_rebuilds_the_catalog() {
	local dev before uuid
	tool_up
	dev=$(make_loop 32M)
	on_exit remove_all
	lclone create a --template gold --dir "$DIR"
	lclone create b --template gold --store "$dev"
	write_at /dev/mapper/a 1
	uuid=$(lclone template show gold --json | json_field .uuid)
	lclone deactivate a
	before=$(lclone list --json | gojq -c '[.clones[] | [.name, .uuid, .store.path, .store.kind]] | sort')
	rm "$LCLONE_STATE_DIR/catalog.json"
	assert_eq "$(lclone list --json | gojq '.clones | length')" 0 clones
	lclone scan >/dev/null
	lclone scan "$DIR" >/dev/null
	assert_eq "$(lclone list --json | gojq -c '[.clones[] | [.name, .uuid, .store.path, .store.kind]] | sort')" \
		"$before" catalog
	assert_eq "$(lclone template show gold --json | json_field .uuid)" "$uuid" "uuid of the template"
	assert_eq "$(tool_status b .mode)" rw "mode of b"
	lclone activate a
	assert_eq "$(tool_status a .data_bytes)" 1048576 "data of a"
	# A copy of a store is no second clone.
	lclone deactivate a
	cp "$DIR/a.lclone" "$DIR/copy.lclone"
	lclone scan "$DIR" >/dev/null
	assert_eq "$(lclone list --json | gojq '.clones | length')" 2 clones
	assert_eq "$(tool_status a .store.path)" "$DIR/a.lclone" "store of a"
}

test_the_host_does_not_look_inside() {
	tool_state
	tool_dir 300M
	truncate -s 32M "$DIR/gold.img"
	mkfs.ext4 -q -U 11111111-2222-3333-4444-555555555555 "$DIR/gold.img"
	template_add gold "$DIR/gold.img"
	lclone create vm --template gold --dir "$DIR"
	udevadm settle
	assert_eq "$(udevadm info --query=property --property=ID_FS_UUID --value /dev/mapper/vm)" "" ID_FS_UUID
	[ -b /dev/mapper/vm ] || fail "no /dev/mapper/vm"
	udevadm trigger --settle "/sys/block/$(basename "$(readlink -f /dev/mapper/vm)")"
	assert_eq "$(udevadm info --query=property --property=ID_FS_UUID --value /dev/mapper/vm)" "" "ID_FS_UUID, later"
}

test_a_table_by_hand_is_seen_as_the_clone() {
	tool_up
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	lclone deactivate vm
	losetup --find --read-only "$IMAGE"
	on_exit detach_loop "$(losetup -nO NAME -j "$IMAGE")"
	losetup --find --direct-io=on "$DIR/vm.lclone"
	on_exit detach_loop "$(losetup -nO NAME -j "$DIR/vm.lclone")"
	eval "$(lclone table --command vm "$(losetup -nO NAME -j "$DIR/vm.lclone")")"
	assert_eq "$(tool_status vm .mode)" rw mode
	lclone deactivate vm
	[ ! -e /dev/mapper/vm ] || fail "the device stayed"
}

test_the_words_of_the_kernel_are_passed_on() {
	tool_up
	lclone create vm --template gold --dir "$DIR" --no-activate
	losetup --find --read-only "$IMAGE"
	on_exit detach_loop "$(losetup -nO NAME -j "$IMAGE")"
	losetup --find --direct-io=on "$DIR/vm.lclone"
	on_exit detach_loop "$(losetup -nO NAME -j "$DIR/vm.lclone")"
	make_dm other "$(lclone table "$(losetup -nO NAME -j "$DIR/vm.lclone")")" >/dev/null
	expect_fail lclone activate vm
	expect_said "the kernel refuses it: "
	echo "$ERR"
	[[ $ERR != *"device-mapper cannot make it"* ]] || fail "no reason given"
}

test_a_clone_by_plain_dmsetup_is_not_probed_either() {
	local uuid=22222222-3333-4444-5555-666666666666 dev table
	dev=$(make_loop 16M)
	mkfs.ext4 -q -U $uuid "$dev"
	table="0 $(sectors "$dev") linear $dev 0"
	make_dm plain "$table" >/dev/null
	udevadm settle
	assert_eq "$(udevadm info --query=property --property=ID_FS_UUID --value /dev/mapper/plain)" $uuid plain
	make_dm clone "$table" --uuid LCLONE-77777777-3333-4444-5555-666666666666 >/dev/null
	udevadm settle
	[ -b /dev/mapper/clone ] || fail "no /dev/mapper/clone"
	assert_eq "$(udevadm info --query=property --property=ID_FS_UUID --value /dev/mapper/clone)" "" clone
}

test_a_template_is_guarded_again_at_activation() {
	local dev
	tool_state
	tool_dir 300M
	dev=$(make_loop 16M)
	on_exit remove_all
	template_add gold "$dev"
	lclone create vm --template gold --dir "$DIR"
	lclone deactivate vm
	blockdev --setrw "$dev"
	lclone activate vm
	assert_eq "$(blockdev --getro "$dev")" 1 "read-only"
}

# The name of the store leads into the origin by now, where something wrote a copy of it. Where the copy is,
# the origin's fingerprint takes no samples.
test_p8_store_that_has_come_into_its_origin() {
	local origin file
	tool_state
	origin=$(make_loop 64M)
	file=$(losetup -n -O BACK-FILE "$origin")
	STORE=$(make_loop 16M)
	below_make
	on_exit remove_all
	template_add gold "$origin"
	lclone create vm --template gold --store "$STORE"
	lclone deactivate vm
	image_given_up "$origin"
	# Not through the page cache of that device, which may be from before anything was written below it.
	dd if="$BELOW" iflag=direct ibs=1M of="$file" obs=4K seek=8192 conv=sparse,notrunc status=none
	blockdev --flushbufs "$origin"
	below_table "0 $(sectors "$BELOW") linear $origin 65536"
	expect_fail lclone activate vm
	expect_said "lies inside its own origin $origin"
	below_heals
	lclone activate vm
}

# Both would take from the same reserves of memory.
test_no_store_upon_a_clone() {
	local mnt
	tool_up
	lclone create vm --template gold --dir "$DIR"
	expect_fail lclone format /dev/mapper/vm --origin - --size 4M --force
	expect_said "lies on a clone"
	mkfs.ext4 -q -F /dev/mapper/vm
	mnt=$(mktemp -d)
	on_exit rmdir "$mnt"
	mount /dev/mapper/vm "$mnt"
	on_exit umount "$mnt"
	expect_fail lclone create other --template gold --dir "$mnt" --store-size 9M
	expect_said "lies on a clone"
	[ -z "$(find "$mnt" -type f)" ] || fail "it left $(find "$mnt" -type f)"
	expect_fail lclone snapshot vm s1 --dir "$mnt" --store-size 9M
	expect_said "lies on a clone"
	lclone create other --from vm --dir "$DIR"
}
