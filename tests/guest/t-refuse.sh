# shellcheck shell=bash
# Bad input for the kernel: it refuses with words, and nothing is lost. And damage: each metadata
# block in turn is spoilt, which gives EIO for what it covers and never a wrong byte (P6).
CPUS=1

# A clone with data, down; SAVED is what its store was.
refuse_up() {
	origin_make 8M
	store_make 24M
	clone_make
	both write 1M 64K write 5M+512 1K discard 6M 1M fsync
	clone_off
	save
	on_exit remove_dm refused
}
save() {
	SAVED=${STORE_FILE/loop./saved.}
	on_exit rm -f "$SAVED"
	cp "$STORE_FILE" "$SAVED"
}
restore() {
	dd if="$SAVED" of="$STORE_FILE" bs=1M conv=notrunc status=none
	blockdev --flushbufs "$STORE"
}

# refused WORDS TABLE [DMSETUP_OPTION]...: the kernel must say the words.
refused() {
	kmsg_mark
	expect_fail dmsetup create refused "${@:3}" --table "$2"
	kmsg_has "$1" || fail "'$2' was refused, but not for: $1 -- $(dmesg | tail -n 2)"
	expect_fail dmsetup info refused
}

# arguments WORDS ARGUMENTS
arguments() {
	refused "$1" "0 $CLONE_SECTORS lclone $2"
}

# The store is as good as ever.
still_whole() {
	clone_on
	both same
	clone_check
}

# number BLOCK OFFSET: 32 bits of the store.
number() {
	od -An -tu4 -j $(($1 * 4096 + $2)) -N 4 "$STORE_FILE" | tr -d ' '
}

# patch BLOCK OFFSET HEX: changes the block and seals it anew.
patch() {
	blockdev --flushbufs "$STORE"
	"$HELPERS/reseal" "$STORE" "$@"
}
patch_supers() {
	patch 1 "$@"
	patch 128 "$@"
}

test_table_arguments() {
	refuse_up
	arguments "Too few arguments" ""
	arguments "Too few arguments" "$ORIGIN $STORE"
	arguments "number of layers is not a number" "$ORIGIN $STORE x"
	arguments "number of layers is not a number" "$ORIGIN $STORE -1"
	arguments "number of layers is not a number" "$ORIGIN $STORE 65"
	arguments "fewer layers than" "$ORIGIN $STORE 1"
	arguments "origin is one of the layers" "$ORIGIN $STORE 1 $ORIGIN"
	arguments "number of features is not" "$ORIGIN $STORE 0 x"
	arguments "number of features is not" "$ORIGIN $STORE 0 17"
	arguments "number of features is not that" "$ORIGIN $STORE 0 0 error_if_no_space"
	arguments "number of features is not that" "$ORIGIN $STORE 0 2 error_if_no_space"
	arguments "Unknown feature" "$ORIGIN $STORE 0 1 fast"
	arguments "without a store needs layers" "$ORIGIN - 0"
	still_whole
}

test_table_place_and_length() {
	local linear
	refuse_up
	linear=$(make_loop 4M)
	arguments "origin cannot be opened" "/dev/nothing $STORE 0"
	arguments "origin cannot be opened" "/dev/null $STORE 0"
	arguments "store cannot be opened" "$ORIGIN /dev/nothing 0"
	arguments "same device" "$STORE $STORE 0"
	arguments "same device" "$STORE /dev/block/$(lsblk -dno MAJ:MIN "$STORE" | tr -d ' ') 0"
	refused "Gap in table|begin at sector 0" "8 $CLONE_SECTORS lclone $ORIGIN $STORE 0"
	refused "must appear alone" "0 $CLONE_SECTORS lclone $ORIGIN $STORE 0
$CLONE_SECTORS 8192 linear $linear 0"
	refused "must appear alone" "0 8192 linear $linear 0
8192 $CLONE_SECTORS lclone $ORIGIN $STORE 0"
	refused "length is not the clone" "0 $((CLONE_SECTORS - 8)) lclone $ORIGIN $STORE 0"
	refused "length is not the clone" "0 $((CLONE_SECTORS + 1)) lclone $ORIGIN $STORE 0"
	still_whole
}

test_p8_store_in_use() {
	local other copy
	refuse_up
	clone_on
	arguments "in use by another device" "$ORIGIN $STORE 0"
	refused "in use by another device" "$TABLE" --readonly
	other=$(make_linear other "$STORE")
	arguments "in use by another device" "$ORIGIN $other 0"
	dmsetup remove --retry other
	copy=$(losetup --find --show "$SAVED")
	on_exit detach_loop "$copy"
	arguments "in use by another device" "$ORIGIN $copy 0"
	both same write 2M 64K same
	clone_check
}

# One is a partition and the other the whole. Two partitions of one disk are well.
test_p8_store_inside_its_origin() {
	local whole twin part
	whole=$(make_loop 32M --partscan)
	twin=$(make_loop 32M)
	# A real table: udev has partitions looked for anew when a writer closes the disk.
	printf '\x83\0\0\0\x00\x08\0\0\x00\x60\0\0' | dd of="$whole" bs=1 seek=450 conv=notrunc status=none
	printf '\x83\0\0\0\x00\x80\0\0\x00\x40\0\0' | dd of="$whole" bs=1 seek=466 conv=notrunc status=none
	printf '\x55\xaa' | dd of="$whole" bs=1 seek=510 conv=notrunc status=none
	udevadm settle
	retry blockdev --rereadpt "$whole"
	udevadm settle
	wait_until [ -b "${whole}p2" ]
	part=${whole}p1
	clone_format "$twin" "$part"
	refused "lie in each other" "0 65536 lclone $whole $part 0"
	truncate -s 12M "$(losetup -n -O BACK-FILE "$twin")"
	losetup --set-capacity "$twin"
	clone_format "$twin" "$whole"
	# The table is gone from the disk, and with it what udev knew of partitions; the kernel is told.
	udevadm settle
	retry blockdev --rereadpt "$whole"
	"$HELPERS/add-partition" "$whole" 1 2048 24576
	"$HELPERS/add-partition" "$whole" 2 32768 16384
	udevadm settle
	refused "lie in each other" "0 24576 lclone $part $whole 0"
	clone_format "$part" "${whole}p2"
	make_dm clone "0 24576 lclone $part ${whole}p2 0" >/dev/null
	cmp -n 12582912 /dev/mapper/clone "$part"
}

test_store_devices_of_the_wrong_size() {
	local dev
	refuse_up
	for dev in 8M:"smaller than the store" 64K:"smaller than the store" 4K:"no whole superblock"; do
		arguments "${dev#*:}" "$ORIGIN $(losetup --find --show --sizelimit "$(bytes "${dev%:*}")" "$STORE_FILE") 0"
		losetup -j "$STORE_FILE" -n -O NAME | grep -vx "$STORE" | while read -r dev; do
			detach_loop "$dev"
		done
	done
	# Trap 14: the clone would hide the guest's partition table, which counts in sectors of 512.
	dev=$(losetup --find --show --sector-size 4096 "$STORE_FILE")
	on_exit detach_loop "$dev"
	arguments "larger sectors than the origin" "$ORIGIN $dev 0"
	still_whole
}

test_stores_that_are_none() {
	local dev
	origin_make 4M
	dev=$(make_loop 16M)
	CLONE_SECTORS=8192
	arguments "is not an lclone store" "$ORIGIN $dev 0"
	dd if="$NOISE" of="$dev" bs=1M count=16 oflag=direct status=none
	arguments "is not an lclone store" "$ORIGIN $dev 0"
	mkfs.ext4 -q -F "$dev"
	arguments "is not an lclone store" "$ORIGIN $dev 0"
}

test_p8_another_origin() {
	local other
	refuse_up
	other=$(make_loop 9M)
	arguments "not the store's origin: it has another size" "$other $STORE 0"
	arguments "needs its origin" "- $STORE 0"
	still_whole
	ORIGIN=- clone_make -s 8192 >/dev/null
	clone_off
	refused "has no origin" "0 8192 lclone $other $STORE 0"
}

# refused_for WORDS BLOCK OFFSET HEX: of a store that says that.
refused_for() {
	patch "${@:2}"
	refused "$1" "$TABLE"
	refused "$1" "$TABLE" --readonly
	restore
}

test_unknown_versions_and_features() {
	refuse_up
	refused_for "format version that is not known" 0 20 02000000
	refused_for "checksum type that is not known" 0 24 02000000
	refused_for "block size that is not known" 0 28 00200000
	refused_for "incompatible feature" 0 48 01
	patch_supers 100 01000000
	refused "has no whole superblock" "$TABLE"
	restore
	still_whole
	# A feature that a reader need not know.
	patch 0 40 01
	refused "load the table read-only" "$TABLE"
	read_only_same
	expect_fail dmsetup load clone --table "$TABLE"
	clone_off
	restore
	# One that nobody need know.
	patch 0 32 01
	still_whole
}

# The table may be loaded read-only: the clone reads the same, and the store stays as it is.
read_only_same() {
	local sum
	sum=$(hash_of "$STORE_FILE")
	clone_on --readonly
	both same
	assert_eq "$(status_of clone mode)" ro mode
	assert_eq "$(hash_of "$STORE_FILE")" "$sum" "the store's bytes"
}

test_p8_store_of_another_host() {
	refuse_up
	patch_supers 304 "$(printf 'elsewhere\0' | xxd -p)"
	refused "active on another host" "$TABLE"
	read_only_same
	clone_off
	patch_supers 304 "$(printf '%s\0' "$(uname -n)" | xxd -p)"
	still_whole
}

test_frozen_store() {
	refuse_up
	patch_supers 96 02000000
	refused "frozen" "$TABLE"
	read_only_same
	clone_off
	restore
	still_whole
}

# Sealed as it should be, but no sense: sizes, places, states that would lead astray.
test_p6_superblocks_of_an_attacker() {
	local field
	refuse_up
	for field in 96:09 112:0000000000000000 128:00000000 128:ffffffff 132:ffffffff 136:00000000 \
		140:ffffffff 148:00ffffff 156:ff 180:01000000 188:07 208:ffffffff 216:05; do
		patch_supers "${field%:*}" "${field#*:}"
		refused "no whole superblock" "$TABLE"
		restore
	done
	# A tree may be higher than the clone needs, but not than it is.
	patch_supers 156 05
	refused "cannot be brought up.*check" "$TABLE"
	restore
	still_whole
}

# spoil BLOCK HOW: zeroed, or some bytes of it changed.
spoil() {
	if [ "$2" = zeroed ]; then
		dd if=/dev/zero of="$STORE_FILE" bs=4096 seek="$1" count=1 conv=notrunc status=none
	else
		printf 'damaged' | dd of="$STORE_FILE" bs=1 seek=$(($1 * 4096 + 2000)) conv=notrunc status=none
	fi
	blockdev --flushbufs "$STORE"
}

check_finds_damage() {
	expect_fail lclone check --quiet "$STORE"
	assert_eq "$RC" 3 "status of the check"
}

test_p6_damaged_header_and_superblocks() {
	local how copy
	refuse_up
	for how in changed zeroed; do
		spoil 0 "$how"
		check_finds_damage
		refused "damaged header|is not an lclone store" "$TABLE"
		restore
		spoil 1 "$how"
		spoil 128 "$how"
		check_finds_damage
		refused "no whole superblock" "$TABLE"
		restore
		# One is enough, and the other is made anew.
		for copy in 1 128; do
			spoil "$copy" "$how"
			check_finds_damage
			still_whole
			restore
		done
	done
}

test_p6_damaged_root() {
	local how
	refuse_up
	for how in changed zeroed; do
		spoil "$(number 1 180)" "$how"
		check_finds_damage
		refused "cannot be brought up.*check" "$TABLE"
		restore
		still_whole
		save
	done
}

# A flood of reports of one activation must not hide why the next one is refused.
test_p6_reasons_are_not_drowned() {
	local leaf root
	refuse_up
	leaf=$(number "$(number 1 180)" $((64 + 32 + 20)))
	spoil "$leaf" changed
	clone_on
	dd if="$CLONE" of=/dev/null bs=4096 skip=1008 count=64 iflag=direct conv=noerror status=none
	kmsg_has "block $leaf: .*check" || fail "no line in the log"
	clone_off
	restore
	root=$(number 1 180)
	spoil "$root" changed
	refused "block $root: .*check" "$TABLE"
	restore
	still_whole
}

# keep_page BLOCK, page_back BLOCK: before it is spoilt, and when that is over.
keep_page() {
	dd if="$STORE_FILE" of=/run/page bs=4096 skip="$1" count=1 status=none
}
page_back() {
	dd if=/run/page of="$STORE_FILE" bs=4096 seek="$1" conv=notrunc status=none
	blockdev --flushbufs "$STORE"
}

# spoilt_range BLOCK HOW RANGE: these blocks of the clone give EIO, all others are what they were, and
# the store is as good as ever once the block is back.
spoilt_range() {
	keep_page "$1"
	spoil "$1" "$2"
	check_finds_damage
	clone_on
	assert_eq "$(both ranges)" "$3" "blocks that give EIO"
	kmsg_has "block $1: .*check" || fail "no line in the log"
	expect_fail both write "${3% *}b" 4K
	expect_fail both write "${3% *}b+512" 1K
	both write 3M 64K
	assert_eq "$(both ranges)" "$3" "blocks that give EIO"
	clone_off
	page_back "$1"
}

test_p6_damaged_leaf() {
	local how root leaf
	refuse_up
	for how in changed zeroed; do
		root=$(number 1 180)
		leaf=$(number "$root" $((64 + 32 + 20)))
		spoilt_range "$leaf" "$how" "1008 1008"
		clone_on
		both same
		clone_check
	done
}

# A tree of two levels of nodes: an inner one covers 126 leaves.
test_p6_damaged_inner_node() {
	local how root node
	origin_make 8M
	store_make 24M
	clone_make -s 1228800
	both write 1M 4K write 127008b 4K write 590M 64K
	clone_off
	assert_eq "$(number 1 156)" 2 "level of the root"
	for how in changed zeroed; do
		root=$(number 1 180)
		node=$(number "$root" $((64 + 32 + 20)))
		keep_page "$node"
		spoil "$node" "$how"
		check_finds_damage
		clone_on
		cmp -n 16777216 "$CLONE" "$MODEL"
		cmp -i 519045120 -n 1048576 "$CLONE" "$MODEL"
		expect_fail dd if="$CLONE" of=/dev/null bs=4096 skip=127008 count=1 iflag=direct status=none
		expect_fail dd if="$CLONE" of=/dev/null bs=4096 skip=153599 count=1 iflag=direct status=none
		both write 9M 64K
		cmp -n 16777216 "$CLONE" "$MODEL"
		clone_off
		page_back "$node"
	done
	lclone check "$STORE"
}

# groups_of_three: a store with three groups in its journal; fails when a checkpoint came in between.
groups_of_three() {
	clone_on
	both write 2M 4K fsync write 3M 4K fsync
	head -c 4096 "$NOISE" | dd of="$CLONE" bs=4096 seek=1024 oflag=direct conv=notrunc,fsync status=none
	cp "$STORE_FILE" /run/crashed
	clone_off
	dd if=/run/crashed of="$STORE_FILE" bs=1M conv=notrunc status=none
	blockdev --flushbufs "$STORE"
	[ "$(lclone check --json "$STORE" | json_field .journal_groups)" = 3 ]
}

# journal_up: a store as a crash leaves it, with three groups behind the replay point. The last one is
# not in the model. Begins anew where a checkpoint came in between: a clone makes one when it rests.
journal_up() {
	local ring tries=1
	refuse_up
	on_exit rm -f /run/crashed
	until groups_of_three; do
		[ "$tries" -lt 10 ] || fail "there was a checkpoint in between each time"
		tries=$((tries + 1))
		restore
	done
	cp /run/crashed "$SAVED"
	ring=$(number 1 140)
	for n in 0 1 2; do
		JOURNAL[n]=$(($(number 1 136) + ($(number 1 208) + n) % ring))
	done
}

test_p6_damaged_journal() {
	local how n JOURNAL=()
	journal_up
	for how in changed zeroed; do
		for n in 0 1; do
			spoil "${JOURNAL[n]}" "$how"
			check_finds_damage
			refused "journal is damaged before its end" "$TABLE"
			refused "journal is damaged before its end" "$TABLE" --readonly
			restore
		done
	done
	# Sealed as it should be, but its first run has no end.
	patch "${JOURNAL[1]}" $((64 + 8)) ffffffff
	check_finds_damage
	refused "impossible run|damaged before its end" "$TABLE"
	restore
	# Rot of the very last group cannot be told from a crash while it was written.
	spoil "${JOURNAL[2]}" changed
	still_whole
	restore
	head -c 4096 "$NOISE" | dd of="$MODEL" bs=4096 seek=1024 conv=notrunc status=none
	still_whole
}

# A clone that no catalog knows has its store, by whatever name one asks for it.
test_p8_format_of_a_store_in_use() {
	local other copy name
	refuse_up
	clone_on
	other=$(make_linear other "$STORE")
	copy=$(losetup --find --show "$STORE_FILE")
	on_exit detach_loop "$copy"
	for name in "$STORE" "$STORE_FILE" "$other" "$copy"; do
		expect_fail lclone format "$name" --origin "$ORIGIN" --force
		[[ $ERR == *"$name: "*"in use"* ]] || [[ $ERR == *"$name: has the loop device"* ]] ||
			fail "it was told of $name: $ERR"
	done
	dmsetup remove --retry other
	both same write 2M 64K same
	clone_check
}
