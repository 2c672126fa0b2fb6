# shellcheck shell=bash
# Discards and zeroing: what they leave to be read, what they free, what they pass down.

test_p4_discarded_blocks_stay_zero() {
	origin_make 16M
	store_make 32M
	clone_make
	both write 1M 1M write 9M+512 3K discard 0 64K discard 1M+16b 32b discard 9M 1b discard 1000b 16b same
	counts 224 65 $((4096 - 289))
	clone_again
	both same write 8b 2b write 1M+20b+512 512 same
	clone_again
	both same
	counts 227 62 $((4096 - 289))
	clone_check
}

# A discard leaves the parts of blocks at its ends alone; zeroing does not.
test_parts_of_blocks() {
	origin_make 8M
	store_make 32M
	clone_make
	both write 1M 64K \
		discard 512 1b discard 1M+512 2b-512 discard 4M+1K 3b discard 5M+512 512 \
		zero 6b+512 1K zero 7b-512 1K zero 1M+8b+512 512 zero 1M+10b-1K 3b+2K zero 7M+512 10b same
	clone_again
	both same zero 512 512 zero 4M-512 1b+1K same
	clone_check
}

# No leaf is needed for what is zero from end to end.
test_discard_of_the_whole_clone() {
	origin_make 32M
	store_make 32M
	clone_make
	both write 3M 3M write 20M 2M
	both discard 0 32M same
	counts 0 8192 0
	clone_again
	both same
	counts 0 8192 0
	[ "$(status_of clone pages)" -le 2 ] || fail "$(status_of clone pages) pages for nothing but zeros"
	both write 30M 64K same
	clone_check
}

# Zeroing by pages of zeros, which is what arrives when a device below knows no WRITE_ZEROES.
test_zero_pages_where_write_zeroes_is_withdrawn() {
	origin_make 8M
	STORE=$(make_brd 16M)
	clone_make
	assert_eq "$(<"/sys/class/block/$(basename "$(readlink -f "$CLONE")")/queue/write_zeroes_max_bytes")" 0 \
		"what the clone says of WRITE_ZEROES"
	both write 1M 256K zero 1M 128K zero 4M 1M zero 6M+512 64K zero 7M-1K 512 same
	[ "$(status_of clone zero)" -ge $((32 + 256)) ] || fail "zeros were stored as data"
	clone_again
	both same
	clone_check
}

# stored: bytes that the store's file takes.
stored() {
	echo $(($(stat -c %b "$STORE_FILE") * 512))
}
stored_at_most() {
	[ "$(stored)" -le "$1" ]
}

test_discards_are_passed_down() {
	local before discards
	origin_make 16M
	store_make 32M
	clone_make
	before=$(stored) discards=$(dev_stat "$STORE" discard_sectors)
	both write 0 8M fsync
	[ "$(stored)" -ge $((before + 8388608)) ] || fail "the store's file holds $(stored) bytes"
	both discard 0 8M fsync
	wait_until stored_at_most $((before + 1048576))
	wait_until eval '[ "$(dev_stat "$STORE" discard_sectors)" -ge '$((discards + 16384))' ]'
	both same
	clone_check
}

# A disk that unmaps what it is told to write zeroes to: newer kernels tell that apart.
scsi_disk() {
	local path
	for path in /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*; do
		STORE=/dev/${path##*/}
		[ -b "$STORE" ] && return
	done
}
test_store_on_a_disk_that_unmaps_zeroes() {
	modinfo scsi_debug >/dev/null 2>&1 || skip "this kernel has no SCSI"
	origin_make 16M
	[ -d /sys/bus/scsi/drivers/sd ] || modprobe sd_mod
	modprobe scsi_debug dev_size_mb=64 lbpu=1 lbpws=1 lbprz=1
	on_exit retry rmmod scsi_debug
	wait_until scsi_disk
	udevadm settle
	clone_make
	both write 0 4M fsync zero 1M 1M discard 2M 1M same
	clone_again
	both same
	clone_check
}

test_no_discard_passdown() {
	local before
	origin_make 16M
	store_make 32M
	clone_make no_discard_passdown
	before=$(dev_stat "$STORE" discards)
	assert_eq "$(status_of clone passdown)" no_discard_passdown
	both write 0 4M fsync discard 0 4M fsync same
	wait_until eval '[[ $(status_of clone space) == [0-9]/* || $(status_of clone space) == [0-9][0-9]/* ]]'
	assert_eq "$(dev_stat "$STORE" discards)" "$before" discards
	clone_check
}

# Far more than the store holds, a little at a time: the freed blocks are found by the scan.
test_p4_space_is_used_again() {
	local i
	origin_make 16M
	store_make 8M
	clone_make
	for i in 0 4 8 12; do
		both write ${i}M 3M fsync discard ${i}M 3M write ${i}M+64K 64K fsync
	done
	both same
	counts 64 $((3072 - 64)) 1024
	clone_again
	both same write 4M 2M same
	clone_check
}

# What already reads as zeros needs no note: beyond the origin, and beyond the blocks of a discard.
test_discard_where_nothing_lies() {
	origin_make 8M
	store_make 32M
	clone_make -s $((64 * 2048))
	both discard 16M 32M zero 63M 1M same
	counts 0 0 2048
	both discard 0 64M same
	# Leaf by leaf: the last that is partly below is noted to its end.
	counts 0 3024 2048
	clone_check
}
