# shellcheck shell=bash
# P1 and P2 on the real kernel: the machine is killed while layers of a clone become one and it becomes
# a template, again and again, and while a device is adopted and put back. Both are written and synced.
ROUNDS=1
TEST_TIMEOUT=400

# shellcheck source=tests/guest/lib-powercut.sh
. /repo/tests/guest/lib-powercut.sh

# The device that is adopted: the second disk, below a linear one.
second_disk() {
	dmsetup create second --table "0 32768 linear $(disk 2) 2048"
}

# Layers that become one, and templates, until the machine goes down.
layers() {
	local n
	for ((n = 1; n < 60; n++)); do
		lclone snapshot vm "a$n"
		lclone snapshot vm "b$n"
		lclone consolidate vm --drop-snapshots
		lclone commit vm --template "t$n"
		touch /run/amidst
		[ "$n" -lt 3 ] || lclone template remove "t$((n - 2))"
	done
}

# There and back; each time it has something of its own.
adoptions() {
	local n
	for ((n = 1; n < 60; n++)); do
		lclone adopt /dev/mapper/second other --dir "$DIR"
		block "$n" | dd of=/dev/mapper/second bs=4K seek="$n" iflag=fullblock oflag=direct conv=notrunc,fsync status=none
		remember second "$n"
		lclone adopt --undo other
	done
}

phase1() {
	disk_begin
	second_disk
	adoptions &
	cut_in layers
}

# adoption_again: it is adopted, and shows that, or it is not; and can be put back.
adoption_again() {
	local n
	if lclone list --json | gojq -e '.clones | any(.name == "other")' >/dev/null; then
		lclone activate other || echo "it has to be put back"
		lclone adopt --undo other
	fi
	for n in $(recall second); do
		block "$n" | cmp - <(dd if=/dev/mapper/second bs=4K skip="$n" count=1 iflag=direct status=none) ||
			fail "block $n of the device that was adopted was lost"
	done
	lclone adopt /dev/mapper/second other --dir "$DIR"
	lclone adopt --undo other
	dmsetup remove --retry second
}

phase2() {
	local template
	disk_again
	second_disk
	on_exit remove_dm second
	lclone activate vm
	synced_there /dev/mapper/vm
	lclone tree
	adoption_again
	lclone consolidate vm --drop-snapshots
	synced_there /dev/mapper/vm
	lclone commit vm --template last
	for template in $(lclone template list --json | gojq -r '.templates[].name'); do
		lclone template verify "$template"
	done
	cmp "$DIR/last.raw" /dev/mapper/vm
	lclone deactivate vm
	stores_whole
	# vm's own, and two layers: the one, and that which was frozen for the last template.
	assert_eq "$(find "$DIR" -name '*.lclone' | wc -l)" 3 stores
}
