# shellcheck shell=bash
# Devices in use that become clones, and the way back. LCLONE_STEP=N: the tool is killed at each Nth of
# its system calls (default 7 and 13).
CPUS=1
TEST_TIMEOUT=500

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh

# What DEV holds below whatever table it has.
raw() {
	hash_of "$LOWER" 1M 16M
}

targets() {
	dmsetup table "$1" | cut -d' ' -f3 | sort -u | tr '\n' ' '
}

# disk_up: a linear device "disk" of 16 MiB with random content; sets LOWER.
disk_up() {
	tool_state
	tool_dir 400M
	LOWER=$(make_loop 18M)
	on_exit remove_all
	random 18M | dd of="$LOWER" bs=1M iflag=fullblock oflag=direct status=none
	make_linear disk "$LOWER" 2048 32768
	on_exit undo_all
}

# Adopted clones cannot just be removed, and others may stand on them.
undo_all() {
	local name
	[ -e "$LCLONE_STATE_DIR/catalog.json" ] || return 0
	for name in $(gojq -r '.clones[] | select(.adopted | not).name' "$LCLONE_STATE_DIR/catalog.json"); do
		lclone remove --force "$name" || true
	done
	for name in $(gojq -r '.clones[] | select(.adopted).name' "$LCLONE_STATE_DIR/catalog.json"); do
		lclone adopt --undo "$name" --drop-snapshots || true
	done
}

test_adopt_and_undo() {
	local before now
	disk_up
	before=$(sum disk)
	lclone adopt /dev/mapper/disk vm --dir "$DIR" | grep -E "I/O was held for [0-9.]+ ms"
	assert_eq "$(targets disk)" "lclone " "targets of the device"
	assert_eq "$(sum disk)" "$before" "content after it"
	write_at /dev/mapper/disk 3
	blkdiscard --offset 5M --length 1M /dev/mapper/disk
	now=$(sum disk)
	assert_eq "$(raw)" "$before" "P3: the origin"
	# It has kept its own name and uuid, and is a clone all the same: no store lies on it.
	dmsetup create upon --table "0 32768 linear /dev/mapper/disk 0"
	on_exit remove_dm upon
	expect_fail lclone format /dev/mapper/upon --origin - --size 4M --force
	expect_said "lies on a clone"
	remove_dm upon
	# Its present can be cloned, and it goes on.
	lclone create two --from vm
	assert_eq "$(sum two)" "$now" "content of a clone"
	write_at /dev/mapper/disk 4
	write_at /dev/mapper/two 6
	assert_eq "$(raw)" "$before" "P3: the origin"
	expect_fail lclone remove vm
	expect_said "it was adopted"
	expect_fail lclone adopt --undo vm
	expect_said "two stands on it"
	lclone remove two
	lclone snapshot vm one
	write_at /dev/mapper/disk 8
	expect_fail lclone adopt --undo vm
	expect_said "its snapshot one would be lost"
	now=$(sum disk)
	keeps_rate 1048576 .copied_bytes adopt --undo vm --drop-snapshots
	assert_eq "$(targets disk)" "linear " "targets after the way back"
	assert_eq "$(sum disk)" "$now" "content after the way back"
	assert_eq "$(raw)" "$now" "content below"
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
	assert_eq "$(dmsetup ls | grep -c '^vm')" 0 "devices left"
	# And once more.
	lclone adopt /dev/mapper/disk vm --dir "$DIR"
	lclone adopt --undo vm
	assert_eq "$(raw)" "$now" "content below"
}

# A filesystem in use through all of it.
test_adopt_a_filesystem_in_use() {
	local mnt fio below
	tool_state
	tool_dir 900M
	LOWER=$(make_loop 130M)
	on_exit remove_all
	make_linear disk "$LOWER" 2048
	on_exit undo_all
	mkfs.ext4 -q /dev/mapper/disk
	mnt=$(mktemp -d /run/mnt.XXXXXX)
	on_exit rmdir "$mnt"
	mount /dev/mapper/disk "$mnt"
	on_exit umount "$mnt"
	fio --name=load --directory="$mnt" --size=16M --io_size=60M --rw=randwrite --bsrange=4k-32k \
		--ioengine=psync --numjobs=2 --fsync=32 --verify=crc32c --verify_fatal=1 --output=/run/fio.out &
	fio=$!
	lclone adopt /dev/mapper/disk vm --dir "$DIR"
	below=$(hash_of "$LOWER")
	lclone create copy --from vm
	lclone snapshot vm one
	[ -d "/proc/$fio" ] || note "the load had ended before the way back"
	lclone deactivate copy
	e2fsck_copy
	lclone remove copy
	assert_eq "$(hash_of "$LOWER")" "$below" "P3: the origin"
	lclone adopt --undo vm --drop-snapshots --json | gojq -e '.rounds > 0 and .copied_bytes > 0'
	wait "$fio" || fail "$(</run/fio.out)"
	umount "$mnt"
	e2fsck -fn /dev/mapper/disk
	mount /dev/mapper/disk "$mnt"
}

# The clone of a filesystem in use is like one after a loss of power.
e2fsck_copy() {
	lclone activate copy
	e2fsck -fp /dev/mapper/copy || [ $? -eq 1 ] || fail "the clone is damaged"
}

# reboot_like: all devices go, and come back as they were before lclone knew them.
reboot_like() {
	lclone deactivate --all
	dmsetup create disk --table "0 32768 linear $LOWER 2048"
}

test_adopted_after_a_boot() {
	local now before
	disk_up
	lclone adopt /dev/mapper/disk vm --dir "$DIR"
	before=$(raw)
	write_at /dev/mapper/disk 3
	now=$(sum disk)
	reboot_like
	assert_eq "$(tool_status vm .mode)" lost "mode before it is activated"
	exec {held}</dev/mapper/disk
	expect_fail lclone activate vm
	expect_said "is in use as it was before it was adopted"
	exec {held}<&-
	lclone activate vm
	assert_eq "$(sum disk)" "$now" "content"
	lclone snapshot vm one
	write_at /dev/mapper/disk 4
	now=$(sum disk)
	reboot_like
	lclone activate vm
	assert_eq "$(sum disk)" "$now" "content"
	assert_eq "$(raw)" "$before" "P3: the origin"
	# Somebody has written to it in between.
	reboot_like
	dd if=/dev/mapper/disk of="$DIR/origin" bs=1M iflag=direct status=none
	random 16M | dd of=/dev/mapper/disk bs=1M iflag=fullblock oflag=direct status=none
	expect_fail lclone activate vm
	expect_said "content differs"
	assert_eq "$(targets disk)" "linear " "targets after the refusal"
	# What was there before comes back from a copy.
	dd if="$DIR/origin" of=/dev/mapper/disk bs=1M oflag=direct status=none
	lclone activate vm
	assert_eq "$(sum disk)" "$now" "content above the right origin"
}

# restored_like: all devices go, and the store becomes what a dump of it gives.
restored_like() {
	reboot_like
	rm -f "$DIR/dump"
	lclone dump "$DIR/vm.lclone" --output "$DIR/dump"
	lclone restore "$DIR/vm.lclone" --input "$DIR/dump" --force
}

# It was not up yet, like that of an adoption which was cut short; but it has a map.
test_adopted_and_restored() {
	local now
	disk_up
	lclone adopt /dev/mapper/disk vm --dir "$DIR"
	write_at /dev/mapper/disk 3
	now=$(sum disk)
	restored_like
	lclone activate vm
	assert_eq "$(sum disk)" "$now" "content above the restored store"
	# Nor is it left over when the catalog is lost.
	restored_like
	mv "$LCLONE_STATE_DIR/catalog.json" "$DIR/catalog.json"
	expect_fail lclone adopt /dev/mapper/disk vm --dir "$DIR"
	mv "$DIR/catalog.json" "$LCLONE_STATE_DIR/catalog.json"
	lclone adopt --undo vm
	assert_eq "$(raw)" "$now" "content after the way back"
}

# The new store is as empty as that of an adoption which was cut short.
test_adopted_and_reset() {
	local before now
	disk_up
	before=$(sum disk)
	lclone adopt /dev/mapper/disk vm --dir "$DIR"
	write_at /dev/mapper/disk 3
	now=$(sum disk)
	lclone create two --from vm
	lclone deactivate two
	# The device is as it was before, and not the clone; the origin is there as well, as it is while
	# another clone uses it.
	lclone deactivate --all
	make_dm vm-origin "0 32768 linear $LOWER 2048" --readonly --uuid "LCLONE-origin-$(tool_status vm .uuid)"
	dmsetup create disk --table "0 32768 linear $LOWER 2048"
	lclone reset vm
	assert_eq "$(targets disk)" "linear " "targets of a device that is not the clone"
	expect_fail lclone adopt --undo vm
	expect_said "two stands on it"
	lclone activate vm
	assert_eq "$(sum disk)" "$before" "content after the reset"
	lclone activate two
	assert_eq "$(sum two)" "$now" "content of the other clone"
	lclone remove two
	lclone adopt --undo vm --drop-snapshots
	assert_eq "$(raw)" "$before" "content after the way back"
}

# volume_up: /dev/lcvg/disk, 16 MiB of random data in a volume group with room for as much again.
volume_up() {
	local dev
	tool_state
	tool_dir 200M
	dev=$(make_loop 64M)
	vgcreate -q --yes lcvg "$dev" >/dev/null
	on_exit vgremove -q --force --yes lcvg
	on_exit remove_all
	on_exit undo_all
	lvcreate -q --yes --name disk --size 16M lcvg >/dev/null
	random 16M | dd of=/dev/lcvg/disk bs=1M iflag=fullblock oflag=direct status=none
}

# What has the name that the store is to have is somebody's: the device itself, or another.
test_adopt_removes_nothing_of_others() {
	local before
	volume_up
	before=$(hash_of /dev/lcvg/disk)
	expect_fail lclone adopt /dev/lcvg/disk disk --vg lcvg
	assert_eq "$(hash_of /dev/lcvg/disk)" "$before" "the volume that was to be adopted"
	lvcreate -q --yes --name other --size 4M lcvg >/dev/null
	expect_fail lclone adopt /dev/lcvg/disk other --vg lcvg
	lvs --noheadings lcvg/other >/dev/null || fail "another volume has been removed"
	echo "notes" >"$DIR/vm.lclone"
	expect_fail lclone adopt /dev/lcvg/disk vm --dir "$DIR"
	assert_eq "$(cat "$DIR/vm.lclone")" notes "another file"
	# But what a run that was cut short has begun is in nobody's way.
	truncate -s 0 "$DIR/vm.lclone"
	lclone adopt /dev/lcvg/disk vm --dir "$DIR"
	lclone adopt --undo vm
	assert_eq "$(hash_of /dev/lcvg/disk)" "$before" content
}

# Devices that have the names of our helpers and are somebody's: a clone "vm-return", volume "origin" of group "vm".
test_adopt_leaves_devices_of_others() {
	local now
	disk_up
	make_dm vm-return "0 8 zero" --uuid OTHER-return >/dev/null
	make_dm vm-origin "0 8 zero" >/dev/null
	expect_fail lclone adopt /dev/mapper/disk vm --dir "$DIR"
	expect_said "there is a device for the origin"
	dmsetup remove vm-origin
	lclone adopt /dev/mapper/disk vm --dir "$DIR"
	write_at /dev/mapper/disk 3
	now=$(sum disk)
	expect_fail lclone adopt --undo vm
	expect_said "vm-return: another device has this name"
	assert_eq "$(targets vm-return)" "zero " "another's device"
	assert_eq "$(targets disk)" "lclone " "targets of the device"
	assert_eq "$(sum disk)" "$now" "content"
	reboot_like
	make_dm vm-origin "0 8 zero" --uuid OTHER-origin >/dev/null
	expect_fail lclone activate vm
	expect_said "vm-origin: another device has this name"
	assert_eq "$(targets vm-origin)" "zero " "another's device"
	# One that is suspended is somebody's business, too: it is not resumed for the name's sake.
	dmsetup suspend disk
	expect_fail lclone activate vm
	expect_said "it is suspended"
	dmsetup resume disk
	lclone deactivate vm
	assert_eq "$(targets vm-origin)" "zero " "another's device"
	dmsetup remove vm-origin
	lclone activate vm
	assert_eq "$(sum disk)" "$now" "content"
	dmsetup remove vm-return
	lclone adopt --undo vm
	assert_eq "$(raw)" "$now" "content below"
	assert_eq "$(dmsetup ls | grep -c '^vm')" 0 "devices left"
}

test_adopt_a_logical_volume() {
	local before now
	volume_up
	before=$(sum lcvg-disk)
	lclone adopt /dev/lcvg/disk vm --dir "$DIR"
	write_at /dev/lcvg/disk 2
	now=$(sum lcvg-disk)
	assert_eq "$(sum vm-origin)" "$before" "P3: the origin"
	lclone deactivate vm
	# lvm2 does not bring it up by itself any more.
	vgchange -q -ay lcvg
	[ ! -e /dev/lcvg/disk ] || fail "the volume was activated without its store"
	lclone activate vm
	assert_eq "$(sum lcvg-disk)" "$now" "content"
	lclone adopt --undo vm
	lvchange -an lcvg/disk
	vgchange -q -ay lcvg
	assert_eq "$(sum lcvg-disk)" "$now" "content after the way back"
}

# wrapped COMMAND LINE...: what the tool runs as COMMAND begins with these lines.
wrapped() {
	mkdir -p /run/wrapped
	on_exit rm -rf /run/wrapped
	{
		printf '%s\n' '#!/bin/bash' "${@:2}"
		echo "exec $(command -v "$1") \"\$@\""
	} >"/run/wrapped/$1"
	chmod +x "/run/wrapped/$1"
}

# skips: whether lvm2 leaves the volume alone when it activates the group.
skips() {
	[ -n "$(lvs --noheadings -o lv_skip_activation lcvg/disk | tr -d ' ')" ]
}

# lvm2 that cannot tell for a moment makes no volume another device.
test_adopt_a_logical_volume_while_lvs_fails() {
	volume_up
	wrapped lvs 'exit 5'
	PATH=/run/wrapped:$PATH lclone adopt /dev/lcvg/disk vm --dir "$DIR"
	skips || fail "lvm2 may activate it"
	lclone adopt --undo vm
	! skips || fail "lvm2 still leaves it alone"
}

# The device is extended between the first look at it and the pause.
test_device_that_changes_while_it_is_adopted() {
	local now
	volume_up
	wrapped lvchange "[ -e /run/wrapped/done ] || lvextend -q -L +4M lcvg/disk" ": >/run/wrapped/done"
	PATH=/run/wrapped:$PATH expect_fail lclone adopt /dev/lcvg/disk vm --dir "$DIR"
	expect_said "its table has been changed meanwhile"
	assert_eq "$(targets lcvg-disk)" "linear " targets
	assert_eq "$(dmsetup info -c --noheadings -o suspended lcvg-disk)" Active state
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
	now=$(sum lcvg-disk)
	lclone adopt /dev/lcvg/disk vm --dir "$DIR"
	assert_eq "$(sum lcvg-disk)" "$now" content
	lclone adopt --undo vm
	assert_eq "$(sum lcvg-disk)" "$now" "content after the way back"
}

test_adopt_refuses() {
	local table
	disk_up
	expect_fail lclone adopt "$LOWER" vm --dir "$DIR"
	expect_said "is no device of device-mapper"
	expect_fail lclone adopt /dev/mapper/disk 'a b' --dir "$DIR"
	make_dm zero "0 32768 zero" >/dev/null
	expect_fail lclone adopt /dev/mapper/zero vm --dir "$DIR"
	expect_said "the target zero"
	expect_fail lclone adopt /dev/mapper/disk vm --dir "$DIR" --store-size 1M
	table=$(dmsetup table disk)
	assert_eq "$(dmsetup ls | grep -c '^vm')" 0 "devices left"
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
	assert_eq "$(dmsetup table disk)" "$table" "table"
	expect_fail lclone adopt --undo vm
	expect_said "there is no such clone"
	lclone adopt /dev/mapper/disk vm --dir "$DIR"
	expect_fail lclone adopt /dev/mapper/disk other --dir "$DIR"
	expect_said "the target lclone"
	expect_fail lclone adopt /dev/mapper/zero vm --dir "$DIR"
	expect_said "there is a clone of this name"
}

test_tool_killed_in_an_adoption() {
	local n before
	disk_up
	before=$(sum disk)
	for ((n = 1; n < 400; n += ${LCLONE_STEP:-13})); do
		killed_at "$n" adopt /dev/mapper/disk vm --dir "$DIR" || break
		lclone activate vm || true
		assert_eq "$(dmsetup info -c --noheadings -o suspended disk)" Active state
		assert_eq "$(sum disk)" "$before" "content, killed at $n"
		[ "$(targets disk)" = "linear " ] || note "killed at $n: it is adopted"
		lclone list --json | gojq -e '.clones == []' || lclone adopt --undo vm
		assert_eq "$(targets disk)" "linear " "targets, killed at $n"
	done
	note "$n steps"
	[ "$n" -gt 10 ] || fail "it has no more than $n steps"
	assert_eq "$(targets disk)" "lclone " "targets at last"
	assert_eq "$(sum disk)" "$before" "content at last"
}

# A signal that ends the tool waits until the device goes on.
test_tool_signalled_while_it_holds_io() {
	local now
	disk_up
	now=$(sum disk)
	killed_held 15 1 adopt /dev/mapper/disk vm --dir "$DIR"
	goes_on adopt
	assert_eq "$(targets disk)" "lclone " "targets when it is adopted"
	killed_held 15 1 snapshot vm one
	goes_on snapshot
	assert_eq "$(layers_of vm)" one "layers after the snapshot"
	# First it is frozen, and then it is handed back.
	killed_held 1 2 adopt --undo vm --drop-snapshots
	goes_on adopt --undo
	assert_eq "$(targets disk)" "linear " "targets when it is handed back"
	lclone adopt --undo vm
	assert_eq "$(sum disk)" "$now" content
}
goes_on() {
	assert_eq "$(dmsetup info -c --noheadings -o suspended disk)" Active "state after lclone $*"
}

# What dies at once leaves the device suspended, as it was before it was adopted.
test_tool_killed_when_it_activates_what_was_adopted() {
	local now
	disk_up
	lclone adopt /dev/mapper/disk vm --dir "$DIR"
	write_at /dev/mapper/disk 3
	now=$(sum disk)
	reboot_like
	killed_held 9 1 activate vm
	assert_eq "$(dmsetup info -c --noheadings -o suspended disk)" Suspended "state"
	lclone activate vm
	assert_eq "$(sum disk)" "$now" content
}

# Up to the last step the clone is whole, also when all devices go; behind it the old device is.
test_tool_killed_on_the_way_back() {
	local n now
	disk_up
	for ((n = 1; n < 900; n += ${LCLONE_STEP:-27})); do
		if ! lclone list --json | gojq -e '.clones | length == 1' >/dev/null; then
			lclone adopt /dev/mapper/disk vm --dir "$DIR" >/dev/null
			write_at /dev/mapper/disk 3
		fi
		write_at /dev/mapper/disk 4
		now=$(sum disk)
		killed_at "$n" adopt --undo vm || break
		# The tool dies, or the machine with it.
		if ((n % 2)) && [ "$(targets disk)" = "lclone " ]; then
			dmsetup clear disk
			dmsetup resume disk
			dmsetup remove --retry vm-return 2>/dev/null || true
			reboot_like
		fi
		if ! lclone list --json | gojq -e '.clones | length == 1' >/dev/null; then
			note "killed at $n: there is no clone any more"
		elif ! lclone activate vm; then
			note "killed at $n: it is put back"
			lclone adopt --undo vm
		fi
		assert_eq "$(dmsetup info -c --noheadings -o suspended disk)" Active state
		assert_eq "$(sum disk)" "$now" "content, killed at $n"
	done
	note "$n steps"
	[ "$n" -gt 20 ] || fail "it has no more than $n steps"
	assert_eq "$(targets disk)" "linear " "targets at last"
	assert_eq "$(sum disk)" "$now" "content at last"
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
}

# A store on the device itself would be written to while that is suspended.
test_store_on_the_adopted_device() {
	local mnt
	disk_up
	mkfs.ext4 -q /dev/mapper/disk
	mnt=$(mktemp -d /run/mnt.XXXXXX)
	on_exit rmdir "$mnt"
	mount /dev/mapper/disk "$mnt"
	expect_fail lclone adopt /dev/mapper/disk vm --dir "$mnt" --store-size 8M
	umount "$mnt"
	expect_said "vm.lclone: lies inside its own origin /dev/mapper/disk"
	assert_eq "$(targets disk)" "linear " "targets of the device"
	[ ! -e /dev/mapper/vm-origin ] || fail "the origin's device stayed"
	assert_eq "$(lclone list --json | gojq '.clones | length')" 0 clones
}
