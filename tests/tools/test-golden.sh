# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Stores of each version of the format, as they were once: every build must read them.

golden="$TOOLS/../tests/golden"

images() { find "$golden" -name '*.img.xz' | sort; }

test_every_image_is_read() {
	local image name count=0
	for image in $(images); do
		name=$(basename "$image" .img.xz)
		xz -dc "$image" >s.img
		xz -dc "$golden/$name.dump.xz" >want
		expect 0 lclone check s.img
		expect 0 lclone dump s.img
		cmp out want || fail "$name: the dump is not what it was"
		expect 0 lclone restore s.img --force --input want
		lclone dump s.img | cmp - want || fail "$name: does not come back from its dump"
		count=$((count + 1))
	done
	[ "$count" -ge 4 ] || fail "only $count images"
}

# The core activates it, and loses nothing by that.
test_every_image_is_activated() {
	local image
	for image in $(images); do
		xz -dc "$image" >s.img
		lclone dump s.img | grep -E '^(data|zero|end) ' >want
		live s.img 1 0 >got || fail "$image: the core failed"
		cmp got want || fail "$image: the core has another map"
		expect 0 lclone check s.img
	done
}

# What they are kept for is in them.
test_every_state_is_there() {
	xz -dc "$golden/v1-clean.img.xz" >s.img
	expect 0 lclone info s.img --json
	json '.owner == null'
	xz -dc "$golden/v1-crashed.img.xz" >s.img
	expect 0 lclone check s.img --json
	json '.journal_groups > 0 and .marked_active'
	xz -dc "$golden/v1-full.img.xz" >s.img
	expect 0 lclone check s.img --json
	json '.data_bytes == (2048 - 256 - 64 - 64 - 256) * 4096'
	xz -dc "$golden/v1-zeros.img.xz" >s.img
	expect 0 lclone check s.img --json
	json '.zero_bytes / 4096 > 1008'
}
