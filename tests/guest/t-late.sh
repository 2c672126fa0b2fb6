# shellcheck shell=bash
# Completions that come late: what they touch must still be there.

# flushing: dm-delay holds a flush. Its status is how many reads, writes and flushes it holds.
flushing() {
	[ "$(dmsetup status slow | cut -d" " -f6)" -gt 0 ]
}

# A round that the tick began, and for which nobody waits, is still flushing when a checkpoint fails
# and the clone is removed; the removal ends when the flush has. The device that holds it is there
# before the first write: the tick cannot come too early.
test_flush_outlives_failed_clone() {
	local origin backing store clone size
	origin=$(make_loop 8M)
	backing=$(make_loop 32M)
	size=$(sectors "$backing")
	make_linear writes "$backing" >/dev/null
	store=$(make_linear slow "$backing")
	clone=$(clone_up clone "$origin" "$store")
	dmsetup suspend --nolockfs --noflush slow
	# Reads and writes as ever; a flush takes 8 s.
	dmsetup load slow --table "0 $size delay $backing 0 0 /dev/mapper/writes 0 0 $backing 0 8000"
	dmsetup resume slow
	dd if=/dev/urandom of="$clone" bs=64K count=4 oflag=direct status=none
	wait_until flushing
	dmsetup suspend --nolockfs --noflush writes
	dmsetup load writes --table "0 $size error"
	dmsetup resume writes
	expect_fail dmsetup message clone 0 checkpoint
	dmsetup remove --retry clone
	dmsetup suspend slow
	dmsetup resume slow
}
