# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What cannot be seen is not gone: filesystems that are not mounted, volume groups that are not there.

# Sets up a catalog, a template "gold", and a directory d that is a mount, so that d without it is
# another directory.
up() {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	export LCLONE_STATE_DIR=$PWD/state
	head -c 4M /dev/urandom >gold.img
	expect 0 lclone template add gold gold.img
	mkdir real d
	mounted
}
mounted() { mount --bind real d 2>/dev/null || skip "cannot mount"; }

# edit FILTER: of the catalog.
edit() {
	jq "$1" state/catalog.json >catalog
	cp catalog state/catalog.json
}
# catalog FILTER: holds for it.
catalog() { jq -e "$1" state/catalog.json >/dev/null || fail "the catalog does not have: $1"; }

test_filesystem_not_mounted() {
	up
	expect 0 lclone create vm --template gold --dir d --no-activate
	umount d
	refused 'vm.lclone: cannot be seen' lclone remove vm
	expect 0 lclone scan
	says 'vm.lclone: warning: cannot be seen; the catalog keeps it'
	catalog '.clones | map(.name) == ["vm"]'
	mounted
	expect 0 lclone scan
	catalog '.clones | map(.name) == ["vm"]'
	rm d/vm.lclone
	expect 0 lclone scan
	says 'its store .* was not found; the catalog forgets it'
	catalog '.clones == []'
}

# For good: with force the clone goes, and its store stays where it may be.
test_filesystem_given_up() {
	up
	expect 0 lclone create vm --template gold --dir d --no-activate
	umount d
	expect 0 lclone remove --force vm
	says 'vm.lclone is left as it is'
	catalog '.clones == []'
	[ -e real/vm.lclone ] || fail "the store is gone"
}

# What a catalog of before does not say of the directory, another store of the clone does, or a scan.
test_directory_not_known() {
	up
	expect 0 lclone create vm --template gold --dir d --no-activate
	edit 'del(.clones[].directory)'
	mv d/vm.lclone d/other.lclone
	expect 0 lclone remove vm
	says 'is gone already'
	expect 0 lclone scan d
	edit 'del(.clones[].directory)'
	rm d/other.lclone
	refused 'cannot be seen' lclone remove vm
	expect 0 lclone remove --force vm
	expect 0 lclone create vm --template gold --dir d --no-activate
	edit 'del(.clones[].directory)'
	expect 0 lclone scan d
	rm d/vm.lclone
	expect 0 lclone remove vm
	says 'is gone already'
}

# lvm LVS_STATUS VOLUME...: lvm2's commands, as for a group that has these.
lvm() {
	mkdir -p bin
	printf '#!/bin/sh\nprintf "  %%s\\n" %s\nexit %s\n' "${*:2}" "$1" >bin/lvs
	printf '#!/bin/sh\nexit 5\n' | tee bin/lvchange >bin/lvremove
	chmod +x bin/*
	PATH=$PWD/bin:$PATH
}

test_volume_not_active() {
	up
	expect 0 lclone create vm --template gold --dir d --no-activate
	edit '.clones[] |= (.store_kind = "vg" | .vg = "none" | .lv = "vm" | .store_path = "/dev/none/vm")'
	lvm 5
	refused '/dev/none/vm: cannot be seen' lclone remove vm
	expect 0 lclone scan
	catalog '.clones | map(.name) == ["vm"]'
	# It is there, and cannot be brought up.
	lvm 0 swap vm
	refused 'vm' lclone remove vm
	expect 0 lclone scan
	catalog '.clones | map(.name) == ["vm"]'
	lvm 0 swap vm1
	expect 0 lclone remove vm
	says 'is gone already'
}

# A disk that is not connected: its clone and the template of that are kept; what holds something else is not.
test_device_not_connected() {
	up
	expect 0 lclone create vm --template gold --dir d --no-activate
	mv d/vm.lclone elsewhere
	edit '.clones[] |= (.store_kind = "device" | .store_path = "'"$PWD"'/disk")'
	expect 0 lclone scan
	says 'disk: warning: cannot be seen; the catalog keeps it'
	catalog '.clones | map(.name) == ["vm"]'
	refused 'vm' lclone template remove gold
	truncate -s 16M disk
	expect 0 lclone scan
	says 'its store .* was not found; the catalog forgets it'
	catalog '.clones == []'
}

# No scan could find again that it was adopted.
test_adopted_clone_is_not_forgotten() {
	up
	expect 0 lclone create vm --template gold --dir d --no-activate
	edit '.clones[0].adopted = "none"'
	rm d/vm.lclone
	expect 0 lclone scan
	says 'the catalog keeps it, for no scan finds again that it was adopted'
	catalog '.clones | map(.adopted) == ["none"]'
}

test_adopted_clone_is_put_back() {
	up
	expect 0 lclone create vm --template gold --dir d --no-activate
	edit '.clones[0] |= (.adopted = "none" | .returned = true)'
	umount d
	refused 'cannot be seen' lclone adopt --undo vm
	catalog '.clones | map(.adopted) == ["none"]'
	mounted
	expect 0 lclone adopt --undo vm
	catalog '.clones == []'
	[ ! -e d/vm.lclone ] || fail "the store stayed"
}

# Sets up a clone whose store in "here" was to take the place of another one, in d, on a way back to its
# snapshot; what was given as arguments is what happened to either.
replaced() {
	up
	mkdir here
	file l.img 64M
	loop l.img
	expect 0 lclone format "$dev" --origin - --size 16M --name vm
	store d/vm.lclone 64M --origin - --layer "$dev"
	store here/vm.lclone 64M --origin - --layer "$dev"
	"$HELPERS/freeze-store" "$dev" one
	"$HELPERS/freeze-store" here/vm.lclone one next
	live d/vm.lclone 1 0 park >/dev/null
	expect 0 lclone info --json d/vm.lclone
	cp out old
	expect 0 lclone scan "$dev" here
	edit ".layers += [.clones[0] | .name = \"\" | .store_uuid = \"$(jq -r .store_uuid old)\" |
		.content_uuid = \"$(jq -r .content_uuid old)\" | .store_path = \"$PWD/d/vm.lclone\" |
		.directory = \"$(printf '%016x' 1)\"]"
	umount d
}

# Nothing was written to the new one: the clone may still be all that is in the old one.
test_store_to_be_replaced() {
	replaced
	refused 'd/vm.lclone: cannot be seen' lclone consolidate vm
	says 'nothing was written to its store .*here/vm.lclone yet, and another one .* cannot be read'
	catalog '.layers | map(.name) == ["one", ""]'
	mounted
	expect 0 lclone consolidate vm
	says 'has been undone'
	catalog '.clones[0].store_path | endswith("d/vm.lclone")'
	[ ! -e here/vm.lclone ] || fail "the new store stayed"
}

# It was: the clone goes on, and the old one goes when it can be seen.
test_store_that_was_replaced() {
	replaced
	live here/vm.lclone 1 0 park >/dev/null
	expect 0 lclone consolidate vm
	silent
	catalog '.layers | map(.name) == ["one", ""]'
	mounted
	expect 0 lclone consolidate vm
	says 'has been finished'
	catalog '.layers | map(.name) == ["one"]'
	[ ! -e d/vm.lclone ] || fail "the old store stayed"
}

# The same of what a consolidation has left to be removed.
test_layer_that_was_merged() {
	replaced
	edit '.layers[1].replaced = true'
	expect 0 lclone consolidate vm
	catalog '.layers | length == 2'
	mounted
	expect 0 lclone consolidate vm
	says '1 that a command which was cut short has left'
	catalog '.layers | length == 1'
	[ ! -e d/vm.lclone ] || fail "the old store stayed"
}

# A device of the user's that was given back holds no store: what was cut short behind that is finished.
test_device_that_was_given_back() {
	replaced
	file old.img 64M
	loop old.img
	printf signature | dd of="$dev" conv=notrunc status=none
	edit ".layers[1] |= (.store_kind = \"device\" | .store_path = \"$dev\")"
	expect 0 lclone consolidate vm
	says 'has been finished'
	catalog '.layers | map(.name) == ["one"]'
	[ "$(head -c 9 old.img)" = signature ] || fail "what the device holds now was wiped"
}
