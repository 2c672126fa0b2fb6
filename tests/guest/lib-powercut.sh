# shellcheck shell=bash
# In the guest: what power cuts in verbs of the tool share. A file powercut-TOPIC.sh sources it.
#
# Stores, templates and catalog lie in a filesystem on the first disk. A clone "vm" is written and
# synced while a verb runs, again and again; then the machine goes down in the middle of that.

SYNCED=24	# blocks that are written and synced before the cut

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh

# mount_disk: sets DIR, for stores and images.
mount_disk() {
	DIR=/run/disk
	mkdir -p "$DIR"
	mount "$(disk 1)" "$DIR"
	export LCLONE_STATE_DIR=$DIR/state
}

# disk_begin: a blank one with template "gold" of 16 MiB, and clone "vm" of it.
disk_begin() {
	mkfs.ext4 -q -F "$(disk 1)"
	mount_disk
	tool_image 16M
	lclone template add gold "$IMAGE"
	remember gold "$(hash_of "$IMAGE")"
	lclone create vm --template gold --dir "$DIR"
	sync -f "$DIR"
}

# block N: what is written as the Nth block.
block() {
	printf '%4096s' "block $1 of the clone"
}

# put_blocks DEV N...: writes them, each synced, and the host is told.
put_blocks() {
	local i
	for i in "${@:2}"; do
		block "$i" | dd of="$1" bs=4K seek=$((i * 61)) iflag=fullblock oflag=direct \
			conv=notrunc,fsync status=none
		remember synced "$i"
	done
}

# cut_in COMMAND...: writes to vm while COMMAND runs in the background, which tells by touching
# /run/amidst that it is in the middle of things; then the power goes.
cut_in() {
	rm -f /run/amidst
	"$@" &
	put_blocks /dev/mapper/vm $(seq 0 $((SYNCED / 2)))
	wait_until -t 120 test -e /run/amidst
	put_blocks /dev/mapper/vm $(seq $((SYNCED / 2 + 1)) $((SYNCED - 1)))
	request_power_cut
}

# disk_again: after the cut. At the end the image of the template is compared with what it was (P3).
disk_again() {
	mount_disk
	on_exit umount "$DIR"
	on_exit gold_untouched
	on_exit lclone deactivate --all
}

gold_untouched() {
	[ "$(hash_of "$DIR/gold.img")" = "$(recall gold | tail -n 1)" ] || {
		echo "FAIL: the template's image has changed" && return 1
	}
}

# synced_there DEV: what was synced is.
synced_there() {
	local i
	for i in $(recall synced | tail -n "$SYNCED"); do
		block "$i" | cmp - <(dd if="$1" bs=4K skip=$((i * 61)) count=1 iflag=direct status=none) ||
			fail "synced block $i was lost"
	done
}

# model_of FILE: what vm shows when it began as that image; sets MODEL.
model_of() {
	local i
	MODEL=$DIR/model
	cp "$1" "$MODEL"
	chmod u+w "$MODEL"
	for i in $(recall synced | tail -n "$SYNCED"); do
		block "$i" | dd of="$MODEL" bs=4K seek=$((i * 61)) conv=notrunc status=none
	done
}

# stores_whole: none of those in DIR is damaged. They must not be in use.
stores_whole() {
	local file
	for file in "$DIR"/*.lclone; do
		lclone check --quiet "$file" || { lclone check "$file" || true && fail "$file is damaged"; }
	done
}
