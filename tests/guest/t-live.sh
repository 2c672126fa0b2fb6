# shellcheck shell=bash
# shellcheck disable=SC2034
CPUS=1
TEST_TIMEOUT=900

# lclone map and diff of clones that are active. LCLONE_LIVE=N: how often they are asked under load
# (10).

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh

# live_up SIZE: clone "vm" of that size with a snapshot "one", in which MiB 1 was written.
live_up() {
	tool_up 800M
	lclone create vm --template gold --size "$1" --dir "$DIR"
	write_at /dev/mapper/vm 1
	lclone snapshot vm one
}

# ranges A B: those of a diff, as "OFFSET LENGTH TYPE".
ranges() {
	lclone diff "$@" | awk 'NR > 1 { print $1, $2, $3 }'
}

test_live_is_what_it_is_when_it_rests() {
	local store want mib=1048576
	live_up 64M
	store=$(tool_status vm .store.path)
	assert_eq "$(ranges vm@one vm)" "" "ranges, nothing written"
	# Acknowledged, and never flushed.
	random 2M | dd of=/dev/mapper/vm bs=1M seek=3 iflag=fullblock oflag=direct conv=notrunc status=none
	blkdiscard --offset $((9 * mib)) --length "$mib" /dev/mapper/vm
	want="$((3 * mib)) $((2 * mib)) data"$'\n'"$((9 * mib)) $mib zero"
	assert_eq "$(ranges vm@one vm)" "$want" ranges
	assert_eq "$(ranges vm@one "$store")" "$want" "ranges, by the store"
	lclone map vm --json >/run/active
	lclone map "$store" --json | cmp - /run/active
	gojq -e '.stores[0].name == "vm"' /run/active
	lclone deactivate vm
	lclone map vm --json | cmp - /run/active
	assert_eq "$(ranges vm@one vm)" "$want" "ranges at rest"
}

# Of a table that was made by hand, which no catalog knows, and of which its uuid says nothing.
test_live_without_a_catalog() {
	local held
	origin_make 16M
	store_make 64M
	clone_make
	both write 5M 64K
	lclone map "$STORE" --json >/run/active
	gojq -e '.data_bytes == 65536' /run/active
	clone_off
	lclone map "$STORE" --json | cmp - /run/active
	# A target that cannot be asked, and somebody else's table.
	clone_on --readonly
	expect_fail lclone map "$STORE"
	expect_said "it is active in mode ro"
	clone_off
	held=$(make_linear held "$STORE")
	expect_fail lclone map "$STORE"
	expect_said "is in use"
	lclone map "$held" --json | gojq -e '.data_bytes == 65536'
	remove_dm held
	clone_on
	clone_check
}

test_live_refuses() {
	live_up 64M
	expect_fail lclone diff vm vm
	expect_said "take a snapshot"
	dmsetup suspend vm
	expect_fail lclone map vm
	expect_said "it is suspended"
	dmsetup resume vm
	lclone map vm >/run/map
	# What the catalog says is not what runs: a verb was cut short.
	cp "$LCLONE_STATE_DIR/catalog.json" /run/catalog
	gojq '.clones[0].store_uuid = "11111111-2222-4333-8444-555555555555"' /run/catalog \
		>"$LCLONE_STATE_DIR/catalog.json"
	expect_fail lclone diff vm@one vm
	expect_said "it runs on another store than the catalog says"
	cp /run/catalog "$LCLONE_STATE_DIR/catalog.json"
}

# mark N: one block for each N, 8 KiB apart from the next, behind 192 MiB.
mark() {
	local block=$((49152 + 2 * $1))
	dd if=/dev/urandom of="/run/mark" bs=4k count=1 status=none
	dd if=/run/mark of=/dev/mapper/vm bs=4k seek="$block" oflag=direct conv=notrunc status=none
	echo "$((block * 4096)) 4096 data" >>/run/marks
}

# within FILE: lines "OFFSET LENGTH TYPE" are those of the marks and of the load, which is below 64 MiB.
within() {
	awk '$1 >= 201326592' "$1" | cmp - /run/marks
	awk '$1 < 201326592 && $1 + $2 > 67108864 { print; bad = 1 } END { exit bad }' "$1"
}

# All that was written before they are asked is in them; nothing is that never was.
test_live_under_load() {
	local n store fio checkpoints
	live_up 256M
	store=$(tool_status vm .store.path)
	: >/run/marks
	fio --filename=/dev/mapper/vm --size=64M --ioengine=libaio --direct=1 --iodepth=8 --time_based \
		--runtime=100000 --norandommap --name=writes --rw=randwrite --bsrange=4k-32k --fsync=64 \
		--name=trims --rw=randtrim --bs=32k --output=/run/fio.out &
	fio=$!
	# There may be none while a snapshot is taken.
	rm -f /run/enough
	until [ -e /run/enough ]; do dmsetup message vm 0 checkpoint || true; done &
	checkpoints=$!
	for ((n = 0; n < ${LCLONE_LIVE:-10}; n += 2)); do
		mark "$n"
		ranges vm@one vm >/run/ranges
		within /run/ranges
		mark $((n + 1))
		lclone map vm >/run/map
		awk '$5 == "vm" { print $1, $2, $3 }' /run/map >/run/ranges
		within /run/ranges
		# It lies where the map says.
		dd if="$store" bs=4k iflag=direct skip="$(awk '{ at = $4 } END { print at / 4096 }' \
			<(grep ' data .* vm$' /run/map))" count=1 status=none | cmp - /run/mark
	done
	[ -d "/proc/$fio" ] || fail "the load has ended: $(</run/fio.out)"
	lclone snapshot vm two
	ranges vm@one vm@two >/run/ranges
	within /run/ranges
	: >/run/marks
	mark "$n"
	ranges vm@two vm >/run/ranges
	within /run/ranges
	touch /run/enough
	kill -INT "$fio"
	wait "$checkpoints" "$fio" || true
	lclone deactivate vm
	lclone check --quiet "$(tool_status vm .store.path)"
}
