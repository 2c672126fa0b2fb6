# shellcheck shell=bash
# Metadata blocks that are damaged, whichever they are, or made up by an attacker (P6). t-refuse.sh has
# what each kind of damage does.
CPUS=1

# damaged_ready: a clone with data in its leaves 0 and 2, zeros in 3, and off. One checkpoint has
# written its pages.
damaged_ready() {
	origin_make 16M
	store_make 8M
	clone_make
	both write 1M 64K write 9M 64K+512 discard 12M 1M write 4090b 2b
	clone_off
}

check_finds() {
	expect_fail lclone check "$STORE"
	assert_eq "$RC" 3 "status of lclone check"
}

# Any one block damaged, or zeroed: what can be read is right.
test_p6_any_one_metadata_block() {
	local block how
	damaged_ready
	cp --sparse=always "$STORE_FILE" /dev/shm/whole
	on_exit rm /dev/shm/whole
	for block in 0 1 128 "$(page_with LCND 0)" "$(page_with LCLF 0)" "$(page_with LCLF 3)" "$(page_with LCLF 4)"; do
		for how in damage zap; do
			"$how" "$block"
			expect_fail lclone check --quiet "$STORE"
			if dmsetup create clone --uuid LCLONE-test --table "$TABLE" 2>/dev/null; then
				both ranges
				dmsetup remove --retry clone
			fi
			dd if=/dev/shm/whole of="$STORE" bs=1M conv=fsync status=none
		done
	done
	clone_on
	both same
	clone_check
}

# forge_leaf BLOCK OFFSET HEX: changes a leaf, and everything above so that it is trusted.
forge_leaf() {
	local root csum
	root=$(page_with LCND 0)
	csum=$("$HELPERS/reseal" "$STORE" "$@")
	csum=$("$HELPERS/reseal" "$STORE" "$root" $((64 + 24)) "$csum")
	"$HELPERS/reseal" "$STORE" 1 $((160 + 24)) "$csum" >/dev/null
	"$HELPERS/reseal" "$STORE" 128 $((160 + 24)) "$csum" >/dev/null
}

# An attacker's store can seal what it likes. Block 256 of the clone, at 1 MiB, is entry 256 of leaf 0.
test_p6_forged_entries() {
	local leaf entry bad
	damaged_ready
	leaf=$(page_with LCLF 0)
	entry=$((64 + 256 * 4))
	for bad in 01000000 00010000 ffff1f00 00ffffff feffffff; do
		forge_leaf "$leaf" "$entry" "$bad"
		check_finds
		clone_on
		assert_eq "$(both ranges)" "0 1008" "blocks that give EIO for an entry of $bad"
		clone_off
	done
	# Two entries that name the same block: discarded twice, freed twice.
	forge_leaf "$leaf" "$entry" "$(od -An -tx1 -j $((leaf * 4096 + entry + 4)) -N 4 "$STORE_FILE" | tr -d ' ')"
	check_finds
	clone_on
	blkdiscard "$CLONE"
	random 4M | dd of="$CLONE" bs=1M iflag=fullblock oflag=direct status=none
	blkdiscard "$CLONE"
	clone_off
}

# newest_page MAGIC INDEX: the one of the latest checkpoint.
newest_page() {
	local block
	for block in $(page_with "$@"); do
		echo "$(od -An -tu8 -j $((block * 4096 + 8)) -N 8 "$STORE_FILE") $block"
	done | sort -n | awk 'END { print $2 }'
}

# A checkpoint comes as far as one copy of the superblock, and then a page that it has written is damaged:
# the older copy and its journal have all that was synced.
test_p1_repair_by_the_older_superblock() {
	local copy older=0
	for copy in 1 128; do
		origin_make 16M
		store_make 8M
		below_make
		clone_make
		both write 1M 64K write 9M 64K+512 discard 12M 1M fsync
		dmsetup message clone 0 checkpoint
		both write 1M+32K 64K+512 discard 9M 32K write 2M 4K fsync
		below_fails "$copy" 1
		expect_fail dmsetup message clone 0 checkpoint
		wait_until status_is mode failed
		clone_off
		below_heals
		zap "$(newest_page LCLF 0)"
		lclone repair "$STORE" --json >/run/repair
		gojq -e .lost_bytes==0 /run/repair || fail "$(</run/repair)"
		older=$((older + $(json_field .older_pages /run/repair)))
		clone_on
		both same write 3M 64K same
		clone_check
		remove_dm below
	done
	[ "$older" -gt 0 ] || fail "the older copy was never needed"
}

# Where there is no older copy the ranges that are lost are told, and they only are lost.
test_repair_tells_what_is_lost() {
	local at length
	damaged_ready
	zap "$(newest_page LCLF 0)"
	expect_fail lclone repair "$STORE" --json
	assert_eq "$RC" 3 "status of lclone repair"
	check_finds
	lclone repair --lost=zero "$STORE" --json >/run/repair
	gojq -e '.outcome == "repaired" and .lost_total > 0 and
		all(.lost[]; .offset_bytes + .length_bytes <= 1008 * 4096)' /run/repair || fail "$(</run/repair)"
	gojq -r '.lost[] | "\(.offset_bytes) \(.length_bytes)"' /run/repair | while read -r at length; do
		fallocate --punch-hole --offset "$at" --length "$length" "$MODEL"
	done
	clone_on
	both same write 2M 64K same
	clone_check
}
