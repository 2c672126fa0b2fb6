# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Stores above layers: format, table, info, scan.

freeze() { "$HELPERS/freeze-store" "$@" || fail "cannot freeze $1"; }

# Sets $o and $l1, $l2 and $s: an origin, two layers, the head; all loop devices.
chain() {
	file o.img 9M
	head -c 1M /dev/urandom | dd of=o.img conv=notrunc status=none
	loop o.img --read-only
	o=$dev
	file l1.img 16M; file l2.img 16M; file s.img 16M
	loop l1.img; l1=$dev
	loop l2.img; l2=$dev
	loop s.img; s=$dev
	expect 0 lclone format "$l1" --origin "$o" --name vm1
	expect 0 lclone format "$l2" --origin "$o" --layer "$l1"
	freeze "$l1" one
	expect 0 lclone format "$s" --origin "$o" --layer "$l1" --layer "$l2"
	freeze "$l2" two
}

test_what_is_not_frozen_is_followed() {
	chain
	expect 0 lclone info "$s" --json
	json '.layers == 2 and .head_generation == 3 and .name == "vm1" and .size_bytes == 9437184'
	json '.overlap_bytes == 9437184 and .state == "writable"'
	jq -r '.uuid, .parent_uuid, .origin.fingerprint' out >parent
	expect 0 lclone info "$l2" --json
	json '.layers == 1 and .state == "frozen" and .snapshot == "two"'
	jq -r '.uuid, .content_uuid, .origin.fingerprint' out | diff - parent || fail "not the parent"
	expect 0 lclone info "$l2"
	prints '^snapshot +two$'
}

# Above what is frozen, a store is that of a new clone, of any size.
test_a_frozen_layer_is_cloned() {
	chain
	expect 0 lclone info "$l2" --json
	jq -r .uuid out >old
	expect 0 lclone format "$s" --origin "$o" --layer "$l1" --layer "$l2" --size 20M --name vm2 --force
	expect 0 lclone info "$s" --json
	json '.layers == 2 and .head_generation == 1 and .name == "vm2"'
	json '.size_bytes == 20971520 and .overlap_bytes == 9437184'
	[ "$(jq -r .uuid out)" != "$(<old)" ] || fail "it is the same clone"
}

test_table() {
	chain
	expect 0 lclone table "$s"
	silent
	[ "$(cat out)" = "0 18432 lclone $o $s 2 $l1 $l2" ] || fail "not the table"
	expect 0 lclone table "$s" --layer "$l1" --layer "$l2" --error-if-no-space
	[ "$(cat out)" = "0 18432 lclone $o $s 2 $l1 $l2 1 error_if_no_space" ] || fail "not the table"
	refused 'layer .* is not the layer that stands there' lclone table "$s" --layer "$l2" --layer "$l1"
	refused 'is not the layer that stands there' lclone table "$s" --layer "$l1"
	refused 'has layers below it that are not named' lclone table "$s" --layer "$l2"
	losetup -d "$l1"
	refused 'layer below it, with the content .*, is on no device' lclone table "$s"
}

test_p8_format_refuses_what_does_not_fit() {
	chain
	file n.img 16M
	loop n.img
	n=$dev
	refused 'layer .* has layers below it that are not named' lclone format "$n" --origin "$o" --layer "$l2"
	refused 'is not the layer that stands there' lclone format "$n" --origin "$o" --layer "$l2" --layer "$l1"
	refused 'the layers stand on an origin' lclone format "$n" --origin - --layer "$l1"
	file p.img 9M
	refused 'is not the origin' lclone format "$n" --origin p.img --layer "$l1"
	# Only the newest may be live.
	expect 0 lclone format "$n" --origin "$o" --layer "$l1" --layer "$l2" --layer "$s"
	expect 1 lclone format "$n" --origin "$o" --layer "$l1" --layer "$l2" --layer "$s" --layer "$n" --force
	says 'is not frozen'
	refused 'is one of the layers' lclone format "$l2" --origin "$o" --layer "$l1" --layer "$l2" --force
	expect 0 lclone info "$l2" --json
	json '.state == "frozen"'
}

test_scan_finds_layers() {
	chain
	export LCLONE_STATE_DIR=$PWD/state
	expect 0 lclone scan "$l1" "$s" "$l2"
	expect 0 lclone list --json
	json '.clones | length == 1 and (.[0].name == "vm1")'
	json '.clones[0].layers | map(.snapshot) == ["one", "two"]'
	json '.clones[0].layers[1].path == "'"$l2"'" and .clones[0].store.path == "'"$s"'"'
	expect 0 lclone tree
	prints '@two  below it'
	# What a rollback or a snapshot left behind is nobody's store.
	file n.img 16M
	cp s.img n.img
	expect 0 lclone format n.img --origin "$o" --layer "$l1" --layer "$l2" --layer "$s" --force
	expect 0 lclone scan n.img "$s"
	says 'n.img: .*was not finished'
	expect 0 lclone list --json
	json '.clones[0].layers | length == 2'
	# The clone itself stands on it: the layer stays, and the name goes.
	expect 0 lclone remove vm1@two
	expect 0 lclone list --json
	json '.clones[0].layers | map(.snapshot) == ["one", null]'
	refused 'has no snapshot three' lclone remove vm1@three
	refused 'has no snapshot three' lclone rollback vm1 three
	# It does not come back when the catalog is lost.
	expect 0 lclone check "$s"
	rm -r state
	expect 0 lclone scan "$l1" "$s" "$l2"
	expect 0 lclone list --json
	json '.clones[0].layers | map(.snapshot) == ["one", null]'
}

test_usage() {
	expect 2 lclone snapshot vm1
	expect 2 lclone snapshot vm1 one --dir . --vg x
	expect 2 lclone snapshot vm1 vm2 one --store x
	expect 2 lclone rollback
	expect 2 lclone rollback a b c
	expect 2 lclone reset a b
	expect 2 lclone create a --from b --template c
	expect 2 lclone create a --from b@c --clone-store d
	for verb in snapshot rollback reset; do
		expect 0 lclone $verb --help
		prints "^usage: lclone $verb"
	done
	export LCLONE_STATE_DIR=$PWD/state
	refused 'there is no such clone' lclone snapshot vm1 one
	refused 'no name for' lclone snapshot vm1 'a@b'
	refused 'there is no such clone' lclone create a --from b
	refused 'there is no such clone' lclone reset b
}
