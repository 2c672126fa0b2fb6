# shellcheck shell=bash
# Clones that get another size while they are in use; and what the kernel refuses of such tables.
# LCLONE_STEP=N: the tool is killed at each Nth of its system calls (default 3).
CPUS=1
TEST_TIMEOUT=400

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh
# shellcheck source=tests/guest/lib-change.sh
. /repo/tests/guest/lib-change.sh

test_grow_online_and_offline() {
	local sum shared
	tool_up
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	sum=$(sum_of vm 16)
	lclone resize vm 20M | grep -E 'vm: has 20M; I/O was held for [0-9.]+ ms'
	assert_eq "$(blockdev --getsize64 /dev/mapper/vm)" 20971520 size
	assert_eq "$(sum_of vm 16)" "$sum" "content below the old end"
	zeros_at vm 16 4
	write_at /dev/mapper/vm 18
	lclone resize vm 20M | grep 'has 20M already'
	# The tree gets higher: beyond 496 MiB, beyond 61 GiB.
	lclone resize vm +1G --json | gojq -e '.old_size_bytes == 20971520 and .size_bytes == 1094713344 and .pause_us > 0'
	lclone resize vm 100G
	assert_eq "$(sum_of vm 16)" "$sum" "content in a higher tree"
	dd if=/dev/urandom of=/dev/mapper/vm bs=4K seek=26214399 count=1 oflag=direct conv=notrunc status=none
	sum=$(sum_of vm 30) shared=$(tool_status vm .shared_bytes)
	lclone deactivate vm
	assert_eq "$(tool_status vm .shared_bytes)" "$shared" "bytes shared, of an inactive clone"
	lclone check --quiet "$DIR/vm.lclone" || fail "the check found damage"
	lclone resize vm 200G
	expect_fail dmsetup info vm
	lclone activate vm
	assert_eq "$(sum_of vm 30)" "$sum" "content, activated again"
	assert_eq "$(blockdev --getsize64 /dev/mapper/vm)" 214748364800 "size, activated again"
	expect_fail lclone resize vm 5x
	expect_fail lclone resize vm 65537T
	expect_said "no clone can be as large"
	expect_fail lclone resize nobody 1G
}

test_shrink_only_by_force_and_for_good() {
	local sum
	tool_up
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 5
	write_at /dev/mapper/vm 10
	expect_fail lclone resize vm 8M
	expect_said "would be lost"
	sum=$(hash_of /dev/mapper/vm 0 $((5 * 1048576 + 1536)))
	# In the middle of a block that the store has.
	lclone resize vm $((5 * 1048576 + 1536)) --force
	assert_eq "$(blockdev --getsize64 /dev/mapper/vm)" $((5 * 1048576 + 1536)) size
	assert_eq "$(hash_of /dev/mapper/vm)" "$sum" content
	lclone deactivate vm
	lclone check --quiet "$DIR/vm.lclone" || fail "the check found damage"
	lclone activate vm
	lclone resize vm 16M
	assert_eq "$(hash_of /dev/mapper/vm 0 $((5 * 1048576 + 1536)))" "$sum" "content, grown again"
	tail -c +$((5 * 1048576 + 1537)) /dev/mapper/vm | cmp -n $((11 * 1048576 - 1536)) - /dev/zero ||
		fail "what was cut off came back"
	# The same in the middle of a block of the origin.
	lclone resize vm $((2 * 1048576 + 512)) --force
	lclone resize vm 3M
	tail -c +$((2 * 1048576 + 513)) /dev/mapper/vm | cmp -n $((1048576 - 512)) - /dev/zero ||
		fail "the origin came back"
	cmp -n $((2 * 1048576 + 512)) /dev/mapper/vm "$IMAGE"
}

# The end is that of a leaf of the map, and nothing was written in the leaf before it.
test_shrink_at_the_end_of_a_leaf() {
	local sum size=$((2 * 1008 * 4096))
	tool_up
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 0
	sum=$(hash_of /dev/mapper/vm 0 "$size")
	lclone resize vm "$size" --force
	assert_eq "$(hash_of /dev/mapper/vm)" "$sum" content
	lclone snapshot vm one
	write_at /dev/mapper/vm 2
	sum=$(hash_of /dev/mapper/vm)
	lclone snapshot vm two
	lclone consolidate vm --drop-snapshots
	assert_eq "$(hash_of /dev/mapper/vm)" "$sum" "content, consolidated"
}

long_filesystem_in_use_grows() {
	local mnt fio n size
	filesystem_template
	lclone create vm --template fs --dir "$DIR" --store-size 400M
	lclone snapshot vm one
	mnt=$(mktemp -d /run/mnt.XXXXXX)
	on_exit rmdir "$mnt"
	mount /dev/mapper/vm "$mnt"
	fio --name=load --directory="$mnt" --size=16M --io_size=64M --rw=randwrite --bsrange=4k-32k \
		--ioengine=psync --numjobs=2 --fsync=32 --verify=crc32c --verify_fatal=1 --output=/run/fio.out &
	fio=$!
	for size in 80M 128M 600M; do
		lclone resize vm "$size"
		resize2fs /dev/mapper/vm
	done
	wait "$fio" || fail "$(</run/fio.out)"
	assert_eq "$(findmnt -bno SIZE "$mnt" | awk '{ print ($1 > 400000000) }')" 1 "the filesystem has grown"
	lclone extend vm --size 400M
	random 120M | dd of="$mnt/more" bs=1M iflag=fullblock conv=fsync status=none
	n=$(hash_of "$mnt/more")
	umount "$mnt"
	e2fsck -fn /dev/mapper/vm
	lclone deactivate vm
	lclone activate vm
	mount /dev/mapper/vm "$mnt"
	assert_eq "$(hash_of "$mnt/more")" "$n" "a file in the new part"
	umount "$mnt"
}

test_tool_killed_in_a_resize() {
	local n size=16 sum
	tool_up
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	sum=$(sum_of vm 16)
	for ((n = 1; n < 400; n += ${LCLONE_STEP:-3})); do
		killed_at "$n" resize vm +4M || break
		in_order vm
		assert_eq "$(sum_of vm 16)" "$sum" "content, killed at $n"
		size=$(($(blockdev --getsize64 /dev/mapper/vm) >> 20))
		zeros_at vm 16 $((size - 16))
	done
	note "$n steps, and the clone has $size MiB"
	[ "$n" -gt 8 ] || fail "it has no more than $n steps"
	assert_eq "$(sum_of vm 16)" "$sum" "content at last"
}

# The device is held while the table of before is on its way: a signal that ends the tool waits for that.
test_tool_signalled_when_the_change_fails() {
	tool_up
	lclone create vm --template gold --dir "$DIR"
	FAIL_RESUME=1-1 killed_held 15 1 resize vm +4M
	assert_eq "$(dmsetup info -c --noheadings -o suspended vm)" Active state
	in_order vm
	assert_eq "$(blockdev --getsize64 /dev/mapper/vm)" $((16 << 20)) size
	lclone resize vm +4M
	lclone remove vm
}

# Who has no semaphore to wait for udev with lets I/O go on all the same.
test_change_without_semaphores() {
	tool_up
	lclone create vm --template gold --dir "$DIR"
	on_exit sysctl -q -w "kernel.sem=$(tr '\t' ' ' </proc/sys/kernel/sem)"
	sysctl -q -w kernel.sem="32000 1024000000 500 0"
	lclone resize vm +4M
	assert_eq "$(dmsetup info -c --noheadings -o suspended vm)" Active state
	assert_eq "$(blockdev --getsize64 /dev/mapper/vm)" $((20 << 20)) size
}

# And when that fails, too, the device stays suspended; but what is to be ended is not forgotten.
test_change_fails_and_the_way_back_as_well() {
	tool_up
	lclone create vm --template gold --dir "$DIR"
	LD_PRELOAD=$HELPERS/kill-at.so FAIL_RESUME=1-2 expect_fail lclone resize vm +4M
	expect_said "I/O is held"
	expect_said "next: 'lclone activate vm'"
	assert_eq "$(dmsetup info -c --noheadings -o suspended vm)" Suspended state
	lclone activate vm 2>/run/said
	grep -q "the change of its table that was cut short" /run/said || fail "it was forgotten: $(</run/said)"
	assert_eq "$(dmsetup info -c --noheadings -o suspended vm)" Active state
	in_order vm
	assert_eq "$(blockdev --getsize64 /dev/mapper/vm)" $((16 << 20)) size
}

# announced WORD...: of the next table of "clone".
announced() {
	dmsetup message clone 0 change "$@"
}

test_kernel_takes_only_the_table_that_was_announced() {
	origin_make 16M
	store_make 32M
	clone_make
	both write 1M 64K
	expect_fail dmsetup load clone --table "0 40960 lclone $ORIGIN $STORE 0"
	announced clone_sectors=40960
	# Another table, and it is forgotten.
	expect_fail dmsetup load clone --table "0 32769 lclone $ORIGIN $STORE 0"
	expect_fail dmsetup load clone --table "0 40960 lclone $ORIGIN $STORE 0"
	announced clone_sectors=40960
	dmsetup load clone --table "0 40960 lclone $ORIGIN $STORE 0"
	dmsetup clear clone
	expect_fail dmsetup load clone --table "0 40960 lclone $ORIGIN $STORE 0"
	# A resume forgets it as well.
	announced clone_sectors=40960
	dmsetup suspend clone
	dmsetup resume clone
	expect_fail dmsetup load clone --table "0 40960 lclone $ORIGIN $STORE 0"
	for words in clone_sectors=0 clone_sectors=x frobnicate=1 overlap_sectors=99999999 layers=1 \
		parent_uuid=x "origin_name=$(printf '%065d' 0)" fingerprint=00 nothing; do
		expect_fail announced "$words"
	done
	announced clone_sectors=40960
	expect_fail dmsetup load clone --readonly --table "0 40960 lclone $ORIGIN $STORE 0"
	announced clone_sectors=40960
	dmsetup load clone --table "0 40960 lclone $ORIGIN $STORE 0"
	dmsetup resume clone
	assert_eq "$(sectors "$CLONE")" 40960 size
	truncate -s 20M "$MODEL"
	both write 17M 64K same
	TABLE="0 40960 lclone $ORIGIN $STORE 0"
	clone_again
	both same
	clone_check
}

# What would be lost is refused, by the message, and by the resume when it has come to be since.
test_kernel_gives_up_no_block() {
	origin_make 8M
	store_make 32M
	clone_make
	both write 1M 64K
	expect_fail announced no_origin overlap_sectors=0
	expect_fail announced overlap_sectors=8192
	expect_fail announced clone_sectors=2048 overlap_sectors=2048
	both write 0 7M discard 7M 1M
	# All but the last MiB, which is zero.
	announced clone_sectors=14336 overlap_sectors=14336
	dmsetup load clone --table "0 14336 lclone $ORIGIN $STORE 0"
	both write 7M 4K
	expect_fail dmsetup resume clone
	assert_eq "$(dmsetup info -c --noheadings -o suspended clone)" Suspended state
	dmsetup load clone --table "$TABLE"
	dmsetup resume clone
	both same
	announced no_origin overlap_sectors=0
	dmsetup load clone --table "0 16384 lclone - $STORE 0"
	dmsetup resume clone
	both write 3M 64K same
	TABLE="0 16384 lclone - $STORE 0"
	clone_again
	both same
	clone_check
}

# The write of the superblock fails: failed mode under the new table, and then one of the two.
test_failure_of_the_change() {
	local size
	origin_make 8M
	store_make 32M
	below_make
	clone_make
	both write 1M 64K
	announced clone_sectors=32768
	dmsetup load clone --table "0 32768 lclone $ORIGIN $STORE 0"
	dmsetup suspend clone
	below_fails 1 1
	dmsetup resume clone
	below_heals
	assert_eq "$(dmsetup status clone | cut -d" " -f4)" failed mode
	truncate -s 16M "$MODEL"
	both same
	clone_off
	size=$(lclone info "$STORE" --json | json_field .size_bytes)
	[ "$size" = 8388608 ] || [ "$size" = 16777216 ] || fail "a size of $size"
	truncate -s "$size" "$MODEL"
	TABLE="0 $((size / 512)) lclone $ORIGIN $STORE 0"
	clone_on
	both same
	clone_check
}

test_pause_of_a_resize_under_load() {
	local n pauses=()
	tool_up
	lclone create vm --template gold --dir "$DIR"
	fio --name=load --filename=/dev/mapper/vm --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite \
		--bs=4k --size=8M --time_based --runtime=300 --output=/dev/null &
	for n in 1 2 3 4 5; do
		pauses+=("$(lclone resize vm +1G --json | json_field .pause_us)")
	done
	kill $!
	wait $! || true
	note "pauses of a resize under load: ${pauses[*]} us"
}

# P5: what a full clone does can be changed while writes wait, and stays so.
test_p5_set_releases_who_waits() {
	tool_up
	lclone create vm --template gold --dir "$DIR" --store-size 12M
	assert_eq "$(tool_status vm .no_space)" false "no_space"
	fill vm 16777216
	wait_until waits_for_space vm
	expect_fail lclone set vm
	expect_fail lclone set vm --error-if-no-space --queue-if-no-space
	expect_fail lclone set none --error-if-no-space
	expect_said "no such clone"
	lclone set vm --error-if-no-space
	! wait "$FILL" || fail "the writer was not told"
	assert_eq "$(tool_status vm .target.error_if_no_space) $(tool_status vm .no_space)" "true true" status
	lclone deactivate vm
	lclone activate vm
	assert_eq "$(tool_status vm .target.error_if_no_space)" true "after an activation"
	lclone deactivate vm
	lclone set vm --queue-if-no-space
	lclone activate vm
	fill vm 16777216
	wait_until waits_for_space vm
	lclone extend vm --size 24M
	wait "$FILL"
}

# P5: a full store is extended under a write that waits, in a file, a volume and a device.
test_p5_extend_releases_who_waits() {
	local dev sum name
	tool_up
	dev=$(make_loop 64M)
	pvcreate -q "$dev" >/dev/null
	vgcreate -q --yes lcvg "$dev" >/dev/null
	on_exit vgremove -q --yes -f lcvg
	on_exit remove_all
	make_linear growing "$(make_loop 40M)" 0 32768 >/dev/null
	on_exit remove_all
	lclone create file --template gold --dir "$DIR" --store-size 12M
	lclone create volume --template gold --vg lcvg --store-size 12M
	lclone create device --template gold --store /dev/mapper/growing
	for name in file volume; do
		fill "$name" 16777216
		wait_until waits_for_space "$name"
		expect_fail lclone extend "$name" --size 8M
		expect_said "does not get smaller"
		lclone extend "$name" --size 24M --json |
			gojq -e '.store_bytes == 25165824 and .active and .room_bytes > .old_room_bytes + 10000000'
		wait "$FILL"
		sum=$(sum_of "$name" 16)
		lclone extend "$name"
		lclone deactivate "$name"
		lclone activate "$name"
		assert_eq "$(sum_of "$name" 16)" "$sum" "content of $name"
	done
	expect_fail lclone extend device --size 40M
	expect_said "is yours to change"
	fill device 16777216
	wait_until waits_for_space device
	dmsetup suspend growing
	dmsetup table growing | awk '{ print 0, 81920, $3, $4, $5 }' | dmsetup load growing
	dmsetup resume growing
	lclone extend device | grep 'room for'
	wait "$FILL"
	sum=$(sum_of device 16)
	lclone deactivate device file
	lclone extend file --size 32M | grep 'from the next activation on'
	assert_eq "$(stat -c %s "$DIR/file.lclone")" 33554432 "the file"
	lclone activate device file
	assert_eq "$(sum_of device 16)" "$sum" "content of device"
	[ "$(tool_status file .store.size_bytes)" = 33554432 ] || fail "the store of file is not used"
	lclone deactivate --all
	for name in "$DIR/file.lclone" /dev/mapper/growing; do
		lclone check --quiet "$name" || fail "the check found damage in $name"
	done
	lclone remove device
}

test_tool_killed_in_an_extend() {
	local n sum
	tool_up
	lclone create vm --template gold --dir "$DIR" --store-size 12M
	write_at /dev/mapper/vm 1
	sum=$(sum_of vm 16)
	for ((n = 1; n < 200; n++)); do
		killed_at "$n" extend vm --size $((12 + n))M || break
		in_order vm
		assert_eq "$(sum_of vm 16)" "$sum" "content, killed at $n"
	done
	[ "$n" -gt 3 ] || fail "it has no more than $n steps"
	lclone deactivate vm
	lclone check --quiet "$DIR/vm.lclone" || fail "the check found damage"
}
