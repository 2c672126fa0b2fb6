# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# lclone format: what it writes, and what it refuses.

test_format_and_info() {
	file o.img 100M
	store s.img 64M --origin o.img --name vm1
	silent
	prints 's.img: store of clone [0-9a-f-]{36}, 100M over o.img'
	expect 0 lclone info s.img --json
	json '.name == "vm1" and .size_bytes == 104857600 and .state == "writable"'
	json '.overlap_bytes == 104857600 and .origin.size_bytes == 104857600'
	json '.origin.fingerprint_algorithm == "sha256-sampled"'
	json '.store_bytes == 67108864 and .data_bytes == 0 and .generation == 1'
	json '.parent_uuid == null and .owner == null and .layers == 0'
	json '.superblocks | length == 2 and all(.whole and .generation == 1)'
	json '.origin.device == "'"$PWD"'/o.img"'
	expect 0 lclone info s.img
	prints '^clone  *vm1$'
	expect 0 lclone check s.img
}

test_larger_and_smaller_than_the_origin() {
	file o.img 10M
	store s.img 64M --origin o.img --size 1G
	expect 0 lclone info s.img --json
	json '.size_bytes == 1073741824 and .overlap_bytes == 10485760'
	store s.img 64M --origin o.img --size 1M
	expect 0 lclone info s.img --json
	json '.size_bytes == 1048576 and .overlap_bytes == 1048576'
	json '.origin.size_bytes == 10485760'
}

test_origin_of_odd_size() {
	file o.img $((1000003 * 512))
	store s.img 64M --origin o.img
	expect 0 lclone info s.img --json
	json ".size_bytes == $((1000003 * 512))"
}

test_uuids_are_fresh() {
	store s.img 16M
	expect 0 lclone info s.img --json
	cp out first
	store s.img 16M
	expect 0 lclone info s.img --json
	jq -e --slurpfile old first '.uuid != $old[0].uuid and .store_uuid != $old[0].store_uuid
		and .content_uuid != $old[0].content_uuid and .uuid != .store_uuid' out >/dev/null ||
		fail "the same uuids again"
}

# Creating a clone writes well under 1 MiB whatever its size.
test_writes_little() {
	file s.img 1T
	expect 0 lclone format s.img --origin - --size 100T --json
	json '.written_bytes < 65536 and .store_bytes == 1099511627776'
	[ "$(du -k s.img | cut -f1)" -lt 256 ] || fail "wrote $(du -k s.img)"
	expect 0 lclone check s.img
}

test_unwritten_space_is_not_interpreted() {
	head -c 16M /dev/urandom >s.img
	expect 0 lclone format s.img --origin - --size 1G
	expect 0 lclone check s.img
}

test_too_small() {
	file s.img 8191K
	refused 's.img: is too small for a store' lclone format s.img --origin - --size 1G
	file s.img 0
	expect 1 lclone format s.img --origin - --size 1G
	store s.img 8M
}

test_missing_devices() {
	file s.img 16M
	refused 'none: .*No such file' lclone format none --origin - --size 1G
	refused 'none: .*No such file' lclone format s.img --origin none
	refused 'none: .*No such file' lclone info none
	refused 'none: .*No such file' lclone template add gold none
	refused 'neither a block device nor a regular file' lclone format . --origin - --size 1G
	refused 'neither a block device nor a regular file' lclone format /dev/null --origin - --size 1G
	file o.img 0
	refused 'is empty' lclone format s.img --origin o.img
}

test_clone_too_large() {
	file s.img 16M
	refused 'is too large' lclone format s.img --origin - --size 4194304T
}

# What holds anything is left alone, to the byte, and taken with --force.
keeps() {
	local what=$1
	sha256sum s.img >before
	refused "holds $what" lclone format s.img --origin - --size 1G
	sha256sum --check --status before || fail "the device was written to"
	expect 0 lclone format s.img --origin - --size 1G --force
	expect 0 lclone check s.img
	! blkid -p s.img >out || fail "a signature is still there"
}

test_holds_ext4() {
	file s.img 16M
	mkfs.ext4 -q s.img
	keeps 'a filesystem \(ext4\)'
}

test_holds_swap() {
	file s.img 16M
	mkswap s.img >/dev/null
	keeps 'a signature of swap'
}

test_holds_a_physical_volume() {
	file s.img 64M
	{
		printf 'LABELONE\1\0\0\0\0\0\0\0\x32\x11\x49\xa6\x20\0\0\0LVM2 001'
		printf 'abcdefghijklmnopqrstuvwxyz012345\0\0\0\4\0\0\0\0'
	} | dd of=s.img bs=512 seek=1 conv=notrunc status=none
	keeps 'an LVM physical volume'
}

partition_table() {
	printf '\0\0\0\0\x83\0\0\0\0\x08\0\0\0\x40\0\0' |
		dd of="$1" bs=1 seek=446 conv=notrunc status=none
	printf '\x55\xaa' | dd of="$1" bs=1 seek=510 conv=notrunc status=none
}

test_holds_a_partition_table() {
	file s.img 16M
	partition_table s.img
	keeps 'a partition table \(dos\)'
}

test_holds_another_store() {
	store s.img 16M
	keeps 'another lclone store'
}

test_names() {
	local name
	file s.img 16M
	for name in a/b 'a b' $'a\tb' 'a"b' 'ü'; do
		refused 'no name for a template or a clone' lclone format s.img --origin - --size 1G --name "$name"
	done
	refused 'no name' lclone format s.img --origin - --size 1G --name "$(printf 'x%.0s' {1..64})"
	expect 0 lclone format s.img --origin - --size 1G --name "$(printf 'x%.0s' {1..63})"
}

test_block_device() {
	file s.img 64M
	file o.img 32M
	loop s.img
	local s=$dev
	loop o.img --read-only
	expect 0 lclone format "$s" --origin "$dev" --name vm1
	expect 0 lclone info "$s" --json
	json ".origin.device == \"$dev\""
	expect 0 lclone check "$s"
	refused 'is read-only' lclone format "$dev" --origin - --size 1G
}

test_same_device_twice() {
	file s.img 64M
	refused 'is the origin itself' lclone format s.img --origin s.img
	ln -s s.img link
	refused 'is the origin itself' lclone format link --origin s.img
	loop s.img
	refused 'is the origin itself' lclone format "$dev" --origin "$dev"
	refused 'lies inside its own origin' lclone format "$dev" --origin s.img
	expect 1 lclone format s.img --origin "$dev"
	says "has the loop device $dev over it"
	local first=$dev
	file t.img 64M
	loop "$first"
	refused 'lies inside its own origin' lclone format "$dev" --origin "$first"
	refused 'has the loop device' lclone format "$first" --origin t.img
}

test_store_is_a_partition_of_its_origin() {
	file o.img 64M
	partition_table o.img
	loop o.img --partscan
	# A kernel that does not read such tables may still be told.
	[ -b "${dev}p1" ] || addpart "$dev" 1 2048 16384 || skip "no partitions on loop devices"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -b "${dev}p1" ] && break
		sleep 0.1
	done
	refused 'lies inside its own origin' lclone format "${dev}p1" --origin "$dev"
	refused 'holds its own origin' lclone format "$dev" --origin "${dev}p1"
}

test_store_is_a_file_on_its_origin() {
	file o.img 64M
	mkfs.ext4 -q o.img
	loop o.img
	local o=$dev
	mkdir m
	mount "$o" m || skip "cannot mount"
	file m/s.img 16M
	refused 'lies inside its own origin' lclone format m/s.img --origin "$o"
	loop m/s.img
	refused 'lies inside its own origin' lclone format "$dev" --origin "$o"
	losetup -d "$dev"
}

test_mounted_device() {
	file s.img 64M
	mkfs.ext4 -q s.img
	loop s.img
	mkdir m
	mount "$dev" m || skip "cannot mount"
	refused "is mounted on $PWD/m" lclone format "$dev" --origin - --size 1G --force
	mountpoint -q m || fail "not mounted any more"
}

test_sector_sizes() {
	file s.img 64M
	file o.img 64M
	loop s.img --sector-size 4096
	local s=$dev
	loop o.img
	refused 'sectors of 4096 bytes' lclone format "$s" --origin "$dev"
	losetup -d "$s" "$dev"
	loop s.img
	s=$dev
	loop o.img --sector-size 4096
	expect 0 lclone format "$s" --origin "$dev"
}

test_locked_file() {
	file s.img 16M
	exec 9<s.img
	flock 9
	refused 'is in use' lclone format s.img --origin - --size 1G
}

# A store that is cut short in its making is no store.
test_header_comes_last() {
	command -v strace >/dev/null || skip "no strace"
	file s.img 16M
	ASAN_OPTIONS=detect_leaks=0 strace -e trace=pwrite64,fsync -o trace "$LCLONE" format s.img --origin - --size 1G ||
		skip "strace does not work here"
	grep -oE 'pwrite64|fsync|, [0-9]+\) +=' trace | tr -d ',)=' | xargs >order
	[ "$(cat order)" = "pwrite64 4096 fsync pwrite64 524288 fsync pwrite64 0 fsync" ] ||
		[ "$(cat order)" = "pwrite64 524288 fsync pwrite64 4096 fsync pwrite64 0 fsync" ] ||
		fail "written in another order: $(cat order)"
}
