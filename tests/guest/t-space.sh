# shellcheck shell=bash
# A store that is full: what waits, what goes on, and what ends the waiting (P5).

# small_clone_make [FEATURE]...: a store of 8 MiB, which holds some 5.5 MiB of data.
small_clone_make() {
	origin_make 16M
	store_make 8M
	clone_make "$@"
}

# What still waits at the end of a test would keep everything from being removed.
release_waiters() {
	dmsetup message clone 0 error_if_no_space 2>/dev/null || true
}

# fill: in the background, writes 8 MiB of the clone and of its model. FILL is the process.
fill() {
	both write 0 8M &
	FILL=$!
	on_exit release_waiters
}

# waiting: for wait_until: writes wait for space.
waiting() {
	[ "$(status_of clone full)" = full ] && [ "$(status_of clone waiting)" -gt 0 ]
}

# grow SIZE: the store's device.
grow() {
	truncate -s "$1" "$STORE_FILE"
	losetup -c "$STORE"
}

test_p5_full_is_not_dead() {
	small_clone_make
	both write 12M 1M
	fill
	wait_until waiting
	assert_eq "$(dd if="$CLONE" bs=1M skip=12 count=4 iflag=direct status=none | md5sum)" \
		"$(tail -c 4M "$MODEL" | md5sum)" "what is read meanwhile"
	both write 12M+512 64K fsync discard 13M-64K 64K
	# The discarded blocks released some of the writes; then it is full again.
	grow 32M
	dmsetup message clone 0 extend
	wait "$FILL"
	both same
	assert_eq "$(status_of clone full) $(status_of clone waiting)" "ok 0" "space, waiting"
	clone_again
	both same
	clone_check
	[ "$(lclone info "$STORE" --json | jq .store.size_bytes)" = 33554432 ] || lclone info "$STORE" --json
}

# What is in the store can be overwritten and is read, all else gives ENOSPC; until a message changes it.
test_p5_error_if_no_space() {
	small_clone_make error_if_no_space
	expect_fail both write 0 8M
	[[ $ERR == *"No space left"* ]] || fail "the writer was told: $ERR"
	kmsg_has "lclone: .*the store is full" || fail "no line in the log"
	dd if="$CLONE" of="$MODEL" bs=1M iflag=direct status=none
	both write 0 1M fsync same
	assert_eq "$(dmsetup table clone)" "$(dmsetup table clone | sed 's/ 0 .*/ 0 1 error_if_no_space/')" table
	dmsetup message clone 0 queue_if_no_space
	fill
	wait_until waiting
	assert_eq "$(status_of clone policy)" queue_if_no_space
	dmsetup message clone 0 error_if_no_space
	! wait "$FILL" || fail "the writer was not told"
	assert_eq "$(status_of clone waiting)" 0 waiting
	clone_again
	dd if="$CLONE" of="$MODEL" bs=1M iflag=direct status=none
	both write 0 1M discard 0 4M write 8M 2M same
	clone_check
}

test_p5_discards_release_waiters() {
	small_clone_make
	both write 12M 4M fsync
	fill
	wait_until waiting
	both discard 12M 4M
	sleep 1
	both discard 12M 4M fsync
	wait_until waiting
	grow 16M
	dmsetup suspend --noflush clone
	dmsetup resume clone
	wait "$FILL"
	both same
	clone_check
}

# Waiters are no reason for a suspend to hang. Under noflush they come again at resume.
test_suspend_while_writes_wait() {
	small_clone_make
	fill
	wait_until waiting
	dmsetup suspend --noflush clone
	assert_eq "$(status_of clone waiting)" 0 "waiting while suspended"
	dmsetup resume clone
	wait_until waiting
	kill -0 "$FILL" || fail "the writer has ended"
	dmsetup suspend clone
	! wait "$FILL" || fail "a flushing suspend cannot keep a writer waiting"
	dmsetup resume clone
	dd if="$CLONE" of="$MODEL" bs=1M iflag=direct status=none
	both write 0 64K fsync same
	clone_check
}

test_removal_while_writes_wait() {
	small_clone_make
	fill
	wait_until waiting
	dmsetup remove --force clone || true
	! wait "$FILL" || fail "the writer was told that all is well"
	wait_until eval '! dmsetup info clone >/dev/null 2>&1 || dmsetup remove clone'
	lclone check "$STORE"
	clone_on
	assert_eq "$(status_of clone mode)" rw
	clone_check
}

# The table is loaded again, with the device grown and with another policy.
test_reload_of_a_full_store() {
	small_clone_make
	fill
	wait_until waiting
	grow 32M
	clone_features error_if_no_space
	dmsetup load clone --table "$TABLE"
	dmsetup suspend --noflush clone
	dmsetup resume clone
	wait "$FILL"
	assert_eq "$(status_of clone policy)" error_if_no_space
	both same
	clone_check
}

# await_event: in the background, waits for the next event. WAITER is the process.
await_event() {
	local seen
	seen=$(dm_events clone)
	dmsetup wait clone "$seen" &
	WAITER=$!
}

test_events_for_low_water_and_full() {
	small_clone_make error_if_no_space
	assert_eq "$(status_of clone full)" ok
	await_event
	both write 0 5M+100b
	wait "$WAITER"
	assert_eq "$(status_of clone full)" low
	kmsg_has "lclone: .*the store is nearly full" || fail "no line about low water"
	await_event
	expect_fail both write 6M 2M
	wait "$WAITER"
	assert_eq "$(status_of clone full)" full
	kmsg_has "lclone: .*the store is full" || fail "no line about a full store"
	grow 32M
	dmsetup message clone 0 extend
	assert_eq "$(status_of clone full)" ok
	clone_check
}

# The store is a thin volume whose pool gets full: as if the store were.
test_p5_no_space_in_the_device_below() {
	local pool data
	pool=$(make_loop 4M)
	data=$(make_loop 6M)
	make_dm pool "0 $(sectors "$data") thin-pool $pool $data 128 0 1 error_if_no_space" >/dev/null
	dmsetup message pool 0 "create_thin 0"
	origin_make 16M
	STORE=$(make_dm thin "0 65536 thin /dev/mapper/pool 0")
	clone_make
	# The journal and the reserve have their space already; else a round finds none, and fails.
	dd if=/dev/zero of="$STORE" bs=4096 seek=256 count=192 oflag=direct conv=notrunc status=none
	both write 12M 64K
	fill
	wait_until waiting
	both write 12M 64K
	truncate -s 32M "$(losetup -n -O BACK-FILE "$data")"
	losetup -c "$data"
	dmsetup load pool --table "0 $(sectors "$data") thin-pool $pool $data 128 0 1 error_if_no_space"
	dmsetup suspend --noflush pool
	dmsetup resume pool
	wait "$FILL"
	both fsync same
	clone_check
}
