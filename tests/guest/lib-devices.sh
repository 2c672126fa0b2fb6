# shellcheck shell=bash
# In the guest: block devices for tests. Each helper that makes a device prints its path and has it
# removed at the end of the test: dev=$(make_loop 64M).

# disk N: the Nth data disk that QEMU gave (run --disk), 1 to $DISKS.
disk() {
	readlink -f "/dev/disk/by-id/virtio-data$1"
}

# bytes SIZE: a size such as 64M in bytes.
bytes() {
	local -A shift=([K]=10 [M]=20 [G]=30 [T]=40)
	echo $((${1%[KMGT]} << ${shift[${1: -1}]:-0}))
}

# sectors DEV
sectors() {
	blockdev --getsz "$1"
}

# make_loop SIZE [LOSETUP_OPTION]...: a loop device over a sparse file in memory.
make_loop() {
	local file dev size=$1
	shift
	file=$(mktemp /dev/shm/loop.XXXXXX)
	on_exit rm -f "$file"
	truncate -s "$size" "$file"
	dev=$(losetup --find --show "$@" "$file")
	on_exit detach_loop "$dev"
	echo "$dev"
}

# losetup -d only asks; udev may still have the device open for a moment.
detach_loop() {
	losetup -d "$1" 2>/dev/null || true
	wait_until loop_free "$1"
}
loop_free() {
	[ ! -e "/sys/block/${1##*/}/loop" ]
}

# make_brd SIZE: a ram disk, one at a time (the size is a parameter of the module). Knows no discard.
make_brd() {
	modprobe brd rd_nr=1 "rd_size=$(($(bytes "$1") / 1024))"
	on_exit retry rmmod brd
	udevadm settle
	echo /dev/ram0
}

# make_null_blk SIZE [ATTRIBUTE=VALUE]...: keeps its data in memory, knows discard. Attributes are
# null_blk's, such as blocksize=4096, completion_nsec, cache_size (MiB: a volatile write cache).
make_null_blk() {
	local n=0 dir attr name
	modprobe null_blk nr_devices=0
	while dir=/sys/kernel/config/nullb/nullb$n && ! mkdir "$dir" 2>/dev/null; do
		n=$((n + 1))
		[ "$n" -lt 128 ] || fail "cannot make a null_blk"
	done
	on_exit remove_null_blk "$dir"
	for attr in "size=$(($(bytes "$1") >> 20))" memory_backed=1 discard=1 "${@:2}"; do
		echo "${attr#*=}" >"$dir/${attr%%=*}"
	done
	echo 1 >"$dir/power"
	name=nullb$n
	[ -b "/dev/$name" ] || name=nullb$(<"$dir/index")
	udevadm settle
	[ -b "/dev/$name" ] || fail "null_blk made no /dev/$name"
	echo "/dev/$name"
}

# Removes it, and the module with the last one.
remove_null_blk() {
	rmdir "$1"
	[ -n "$(find /sys/kernel/config/nullb -mindepth 1 -type d)" ] || retry rmmod null_blk
}

# lose_cache DEV: a null_blk loses what is in its write cache, as in a loss of power. Nobody may have it open.
lose_cache() {
	local config=/sys/kernel/config/nullb/${1##*/}
	echo 0 >"$config/power"
	echo 1 >"$config/power"
	udevadm settle
}

# make_dm NAME TABLE [DMSETUP_OPTION]...: any dm device, removed at the end of the test.
make_dm() {
	dmsetup create "$1" "${@:3}" --table "$2"
	on_exit remove_dm "$1"
	echo "/dev/mapper/$1"
}

# The test may have removed it already. A suspended device would block its removal.
remove_dm() {
	dmsetup info "$1" >/dev/null 2>&1 || return 0
	dmsetup resume "$1" || true
	dmsetup remove --retry "$1"
}

# make_linear NAME DEV [START_SECTOR [SECTORS]]
make_linear() {
	local start=${3:-0} length
	length=${4:-$(($(sectors "$2") - start))}
	make_dm "$1" "0 $length linear $2 $start"
}

# dev_stat DEV FIELD: a counter of /sys/block/*/stat, with all that has been answered; sectors are of 512 bytes.
dev_stat() {
	local -A column=([reads]=0 [read_sectors]=2 [writes]=4 [write_sectors]=6
		[inflight]=8 [discards]=11 [discard_sectors]=13 [flushes]=15)
	local dev=$1 stat
	[ ! -L "$dev" ] || dev=$(readlink -f "$dev")
	"$HELPERS/counted"
	read -r -a stat <"/sys/class/block/${dev##*/}/stat"
	echo "${stat[${column[$2]}]}"
}

# dm_events NAME: how many events the device has had.
dm_events() {
	dmsetup info -c --noheadings -o events "$1" | tr -d ' '
}

# retry COMMAND...: for what udev may keep busy for a moment.
retry() {
	wait_until -t 20 quietly "$@"
}
quietly() {
	"$@" 2>/dev/null
}
