# shellcheck shell=bash
# Clones that come, pause, change their table, crash and go.
TEST_TIMEOUT=400

lifecycle_up() {
	origin_make 8M
	store_make 32M
	clone_make "$@"
}

# reload [LOAD_OPTION]...: TABLE becomes the clone's.
reload() {
	dmsetup load clone "$@" --table "$TABLE"
	dmsetup suspend clone
	dmsetup resume clone
}

# under_load SUSPEND_OPTION: pauses while fio writes and checks what it wrote.
under_load() {
	local n
	load_on_clone
	for n in {1..15}; do
		dmsetup suspend $1 clone
		dmsetup resume clone
	done
	no_more
	clone_again
	assert_eq "$(status_of clone mode)" rw mode
	clone_check
}

test_suspend_under_load() {
	lifecycle_up
	under_load ""
}

test_noflush_suspend_under_load() {
	lifecycle_up
	under_load --noflush
}

# A table may name another device that the store is seen on, but not one that has an older state of it;
# and not when it is tried again either.
test_p8_older_copy_of_the_store_is_refused_each_time() {
	local copy sum
	lifecycle_up
	both same write 1M 64K fsync
	dmsetup suspend clone
	copy=$(make_loop 32M)
	dd if="$STORE" iflag=direct of="$copy" bs=1M oflag=direct status=none
	dmsetup resume clone
	both same write 2M 64K fsync
	dmsetup suspend clone
	dmsetup resume clone
	both same write 3M 64K fsync
	sum=$(hash_of "$copy")
	dmsetup load clone --table "0 $CLONE_SECTORS lclone $ORIGIN $copy 0"
	expect_fail dmsetup resume clone
	expect_fail dmsetup resume clone
	assert_eq "$(hash_of "$copy")" "$sum" "content of the copy"
	dmsetup load clone --table "$TABLE"
	dmsetup resume clone
	both same write 4M 64K same
	clone_check
}

test_reload_onto_the_same_store() {
	lifecycle_up
	both write 1M 64K
	reload
	both same write 2M 64K same
	clone_features error_if_no_space no_discard_passdown
	reload
	assert_eq "$(status_of clone policy) $(status_of clone passdown)" \
		"error_if_no_space no_discard_passdown" features
	both same write 3M 64K same
	clone_features
	reload
	assert_eq "$(status_of clone policy) $(status_of clone passdown)" \
		"queue_if_no_space discard_passdown" features
	both same
	clone_check
}

test_reload_read_only_and_back() {
	local sum
	lifecycle_up
	both write 1M 64K discard 2M 1M fsync write 4M 512
	reload --readonly
	assert_eq "$(status_of clone mode)" ro mode
	assert_eq "$(blockdev --getro "$CLONE")" 1 read-only
	sum=$(hash_of "$STORE_FILE")
	expect_fail dd if=/dev/zero of="$CLONE" bs=4K count=1 oflag=direct conv=notrunc status=none
	expect_fail blkdiscard -o 0 -l 1M "$CLONE"
	both same
	dmsetup suspend clone
	dmsetup resume clone
	both same
	assert_eq "$(hash_of "$STORE_FILE")" "$sum" "the store's bytes"
	reload
	assert_eq "$(status_of clone mode)" rw mode
	both same write 5M 64K same
	clone_check
}

# A table that is never resumed changes nothing; nor does one that is refused.
test_tables_that_come_to_nothing() {
	local other
	lifecycle_up
	both write 1M 64K
	other=$(make_loop 9M)
	dmsetup load clone --table "$TABLE"
	dmsetup clear clone
	both same
	kmsg_mark
	expect_fail dmsetup load clone --table "0 $CLONE_SECTORS lclone $other $STORE 0"
	kmsg_has "not the store's origin" || fail "no line in the log"
	expect_fail dmsetup load clone --table "$TABLE 1 nonsense"
	both same write 2M 64K same
	clone_check
}

# The origin is another one when the new table is to go live: the device stays suspended, and the
# right table brings it back with all it had, synced or not.
test_p8_another_origin_at_resume() {
	local whole
	lifecycle_up
	whole=$(make_linear below "$ORIGIN")
	dmsetup load clone --table "0 $CLONE_SECTORS lclone $whole $STORE 0"
	both write 1M 64K write 5M+512 512
	dmsetup suspend below
	dmsetup load below --table "0 8192 linear $ORIGIN 0"
	dmsetup resume below
	dmsetup suspend clone
	kmsg_mark
	expect_fail dmsetup resume clone
	kmsg_has "not the store's origin: it has another size" || fail "no line in the log"
	assert_eq "$(dmsetup info -c --noheadings -o suspended clone)" Suspended state
	expect_fail dmsetup resume clone
	dmsetup load clone --table "$TABLE"
	dmsetup resume clone
	both same write 2M 64K same
	clone_check
}

# read_only_leaves_the_store_alone: as it is, and whatever is read.
read_only_leaves_the_store_alone() {
	local sum
	sum=$(hash_of "$STORE_FILE")
	clone_on --readonly
	both same
	dmsetup suspend clone
	dmsetup resume clone
	both same
	dmsetup message clone 0 checkpoint
	dmsetup message clone 0 extend
	clone_off
	assert_eq "$(hash_of "$STORE_FILE")" "$sum" "the store's bytes"
}

test_read_only_table_of_a_clean_store() {
	lifecycle_up
	both write 1M 64K write 3M+512 512 discard 5M 1M
	clone_off
	read_only_leaves_the_store_alone
}

# crash: the store becomes what it was at this moment, as if the power had gone.
crash() {
	cp "$STORE_FILE" /dev/shm/crash
	on_exit rm -f /dev/shm/crash
	clone_off
	dd if=/dev/shm/crash of="$STORE_FILE" bs=1M conv=notrunc status=none
	blockdev --flushbufs "$STORE"
}

test_p1_crash_with_all_synced() {
	lifecycle_up
	both write 1M 64K write 3M+512 512 discard 5M 1M fsync write 2M 1M discard 2M 512K fsync
	crash
	read_only_leaves_the_store_alone
	lclone check --quiet "$STORE"
	clone_on
	both same write 6M 64K write 2M 4K fsync same
	crash
	clone_on
	both same
	dmsetup message clone 0 checkpoint
	both discard 0 1M write 0 4K fsync
	crash
	clone_on
	both same
	clone_check
}

test_off_and_on_keeps_all() {
	local n counts
	lifecycle_up
	for n in 1 2 3; do
		both write "${n}M+512" 64K write "${n}M+1020b" 8b discard "$((n + 4))M" 256K
		counts="$(status_of clone data) $(status_of clone zero) $(status_of clone shared)"
		clone_again
		both same
		assert_eq "$(status_of clone data) $(status_of clone zero) $(status_of clone shared)" "$counts" counts
	done
	clone_check
}

test_messages() {
	local generation
	lifecycle_up
	both write 1M 64K
	generation=$(status_of clone generation)
	dmsetup message clone 0 checkpoint
	[ "$(status_of clone generation)" -gt "$generation" ] || fail "no checkpoint"
	dmsetup message clone 0 error_if_no_space
	assert_eq "$(status_of clone policy)" error_if_no_space policy
	assert_eq "$(dmsetup table clone | cut -d' ' -f7-)" "1 error_if_no_space" "features of the table"
	dmsetup message clone 0 queue_if_no_space
	assert_eq "$(status_of clone policy)" queue_if_no_space policy
	dmsetup message clone 0 extend
	refused_message "unknown message nonsense" nonsense
	refused_message "unknown message checkpoint, or it has other words" checkpoint now
	dmsetup suspend clone
	refused_message "no messages while it is suspended" checkpoint
	dmsetup resume clone
	both same
	clone_check
}
refused_message() {
	kmsg_mark
	expect_fail dmsetup message clone 0 "${@:2}"
	kmsg_has "$1" || fail "no line in the log: $1"
}

test_status_and_table() {
	local line
	lifecycle_up error_if_no_space no_discard_passdown
	both write 1M 64K discard 4M 1M
	read -r -a line < <(dmsetup status clone)
	assert_eq "${#line[@]}" 20 "fields of the status"
	assert_eq "${line[3]} ${line[11]} ${line[17]} ${line[18]}" "rw ok error_if_no_space no_discard_passdown" status
	assert_eq "${line[4]}" "$(lclone info --json "$STORE" | json_field .uuid)" uuid
	[[ ${line[6]} =~ ^[0-9]+/[0-9]+$ && ${line[12]} =~ ^[0-9]+/[0-9]+$ && ${line[13]} =~ ^[0-9]+/[0-9]+$ ]]
	counts 16 256 $((2048 - 16 - 256))
	# What the kernel prints is a table again.
	TABLE=$(dmsetup table clone)
	clone_again
	assert_eq "$(dmsetup table clone)" "$TABLE" table
	both same
	clone_check
}

# Removed while it is open: later, when the last user has gone.
test_deferred_remove() {
	local user
	lifecycle_up
	both write 1M 64K
	exec {user}<"$CLONE"
	expect_fail dmsetup remove clone
	dmsetup remove --deferred clone
	both same
	exec {user}<&-
	wait_until [ ! -e "$CLONE" ]
	clone_on
	both same
	clone_check
}

test_forced_remove() {
	local user
	lifecycle_up
	both write 1M 64K fsync
	exec {user}<"$CLONE"
	expect_fail dmsetup remove --force clone
	expect_fail dd if="$CLONE" of=/dev/null bs=4K count=1 iflag=direct status=none
	# The store is free for another device.
	lclone check --quiet "$STORE"
	make_dm again "$TABLE" >/dev/null
	cmp -n 8388608 /dev/mapper/again "$MODEL"
	exec {user}<&-
	clone_off
	dmsetup remove --retry again
	clone_on
	both same
	clone_check
}

test_module_stays_while_there_is_a_clone() {
	lifecycle_up
	on_exit load_lclone
	expect_fail rmmod dm_lclone
	both write 1M 64K same
	clone_off
	rmmod dm_lclone
	expect_fail dmsetup create clone --table "$TABLE"
	load_lclone
	clone_on
	both same
	clone_check
}
