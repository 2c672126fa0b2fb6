# shellcheck shell=bash
# P1 and P2 on the real kernel: the machine is killed while a clone that is written and synced moves
# between two templates and grows. Stores and catalog lie in a filesystem on a disk.
ROUNDS=2
TEST_TIMEOUT=400

ACKED=24	# synced writes before the cut

mount_disk() {
	mkdir -p /run/disk
	mount "$(disk 1)" /run/disk
	export LCLONE_STATE_DIR=/run/disk/state
	DIR=/run/disk/stores
}

content() {
	printf '%4096s' "block $1 of the clone"
}

# Changes, one after the other, until the machine goes down.
changes() {
	local n=0 templates=(two one)
	while [ "$n" -lt 60 ]; do
		lclone rebase vm --template "${templates[n % 2]}"
		lclone resize vm +4M
		n=$((n + 1))
	done
}

grown() {
	[ "$(blockdev --getsize64 /dev/mapper/vm)" -gt 16777216 ]
}

phase1() {
	local i
	mkfs.ext4 -q -F "$(disk 1)"
	mount_disk
	mkdir -p "$DIR"
	dd if=/dev/urandom of=/run/disk/one.img bs=1M count=16 status=none
	cp /run/disk/one.img /run/disk/two.img
	dd if=/dev/urandom of=/run/disk/two.img bs=64K seek=70 count=3 conv=notrunc status=none
	lclone template add one /run/disk/one.img
	lclone template add two /run/disk/two.img
	lclone create vm --template one --dir "$DIR"
	sync -f /run/disk
	changes &
	for ((i = 0; i < ACKED; i++)); do
		content "$i" | dd of=/dev/mapper/vm bs=4K seek=$((i * 61)) iflag=fullblock oflag=direct \
			conv=notrunc,fsync status=none
		remember acked "$i"
		# In the middle of changes, and not before the first.
		[ "$i" -ne 8 ] || wait_until -t 120 grown
	done
	request_power_cut
}

phase2() {
	local i size model=/run/disk/model
	mount_disk
	on_exit umount /run/disk
	on_exit lclone deactivate --all
	lclone activate vm
	# What was synced, over what the first template had; and zeros behind it.
	cp /run/disk/one.img "$model"
	size=$(blockdev --getsize64 /dev/mapper/vm)
	truncate -s "$size" "$model"
	for i in $(recall acked | tail -n "$ACKED"); do
		content "$i" | dd of="$model" bs=4K seek=$((i * 61)) conv=notrunc status=none
	done
	cmp "$model" /dev/mapper/vm
	echo "$(lclone status vm --json | jq -r .origin.template), $((size >> 20)) MiB"
	[ "$size" -gt 16777216 ] || fail "the power was cut before the clone grew"
	lclone rebase vm --template two
	lclone resize vm +4M
	cmp -n "$size" "$model" /dev/mapper/vm
	lclone template remove one
	lclone deactivate vm
	lclone check --quiet "$DIR/vm.lclone" || fail "the store is damaged"
}
