# shellcheck shell=bash
# P9: a hundred idle clones. Not part of make check yet: see Documentation/testing.rst.
TEST_TIMEOUT=400

# many DIGIT TABLE: a hundred devices at once, dm-DIGIT001 to dm-DIGIT100; N in the table is the number,
# AT the place of its 8 MiB. Nobody waits for udev, which takes longer than all else here.
many() {
	local n table list=
	for n in {001..100}; do
		table=${2//AT/$((10#$n * 16384))}
		list+="many$1$n,,$1$n,,${table//N/$n};"
	done
	on_exit none "$1"
	dmsetup create --noudevsync --concise "${list%;}"
}
none() {
	[ ! -e "/dev/dm-${1}001" ] || dmsetup remove --noudevsync --retry $(seq -f "many$1%03g" 100)
}

# stores_in FILE: a hundred of them, as files first.
stores_in() {
	local n store=/dev/shm/store
	on_exit rm -f "$store"
	for n in {1..100}; do
		rm -f "$store"
		truncate -s 8M "$store"
		lclone format "$store" --origin "$ORIGIN" >/dev/null
		dd if="$store" of="$1" bs=1M count=1 seek=$((n * 8)) conv=notrunc status=none
	done
}

# The tasks that neither dm nor the block layer has for every device.
our_threads() {
	ps --ppid 2 -o comm= | grep -cvE '^(kworker|kdmflush|dm_bufio|loop|ksmd|migration|rcu|jbd2|ext4)' || true
}

free_kilobytes() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemFree:/ { print $2 }' /proc/meminfo
}

# P9: what a hundred idle clones take, and that none has a thread.
test_p9_a_hundred_clones() {
	local begin n base linear threads each
	origin_make 4M
	base=$(make_loop 900M)
	begin=$EPOCHREALTIME
	stores_in "$(losetup -n -O BACK-FILE "$base")"
	echo "formatted in $(elapsed "$begin") s"
	many 1 "0 16384 linear $base AT"
	many 2 "0 8192 linear /dev/dm-1N 0"
	linear=$(free_kilobytes)
	none 2
	threads=$(our_threads)
	begin=$EPOCHREALTIME
	many 3 "0 8192 lclone $ORIGIN /dev/dm-1N 0"
	echo "created in $(elapsed "$begin") s"
	assert_eq "$(our_threads)" "$threads" threads
	each=$((linear - $(free_kilobytes)))
	echo "$((each / 100)) KiB for each idle clone beyond a linear device"
	[ "$each" -le 6400 ] || fail "$((each / 100)) KiB for each idle clone, beyond a linear device"
	for n in 3001 3050 3100; do
		dd if="$NOISE" of="/dev/dm-$n" bs=4K count=16 seek=$((n % 1000)) oflag=direct conv=notrunc status=none
		cmp -i $((n % 1000 * 4096)):0 -n 65536 "/dev/dm-$n" "$NOISE"
	done
	cmp -n 4194304 /dev/dm-3002 "$NOISE"
	begin=$EPOCHREALTIME
	none 3
	echo "removed in $(elapsed "$begin") s"
	lclone check --quiet /dev/dm-1050
}
