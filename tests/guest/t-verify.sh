# shellcheck shell=bash
# fio writes and verifies a clone: mixed sizes, discards, deep queues.
TEST_TIMEOUT=300

big_clone() {
	ORIGIN=$(make_null_blk 96M)
	STORE=$(make_null_blk 128M)
	random 96M | dd of="$ORIGIN" bs=1M iflag=fullblock oflag=direct status=none
	ORIGIN_SUM=$(hash_of "$ORIGIN")
	CLONE=$(clone_up clone "$ORIGIN" "$STORE")
}

clone_is_whole() {
	assert_eq "$(hash_of "$ORIGIN")" "$ORIGIN_SUM" origin
	assert_eq "$(dev_stat "$ORIGIN" discards)" 0 "discards of the origin"
	clone_down clone
	lclone check "$STORE"
}

verify() {
	fio --name=verify --filename="$CLONE" --ioengine=libaio --direct=1 --iodepth=32 \
		--verify=crc32c --verify_fatal=1 --randrepeat=1 --output=/run/fio.out "$@" ||
		fail "$(tail -n 20 /run/fio.out)"
}

# Four jobs, each in a quarter of the first 64 MiB; discards of every block of the last 32 MiB.
test_mixed_sizes_beside_discards() {
	big_clone
	fio --name=trim --filename="$CLONE" --ioengine=libaio --direct=1 --iodepth=32 --rw=randtrim \
		--bs=64K --offset=64M --size=32M --output=/run/trim.out &
	verify --rw=randwrite --bsrange=512-64K --bs_unaligned=0 --numjobs=4 --size=12M \
		--offset_increment=16M --fsync=64
	wait $!
	cmp -n $((32 << 20)) -i $((64 << 20)):0 "$CLONE" /dev/zero
	clone_is_whole
	clone_activate clone "$STORE" >/dev/null
	verify --rw=randwrite --bsrange=512-64K --bs_unaligned=0 --numjobs=4 --size=12M \
		--offset_increment=16M --verify_only
	clone_is_whole
}

# The same blocks are written, discarded and read back again and again; memory is short meanwhile.
test_rewrites_and_discards_of_the_same_blocks() {
	local i
	big_clone
	for i in 1 2 3; do
		verify --rw=randwrite --bs=4K --size=12M --randseed="$i"
		echo 2 >/proc/sys/vm/drop_caches
		verify --rw=randtrimwrite --bs=4K --size=12M --randseed="$i" --do_verify=0
		verify --rw=write --bs=256K --size=12M
	done
	clone_is_whole
}

# quarters: four devices, each a quarter of the first 64 MiB. A job that does not begin where its device does
# gets out of step in fio 3.33: it discards, and never writes.
quarters() {
	local n
	for n in 0 1 2 3; do
		make_linear "quarter$n" "$CLONE" $((n * 32768)) 32768 >/dev/null
	done
}

# Each of four jobs discards a stretch, writes it and goes on to the next, in no order, with 32 of them under
# way; then it verifies all that it wrote. The second time it discards what the first wrote.
# trim_percentage and trim_verify_zero of fio 3.33 are of no use: they abort without trims in --rw, and
# with them find what was written after a trim, on any device.
test_mixed_sizes_and_discards_in_the_same_jobs() {
	local n sum jobs=()
	big_clone
	quarters
	for n in 0 1 2 3; do
		jobs+=(--name="quarter$n" --filename="/dev/mapper/quarter$n")
	done
	fio --name=global --ioengine=libaio --direct=1 --iodepth=32 --rw=randtrimwrite --bsrange=4k-64k \
		--loops=2 --verify=crc32c --verify_fatal=1 --randrepeat=1 --output=/run/fio.out "${jobs[@]}" ||
		fail "$(tail -n 20 /run/fio.out)"
	for n in 0 1 2 3; do
		[ "$(dev_stat "/dev/mapper/quarter$n" discards)" -gt 500 ] || fail "job $n did not discard"
		assert_eq "$(dev_stat "/dev/mapper/quarter$n" write_sectors)" 65536 "sectors that job $n wrote"
		remove_dm "quarter$n"
	done
	sum=$(hash_of "$CLONE")
	clone_is_whole
	clone_activate clone "$STORE" >/dev/null
	assert_eq "$(hash_of "$CLONE")" "$sum" "content, activated again"
	clone_is_whole
}
