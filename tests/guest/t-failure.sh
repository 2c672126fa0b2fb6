# shellcheck shell=bash
# Devices that fail: errors reach what they hit, and a store whose flush or metadata write failed goes
# into failed mode before anything is acknowledged.

# flaky_up, flaky_errors, flaky_drops: how the device "flaky" under the store behaves from now on.
flaky_table() {
	dmsetup suspend --nolockfs --noflush flaky
	dmsetup load flaky --table "0 $(sectors "$BACKING") flakey $BACKING 0 $*"
	dmsetup resume flaky
}
flaky_up() { flaky_table 3600 0; }
flaky_errors() { flaky_table 0 3600 1 error_writes; }
flaky_drops() { flaky_table 0 3600 1 drop_writes; }

# A clone over a random origin and a store that can be made to fail.
failing_clone() {
	ORIGIN=$(make_loop 16M)
	BACKING=$(make_loop 64M)
	random 16M | dd of="$ORIGIN" bs=1M iflag=fullblock oflag=direct status=none
	ORIGIN_SUM=$(hash_of "$ORIGIN")
	STORE=$(make_dm flaky "0 $(sectors "$BACKING") flakey $BACKING 0 3600 0")
	CLONE=$(clone_up clone "$ORIGIN" "$STORE")
	MODEL=$(mktemp /dev/shm/model.XXXXXX)
	DATA=$(mktemp /dev/shm/data.XXXXXX)
	on_exit rm -f "$MODEL" "$DATA"
	dd if="$ORIGIN" of="$MODEL" bs=1M status=none
	random 1M >"$DATA"
}

# write_acked MIB: a MiB of data, synced; the model gets it as well.
write_acked() {
	dd if="$DATA" of="$CLONE" bs=64K seek=$(($1 * 16)) oflag=direct conv=notrunc,fsync status=none
	dd if="$DATA" of="$MODEL" bs=1M seek="$1" conv=notrunc status=none
}

mode_is() {
	[ "$(dmsetup status clone | cut -d' ' -f4)" = "$1" ]
}

# The store is mended: what was acknowledged is there, and all is whole.
mended() {
	clone_down clone
	flaky_up
	clone_activate clone "$STORE" >/dev/null
	mode_is rw || fail "mode is not rw: $(dmsetup status clone)"
	cmp "$CLONE" "$MODEL" || fail "the clone is not what was acknowledged"
	write_acked 15
	cmp "$CLONE" "$MODEL"
	clone_down clone
	lclone check "$STORE"
	assert_eq "$(hash_of "$ORIGIN")" "$ORIGIN_SUM" "origin"
}

# failed_lines COUNT: so many clones have said that they failed.
failed_lines() {
	[ "$(kmsg | grep -c 'failed: a flush of the store failed')" -eq "$1" ]
}

# All at once, when what they have in common below them fails: none is left out of the log.
test_every_clone_that_fails_is_told() {
	local n
	ORIGIN=$(make_loop 1M) BACKING=$(make_loop 104M)
	make_dm flaky "0 $(sectors "$BACKING") flakey $BACKING 0 3600 0"
	for n in {0..12}; do
		clone_up "c$n" "$ORIGIN" "$(make_linear "part$n" /dev/mapper/flaky $((n * 16384)) 16384)"
	done
	flaky_errors
	for n in {0..12}; do
		expect_fail dd if=/dev/null of="/dev/mapper/c$n" bs=4K count=0 conv=notrunc,fsync status=none
	done
	wait_until failed_lines 13
}

test_p1_failed_flush_latches_failed_mode() {
	local events
	failing_clone
	write_acked 1
	dmsetup message clone 0 checkpoint	# so that the clone itself has nothing to write
	events=$(dm_events clone)
	flaky_errors
	expect_fail dd if="$DATA" of="$CLONE" bs=1M seek=2 oflag=direct conv=notrunc status=none
	mode_is rw || fail "a failed data write is the guest's, not the store's"
	expect_fail dd if=/dev/null of="$CLONE" bs=4K count=0 conv=notrunc,fsync status=none
	wait_until mode_is failed
	wait_until kmsg_has 'failed: a flush of the store failed'
	wait_until eval '[ "$(dm_events clone)" -gt '"$events"' ]'
	# Reads go on; writes and flushes are refused, though the device is well again.
	flaky_up
	cmp "$CLONE" "$MODEL"
	expect_fail dd if="$DATA" of="$CLONE" bs=4K count=1 seek=256 oflag=direct conv=notrunc status=none
	expect_fail dd if=/dev/null of="$CLONE" bs=4K count=0 conv=notrunc,fsync status=none
	dmsetup suspend clone
	dmsetup resume clone
	mode_is failed || fail "failed mode was forgotten by a suspend"
	mended
}

test_failed_checkpoint_latches_failed_mode() {
	failing_clone
	write_acked 3
	flaky_errors
	expect_fail dmsetup message clone 0 checkpoint
	mode_is failed || fail "mode: $(dmsetup status clone)"
	cmp "$CLONE" "$MODEL"
	mended
}

# All writes from one moment on are lost, as by a power cut: what was synced before it is there.
test_p1_p2_writes_lost_from_one_moment_on() {
	failing_clone
	write_acked 1
	write_acked 4
	blkdiscard -o 5M -l 1M "$CLONE"
	dd if=/dev/null of="$CLONE" count=0 conv=notrunc,fsync status=none
	dd if=/dev/zero of="$MODEL" bs=1M seek=5 count=1 conv=notrunc status=none
	flaky_drops
	dd if="$DATA" of="$CLONE" bs=1M seek=8 oflag=direct conv=notrunc,fsync status=none
	blkdiscard -o 1M -l 1M "$CLONE"
	dmsetup message clone 0 checkpoint
	mended
}

test_origin_errors_reach_only_what_they_hit() {
	local dev
	dev=$(make_loop 16M)
	random 16M | dd of="$dev" bs=1M iflag=fullblock oflag=direct status=none
	ORIGIN=$(make_dm holed "0 8192 linear $dev 0
8192 8192 error
16384 16384 linear $dev 16384")
	STORE=$(make_loop 64M)
	lclone format "$STORE" --origin "$dev" --force >/dev/null
	CLONE=$(make_dm clone "0 32768 lclone $ORIGIN $STORE 0")
	cmp -n 4194304 "$CLONE" "$dev"
	expect_fail dd if="$CLONE" of=/dev/null bs=4K skip=1024 count=1 iflag=direct status=none
	# A whole block needs nothing from below; a part of one does.
	dd if=/dev/zero of="$CLONE" bs=4K seek=1024 count=1 oflag=direct conv=notrunc status=none
	expect_fail dd if=/dev/zero of="$CLONE" bs=512 seek=8200 count=1 oflag=direct conv=notrunc status=none
	dd if="$CLONE" bs=4K skip=1024 count=1 iflag=direct status=none | cmp -n 4096 - /dev/zero
	cmp -i 8388608 "$CLONE" "$dev"
	mode_is rw || fail "mode: $(dmsetup status clone)"
	clone_down clone
	lclone check "$STORE"
}
