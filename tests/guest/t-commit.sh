# shellcheck shell=bash
# New templates of what clones are. That the tool may be killed is tested in tests/tools/test-merge.sh.
CPUS=1
TEST_TIMEOUT=400

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh

# changed_up: vm over gold, with drift, zeros, a snapshot "one", and drift above that.
changed_up() {
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	blkdiscard --offset 4M --length 2M /dev/mapper/vm
	lclone snapshot vm one >/dev/null
	write_at /dev/mapper/vm 2
	blkdiscard --offset 1M --length 12K /dev/mapper/vm
}

# same_as NAME SUM: a clone of template NAME shows this.
same_as() {
	lclone create probe --template "$1" --dir "$DIR"
	assert_eq "$(sum probe)" "$2" "content of template $1"
	lclone remove probe
}

test_commit() {
	local now one
	tool_up
	changed_up
	now=$(sum vm)
	lclone create old --from vm@one
	one=$(sum old)
	# In use:
	keeps_rate 4194304 .written_bytes commit vm --template v2
	gojq -e '.size_bytes == 16777216 and .pause_us > 0 and .written_bytes < 15728640' /run/out || fail "$(</run/out)"
	assert_eq "$(json_field .path /run/out)" "$DIR/v2.raw" path
	assert_eq "$(hash_of "$DIR/v2.raw")" "$now" "the image"
	assert_eq "$(stat -c %A "$DIR/v2.raw")" -r-------- mode
	# Zeros take no space.
	[ "$(stat -c %b "$DIR/v2.raw")" -lt $((14 * 2048 + 100)) ] || fail "the image is not sparse"
	same_as v2 "$now"
	lclone template verify v2
	write_at /dev/mapper/vm 9
	lclone commit vm@one --template v1 --rate 100M
	same_as v1 "$one"
	# Not in use:
	now=$(sum vm)
	lclone deactivate vm
	lclone commit vm --template v3 --quick --to "$DIR/elsewhere.img"
	same_as v3 "$now"
	lclone activate vm
	assert_eq "$(sum vm)" "$now" content
}

# What is in the way is found before the clone is frozen: it has no layer from it.
test_refused_before_the_clone_is_frozen() {
	local small
	tool_up
	lclone create vm --template gold --dir "$DIR"
	small=$(make_loop 8M)
	expect_fail lclone commit vm --template new --to /nowhere/new.raw
	expect_said "cannot be made"
	expect_fail lclone commit vm --template new --to "$small"
	expect_said "is smaller than the clone"
	expect_fail lclone create vm --from vm
	expect_said "there is a clone of this name"
	touch "$DIR/new.lclone"
	expect_fail lclone create new --from vm
	expect_said "File exists"
	assert_eq "$(layers_of vm)" "" layers
	rm "$DIR/new.lclone"
	lclone create new --from vm --json | gojq -e '.pause_us > 0 and .clones[0].name == "new"'
	assert_eq "$(layers_of vm)" - "layers at last"
	assert_eq "$(sum vm)" "$(sum new)" content
	lclone remove new
	lclone remove vm
}

test_commit_to_a_device() {
	local dev small now
	tool_up
	changed_up
	dev=$(make_loop 20M) small=$(make_loop 8M)
	on_exit remove_all
	random 20M >"$dev"
	now=$(sum vm)
	expect_fail lclone commit vm@one --template v2 --to "$small"
	expect_said "is smaller than the clone"
	mkfs.ext4 -q -F "$dev"
	expect_fail lclone commit vm --template v2 --to "$dev"
	expect_said "--force"
	lclone commit vm --template v2 --to "$dev" --force
	assert_eq "$(hash_of "$dev" 0 16M)" "$now" "the device"
	tail -c 4M "$dev" | cmp - <(head -c 4M /dev/zero)
	assert_eq "$(blockdev --getro "$dev")" 1 read-only
	expect_fail lclone commit vm --template v3 --to "$dev" --force
	expect_said "is the origin of template v2"
}

# What is read for long, without the catalog being locked, is not written meanwhile.
test_none_is_activated_while_it_is_committed() {
	local now store pid
	tool_up
	changed_up
	now=$(sum vm)
	store=$(tool_status vm .store.path)
	lclone deactivate vm
	lclone commit vm --template v2 --rate 1M &
	pid=$!
	wait_until test -e "$DIR/v2.raw.part"
	expect_fail lclone activate vm
	expect_said "another lclone reads or changes it"
	expect_said "'fuser -v $store'"
	expect_fail dmsetup info vm
	no_loops "$store" || fail "a refused activation has left a loop device"
	wait "$pid"
	assert_eq "$(hash_of "$DIR/v2.raw")" "$now" "the image"
	lclone activate vm
	# Who comes later is refused, as ever.
	expect_fail lclone check "$store"
	expect_said "is in use"
	assert_eq "$(sum vm)" "$now" content
}

# Its store is a device: so has to be the next one, or a snapshot is made before.
test_commit_of_a_clone_on_a_device() {
	local dev next now
	tool_up
	dev=$(make_loop 32M) next=$(make_loop 32M)
	on_exit remove_all
	lclone create vm --template gold --store "$dev"
	write_at /dev/mapper/vm 1
	now=$(sum vm)
	expect_fail lclone commit vm --template v2
	expect_said "its store is a device of yours"
	expect_said "--clone-store DEV"
	expect_said "lclone snapshot vm SNAP"
	expect_fail lclone commit vm --template v2 --clone-store "$dev"
	expect_said "is the store of clone vm"
	lclone commit vm --template v2 --clone-store "$next"
	same_as v2 "$now"
	write_at /dev/mapper/vm 2
	lclone snapshot vm one --dir "$DIR"
	now=$(sum vm)
	lclone commit vm@one --template v3
	same_as v3 "$now"
}

# Only what has changed is written where a file can share blocks with another.
test_commit_shares_with_the_old_template() {
	local dev now
	command -v mkfs.xfs >/dev/null && modprobe xfs 2>/dev/null || skip "no filesystem that can reflink"
	tool_state
	dev=$(make_loop 600M)
	mkfs.xfs -q -m reflink=1 "$dev"
	DIR=$(mktemp -d /run/stores.XXXXXX)
	on_exit rmdir "$DIR"
	mount "$dev" "$DIR"
	on_exit umount "$DIR"
	on_exit remove_all
	tool_image 16M
	template_add gold "$IMAGE"
	changed_up
	now=$(sum vm)
	lclone commit vm --template v2 --json >/run/out
	gojq -e '.written_bytes < 2097153 and .shared_bytes > 10000000' /run/out || fail "$(</run/out)"
	assert_eq "$(hash_of "$DIR/v2.raw")" "$now" "the image"
}

test_commit_refuses() {
	local now files
	tool_up 60M
	changed_up
	expect_fail lclone commit none --template v2
	expect_said "there is no such clone"
	expect_fail lclone commit vm@none --template v2
	expect_said "it has no snapshot none"
	expect_fail lclone commit vm --template gold
	expect_said "there is a template of this name"
	expect_fail lclone commit vm --template v2 --to "$IMAGE"
	expect_said "there is a file of this name"
	# What a guest wrote may look like an image of another format.
	expect_said "'lclone template add v2 $IMAGE --format raw' registers it"
	# No room half way.
	now=$(sum vm)
	lclone deactivate vm
	fallocate -l "$(($(df --output=avail -B1 "$DIR" | tail -n 1) - (4 << 20)))" "$DIR/full" || true
	files=$(ls "$DIR")
	expect_fail lclone commit vm --template v2
	expect_said "No space left"
	assert_eq "$(ls "$DIR")" "$files" files
	rm "$DIR/full"
	lclone activate vm
	assert_eq "$(sum vm)" "$now" content
}

# A filesystem in use: what is committed is whole, and the load goes on.
long_commit_of_a_filesystem_in_use() {
	filesystem_in_use
	lclone commit vm --template t1
	lclone commit vm --template t2
	filesystem_whole
	lclone create new --template t2 --dir "$DIR"
	filesystem_of new
}
