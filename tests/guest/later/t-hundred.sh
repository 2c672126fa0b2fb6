# shellcheck shell=bash
# P9: a hundred idle clones. Not part of make check yet: see Documentation/testing.rst.
TEST_TIMEOUT=400

# many NAME TABLE: a hundred devices at once, NAME1 to NAME100; N in the table is the number, AT the
# place of its 8 MiB. Without udev, which takes longer than all else here.
many() {
	local n table list=
	for n in {1..100}; do
		table=${2//AT/$((n * 16384))}
		list+="$1$n,,,,${table//N/$n};"
	done
	on_exit none "$1"
	dmsetup create --noudevrules --noudevsync --concise "${list%;}"
}
none() {
	[ ! -e "/dev/mapper/${1}1" ] || dmsetup remove --noudevrules --noudevsync --retry $(seq -f "$1%g" 100)
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
	many part "0 16384 linear $base AT"
	many vm "0 8192 linear /dev/mapper/partN 0"
	linear=$(free_kilobytes)
	none vm
	threads=$(our_threads)
	begin=$EPOCHREALTIME
	many vm "0 8192 lclone $ORIGIN /dev/mapper/partN 0"
	echo "created in $(elapsed "$begin") s"
	assert_eq "$(our_threads)" "$threads" threads
	each=$((linear - $(free_kilobytes)))
	echo "$((each / 100)) KiB for each idle clone beyond a linear device"
	[ "$each" -le 6400 ] || fail "$((each / 100)) KiB for each idle clone, beyond a linear device"
	for n in 1 50 100; do
		head -c 65536 "$NOISE" | dd of="/dev/mapper/vm$n" bs=4K seek="$n" oflag=direct conv=notrunc status=none iflag=fullblock
		cmp -i $((n * 4096)):0 -n 65536 "/dev/mapper/vm$n" "$NOISE"
	done
	cmp -n 4194304 /dev/mapper/vm2 "$NOISE"
	begin=$EPOCHREALTIME
	none vm
	echo "removed in $(elapsed "$begin") s"
	lclone check --quiet /dev/mapper/part50
}
