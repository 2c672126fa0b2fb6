# shellcheck shell=bash
# P1 and P2 on the real kernel: the machine is killed while a clone is written and synced.
ROUNDS=1
TEST_TIMEOUT=300

ACKED=40	# synced writes before the cut

# The content of block I: what no other block, and no origin, holds.
content() {
	printf '%4096s' "block $1 of the clone"
}

# Hash of the part of the origin that has content.
first_mib() {
	hash_of "$(disk 1)" 0 64M
}

bring_up() {
	CLONE=$(clone_activate clone "$(disk 2)")
}

# Synced single blocks in the first 16 MiB; unsynced load and discards beyond.
phase1() {
	local i
	random 64M | dd of="$(disk 1)" bs=1M iflag=fullblock oflag=direct status=none
	remember origin "$(first_mib)"
	CLONE=$(clone_up clone "$(disk 1)" "$(disk 2)")
	fio --name=load --filename="$CLONE" --ioengine=libaio --direct=1 --iodepth=16 --offset=16M \
		--size=24M --rw=randwrite --bs=4K --time_based --runtime=600 --output=/dev/null &
	fio --name=trim --filename="$CLONE" --ioengine=libaio --direct=1 --iodepth=4 --offset=40M \
		--size=16M --rw=randtrim --bs=64K --time_based --runtime=600 --output=/dev/null &
	for ((i = 0; i < ACKED; i++)); do
		content "$i" | dd of="$CLONE" bs=4K seek=$((i * 61)) iflag=fullblock oflag=direct \
			conv=notrunc,fsync status=none
		remember acked "$i"
	done
	content 9999 | dd of="$CLONE" bs=4K seek=4000 iflag=fullblock oflag=direct conv=notrunc status=none
	request_power_cut
}

phase2() {
	local i
	bring_up
	for i in $(recall acked | tail -n "$ACKED"); do
		content "$i" | cmp - <(dd if="$CLONE" bs=4K skip=$((i * 61)) count=1 iflag=direct status=none) ||
			fail "synced block $i was lost"
	done
	dd if="$CLONE" bs=4K skip=4000 count=1 iflag=direct status=none >/run/last
	content 9999 | cmp -s - /run/last ||
		dd if="$(disk 1)" bs=4K skip=4000 count=1 iflag=direct status=none | cmp - /run/last ||
		fail "the block that was not synced is neither old nor new"
	# Whole blocks of 64 KiB were discarded, so each is as it was or all zero.
	for ((i = 0; i < 256; i++)); do
		dd if="$CLONE" bs=64K skip=$((640 + i)) count=1 iflag=direct status=none >/run/chunk
		cmp -s -n 65536 /run/chunk /dev/zero ||
			dd if="$(disk 1)" bs=64K skip=$((640 + i)) count=1 iflag=direct status=none |
			cmp -s - /run/chunk || fail "chunk $i holds what nobody wrote"
	done
	assert_eq "$(first_mib)" "$(recall origin | tail -n 1)" origin
	clone_down clone
	lclone check "$(disk 2)"
}
