# shellcheck shell=bash
# Whether the guest, its devices and the module are there at all.
CPUS=1

test_linear_reads_what_was_written() {
	local dev lin sum
	dev=$(make_loop 16M)
	lin=$(make_linear smoke "$dev" 2048)
	random 4M | dd of="$lin" bs=1M iflag=fullblock oflag=direct status=none
	sum=$(dd if="$dev" bs=1M skip=1 count=4 iflag=direct status=none | md5sum)
	assert_eq "$(dd if="$lin" bs=1M count=4 iflag=direct status=none | md5sum)" "$sum" content
}

test_every_kind_of_device() {
	local dev
	for dev in "$(make_brd 16M)" "$(make_null_blk 32M blocksize=4096)" "$(make_null_blk 16M)" "$(disk 1)"; do
		[ -b "$dev" ] || fail "no such device: $dev"
		mkfs.ext4 -q -F "$dev"
	done
	expect_fail dd if=/dev/zero of="$(disk 4)" bs=1M seek=512 count=1 oflag=direct
	[[ $ERR == *"No space left"* ]] || fail "dd said: $ERR"
}

test_counters_and_events() {
	local dev before
	dev=$(make_loop 4M)
	before=$(dev_stat "$dev" writes)
	dd if=/dev/zero of="$dev" bs=4096 count=3 oflag=direct status=none
	assert_eq "$(($(dev_stat "$dev" writes) - before))" 3 writes
	make_linear smoke "$dev" >/dev/null
	assert_eq "$(dm_events smoke)" 0 events
}

test_lclone_is_a_target() {
	have_lclone || skip "there is no module yet"
	dmsetup targets | grep -E '^lclone +v[0-9]+\.[0-9]+\.[0-9]+$'
}
