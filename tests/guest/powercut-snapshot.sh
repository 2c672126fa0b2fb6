# shellcheck shell=bash
# P1 and P7 on the real kernel: the machine is killed while snapshots are made of a clone that is
# written and synced. Stores and catalog lie in a filesystem on a disk.
ROUNDS=2
TEST_TIMEOUT=400

ACKED=30	# synced writes before the cut

mount_disk() {
	mkdir -p /run/disk
	mount "$(disk 1)" /run/disk
	export LCLONE_STATE_DIR=/run/disk/state
	DIR=/run/disk/stores
}

content() {
	printf '%4096s' "block $1 of the clone"
}

# Snapshots, one after the other, until the machine goes down.
snapshots() {
	local n=0
	while [ "$n" -lt 60 ]; do
		n=$((n + 1))
		lclone snapshot vm "s$n"
	done
}

phase1() {
	local i
	mkfs.ext4 -q -F "$(disk 1)"
	mount_disk
	mkdir -p "$DIR"
	dd if=/dev/urandom of=/run/disk/gold.img bs=1M count=16 status=none
	lclone template add gold /run/disk/gold.img
	lclone create vm --template gold --dir "$DIR"
	snapshots &
	for ((i = 0; i < ACKED; i++)); do
		content "$i" | dd of=/dev/mapper/vm bs=4K seek=$((i * 61)) iflag=fullblock oflag=direct \
			conv=notrunc,fsync status=none
		remember acked "$i"
	done
	request_power_cut
}

phase2() {
	local i n snaps file
	mount_disk
	on_exit umount /run/disk
	on_exit lclone deactivate --all
	lclone activate vm
	for i in $(recall acked | tail -n "$ACKED"); do
		content "$i" | cmp - <(dd if=/dev/mapper/vm bs=4K skip=$((i * 61)) count=1 iflag=direct status=none) ||
			fail "synced block $i was lost"
	done
	lclone tree
	snaps=$(lclone status vm --json | jq -r '.layers[].snapshot')
	n=$(wc -w <<<"$snaps")
	echo "$n snapshots"
	[ "$n" -gt 1 ] || fail "the power was cut before the second snapshot"
	lclone snapshot vm after
	lclone deactivate vm
	for file in "$DIR"/*.lclone; do
		lclone check --quiet "$file" || fail "$file is damaged"
	done
	assert_eq "$(find "$DIR" -name '*.lclone' | wc -l)" "$((n + 2))" "stores"
}
