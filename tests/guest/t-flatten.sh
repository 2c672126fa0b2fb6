# shellcheck shell=bash
# Clones that get independent of their template while they are in use; and rethin, the other way.
# LCLONE_STEP=N: the tool is killed at each Nth of its system calls (default 5).
CPUS=1
TEST_TIMEOUT=400

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh
# shellcheck source=tests/guest/lib-change.sh
. /repo/tests/guest/lib-change.sh

# flat NAME: nothing lies below it any more.
flat() {
	assert_eq "$(tool_status "$1" .clone_type)" independent type
	assert_eq "$(tool_status "$1" .shared_bytes)" 0 shared
	assert_eq "$(dmsetup table "$1" | cut -d' ' -f4,6)" "- 0" "origin and layers of the table"
}

# The guest would not find its partitions: refused before anything is copied.
test_sectors_keep_their_size() {
	local dev verb
	tool_up
	dev=$(make_loop 16M --sector-size 4096)
	dd if="$IMAGE" of="$dev" bs=1M oflag=direct status=none
	on_exit remove_all
	template_add large "$dev"
	lclone create vm --template large --dir "$DIR"
	for verb in "flatten vm" "rebase vm --template gold --update --force"; do
		# shellcheck disable=SC2086
		expect_fail lclone $verb
		[[ $ERR == *"has sectors of 4096 bytes, and would have sectors of 512 bytes"* ]] || fail "$verb: $ERR"
		assert_eq "$(tool_status vm .data_bytes)" 0 "copied by $verb"
	done
	lclone remove vm --force
	# With the store on a device that has such sectors it goes.
	dev=$(make_loop 32M --sector-size 4096)
	on_exit remove_all
	lclone create vm --template large --store "$dev"
	lclone flatten vm
	flat vm
	assert_eq "$(blockdev --getss /dev/mapper/vm)" 4096 "sector size"
	cmp -n 16777216 /dev/mapper/vm "$IMAGE"
}

test_flatten_and_remove_the_template() {
	local sum
	tool_up
	# A hole of 4 MiB takes no space.
	chmod u+w "$IMAGE"
	lclone template remove gold
	image_given_up "$IMAGE"
	fallocate --punch-hole --offset 4M --length 4M "$IMAGE"
	template_add gold "$IMAGE"
	lclone create vm --template gold --dir "$DIR" --size 24M
	write_at /dev/mapper/vm 1
	blkdiscard -o 2M -l 1M /dev/mapper/vm
	write_at /dev/mapper/vm 20
	sum=$(sum_of vm 24)
	expect_fail lclone template remove gold
	lclone flatten vm --json | gojq -e '.copied_bytes == 10485760 and .zero_bytes == 4194304 and .pause_us > 0'
	flat vm
	# Nobody needs the template any more.
	wait_until no_loops "$IMAGE"
	assert_eq "$(sum_of vm 24)" "$sum" content
	lclone flatten vm | grep 'is independent already'
	expect_fail lclone reset vm
	expect_said "stands on no template"
	lclone template remove gold
	image_given_up "$IMAGE"
	rm -f "$IMAGE"
	lclone deactivate vm
	lclone check --quiet "$DIR/vm.lclone" || fail "the check found damage"
	rm "$LCLONE_STATE_DIR/catalog.json"
	lclone scan "$DIR" >/dev/null
	lclone activate vm
	flat vm
	assert_eq "$(sum_of vm 24)" "$sum" "content, activated again"
	lclone snapshot vm one
	write_at /dev/mapper/vm 3
	lclone rollback vm one
	assert_eq "$(sum_of vm 24)" "$sum" "content of a snapshot"
	expect_fail lclone reset vm
	expect_said "stands on no template"
	assert_eq "$(sum_of vm 24)" "$sum" "content after a reset that was refused"
	expect_fail lclone flatten nobody
}

test_flatten_through_layers() {
	local sum one other
	tool_up 400M
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	one=$(sum_of vm 16)
	lclone snapshot vm one
	write_at /dev/mapper/vm 2
	lclone create other --from vm
	write_at /dev/mapper/vm 3
	write_at /dev/mapper/other 4
	sum=$(sum_of vm 16) other=$(sum_of other 16)
	lclone deactivate vm
	# Inactive: activated for it.
	lclone flatten vm
	expect_fail dmsetup info vm
	lclone activate vm
	flat vm
	assert_eq "$(sum_of vm 16)" "$sum" content
	assert_eq "$(sum_of other 16)" "$other" "content of the other clone"
	expect_fail lclone template remove gold
	keeps_rate 4194304 .copied_bytes flatten other
	flat other
	assert_eq "$(sum_of other 16)" "$other" "content of the other clone"
	# The layer without a name has gone; the snapshot stays, with what it needs.
	assert_eq "$(find "$DIR" -name '*.lclone' | wc -l)" 3 stores
	expect_fail lclone template remove gold
	expect_said "snapshot one of vm needs it"
	lclone rollback vm one
	assert_eq "$(sum_of vm 16)" "$one" "content of the snapshot"
	expect_fail lclone template remove gold
	expect_said "clone is made of it: vm"
	lclone remove vm
	lclone template remove gold
	assert_eq "$(sum_of other 16)" "$other" "content of the other clone"
}

# Activated for a flatten, it goes when that is over; but not when somebody has activated it, too.
test_activated_while_it_is_flattened() {
	local sum pid
	tool_up
	lclone create vm --template gold --dir "$DIR"
	sum=$(sum_of vm 16)
	lclone deactivate vm
	lclone flatten vm --rate 2M &
	pid=$!
	wait_until test -e /dev/mapper/vm
	lclone activate vm
	assert_eq "$(tool_status vm .clone_type)" linked "type while it is flattened"
	wait "$pid"
	flat vm
	assert_eq "$(sum_of vm 16)" "$sum" content
	lclone deactivate vm
	lclone rethin vm
	expect_fail dmsetup info vm
}

test_filesystem_in_use_is_flattened() {
	local mnt fio
	tool_state
	tool_dir 600M
	IMAGE=$DIR/fs.img
	truncate -s 64M "$IMAGE"
	mkfs.ext4 -q "$IMAGE"
	mnt=$(mktemp -d /run/mnt.XXXXXX)
	on_exit rmdir "$mnt"
	mount -o loop "$IMAGE" "$mnt"
	random 20M >"$mnt/old"
	umount "$mnt"
	template_add fs "$IMAGE"
	lclone create vm --template fs --dir "$DIR"
	mount -o discard /dev/mapper/vm "$mnt"
	fio --name=load --directory="$mnt" --size=12M --io_size=24M --rw=randwrite --bsrange=4k-32k \
		--ioengine=psync --fsync=32 --verify=crc32c --verify_fatal=1 --output=/run/fio.out &
	fio=$!
	lclone flatten vm --rate 8M
	flat vm
	wait "$fio" || fail "$(</run/fio.out)"
	lclone template remove fs
	echo 3 >/proc/sys/vm/drop_caches
	mount -o ro,loop "$IMAGE" /mnt
	on_exit umount /mnt
	cmp "$mnt/old" /mnt/old
	umount "$mnt"
	e2fsck -fn /dev/mapper/vm
}

# Stopped, full, suspended: it goes on where it was.
test_flatten_is_stopped_and_goes_on() {
	local sum pid left
	tool_up
	lclone create vm --template gold --dir "$DIR" --store-size 12M
	write_at /dev/mapper/vm 15
	sum=$(sum_of vm 16)
	lclone flatten vm --rate 512K 2>/run/said &
	pid=$!
	copied() { [ "$(tool_status vm .shared_bytes)" -lt 14000000 ]; }
	wait_until copied
	kill -INT "$pid"
	! wait "$pid" || fail "it was stopped, and says that it is done"
	grep -q "stopped; what is done stays done" /run/said
	left=$(tool_status vm .shared_bytes)
	[ "$left" -gt 0 ] || fail "it went on to the end"
	assert_eq "$(tool_status vm .clone_type)" linked type
	assert_eq "$(sum_of vm 16)" "$sum" "content of a half"
	expect_fail lclone flatten vm
	expect_said "its store is full"
	assert_eq "$(sum_of vm 16)" "$sum" "content of a full one"
	lclone extend vm --size 40M
	lclone flatten vm --json | gojq -e --argjson left "$left" '.copied_bytes < $left'
	flat vm
	assert_eq "$(sum_of vm 16)" "$sum" content
}

# A snapshot in the middle of the pass, which stands still for it: the new store gets everything as well.
test_snapshot_during_a_flatten() {
	local sum pid
	tool_up 400M
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 15
	sum=$(sum_of vm 16)
	lclone flatten vm --rate 2M &
	pid=$!
	copied() { [ "$(tool_status vm .shared_bytes)" -lt 15000000 ]; }
	wait_until copied
	kill -STOP "$pid"
	[ "$(tool_status vm .shared_bytes)" -gt 0 ] || fail "the pass is over"
	lclone snapshot vm one
	kill -CONT "$pid"
	wait "$pid"
	flat vm
	assert_eq "$(sum_of vm 16)" "$sum" content
	lclone rollback vm one
	assert_eq "$(sum_of vm 16)" "$sum" "content of the snapshot"
}

test_tool_killed_in_a_flatten() {
	local n sum types=
	tool_up 600M
	lclone create base --template gold --dir "$DIR"
	write_at /dev/mapper/base 1
	for ((n = 1; n < 400; n += ${LCLONE_STEP:-5})); do
		lclone create vm --from base
		write_at /dev/mapper/vm 2
		sum=$(sum_of vm 16)
		killed_at "$n" flatten vm || break
		in_order vm
		assert_eq "$(sum_of vm 16)" "$sum" "content, killed at $n"
		types+=" $(tool_status vm .clone_type)"
		lclone flatten vm
		flat vm
		assert_eq "$(sum_of vm 16)" "$sum" "content, flattened at last"
		lclone remove vm
	done
	note "$n steps:$(printf '%s\n' $types | sort | uniq -c | tr '\n' ' ')"
	[ "$n" -gt 10 ] || fail "it has no more than $n steps"
}

test_rethin_frees_what_lies_below() {
	local sum pid
	tool_up
	lclone create vm --template gold --dir "$DIR"
	dd if="$IMAGE" of=/dev/mapper/vm bs=1M count=8 oflag=direct conv=notrunc,fsync status=none
	write_at /dev/mapper/vm 2
	write_at /dev/mapper/vm 12
	sum=$(sum_of vm 16)
	assert_eq "$(tool_status vm .data_bytes)" 9437184 "data before"
	# All of the clone is looked at.
	keeps_rate 8388608 16777216 rethin vm
	gojq -e '.freed_bytes == 7340032' /run/out
	assert_eq "$(tool_status vm .data_bytes)" 2097152 "data after"
	assert_eq "$(sum_of vm 16)" "$sum" content
	# One long verb at a time: what the one copies the other would free.
	lclone flatten vm --rate 1M &
	pid=$!
	copied() { [ "$(tool_status vm .data_bytes)" -gt 2097152 ]; }
	wait_until copied
	expect_fail lclone rethin vm
	expect_said "another lclone works on it"
	kill "$pid"
	wait "$pid" || true
	# Inactive, and what was copied for nothing goes again.
	lclone deactivate vm
	lclone rethin vm | grep freed
	lclone check --quiet "$DIR/vm.lclone" || fail "the check found damage"
	lclone activate vm
	assert_eq "$(tool_status vm .data_bytes)" 2097152 "data at last"
	assert_eq "$(sum_of vm 16)" "$sum" "content, activated again"
}
