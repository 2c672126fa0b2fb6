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
	[ "$(lclone info "$STORE" --json | json_field .store.size_bytes)" = 33554432 ] || lclone info "$STORE" --json
}

# What is in the store can be overwritten and is read, all else gives ENOSPC; until a message changes it.
test_p5_error_if_no_space() {
	small_clone_make error_if_no_space
	expect_fail both write 0 8M
	[[ $ERR == *"No space left"* ]] || fail "the writer was told: $ERR"
	wait_until kmsg_has "lclone: .*the store is full"
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
	modprobe -q dm-thin-pool || skip "this kernel has no thin volumes"
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

# A store of 8 MiB whose superblocks and journal have their space, and nothing else has: the rest is
# in a file of a filesystem that is full, at SCARCE.
store_without_space_for_pages() {
	local head rest=$((16384 - 320 * 8)) dev
	dev=$(make_loop 16M)
	mkfs.ext4 -q -m 0 "$dev"
	SCARCE=$(mktemp -d /dev/shm/scarce.XXXXXX)
	on_exit rmdir "$SCARCE"
	mount "$dev" "$SCARCE"
	on_exit umount "$SCARCE"
	truncate -s $((rest * 512)) "$SCARCE/rest"
	dev=$(losetup --find --show --direct-io=on "$SCARCE/rest")
	on_exit detach_loop "$dev"
	head=$(make_loop 1280K)
	STORE=$(make_dm store "0 2560 linear $head 0
2560 $rest linear $dev 0")
	! cat /dev/zero >"$SCARCE/filler" 2>/dev/null || fail "the filesystem does not get full"
	sync "$SCARCE/filler"
}

space_for_pages() {
	rm "$SCARCE/filler"
	sync -f "$SCARCE"
}

# clone_with_full_journal: in the background, more changes than its journal holds, and a flush for each,
# until that is full. CHANGES is the process.
clone_with_full_journal() {
	local ops=() i
	origin_make 16M
	store_without_space_for_pages
	clone_make
	for ((i = 0; i < 80; i++)); do
		ops+=(discard "$((i * 4))K" 4K fsync)
	done
	both "${ops[@]}" &
	CHANGES=$!
	wait_until status_is journal 63/64
	wait_until status_is full full
}

# No checkpoint finds a place for a page, so the journal gets full and flushes wait. A suspend does not.
test_p5_suspend_while_flushes_wait_for_the_journal() {
	clone_with_full_journal
	timeout 60 dmsetup suspend --noflush clone
	dmsetup resume clone
	kill -0 "$CHANGES" || fail "the writer has ended"
	wait_until status_is journal 63/64
	space_for_pages
	wait "$CHANGES"
	both same
	clone_check
}

# A suspend that flushes cannot keep who waits, and a removal neither.
test_p5_removal_while_flushes_wait_for_the_journal() {
	clone_with_full_journal
	timeout 60 dmsetup suspend clone
	! wait "$CHANGES" || fail "a flushing suspend cannot keep a flush waiting"
	dmsetup resume clone
	dd if="$CLONE" of="$MODEL" bs=1M iflag=direct status=none
	timeout 60 dmsetup remove --retry clone
	kmsg_has "no space below: what was not flushed yet"
	space_for_pages
	clone_on
	both fsync
	clone_check
}

# crowd: in the background, four processes write the first 16 MiB of the clone, which begins as ORIGIN,
# all blocks at once.
crowd() {
	local n
	CROWD=()
	on_exit release_waiters
	for n in 0 1 2 3; do
		"$HELPERS/crowd" write "$CLONE" "/run/crowd.$n" $((n * 1024)) 1024 >"/run/crowd.$n.count" &
		CROWD+=($!)
	done
}

# crowd_waits [BLOCKS [LEAST MOST]]: for wait_until: each of its writes has got a block or waits, and so do
# thousands, or as many as that; BLOCKS are there besides. While those that waited try once more, none is counted.
crowd_waits() {
	local line data waiting
	read -r -a line < <(dmsetup status clone)
	data=${line[8]} waiting=${line[16]}
	[ "$waiting" -ge "${2:-2000}" ] && [ "$waiting" -le "${3:-4096}" ] &&
		[ $((data - ${1:-0} + waiting)) -eq 4096 ]
}

# crowd_ends: it does, whatever became of its writes.
crowd_ends() {
	local pid
	for pid in "${CROWD[@]}"; do wait "$pid"; done
}

# crowd_ended ERRNO: how many of its writes ended so.
crowd_ended() {
	awk -v errno="$1" '$2 == errno { sum += $1 } END { print sum + 0 }' /run/crowd.?.count
}

# crowd_same: what was written is there, all else is what it was, also when the clone is activated anew.
crowd_same() {
	local n
	clone_again
	for n in 0 1 2 3; do
		"$HELPERS/crowd" verify "$CLONE" "/run/crowd.$n" $((n * 1024)) 1024 "$MODEL"
	done
	dd if="$CLONE" of="$MODEL" bs=1M count=16 iflag=direct conv=notrunc status=none
	both same
}

test_p5_growth_while_thousands_wait() {
	small_clone_make
	crowd
	wait_until crowd_waits
	grow 32M
	dmsetup message clone 0 extend
	crowd_ends
	assert_eq "$(crowd_ended 0)" 4096 "writes done"
	assert_eq "$(status_of clone full) $(status_of clone waiting)" "ok 0" "space, waiting"
	crowd_same
	clone_check
}

# What is discarded is taken by those that wait, and by all of them at last.
test_p5_discards_while_thousands_wait() {
	local before
	origin_make 32M
	store_make 24M
	clone_make
	both write 16M 14M fsync
	crowd
	wait_until crowd_waits 3584
	before=$(status_of clone waiting)
	both discard 16M 2M
	# Pages of the map may take some of it, or give some back.
	wait_until crowd_waits 3072 $((before - 600)) $((before - 400))
	both discard 18M 12M
	crowd_ends
	assert_eq "$(crowd_ended 0)" 4096 "writes done"
	crowd_same
	clone_check
}

test_p5_suspend_without_a_flush_while_thousands_wait() {
	small_clone_make
	crowd
	wait_until crowd_waits
	dmsetup suspend --noflush clone
	assert_eq "$(status_of clone waiting)" 0 "waiting while suspended"
	dmsetup resume clone
	wait_until crowd_waits
	grow 32M
	dmsetup suspend --noflush clone
	dmsetup resume clone
	crowd_ends
	assert_eq "$(crowd_ended 0)" 4096 "writes done"
	crowd_same
	clone_check
}

# crowd_told ERRNO: all of its writes that have no block were told so, and nothing has changed but by the others.
crowd_told() {
	local data
	data=$(status_of clone data)
	[ "$data" -gt 1000 ] || fail "only $data writes were done"
	assert_eq "$(crowd_ended 0) $(crowd_ended "$1")" "$data $((4096 - data))" "writes done, and failed by $1"
	assert_eq "$(status_of clone waiting)" 0 waiting
	crowd_same
}

# all_discarded: what the crowd has written, so that it can begin anew.
all_discarded() {
	both discard 0 16M fsync
	assert_eq "$(status_of clone data)" 0 "blocks of data"
}

test_p1_suspend_and_removal_while_thousands_wait() {
	small_clone_make
	crowd
	wait_until crowd_waits
	dmsetup suspend clone
	crowd_ends
	dmsetup resume clone
	crowd_told 5
	all_discarded
	crowd
	wait_until crowd_waits
	dmsetup remove --force clone || true
	crowd_ends
	wait_until eval '! dmsetup info clone >/dev/null 2>&1 || dmsetup remove clone'
	clone_on
	crowd_told 5
	clone_check
}

# The policy is there before the writes, or comes to those that wait.
test_p1_error_if_no_space_of_thousands() {
	small_clone_make error_if_no_space
	crowd
	crowd_ends
	crowd_told 28
	all_discarded
	dmsetup message clone 0 queue_if_no_space
	crowd
	wait_until crowd_waits
	dmsetup message clone 0 error_if_no_space
	crowd_ends
	crowd_told 28
	clone_check
}
