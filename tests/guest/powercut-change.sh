# shellcheck shell=bash
# P1 and P2 on the real kernel: the machine is killed while a clone that is written and synced moves
# between two templates and grows.
ROUNDS=1
TEST_TIMEOUT=400

# shellcheck source=tests/guest/lib-powercut.sh
. /repo/tests/guest/lib-powercut.sh

# Changes, one after the other, until the machine goes down.
changes() {
	local n templates=(two gold)
	for ((n = 0; n < 60; n++)); do
		lclone rebase vm --template "${templates[n % 2]}"
		lclone resize vm +4M
		touch /run/amidst
	done
}

phase1() {
	disk_begin
	cp "$IMAGE" "$DIR/two.img"
	chmod u+w "$DIR/two.img"
	dd if=/dev/urandom of="$DIR/two.img" bs=64K seek=70 count=3 conv=notrunc status=none
	lclone template add two "$DIR/two.img"
	sync -f "$DIR"
	cut_in changes
}

phase2() {
	local size
	disk_again
	lclone activate vm
	# What was synced, over what the first template had; and zeros behind it.
	model_of "$DIR/gold.img"
	size=$(blockdev --getsize64 /dev/mapper/vm)
	truncate -s "$size" "$MODEL"
	cmp "$MODEL" /dev/mapper/vm
	echo "$(tool_status vm .origin.template), $((size >> 20)) MiB"
	[ "$size" -gt 16777216 ] || fail "the power was cut before the clone grew"
	lclone rebase vm --template two
	lclone resize vm +4M
	cmp -n "$size" "$MODEL" /dev/mapper/vm
	lclone template remove gold
	lclone deactivate vm
	stores_whole
}
