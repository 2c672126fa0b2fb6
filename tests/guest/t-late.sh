# shellcheck shell=bash
# Completions that come late: what they touch must still be there.

# flushing: dm-delay holds a flush. Its status is how many reads, writes and flushes it holds.
flushing() {
	[ "$(dmsetup status slow | cut -d" " -f6)" -gt 0 ]
}

# A round that the tick began, and for which nobody waits, is still flushing when a checkpoint fails
# and the clone is removed. Its flush completes when the store is long closed.
test_flush_outlives_failed_clone() {
	local origin backing store clone size
	origin=$(make_loop 8M)
	backing=$(make_loop 32M)
	size=$(sectors "$backing")
	make_dm bad "0 $size error" >/dev/null
	store=$(make_linear slow "$backing")
	clone=$(clone_up clone "$origin" "$store")
	dd if=/dev/urandom of="$clone" bs=64K count=4 oflag=direct status=none
	# Reads as ever; writes fail; a flush takes 8 s.
	dmsetup load slow --table "0 $size delay $backing 0 0 /dev/mapper/bad 0 0 $backing 0 8000"
	dmsetup suspend --nolockfs --noflush slow
	dmsetup resume slow
	wait_until flushing
	expect_fail dmsetup message clone 0 checkpoint
	dmsetup remove clone
	dmsetup suspend slow
	dmsetup resume slow
}
