# shellcheck shell=bash
# P9: clones that hold swap, or a filesystem, go on when the kernel has hardly any memory left; and how
# much memory they take. LCLONE_LONG=1: each of both by itself, too.
TEST_TIMEOUT=240

LEFT=80		# MiB that are left to the guest under pressure

# meminfo FIELD: in KiB.
meminfo() {
	awk -v field="$1:" '$1 == field { print $2 }' /proc/meminfo
}

# pressure: takes all memory but LEFT MiB until the end of the test.
pressure() {
	local mebibytes
	sync
	echo 3 >/proc/sys/vm/drop_caches
	mebibytes=$(($(meminfo MemAvailable) / 1024 - LEFT))
	mkfifo /run/hog.end
	"$HELPERS/hog" lock "$mebibytes" <>/run/hog.end >/run/hog &
	on_exit relieve $!
	echo -1000 >"/proc/$!/oom_score_adj"
	wait_until -t 300 grep -q locked /run/hog
	note "of $(($(meminfo MemTotal) / 1024)) MiB $(($(meminfo MemAvailable) / 1024)) are left"
}
relieve() {
	rm -f /run/hog.end
	kill "$1" 2>/dev/null || true
	wait_until -t 300 eval "[ ! -e /proc/$1 ]"
}

# origin_on_disk: 4 MiB. Nothing here is in memory: that would be swapped itself.
origin_on_disk() {
	ORIGIN=$(make_linear origin "$(disk 4)" 0 8192)
	random 4M | dd of="$ORIGIN" bs=1M iflag=fullblock oflag=direct status=none
}

# wiped_in_the_end DISK: another test's scan of the whole host is not to find a store there.
wiped_in_the_end() {
	on_exit dd if=/dev/zero of="$(disk "$1")" bs=1M count=1 oflag=direct status=none
}

# clone_on_disk NAME DISK: a clone of 400 MiB over a store of 500.
clone_on_disk() {
	local store
	wiped_in_the_end "$2"
	store=$(make_linear "store-$1" "$(disk "$2")" 0 1024000)
	clone_format "$ORIGIN" "$store" --size 400M
	clone_activate "$1" "$store" >/dev/null
}

# sound NAME: the clone works as ever, and its store is whole.
sound() {
	assert_eq "$(status_of "$1" mode)" rw "mode of $1"
	clone_down "$1"
	lclone check --quiet "/dev/mapper/store-$1" || lclone check "/dev/mapper/store-$1" ||
		fail "the store of $1 is damaged"
}

# swap_on NAME, swap_off NAME: swaps to that clone and to nothing else.
swap_on() {
	mkswap "/dev/mapper/$1" >/dev/null
	swapon "/dev/mapper/$1"
	on_exit swap_off "/dev/mapper/$1"
}
swap_off() {
	! grep -q '^/' /proc/swaps || swapoff -a
}

# use_swap MIB: a program needs more memory than there is.
use_swap() {
	"$HELPERS/hog" use "$1" 1 >/run/used || fail "$(cat /run/used)"
	assert_eq "$(tail -n 1 /run/used)" 1 "rounds through the memory"
}

no_oom() {
	! kmsg_has 'Out of memory|oom-kill' || fail "the kernel ran out of memory"
}

long_p9_swap_on_a_clone() {
	local begin=$EPOCHREALTIME
	origin_on_disk
	clone_on_disk swap 1
	swap_on swap
	pressure
	use_swap 130
	note "130 MiB used in $(elapsed "$begin") s; $(($(status_of swap data) / 256)) MiB of drift"
	[ "$(status_of swap data)" -gt 5120 ] || fail "hardly anything was swapped"
	no_oom
	swap_off
	sound swap
}

# fs_on NAME: a filesystem in the clone, mounted at MNT.
fs_on() {
	MNT=$(mktemp -d /run/mnt.XXXXXX)
	on_exit rmdir "$MNT"
	mkfs.ext4 -q -F "/dev/mapper/$1"
	mount -o discard "/dev/mapper/$1" "$MNT"
	on_exit unmounted
}
unmounted() {
	! mountpoint -q "$MNT" || retry umount "$MNT"
}

# stream N: 16 MiB that nobody else writes.
stream() {
	head -c 16M /dev/zero | openssl enc -aes-128-ctr -nosalt -K "$(printf %032d "$1")" -iv "$(printf %032d 0)"
}

# use_fs: four files at once, through the page cache; then they are read again.
use_fs() {
	local n pids=()
	for n in 1 2 3 4; do
		(stream "$n" >"$MNT/file$n" && sync "$MNT/file$n") &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		wait "$n" || fail "a file could not be written"
	done
	echo 1 >/proc/sys/vm/drop_caches
	for n in 1 2 3 4; do
		stream "$n" | cmp - "$MNT/file$n" || fail "file $n is not what was written"
	done
	rm "$MNT"/file*
}

long_p9_filesystem_under_memory_pressure() {
	local begin=$EPOCHREALTIME
	origin_on_disk
	clone_on_disk fs 3
	fs_on fs
	pressure
	use_fs
	note "64 MiB written and read in $(elapsed "$begin") s"
	no_oom
	unmounted
	e2fsck -fn /dev/mapper/fs >/dev/null || fail "the filesystem is damaged"
	sound fs
}

# What is dirty in one clone's filesystem and what is swapped to another wait for each other's memory.
test_p9_swap_and_filesystem_at_once() {
	local begin=$EPOCHREALTIME pid
	origin_on_disk
	clone_on_disk swap 1
	clone_on_disk fs 3
	swap_on swap
	fs_on fs
	pressure
	use_swap 130 &
	pid=$!
	use_fs
	wait "$pid" || fail "the program did not get its memory"
	note "both at once in $(elapsed "$begin") s"
	no_oom
	swap_off
	unmounted
	e2fsck -fn /dev/mapper/fs >/dev/null || fail "the filesystem is damaged"
	sound fs
	sound swap
}

# Not the kernel's own workers, which bear the name of what they did last.
our_threads() {
	ps --ppid 2 -o comm= | grep -c '^lclone' || true
}


# one_in_each_leaf SIZE: writes a block in each stretch of a leaf.
one_in_each_leaf() {
	fio --output=/run/fio --name=drift --filename="$CLONE" --direct=1 --ioengine=psync --bs=4k \
		--rw=write:$((STRETCH - 4096)) --size="$1" --io_size=$(($(bytes "$1") / STRETCH * 4096))
}

# Over 4 GiB, that has all leaves in memory that 4 GiB of drift would.
test_p9_memory_for_each_gib_of_drift() {
	local before after pages threads
	STRETCH=$((1008 * 4096))
	ORIGIN=-
	wiped_in_the_end 1
	STORE=$(disk 1)
	clone_format - "$STORE" --size 4G
	threads=$(our_threads)
	TABLE=$(lclone table "$STORE")
	clone_on
	before=$(meminfo Slab)
	one_in_each_leaf 4G
	after=$(meminfo Slab) pages=$(status_of clone memory)
	[ "$pages" -ge $(((4 << 30) / STRETCH)) ] || fail "only $pages pages of the map are in memory"
	note "for each GiB of drift in use $(((after - before) / 4)) KiB of the kernel's objects, $((pages / 4)) pages of the map"
	assert_eq "$(our_threads)" "$threads" "threads of ours"
	wait_until status_is memory 1
	note "$(($(meminfo Slab) - before)) KiB are left of it when nobody uses the clone"
	clone_check
}
