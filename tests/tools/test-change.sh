# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Changes of size and template, as far as they need no device-mapper.

catalog() {
	export LCLONE_STATE_DIR=$PWD/state
	dd if=/dev/urandom of=gold.img bs=1M count=4 status=none
	expect 0 lclone template add gold gold.img
	expect 0 lclone create vm --template gold --dir . --no-activate --store-size 12M
}

test_usage() {
	local verb
	expect 2 lclone resize vm
	expect 2 lclone resize vm 1G 2G
	expect 2 lclone resize vm 1X
	says '^lclone: resize: 1X is not a size'
	expect 2 lclone resize vm +100
	says '\+100 is not a positive multiple of 512'
	expect 2 lclone extend
	expect 2 lclone extend vm --size 0
	expect 2 lclone rebase vm
	expect 2 lclone rebase --template gold
	expect 2 lclone flatten vm --rate fast
	for verb in flatten rethin; do
		expect 2 lclone $verb
		expect 2 lclone $verb a b
	done
	export LCLONE_STATE_DIR=$PWD/state
	refused 'no such clone' lclone resize vm 1G
	refused 'no such clone' lclone extend vm
	refused 'no such clone' lclone flatten vm
	refused 'no such clone' lclone rethin vm
	refused 'no such clone' lclone rebase vm --template gold
}

test_refused_before_anything_is_done() {
	catalog
	sha256sum vm.lclone >sum
	refused 'would be lost' lclone resize vm 2M
	refused 'no clone can be as large' lclone resize vm 65537T
	expect 0 lclone resize vm 4M
	prints 'vm: has 4M already'
	refused 'filesystems do not merge' lclone rebase vm --template gold --update
	refused 'no such template' lclone rebase vm --template silver
	sha256sum --check --quiet sum || fail "the store was written"
}

test_extend_of_an_inactive_clone() {
	catalog
	expect 0 lclone extend vm
	prints '12M, all of which is used from the next activation on'
	refused 'does not get smaller' lclone extend vm --size 8M
	expect 0 lclone extend vm --size 20M --json
	json '.name == "vm" and .store_bytes == 20971520 and .active == false'
	[ "$(stat -c %s vm.lclone)" = 20971520 ] || fail "the file has not grown"
	expect 0 lclone check vm.lclone
}

# A note in the catalog that a change was cut short is ended by what the store says.
test_note_of_a_change_is_kept() {
	catalog
	jq '.clones[0].changing = true' state/catalog.json >new && mv new state/catalog.json
	expect 0 lclone create other --template gold --dir . --no-activate
	jq -e '.clones[0].changing' state/catalog.json >/dev/null || fail "the note is lost"
	expect 0 lclone remove other
	expect 0 lclone resize vm 4M
	says 'has been done as a whole or not at all'
	jq -e '.clones[0].changing == null' state/catalog.json >/dev/null || fail "the note stays"
	expect 0 lclone resize vm 4M
	silent
}
