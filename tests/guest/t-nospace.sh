# shellcheck shell=bash
# Verbs that run out of space half way while a clone is in use: each says so, all is as it was before,
# and it works when there is room again.
CPUS=1
TEST_TIMEOUT=400

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh
# shellcheck source=tests/guest/lib-change.sh
. /repo/tests/guest/lib-change.sh

# fill_up LEFT: no more than LEFT bytes of DIR stay free.
fill_up() {
	local at=0 size
	for size in 16777216 1048576 65536 4096; do
		while fallocate -o "$at" -l "$size" "$DIR/ballast" 2>/dev/null; do
			at=$((at + size))
		done
	done
	truncate -s $((at - $1)) "$DIR/ballast"
	# Only then the filesystem gives away what it had.
	sync -f "$DIR/ballast"
}

# room_again: what fill_up has taken.
room_again() {
	rm "$DIR/ballast"
	sync -f "$DIR"
}

# writer_on DEV: in the background, overwrites and verifies MiB 12 of it, which it has. WRITER is the process.
writer_on() {
	fio --name=writer --filename="$1" --direct=1 --ioengine=psync --rw=randwrite --bs=4k --offset=12M \
		--size=1M --time_based --runtime=300 --thinktime=50ms --fsync=8 --verify=crc32c --verify_fatal=1 \
		--output=/run/fio.out &
	WRITER=$!
	wait_until is_open "${1##*/}"
}
is_open() {
	[ "$(dmsetup info -c --noheadings -o open "$1")" -gt 0 ]
}
writer_ends() {
	kill "$WRITER" 2>/dev/null || fail "the writer has ended: $(</run/fio.out)"
	wait "$WRITER" || true
}

# all_there_is: files, devices and their tables, loops, volumes and the catalog. udev opens a device at times.
all_there_is() {
	udevadm settle
	find "$DIR" -type f ! -name ballast -printf '%f %s\n' | sort
	dmsetup info -c --noheadings -o name,suspended,tables_loaded,open | sort
	dmsetup table | sort
	losetup -n -l -O NAME,BACK-FILE | sort
	lvs --noheadings 2>/dev/null
	gojq '.clones |= sort_by(.uuid) | .layers |= sort_by(.store_uuid)' "$LCLONE_STATE_DIR/catalog.json"
}

# refused SAYING VERB...: it fails, saying that and what to do, and nothing has changed by it.
refused() {
	local saying=$1
	shift
	all_there_is >/run/before
	expect_fail lclone "$@"
	assert_eq "$RC" 1 "exit status of lclone $*"
	expect_said "$saying"
	expect_said "next: "
	all_there_is >/run/after
	diff /run/before /run/after || fail "lclone $* left something behind"
	kill -0 "$WRITER" 2>/dev/null || fail "the writer has ended after lclone $*: $(</run/fio.out)"
}

# refused_with "BYTES..." VERB...: with so many bytes left, each of them in turn (the last, which lets it
# come furthest, unless LCLONE_LONG is set); then there is room, and it works.
refused_with() {
	local left lefts=$1 sum
	shift
	[ -n "${LCLONE_LONG:-}" ] || lefts=${lefts##* }
	sum=$(sum_of vm 12)
	writer_on /dev/mapper/vm
	for left in $lefts; do
		echo "$left bytes left: lclone $*"
		fill_up "$left"
		refused "No space left" "$@"
		room_again
	done
	writer_ends
	assert_eq "$(sum_of vm 12)" "$sum" "content after lclone $* was refused"
	lclone "$@"
}

# chain_up: vm with snapshots s1 and s2; CHILD are the bytes that its next store needs.
chain_up() {
	local n
	lclone create vm --template gold --dir "$DIR"
	CHILD=$(($(stat -c '%b' "$DIR/vm.lclone") * 512))
	for n in 1 2; do
		write_at /dev/mapper/vm $((n * 2))
		write_at /dev/mapper/vm $((n * 2 + 1))
		lclone snapshot vm "s$n"
	done
	write_at /dev/mapper/vm 2
	write_at /dev/mapper/vm 12
	note "a store needs $CHILD bytes"
}

test_snapshot_without_room() {
	tool_up 120M
	chain_up
	lclone create vm2 --template gold --dir "$DIR"
	refused_with "0 4096 $((CHILD / 2))" snapshot vm a
	assert_eq "$(layers_of vm)" "s1 s2 a" layers
	write_at /dev/mapper/vm 12
	refused_with "$((CHILD / 2)) $CHILD $((CHILD * 3 / 2))" snapshot vm vm2 b
	assert_eq "$(layers_of vm), $(layers_of vm2)" "s1 s2 a b, b" layers
}

long_clone_of_a_clone_without_room() {
	tool_up 120M
	chain_up
	refused_with "0 4096 $((CHILD / 2))" create past --from vm@s1
	assert_eq "$(layers_of past)" s1 layers
	# Its own next store, or the new one.
	refused_with "0 4096 $((CHILD / 2)) $CHILD $((CHILD * 3 / 2))" create now --from vm
	assert_eq "$(layers_of now)" "s1 s2 -" layers
	write_at /dev/mapper/vm 12
	refused_with "$((CHILD * 5 / 2))" create "more%d" --count 2 --from vm
	assert_eq "$(layers_of more2)" "s1 s2 - -" layers
}

long_ways_back_without_room() {
	tool_up 120M
	chain_up
	refused_with "0 4096 $((CHILD / 2))" rollback vm s2 --force
	assert_eq "$(layers_of vm)" "s1 s2" layers
	write_at /dev/mapper/vm 12
	refused_with "0 4096 $((CHILD / 2))" reset vm --force
	assert_eq "$(layers_of vm)" "" layers
	cmp /dev/mapper/vm "$IMAGE"
}

long_merge_without_room() {
	tool_up 120M
	chain_up
	# The layer that is made holds 3 MiB of data.
	refused_with "0 4096 $((CHILD / 2)) $CHILD $((CHILD + 1572864))" remove vm@s1
	assert_eq "$(layers_of vm)" s2 layers
}

long_commit_without_room() {
	tool_up 120M
	chain_up
	refused_with "0 4096 $((8 << 20))" commit vm@s1 --template v1
	refused_with "0 4096 $((CHILD / 2))" commit vm --template v2
	assert_eq "$(layers_of vm)" "s1 s2 -" layers
}

# The clone has been frozen already, and waits for space while the image takes all of it.
test_commit_without_room_for_the_image() {
	local sum
	tool_up 120M
	chain_up
	sum=$(sum_of vm 12)
	writer_on /dev/mapper/vm
	fill_up $((CHILD + (4 << 20)))
	expect_fail lclone commit vm --template v2
	expect_said "No space left"
	expect_said "next: "
	[ ! -e "$DIR/v2.raw.part" ] || fail "a part of the image stayed"
	assert_eq "$(layers_of vm)" "s1 s2 -" "layers after the refusal"
	wait_until goes_on vm
	room_again
	writer_ends
	assert_eq "$(sum_of vm 12)" "$sum" content
	lclone commit vm --template v2
	cmp /dev/mapper/vm "$DIR/v2.raw"
}
# goes_on NAME: it has been written to since it was frozen, and nothing waits.
goes_on() {
	[ "$(tool_status "$1" '.data_bytes > 4096 and .target.waiting_for_space == 0')" = true ]
}

fill_waits() {
	[ "$(tool_status vm .target.waiting_for_space)" -gt 0 ]
}

# not_written MIB COUNT: the model gets what there is of a write that failed.
not_written() {
	dd if="$CLONE" of="$MODEL" bs=1M skip="$1" seek="$1" count="$2" iflag=direct conv=notrunc status=none
}

# The filesystem that the store's file lies in is full, not the store: as if the store were.
test_p5_no_space_in_the_filesystem_of_the_store() {
	tool_up 120M
	lclone create vm --template gold --dir "$DIR"
	CLONE=/dev/mapper/vm MODEL=/dev/shm/model
	on_exit rm -f "$MODEL"
	cp "$IMAGE" "$MODEL"
	both write 1M 1M fsync
	fill_up 0
	both write 4M 4M &
	on_exit lclone set vm --error-if-no-space
	wait_until fill_waits
	# What has its place is written, read and made durable meanwhile.
	both write 1M+512 64K fsync
	assert_eq "$(tool_status vm '[.mode, .space] | join(" ")')" "rw full" "mode and space"
	lclone set vm --error-if-no-space
	! wait $! || fail "the writer was not told"
	not_written 4 4
	both fsync same
	lclone deactivate vm
	lclone check "$DIR/vm.lclone"
	# Without room it comes up as well, and what cannot be written is not acknowledged.
	lclone activate vm
	both same
	expect_fail both write 9M 1M
	[[ $ERR == *"No space left"* ]] || fail "the writer was told: $ERR"
	not_written 9 1
	both fsync same
	room_again
	both write 4M 4M fsync same
	lclone deactivate vm
	lclone check "$DIR/vm.lclone"
	lclone activate vm
	both same
}

# disk_up: a linear device "disk" of 16 MiB.
disk_up() {
	make_linear disk "$(make_loop 16M)" >/dev/null
	dd if="$IMAGE" of=/dev/mapper/disk bs=1M oflag=direct status=none
}

long_adopt_without_room() {
	tool_up 120M
	disk_up
	lclone create vm --template gold --dir "$DIR"
	CHILD=$(($(stat -c '%b' "$DIR/vm.lclone") * 512))
	write_at /dev/mapper/vm 12
	refused_with "0 4096 $((CHILD / 2))" adopt /dev/mapper/disk was --dir "$DIR"
	on_exit undo_adoption
	cmp /dev/mapper/disk "$IMAGE"
	write_at /dev/mapper/disk 3
	refused_with "0 4096 $((CHILD / 2))" adopt --undo was
	cmp -n $((3 << 20)) /dev/mapper/disk "$IMAGE"
}
undo_adoption() {
	! lclone list | grep -q "^was " || lclone adopt --undo was --drop-snapshots
}

# volumes_up: a volume group of 24 extents of 4 MiB, and vm, vm2 with stores of 3 in it.
volumes_up() {
	local name
	tool_up 60M
	vgcreate -q --yes lcvg "$(make_loop 100M)" >/dev/null
	on_exit vgremove -q --yes -f lcvg
	on_exit remove_all
	for name in vm vm2; do
		lclone create "$name" --template gold --vg lcvg --store-size 12M
	done
	write_at /dev/mapper/vm 12
}

# refused_in_group "EXTENTS..." VERB...: as refused_with, with so many extents left in the group.
refused_in_group() {
	local left lefts=$1 free
	shift
	[ -n "${LCLONE_LONG:-}" ] || lefts=${lefts##* }
	writer_on /dev/mapper/vm
	for left in $lefts; do
		echo "$left extents left: lclone $*"
		free=$(vgs --noheadings -o vg_free_count lcvg)
		lvcreate -q --yes --wipesignatures n --name ballast --extents $((free - left)) lcvg >/dev/null
		refused "nsufficient free space" "$@"
		lvremove -q --yes lcvg/ballast >/dev/null
	done
	writer_ends
	lclone "$@"
}

test_full_volume_group() {
	volumes_up
	refused_in_group "0 1" extend vm --size 20M
	refused_in_group "0 2" snapshot vm a --store-size 12M
	assert_eq "$(layers_of vm)" a layers
	write_at /dev/mapper/vm 12
	refused_in_group "3 5" snapshot vm vm2 b --store-size 12M
	assert_eq "$(layers_of vm), $(layers_of vm2)" "a b, b" layers
	refused_in_group "0 1" create past --from vm@a --store-size 8M
	assert_eq "$(layers_of past)" a layers
}

# A higher tree needs a place for its root, which a full store has not.
test_resize_without_room() {
	local sum
	tool_up 120M
	lclone create vm --template gold --dir "$DIR" --store-size 12M
	fill vm $((16 << 20))
	wait_until waits_for_space vm
	expect_fail lclone resize vm 70G
	expect_said "No space left"
	expect_said "next: its store is full: 'lclone extend' makes it larger"
	in_order vm
	assert_eq "$(blockdev --getsize64 /dev/mapper/vm)" $((16 << 20)) "size after the refusal"
	wait_until waits_for_space vm
	lclone extend vm --size 40M
	wait "$FILL"
	lclone resize vm 70G
	sum=$(sum_of vm 16)
	lclone deactivate vm
	lclone check --quiet "$DIR/vm.lclone" || fail "the check found damage"
	lclone activate vm
	assert_eq "$(sum_of vm 16)" "$sum" "content at last"
}
