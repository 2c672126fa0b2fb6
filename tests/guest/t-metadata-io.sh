# shellcheck shell=bash
# Metadata that cannot be written: latches failed mode before anything is acknowledged, and what was
# synced before is not lost. t-failure.sh has the flush.

# failing_clone_make: a clone of 8 MiB whose store can be made to fail.
failing_clone_make() {
	origin_make 8M
	store_make 32M
	below_make
	clone_make
	both write 1M 1M write 5M+512 6K fsync
}

# failed_as WHY: the clone is in failed mode; it can still be read, and takes no writes.
failed_as() {
	wait_until status_is mode failed
	wait_until kmsg_has "lclone: .*failed: .*$1"
	both same
	expect_fail both write 1M 4K
	expect_fail both write 2M 4K
	expect_fail both discard 1M 4K
	expect_fail both fsync
	[[ $ERR == *"Input/output error"* ]] || fail "fsync said: $ERR"
	both same
}

# heals: brought up again over the device that works, all that was synced is there.
heals() {
	clone_off
	below_heals
	lclone check "$STORE"
	clone_on
	assert_eq "$(status_of clone mode)" rw
	both same write 2M 64K fsync same
	clone_check
}

# Blocks 256 and on are the journal: data and flush pass.
test_failed_journal_write() {
	failing_clone_make
	below_fails 256 128
	cp "$MODEL" "$MODEL.acked"
	on_exit rm "$MODEL.acked"
	expect_fail both write 3M 64K fsync
	failed_as "a write to the journal failed"
	cp "$MODEL.acked" "$MODEL"
	heals
}

# dirty_and_fails FIRST COUNT: writes of these blocks fail from now on (pages may have to be read meanwhile),
# and the next checkpoint has something to write, even if the clone had rested long enough for one of its own.
dirty_and_fails() {
	dmsetup message clone 0 checkpoint
	below_fails_writes "$@"
	both write 4M 4K fsync
}

test_failed_superblock_write() {
	failing_clone_make
	dirty_and_fails 0 256
	expect_fail dmsetup message clone 0 checkpoint
	failed_as "a write of the superblock failed"
	heals
}

# Pages go to the reserve, behind the journal.
test_failed_page_write() {
	failing_clone_make
	dirty_and_fails 384 64
	expect_fail dmsetup message clone 0 checkpoint
	failed_as "a write of metadata failed"
	heals
}

# A write of data that fails is the writer's trouble alone.
test_failed_data_write() {
	failing_clone_make
	below_fails 448 7000
	expect_fail both write 3M 4K
	expect_fail both write 3M+512 512
	expect_fail both write 1M 4K
	assert_eq "$(status_of clone mode)" rw
	below_heals
	both same write 3M 4K fsync same
	clone_check
}

# In failed mode the clone can be suspended, loaded anew and removed, and goes on being read.
test_failed_clone_is_handled_as_any_other() {
	failing_clone_make
	below_fails 256 128
	expect_fail both write 1M 4K write 3M 4K fsync
	wait_until status_is mode failed
	dmsetup suspend clone
	dmsetup resume clone
	dmsetup load clone --table "$TABLE"
	dmsetup suspend --noflush clone
	dmsetup resume clone
	assert_eq "$(status_of clone mode)" failed
	# Nor by way of a read-only table: the device was open all the time.
	dmsetup load clone --readonly --table "$TABLE"
	dmsetup suspend clone
	dmsetup resume clone
	both same
	dmsetup load clone --table "$TABLE"
	dmsetup suspend clone
	dmsetup resume clone
	assert_eq "$(status_of clone mode)" failed "after a read-only table"
	expect_fail dmsetup message clone 0 checkpoint
	both same
	clone_off
	below_heals
	clone_on
	assert_eq "$(status_of clone mode)" rw
	clone_check
}
