# shellcheck shell=bash
# Metadata blocks that are damaged, whichever they are, or made up by an attacker (P6). t-refuse.sh has
# what each kind of damage does.

# damaged_ready: a clone with data in its leaves 0 and 2, zeros in 3, and off. One checkpoint has
# written its pages.
damaged_ready() {
	origin_make 16M
	store_make 8M
	clone_make
	both write 1M 64K write 9M 64K+512 discard 12M 1M write 4090b 2b
	clone_off
}

# page_with MAGIC INDEX: the store block of that page.
page_with() {
	local offset
	grep -obUa "$1" "$STORE_FILE" | while IFS=: read -r offset _; do
		[ $((offset % 4096)) -eq 0 ] || continue
		[ "$(od -An -tu8 -j $((offset + 16)) -N 8 "$STORE_FILE")" -ne "$2" ] || echo $((offset / 4096))
	done
}

# damage BLOCK: flips bytes in the middle; zap BLOCK: zeros.
damage() {
	printf 'not what was here' | dd of="$STORE" bs=1 seek=$(($1 * 4096 + 2000)) conv=notrunc,fsync status=none
}
zap() {
	dd if=/dev/zero of="$STORE" bs=4096 seek="$1" count=1 conv=notrunc,fsync status=none
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
	dd if=/dev/urandom of="$CLONE" bs=1M count=4 oflag=direct status=none
	blkdiscard "$CLONE"
	clone_off
}

