# shellcheck shell=bash
# What lies below: origins shorter and longer than the clone, of odd size, of other sectors, or none.
# When a test ends the origin is what it was, and no write was ever sent to it (P3).
CPUS=1

# Reads of 21 sectors begin and end anywhere in a block, and at the end of the device.
same_in_odd_pieces() {
	dd if="$CLONE" bs=21b iflag=direct status=none | cmp - "$MODEL" || fail "reads of odd pieces differ"
}

# around OFFSET: writes of whole blocks and of parts, zeros and discards across a place in the middle.
# Each has a place of its own first, then they come upon each other.
around() {
	local at=$1
	both write "$at-16b-512" 1K write "$at-12b" 4b same \
		zero "$at-1b" 2b same \
		write "$at-512" 1K same \
		discard "$at-8b" 16b same \
		write "$at-3b-1K" 6b+512 same
}

# before OFFSET: the same where the clone ends, in one odd piece for each.
before() {
	local end=$1
	both write "$end-1s" 1s same \
		write "$end-9s" 9s same \
		zero "$end-20s" 20s same \
		write "$end-17s" 3s same \
		discard "$end-40s" 40s same \
		write "$end-5s" 4s same
}

# ends PLACE...: all of it around these places and at the end, looked at before and after, and again
# by a clone that was taken down in between.
ends() {
	local place
	both same
	same_in_odd_pieces
	for place in "$@"; do
		around "$place"
	done
	before "${CLONE_SECTORS}s"
	same_in_odd_pieces
	clone_again
	both same
	clone_check
}

test_p3_origin_shorter_than_the_clone() {
	origin_make 4M
	store_make 24M
	clone_make -s 16384
	ends 4M
}

test_p3_origin_longer_than_the_clone() {
	origin_make 12M
	store_make 24M
	clone_make -s 8192
	ends 2M
}

# The origin's last block is partial, and so is the clone's.
test_p3_origin_of_odd_size() {
	origin_make $((4194304 + 3 * 512))
	store_make 24M
	clone_make
	assert_eq "$(sectors "$CLONE")" 8195 sectors
	ends 1008b
}

# The block in which the origin ends goes on with zeros.
test_p3_odd_origin_in_a_longer_clone() {
	origin_make $((4194304 + 5 * 512))
	store_make 24M
	clone_make -s 12288
	ends 4M+5s
}

test_p3_odd_origin_by_a_size_limit() {
	origin_make 8M --sizelimit $((4194304 + 7 * 512))
	store_make 24M
	ORIGIN_FILE=$(mktemp /dev/shm/origin.XXXXXX)
	on_exit rm -f "$ORIGIN_FILE"
	head -c $((4194304 + 7 * 512)) "$NOISE" >"$ORIGIN_FILE"
	clone_make -s 12289
	ends 4M+7s 1008b
}

test_p3_odd_clone_of_an_even_origin() {
	origin_make 8M
	store_make 24M
	clone_make -s 8201
	ends 1008b
}

test_p3_tiny() {
	origin_make 512
	store_make 24M
	clone_make
	both same write 0 512 same discard 0 512 same write 0 512 same
	clone_check
	clone_make -s 13
	both same write 7s 3s same zero 0 13s same
	clone_check
	assert_eq "$(lclone info --json "$STORE" | json_field .size_bytes)" $((13 * 512)) "size of the clone"
}

test_no_origin() {
	ORIGIN=-
	store_make 24M
	clone_make -s 12291
	counts 0 0 0
	ends 1008b
}

# A whole block of an untouched origin, discarded or zeroed, stays zero; what is shared is counted.
test_p4_discards_beyond_the_origin() {
	origin_make 4M
	store_make 24M
	clone_make -s 16384
	counts 0 0 1024
	both discard 0 8M same
	clone_again
	both same write 3M 64K write 4M-1K 2K same
	clone_check
}

test_p3_read_only_origin() {
	origin_make 4M --read-only
	store_make 24M
	clone_make
	around 2M
	clone_check
}

# Nothing of what the clone can be told reaches the origin, however it is told.
test_p3_no_command_reaches_the_origin() {
	origin_make 8M
	store_make 24M
	clone_make
	fio --name=all --filename="$CLONE" --direct=1 --ioengine=libaio --iodepth=16 --rw=randrw \
		--rwmixread=30 --bsrange=512-64k --size=8M --io_size=8M --fsync=20 --output=/run/fio.out
	fio --name=trim --filename="$CLONE" --direct=1 --ioengine=libaio --iodepth=8 --rw=randtrim \
		--bs=16k --size=8M --io_size=2M --output=/run/fio.out
	blkdiscard --zeroout "$CLONE"
	blkdiscard "$CLONE"
	sync
	dmsetup message clone 0 checkpoint
	cmp -n 8388608 "$CLONE" /dev/zero
	clone_check
}

test_sectors_of_4096_bytes() {
	origin_make 4M --sector-size 4096
	store_make 24M --sector-size 4096
	clone_make
	assert_eq "$(blockdev --getss "$CLONE")" 4096 "sector size"
	both same write 0 4K write 1008b-4K 8K zero 2M 64K discard 3M 64K same
	clone_again
	both same
	clone_check
}

# Partition tables count in them: a table that would give a clone in use others is not taken.
test_sectors_keep_their_size() {
	local other
	origin_make 4M --sector-size 4096
	store_make 24M
	clone_make
	assert_eq "$(blockdev --getss "$CLONE")" 4096 "sector size"
	other=$(losetup --find --show "$ORIGIN_FILE")
	on_exit detach_loop "$other"
	kmsg_mark
	expect_fail dmsetup load clone --table "0 $CLONE_SECTORS lclone $other $STORE 0"
	kmsg_has "would get sectors of another size" || fail "refused, but not for that: $ERR"
	clone_features error_if_no_space
	assert_eq "$(blockdev --getss "$CLONE")" 4096 "sector size"
	both write 0 64K same
	clone_check
}
