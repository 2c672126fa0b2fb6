# shellcheck shell=bash
# Verbs on clones that somebody uses: a filesystem with fio at work in it, or a writer who has the clone
# open. t-snapshot.sh, t-resize.sh and t-flatten.sh have the other verbs.
CPUS=1
TEST_TIMEOUT=300

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh
# shellcheck source=tests/guest/lib-change.sh
. /repo/tests/guest/lib-change.sh

# store_whole NAME: that of a clone which is taken down for it.
store_whole() {
	lclone deactivate "$1"
	lclone check --quiet "$(tool_status "$1" .store.path)" || fail "the check found damage in the store of $1"
	lclone activate "$1"
}

# A file of the template is written again as it was: its blocks go back, and no other is touched.
test_rethin_of_a_filesystem_in_use() {
	filesystem_busy
	dd if="$TREE/old" of="$MNT/old" bs=1M conv=fsync,notrunc status=none
	wait_until has_written 2200
	lclone rethin vm --json >/run/out
	gojq -e '.freed_bytes >= 8388608' /run/out || fail "$(</run/out)"
	filesystem_whole
	store_whole vm
	mount /dev/mapper/vm "$MNT"
	cmp "$TREE/old" "$MNT/old"
	umount "$MNT"
}

test_snapshot_goes_from_the_middle_under_a_filesystem_in_use() {
	local n one three
	filesystem_busy
	for n in one two three; do
		wait_until has_written
		lclone snapshot vm "$n" >/dev/null
	done
	lclone create past1 --from vm@one
	lclone create past3 --from vm@three
	one=$(sum past1) three=$(sum past3)
	lclone remove vm@two
	wait_until has_written
	assert_eq "$(layers_of vm), $(layers_of past1), $(layers_of past3)" "one three, one, one three" layers
	assert_eq "$(sum past1) $(sum past3)" "$one $three" "content of the snapshots"
	filesystem_whole
	filesystem_of past1
	filesystem_of past3
}

# The end behind a filesystem in use comes nearer.
test_shrink_under_a_filesystem_in_use() {
	filesystem_busy
	lclone resize vm 80M
	write_at /dev/mapper/vm 70
	expect_fail lclone resize vm 64M
	expect_said "would be lost"
	lclone resize vm 64M --force
	assert_eq "$(blockdev --getsize64 /dev/mapper/vm)" $((64 << 20)) size
	lclone resize vm 80M
	zeros_at vm 64 16
	filesystem_whole
	store_whole vm
	zeros_at vm 64 16
}

# mib FILE MEGABYTE: hash of it, read past the page cache.
mib() {
	dd if="$1" bs=1M skip="$2" count=1 iflag=direct status=none | md5sum
}

# writer: has vm open, and writes one number after the other to its MiB 6.
writer() {
	local n=0
	exec 9<>/dev/mapper/vm
	until [ -e /run/stop ]; do
		n=$((n + 1))
		printf '%04095d\n' $n | dd of=/dev/mapper/vm bs=4K seek=1536 oflag=direct iflag=fullblock \
			conv=fsync,notrunc status=none || return
		echo $n >/run/written.new
		mv /run/written.new /run/written
	done
}
wrote_beyond() {
	[ "$(<"$1")" -gt "$2" ]
}
# writes_on: the writer has begun and ended a write since.
writes_on() {
	wait_until wrote_beyond /run/written $(($(</run/written) + 1))
}
last_number() {
	dd if=/dev/mapper/vm bs=4K skip=1536 count=1 iflag=direct status=none | tr -cd 0-9 | sed 's/^0*//'
}

# Refused, and nothing has changed. By force, the user goes on, and sees what the clone was, but for what he
# writes from then on.
test_ways_back_under_a_writer() {
	local gold one later verb pid
	tool_up
	lclone create vm --template gold --dir "$DIR"
	gold=$(mib "$IMAGE" 1)
	write_at /dev/mapper/vm 1
	one=$(mib /dev/mapper/vm 1)
	lclone snapshot vm one
	write_at /dev/mapper/vm 1
	later=$(mib /dev/mapper/vm 1)
	rm -f /run/stop
	echo 0 >/run/written
	writer &
	pid=$!
	on_exit touch /run/stop
	writes_on
	for verb in "rollback vm one" "reset vm"; do
		# shellcheck disable=SC2086
		expect_fail lclone $verb
		expect_said "it is open"
		assert_eq "$(mib /dev/mapper/vm 1)" "$later" "content after a refusal"
	done
	writes_on
	lclone rollback --force vm one
	assert_eq "$(mib /dev/mapper/vm 1)" "$one" "content after a rollback"
	writes_on
	lclone reset --force vm
	assert_eq "$(mib /dev/mapper/vm 1)" "$gold" "content after a reset"
	assert_eq "$(layers_of vm)" "" "layers after a reset"
	writes_on
	touch /run/stop
	wait "$pid" || fail "the writer met an error"
	assert_eq "$(last_number)" "$(</run/written)" "the last that was written"
	store_whole vm
	assert_eq "$(last_number)" "$(</run/written)" "the last that was written, activated again"
	lclone rollback vm one
	assert_eq "$(mib /dev/mapper/vm 1)" "$one" "the snapshot"
}

# What a user has not synced is written before the change, and goes with the rest; what the page cache
# holds stays there.
test_page_cache_over_a_rollback() {
	local one
	tool_up
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	one=$(mib /dev/mapper/vm 1)
	lclone snapshot vm one
	exec {held}<>/dev/mapper/vm
	dd if="$IMAGE" of=/dev/mapper/vm bs=1M skip=3 seek=1 count=1 conv=notrunc status=none
	lclone rollback --force vm one
	assert_eq "$(mib /dev/mapper/vm 1)" "$one" "content"
	blockdev --flushbufs /dev/mapper/vm
	assert_eq "$(dd if=/dev/mapper/vm bs=1M skip=1 count=1 status=none | md5sum)" "$one" "content once the cache is empty"
	assert_eq "$(mib /dev/mapper/vm 1)" "$one" "content on the disk"
	exec {held}<&-
}
