# shellcheck shell=bash
# Many clones over one template and the same layers, all in use at once. LCLONE_CLONES=N says how many
# (16; 200 with LCLONE_LONG).
TEST_TIMEOUT=400
CPUS=1

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh

LAYERS=4 TEMPLATE_MB=4
OWN=256			# each clone writes block 0, and from this one on one that no other writes

# content NUMBER BLOCK: what clone NUMBER writes to a block.
content() {
	printf '%4096s' "block $2 of clone $1"
}

# put FILE BLOCK: what comes in, to a clone or a file.
put() {
	dd of="$1" bs=4K seek="$2" iflag=fullblock conv=notrunc status=none
}

# write_own NUMBER FILE: what clone NUMBER writes.
write_own() {
	local block=$((OWN + $1 - 1))
	content "$1" 0 1<>"$2"
	content "$1" "$block" | put "$2" "$block"
}

# chain_up: vm with LAYERS snapshots, s1 the oldest, each with a MiB of its own; sets BASE, a file with
# what all clones of the newest begin with.
chain_up() {
	local n
	lclone create vm --template gold --store-size 8M --dir "$DIR"
	for ((n = 1; n <= LAYERS; n++)); do
		dd if=/dev/urandom of=/dev/mapper/vm bs=64K seek=$((n * 13 - 12)) count=9 oflag=direct status=none
		lclone snapshot vm "s$n" >/dev/null
	done
	BASE=/dev/shm/base MODEL=/dev/shm/model
	on_exit rm -f "$BASE" "$MODEL"
	dd if=/dev/mapper/vm of="$BASE" bs=1M iflag=direct status=none
	cp "$BASE" "$MODEL"
	lclone status vm --json | gojq -r '.layers[].path' >/run/layers
	assert_eq "$(wc -l </run/layers)" "$LAYERS" layers
}

# layer_devices: the device of each layer.
layer_devices() {
	local path
	while read -r path; do
		losetup -n -O NAME -j "$path"
	done </run/layers
}

# layer_reads: how often each layer was ever read, as "DEVICE READS".
layer_reads() {
	local dev
	for dev in $(layer_devices); do
		echo "$dev $(dev_stat "$dev" reads)"
	done
}

# shared_devices N: each layer is one device, and the tables of all clones name these.
shared_devices() {
	local path
	while read -r path; do
		assert_eq "$(loops_over "$path")" 1 "devices over $path"
	done </run/layers
	assert_eq "$(dmsetup table | grep -c '^c[0-9]')" "$1" clones
	# All of the table but the store.
	assert_eq "$(dmsetup table | sed -n 's/^c[0-9]*: //p' | cut -d' ' -f1-4,6- | sort -u | wc -l)" 1 \
		"different chains in the tables"
}

# pages_in_memory: of the clones' own maps, as "CLONES PAGES" for each number of pages.
pages_in_memory() {
	dmsetup status | awk '/^c[0-9]/ { print $21 }' | sort | uniq -c
}

# shared_maps N: the first clone has the layers' maps read; the others find them in memory. If each had to
# read what the map is, a layer would be read twice or more for each read of data. Reads take no memory of
# a clone.
shared_maps() {
	local i n dev reads pages
	pages=$(pages_in_memory)
	cmp "$BASE" /dev/mapper/c1
	udevadm settle
	layer_reads >/run/reads
	for ((i = 1; i <= $1; i++)); do
		n=$(((i - 1) % LAYERS + 1))
		dd if="/dev/mapper/c$i" bs=4K skip=$(((n * 13 - 12) * 16)) count=1 iflag=direct status=none >/dev/null
	done
	assert_eq "$(pages_in_memory)" "$pages" "pages of the clones' own maps in memory"
	n=1
	while read -r dev reads; do
		reads=$(($(dev_stat "$dev" reads) - reads))
		i=$((($1 - n + LAYERS) / LAYERS))
		echo "layer $n: $reads reads for $i of data"
		[ "$reads" -ge "$i" ] || fail "layer $n was read $reads times for $i reads of data"
		[ "$reads" -lt $((2 * i)) ] || fail "layer $n was read $reads times for $i reads of data: its map is not shared"
		n=$((n + 1))
	done </run/reads
}

# expect N: what clone N is to hold, in MODEL; the next one clears its block again.
expect() {
	local before=$((OWN + $1 - 2))
	[ "$1" -eq 1 ] || dd if="$BASE" bs=4K skip="$before" count=1 status=none | put "$MODEL" "$before"
	write_own "$1" "$MODEL"
}

test_p3_p8_clones_over_shared_layers() {
	local n=${LCLONE_CLONES:-${LCLONE_LONG:+200}} i layers begin memory
	n=${n:-16}
	tool_state
	tool_dir $((120 + 4 * n))M
	tool_image ${TEMPLATE_MB}M
	template_add gold "$IMAGE"
	chain_up
	layers=$(xargs -n 1 "$HELPERS/hash" </run/layers)
	memory=$(awk '/^(SUnreclaim|Percpu):/ { sum += $2 } END { print sum }' /proc/meminfo)
	begin=$EPOCHREALTIME
	lclone create c --from "vm@s$LAYERS" --count "$n" --store-size 8M
	memory=$(($(awk '/^(SUnreclaim|Percpu):/ { sum += $2 } END { print sum }' /proc/meminfo) - memory))
	note "$n clones over $LAYERS layers made in $(elapsed "$begin") s, $((memory / n)) KiB each"
	shared_devices "$n"
	shared_maps "$n"
	for ((i = 1; i <= n; i++)); do
		write_own "$i" "/dev/mapper/c$i"
	done
	begin=$EPOCHREALTIME
	lclone deactivate --all
	lclone activate --all
	note "all of them deactivated and activated in $(elapsed "$begin") s"
	shared_devices "$n"
	for ((i = 1; i <= n; i++)); do
		expect "$i"
		cmp "$MODEL" "/dev/mapper/c$i" || fail "clone $i does not hold what was written to it"
	done
	cmp "$BASE" /dev/mapper/vm
	expect_fail lclone remove vm
	expect_said "c$n"
	assert_eq "$(xargs -n 1 "$HELPERS/hash" </run/layers)" "$layers" "P3: the layers"
}

# ran FUNCTION: how often each work of the module that is called so ran since the trace began; most first.
ran() {
	sed -n "s/.*work struct \([^:]*\): function $1 \[dm_lclone\].*/\1/p" "$TRACING/trace" | sort | uniq -c |
		sort -rn | awk '{ print $1 }'
}

# ran_often FUNCTION TIMES: for wait_until: one of them did so many times.
ran_often() {
	[ "$(ran "$1" | head -n 1)" -ge "$2" ] 2>/dev/null
}

# rested FUNCTION: for wait_until: none has run for 3 s.
rested() {
	local before
	before=$(ran "$1")
	sleep 3
	[ "$(ran "$1")" = "$before" ]
}

# at_most TIMES N FUNCTION: says how often they ran; no more than N of them ran more often than that, since the trace began.
at_most() {
	local often
	often=$(ran "$3" | awk -v times="$1" '$1 > times' | wc -l)
	note "$3 ran $(ran "$3" | xargs) times"
	[ "$often" -le "$2" ] || fail "$often of $3 ran more than $1 times, and not $2"
}

# tracing: notes which works run, until the end of the test.
tracing() {
	TRACING=/sys/kernel/tracing
	mount -t tracefs none "$TRACING"
	on_exit no_tracing
	echo 1 >"$TRACING/events/workqueue/workqueue_execute_start/enable"
}
no_tracing() {
	echo 0 >"$TRACING/events/workqueue/workqueue_execute_start/enable"
	umount "$TRACING"
}

# keep_reading CLONE: what it shares, until the end of the test or stop_reading.
keep_reading() {
	touch /run/reading
	while [ -e /run/reading ]; do
		dd if="/dev/mapper/$1" of=/dev/null bs=64K iflag=direct status=none
		sleep 0.1
	done &
	READER=$!
	on_exit stop_reading
}
stop_reading() {
	rm -f /run/reading
	wait "$READER" || true
}

# One clone uses what all share: the others have no work of it, and there is none when it rests, too.
long_p9_idle_clones_over_layers_in_use_come_to_rest() {
	[ -d /sys/kernel/tracing ] || skip "this kernel traces nothing"
	tool_state
	tool_dir 150M
	tool_image ${TEMPLATE_MB}M
	template_add gold "$IMAGE"
	chain_up
	lclone create c --from "vm@s$LAYERS" --count 6 --store-size 8M
	udevadm settle
	tracing
	keep_reading c1
	wait_until -t 60 ran_often sweep 12	# which looks after the layers in use, once a second
	at_most 6 1 tick		# the one is c1's
	echo >"$TRACING/trace"
	stop_reading
	wait_until rested sweep
	wait_until rested tick
	at_most 6 0 sweep
	at_most 6 0 tick
}
