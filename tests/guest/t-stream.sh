# shellcheck shell=bash
# Snapshots that go to a backup host while the clone goes on: what is exported, imported, and told by
# diff and map is what the snapshot was.
CPUS=1
TEST_TIMEOUT=300

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh

# backup_host: what is in AWAY is another host's: a copy of the template's image, and a catalog.
backup_host() {
	AWAY=$DIR/away
	mkdir "$AWAY" "$AWAY/state"
	cp "$IMAGE" "$AWAY/gold.img"
	on_exit at_backup lclone deactivate --all
	at_backup template_add gold "$AWAY/gold.img"
}

# at_backup COMMAND...: on that host.
at_backup() {
	LCLONE_STATE_DIR=$AWAY/state "$@"
}

# imported SNAP OPTION...: the stream of a snapshot becomes a store, which is whole: AT[SNAP].
declare -A AT
imported() {
	AT[$1]=$(make_loop 96M)
	at_backup lclone import "${AT[$1]}" --input "$AWAY/$1.stream" "${@:2}"
	lclone check --quiet "${AT[$1]}" || fail "the store of $1 is not whole"
}

# back_from NAME SNAP...: the backup host brings up a clone over those stores, oldest first.
back_from() {
	local snap dev options=(--origin "$AWAY/gold.img" --name "$1")
	dev=$(make_loop 96M)
	on_exit at_backup lclone deactivate --all
	for snap in "${@:2}"; do
		options+=(--layer "${AT[$snap]}")
	done
	lclone format "$dev" "${options[@]}" >/dev/null
	at_backup lclone scan "$dev" "${AT[@]}" >/dev/null
	at_backup lclone activate "$1"
}

# files_of NAME: those with a note that its filesystem has.
files_of() {
	mount "/dev/mapper/$1" /mnt
	(cd /mnt && echo note-*)
	umount /mnt
}

long_p7_snapshots_of_a_filesystem_in_use_on_another_host() {
	local snap
	filesystem_busy
	backup_host
	for snap in one two; do
		wait_until has_written
		echo "$snap" >"$MNT/note-$snap"
		sync "$MNT/note-$snap"
		lclone snapshot vm "$snap" >/dev/null
	done
	wait_until has_written
	lclone export vm@one >"$AWAY/one.stream"
	lclone export vm@two --base vm@one --output "$AWAY/two.stream"
	imported one --origin "$AWAY/gold.img"
	imported two --layer "${AT[one]}"
	back_from back1 one
	back_from back2 one two
	lclone create past1 --from vm@one
	lclone create past2 --from vm@two
	cmp /dev/mapper/past1 /dev/mapper/back1 || fail "the import shows something else"
	cmp /dev/mapper/past2 /dev/mapper/back2 || fail "the import of the difference shows something else"
	# The same two states always make the same stream.
	at_backup lclone export "${AT[two]}" --base "${AT[one]}" | cmp - "$AWAY/two.stream"
	[ -d "/proc/$AGAIN" ] || fail "nobody wrote meanwhile: $(</run/fio.out)"
	filesystem_of back1
	filesystem_of back2
	assert_eq "$(files_of back1), $(files_of back2)" "note-one, note-one note-two" "files of the imports"
	filesystem_whole
}

# Nothing is written that fits nothing: another base, or another origin.
test_p8_streams_are_refused_by_another_host() {
	local base dev
	tool_up
	lclone create vm --template gold --dir "$DIR"
	lclone create other --template gold --dir "$DIR"
	backup_host
	write_at /dev/mapper/vm 1
	write_at /dev/mapper/other 1
	lclone snapshot vm one
	lclone snapshot other one
	write_at /dev/mapper/vm 2
	lclone snapshot vm two
	lclone export vm@one >"$AWAY/one.stream"
	lclone export other@one >"$AWAY/other.stream"
	lclone export vm@two --base vm@one >"$AWAY/two.stream"
	# What is up on this host could be found.
	lclone deactivate --all
	dev=$(make_loop 96M)
	imported other --origin "$AWAY/gold.img"
	for base in "" "--layer ${AT[other]}"; do
		# shellcheck disable=SC2086
		expect_fail at_backup lclone import "$dev" --input "$AWAY/two.stream" $base
		expect_said "cannot be found"
		expect_said "the snapshot 'one'"
	done
	cp "$AWAY/gold.img" "$AWAY/changed.img"
	chmod u+w "$AWAY/changed.img"
	printf x | dd of="$AWAY/changed.img" bs=1 seek=1 conv=notrunc status=none
	expect_fail at_backup lclone import "$dev" --input "$AWAY/one.stream" --origin "$AWAY/changed.img"
	expect_said "is not the origin"
	no_store "$dev"
}

# The tool dies at any step of an import: there is no store, or it is all of one.
test_import_that_is_killed() {
	local n store none=0
	tool_up
	lclone create vm --template gold --dir "$DIR"
	backup_host
	store=$AWAY/one.lclone
	write_at /dev/mapper/vm 1
	lclone snapshot vm one
	lclone export vm@one >"$AWAY/one.stream"
	for ((n = 1; n < 100; n++)); do
		rm -f "$store"
		truncate -s 32M "$store"
		at_backup killed_at "$n" import "$store" --input "$AWAY/one.stream" \
			--origin "$AWAY/gold.img" || break
		if ! lclone info "$store" >/dev/null 2>&1; then
			none=$((none + 1))
			continue
		fi
		lclone check --quiet "$store" || fail "a part of a store, killed at $n"
		lclone export "$store" | cmp - "$AWAY/one.stream" || fail "killed at $n"
	done
	note "$n steps, $none times without a store"
	[ "$none" -gt 0 ] || fail "it was never killed before there was a store"
	lclone export "$store" | cmp - "$AWAY/one.stream"
}

# blocks_at BLOCK COUNT: random data, to vm.
blocks_at() {
	dd if=/dev/urandom of=/dev/mapper/vm bs=4K seek="$1" count="$2" oflag=direct conv=fsync,notrunc status=none
}

# ranges_below BLOCK: of a diff, /run/diff, in blocks.
ranges_below() {
	gojq -r --argjson limit $(($1 * 4096)) '.ranges[] | select(.offset_bytes < $limit) |
		"\(.offset_bytes / 4096) \(.length_bytes / 4096) \(.type)"' /run/diff
}

# differing A B: the blocks in which they do.
differing() {
	{ cmp -l "$1" "$2" || [ $? -eq 1 ]; } | awk '
		BEGIN { last = -1 }
		{ block = int(($1 - 1) / 4096) }
		block != last { print block; last = block }'
}

# image_of SNAP FILE: puts together what the map says, from stores and origin.
image_of() {
	local at length place from
	lclone map "$1" --json >/run/map
	truncate -s "$(json_field .size_bytes /run/map)" "$2"
	gojq -r --arg origin "$IMAGE" '.stores as $stores | .runs[] | select(.type != "zero") |
		[.offset_bytes, .length_bytes, .store_offset_bytes // .offset_bytes,
		 if .type == "data" then $stores[.store].path else $origin end] | @tsv' /run/map |
		while read -r at length place from; do
			dd if="$from" of="$2" iflag=skip_bytes,count_bytes oflag=seek_bytes bs=64K conv=notrunc \
				skip="$place" count="$length" seek="$at" status=none
		done
}

# fio_at_the_end: writes the last half MiB of vm, and finds it again.
fio_at_the_end() {
	fio --name=load --filename=/dev/mapper/vm --direct=1 --ioengine=libaio --iodepth=4 --rw=randwrite \
		--bs=8k --offset=15872k --size=512k --verify=crc32c --verify_fatal=1 --output=/run/fio.out
}
test_diff_and_map_beside_a_writer() {
	tool_up
	lclone create vm --template gold --dir "$DIR"
	again_and_again fio_at_the_end
	blocks_at 256 16
	wait_until has_written 16
	lclone snapshot vm a
	blocks_at 260 3
	blocks_at 700 2
	blkdiscard --offset 4M --length 64K /dev/mapper/vm
	dd if=/dev/urandom of=/dev/mapper/vm bs=512 seek=$((2000 * 8 + 3)) count=1 oflag=direct conv=fsync status=none
	wait_until has_written 6
	lclone snapshot vm b
	expect_fail lclone export vm
	expect_said "take a snapshot of the clone"
	lclone diff vm@a vm@b --json >/run/diff
	assert_eq "$(ranges_below 3968)" "260 3 data
700 2 data
1024 16 zero
2000 1 data" "what was written between the snapshots"
	lclone create past --from vm@a
	lclone create now --from vm@b
	assert_eq "$(differing /dev/mapper/past /dev/mapper/now | grep -vxFf <(gojq -r '.ranges[] |
		range(.offset_bytes / 4096; (.offset_bytes + .length_bytes) / 4096)' /run/diff))" "" \
		"blocks that differ, and of which diff knows nothing"
	image_of vm@b "$DIR/image"
	cmp "$DIR/image" /dev/mapper/now || fail "the map tells something else than the snapshot shows"
	no_more
}
