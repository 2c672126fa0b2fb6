# shellcheck shell=bash
# Fewer layers: several become one, and snapshots go from the middle of a chain. LCLONE_STEP=N: the tool
# is killed at each Nth of its system calls (default 13).
CPUS=1
TEST_TIMEOUT=500

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh

# zeros DEV MEGABYTE: one MiB that is discarded.
zeros() {
	blkdiscard --offset $(($2 << 20)) --length 1M "$1"
}

# chain_up: vm with the snapshots s1 to s4. Each hides a part of those below, and has zeros.
chain_up() {
	local n
	lclone create vm --template gold --dir "$DIR"
	for n in 1 2 3 4; do
		write_at /dev/mapper/vm $n
		write_at /dev/mapper/vm $((n + 1))
		zeros /dev/mapper/vm $((n + 6))
		lclone snapshot vm "s$n" >/dev/null
	done
	write_at /dev/mapper/vm 3
}

test_consolidate() {
	local now past four kept
	tool_up
	chain_up
	lclone create past --from vm@s2
	lclone create four --from vm@s4
	now=$(sum vm) past=$(sum past) four=$(sum four)
	kept=$(find "$DIR" -name '*.lclone' | wc -l)
	expect_fail lclone consolidate vm
	expect_said "its snapshots s3 would be lost"
	expect_said "--drop-snapshots"
	assert_eq "$(layers_of vm)" "s1 s2 s3 s4" "layers after a refusal"
	keeps_rate 2097152 .copied_bytes consolidate vm --drop-snapshots
	gojq -e '.merged_layers == 4 and .removed_layers == 2 and .pause_us > 0' /run/out || fail "$(</run/out)"
	# s2 and what it stands on are needed by another.
	assert_eq "$(layers_of vm)" s4 layers
	assert_eq "$(layers_of four)" s4 "layers of a clone beside it"
	assert_eq "$(layers_of past)" "s1 s2" "layers of a clone of an older snapshot"
	assert_eq "$(find "$DIR" -name '*.lclone' | wc -l)" $((kept - 1)) "stores"
	expect_fail lclone rollback vm s3
	lclone deactivate --all
	lclone check "$(json_field .layer /run/out)"
	lclone activate --all
	assert_eq "$(sum vm) $(sum past) $(sum four)" "$now $past $four" content
	lclone consolidate vm | grep "no more than one layer"
	lclone rollback vm s4
	assert_eq "$(sum vm)" "$four" "content of the snapshot that is left"
	# A scan finds the same.
	rm "$LCLONE_STATE_DIR/catalog.json"
	lclone scan "$DIR" >/dev/null
	assert_eq "$(layers_of vm)" s4 "layers after a scan"
	lclone remove four past vm
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
	assert_eq "$(losetup -n -l -O BACK-FILE | grep -c "$DIR")" 0 "loops left"
}

# fio verifies what it writes, while layers become one again and again.
test_consolidate_under_load() {
	local fio n
	tool_up 500M
	lclone create vm --template gold --dir "$DIR"
	fio --name=load --filename=/dev/mapper/vm --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite \
		--bsrange=1k-16k --size=12M --io_size=40M --verify=crc32c --verify_fatal=1 \
		--verify_backlog=256 --fsync=32 --output=/run/fio.out &
	fio=$!
	for n in 1 2 3 4 5 6 7 8; do
		[ -d "/proc/$fio" ] || break
		lclone snapshot vm "s$n"
		[ $((n % 2)) -eq 1 ] || lclone consolidate vm --drop-snapshots
	done
	note "$n rounds under load"
	wait "$fio" || fail "$(</run/fio.out)"
	[ "$n" -gt 1 ] || fail "the load was too short"
}

test_remove_from_the_middle() {
	local now upper
	tool_up
	chain_up
	lclone create upper --from vm@s3
	now=$(sum vm) upper=$(sum upper)
	lclone remove vm@s2 | grep -E "merged into the layer that stands on it; I/O was held for [0-9.]+ ms"
	assert_eq "$(layers_of vm)" "s1 s3 s4" layers
	assert_eq "$(layers_of upper)" "s1 s3" "layers of a clone beside it"
	expect_fail lclone remove vm@s3
	expect_said "upper, vm@s4 need it"
	lclone remove vm@s1
	assert_eq "$(layers_of vm)" "s3 s4" layers
	assert_eq "$(sum vm) $(sum upper)" "$now $upper" content
	# The newest: the clone stands on it.
	lclone remove vm@s4
	assert_eq "$(layers_of vm)" "s3 -" "layers without the name"
	# Of an inactive clone, too; and it does not come back when the catalog is lost.
	lclone snapshot upper u1
	lclone deactivate upper
	lclone remove upper@u1
	lclone check --quiet "$(tool_status upper .store.path)"
	rm "$LCLONE_STATE_DIR/catalog.json"
	lclone scan "$DIR" >/dev/null
	lclone activate upper
	assert_eq "$(layers_of vm), $(layers_of upper)" "s3 -, s3 -" "layers without the name after a scan"
	assert_eq "$(sum vm) $(sum upper)" "$now $upper" content
	write_at /dev/mapper/vm 12
	lclone snapshot vm s5
	now=$(sum vm)
	lclone remove vm@s5
	assert_eq "$(layers_of vm)" "s3 -" "one layer without a name"
	lclone deactivate --all
	lclone activate --all
	assert_eq "$(sum vm) $(sum upper)" "$now $upper" content
	lclone remove upper vm
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
}

# A snapshot each day, of which the oldest goes; with LCLONE_SNAPSHOTS=70 for longer than a chain may be.
long_rolling_snapshots() {
	local n last=${LCLONE_SNAPSHOTS:-12}
	tool_up 500M
	lclone create vm --template gold --store-size 8M --dir "$DIR"
	for ((n = 1; n <= last; n++)); do
		dd if=/dev/urandom of=/dev/mapper/vm bs=4K seek=$n count=1 oflag=direct status=none
		lclone snapshot vm "d$n" >/dev/null
		[ "$n" -le 3 ] || lclone remove "vm@d$((n - 3))" >/dev/null
	done
	assert_eq "$(layers_of vm)" "d$((last - 2)) d$((last - 1)) d$last" layers
}

long_consolidate_64_layers() {
	local n now
	tool_up 900M
	lclone create vm --template gold --store-size 8M --dir "$DIR"
	for ((n = 1; n <= 64; n++)); do
		dd if=/dev/urandom of=/dev/mapper/vm bs=4K seek=$((n % 40)) count=1 oflag=direct status=none
		lclone snapshot vm "s$n" >/dev/null
	done
	now=$(sum vm)
	expect_fail lclone snapshot vm more
	expect_said "would stand on 65 layers, and 64 are the most"
	expect_said "lclone consolidate"
	lclone consolidate vm --drop-snapshots --json | gojq -e '.merged_layers == 64 and .removed_layers == 64'
	assert_eq "$(sum vm)" "$now" content
	lclone snapshot vm more
	assert_eq "$(layers_of vm)" "s64 more" layers
}

# No room half way: all is as before.
test_consolidate_without_room() {
	local now files
	tool_up 60M
	chain_up
	now=$(sum vm)
	files=$(find "$DIR" -name '*.lclone' | sort)
	fallocate -l "$(($(df --output=avail -B1 "$DIR" | tail -n 1) - (2 << 20)))" "$DIR/full" || true
	expect_fail lclone consolidate vm --drop-snapshots
	expect_said "No space left"
	assert_eq "$(find "$DIR" -name '*.lclone' | sort)" "$files" "files"
	assert_eq "$(sum vm)" "$now" content
	assert_eq "$(layers_of vm)" "s1 s2 s3 s4" layers
	rm "$DIR/full"
	lclone consolidate vm --drop-snapshots
	assert_eq "$(sum vm)" "$now" content
}

# Told to stop while it copies, it takes away what it has made.
test_consolidation_is_stopped() {
	local pid files
	tool_up
	chain_up
	files=$(find "$DIR" -name '*.lclone' | sort)
	lclone consolidate vm --drop-snapshots --rate 256K 2>/run/said &
	pid=$!
	begun() { [ "$(find "$DIR" -name '*.lclone' | sort)" != "$files" ]; }
	wait_until begun
	kill -TERM "$pid"
	! wait "$pid" || fail "it was stopped, and says that it is done"
	assert_eq "$(find "$DIR" -name '*.lclone' | sort)" "$files" files
	grep -q "stopped; its layers are what they were" /run/said
	assert_eq "$(layers_of vm)" "s1 s2 s3 s4" layers
}

# devices_up: vm with snapshots s1 and s2 on the first three of four devices, which are in the caller's dev.
devices_up() {
	local n
	tool_up
	on_exit remove_all
	for n in 0 1 2 3; do
		dev+=("$(make_loop 32M)")
	done
	lclone create vm --template gold --store "${dev[0]}"
	write_at /dev/mapper/vm 1
	lclone snapshot vm s1 --store "${dev[1]}"
	write_at /dev/mapper/vm 2
	lclone snapshot vm s2 --store "${dev[2]}"
	write_at /dev/mapper/vm 3
}

test_consolidate_devices() {
	local dev=() now
	devices_up
	now=$(sum vm)
	expect_fail lclone consolidate vm --drop-snapshots
	expect_said "has to be given"
	expect_fail lclone consolidate vm --drop-snapshots --store "${dev[1]}" --force
	expect_said "is a layer"
	lclone consolidate vm --drop-snapshots --store "${dev[3]}" --rate 100M
	assert_eq "$(sum vm)" "$now" content
	no_store "${dev[0]}" "${dev[1]}"
	lclone remove vm
}

# What a snapshot and the layer on it become goes where it is told to.
test_remove_from_the_middle_of_devices() {
	local dev=() now
	devices_up
	now=$(sum vm)
	expect_fail lclone remove vm@s1
	expect_said "has to be given"
	expect_fail lclone remove vm@s1 --store "${dev[0]}"
	expect_said "is a layer"
	expect_fail lclone remove vm@s1 vm --store "${dev[3]}"
	expect_said "go with one NAME@SNAP"
	lclone remove vm@s1 --store "${dev[3]}" --rate 100M | grep "merged into the layer that stands on it"
	assert_eq "$(layers_of vm)" s2 layers
	assert_eq "$(sum vm)" "$now" content
	no_store "${dev[0]}" "${dev[1]}"
	lclone remove vm
	no_store "${dev[3]}"
}

# The tool dies at any step, and sometimes the machine with it: nothing changes but the layers.
test_tool_killed_in_a_consolidation() {
	local n now two
	tool_up
	for ((n = 3; n < 400; n += ${LCLONE_STEP:-25})); do
		[ -e /dev/mapper/vm ] || chain_up
		[ -e /dev/mapper/two ] || lclone create two --from vm@s4
		now=$(sum vm) two=$(sum two)
		if ! killed_at "$n" consolidate vm --drop-snapshots; then
			break
		fi
		if ((n % 2)); then
			dmsetup clear vm
			dmsetup resume vm
			dmsetup remove --retry vm two
		fi
		lclone activate vm two 2>/run/said
		assert_eq "$(sum vm) $(sum two)" "$now $two" "content, killed at $n"
		if [ "$(layers_of vm)" = s4 ]; then
			note "killed at $n: done already"
			lclone remove two vm
			assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left, killed at $n"
		fi
	done
	echo "$n steps"
	[ "$n" -gt 30 ] || fail "it has no more than $n steps"
	assert_eq "$(layers_of vm)" s4 "layers at last"
	assert_eq "$(sum vm) $(sum two)" "$now $two" "content at last"
	lclone remove two vm
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
}
