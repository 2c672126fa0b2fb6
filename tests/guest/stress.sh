#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: three clones under load while everything that can happen to them does. Meant for the
# debug kernel, whose checkers judge (make check-debug); with any other kernel the parts that it
# cannot do are left out. At the end the module goes, and must not leave anything behind.
# Usage: stress.sh [SECONDS]   how long the load lasts; the faults take as long again
set -eEuo pipefail
shopt -s inherit_errexit
# shellcheck source=tests/guest/lib.sh
. /repo/tests/guest/lib.sh
# shellcheck source=tests/guest/lib-faults.sh
. /repo/tests/guest/lib-faults.sh

DURATION=${1:-60}
WORK=/run/stress
CLONES=(plain nullblk tiny)
PART=4		# MiB of a clone that each of four jobs writes: little, for the jobs are to meet, and sums take long
declare -A STORE=()

failed_at() {
	echo "FAIL: line $1 of ${2##*/}: $3"
	dmesg | tail -n 30
}
undo() {
	local rc=$?
	trap - ERR
	set +e
	no_faults
	touch "$WORK/stop"
	wait
	run_cleanups || rc=1
	exit "$rc"
}

# make_devices: the origin of 16 MiB and a store for each clone: roomy ones on a disk and on a device
# that can discard, and one that the load fills again and again.
make_devices() {
	ORIGIN=$(make_linear origin "$(disk 3)" 0 $((4 * PART * 2048)))
	random $((4 * PART))M | dd of="$ORIGIN" bs=1M iflag=fullblock oflag=direct status=none
	ORIGIN_SUM=$(hash_of "$ORIGIN")
	STORE[plain]=$(make_linear store-plain "$(disk 1)" 0 524288)
	STORE[nullblk]=$(make_null_blk 192M)
	STORE[tiny]=$(make_linear store-tiny "$(disk 2)" 0 16384)
}

# load NAME [FIO_OPTION]...: four jobs at once, each on its part: all sizes; sequential through the
# page cache; blocks trimmed and written again; and many fsyncs. All verify what they wrote.
load() {
	local name=$1
	shift
	fio --filename="/dev/mapper/$name" --time_based --runtime="$DURATION" --size="${PART}M" \
		--ioengine=libaio --direct=1 --iodepth=8 --randrepeat=0 \
		--verify=crc32c --verify_backlog=48 --verify_backlog_batch=24 --verify_state_save=0 \
		--output="$WORK/fio-$name" "$@" \
		--name=sizes --rw=randrw --bssplit=512/15:1k/10:4k/35:20k/15:64k/20:256k/5 \
		--name=cached --offset="${PART}M" --rw=write --bs=16k --direct=0 --ioengine=psync --fsync=24 \
		--name=trims --offset="$((2 * PART))M" --rw=randtrimwrite --bs=8k \
		--name=fsyncs --offset="$((3 * PART))M" --rw=randwrite --bssplit=512/30:4k/50:12k/20 --fsync=3 || {
		grep -aE "verify|err=|error|fio:" "$WORK/fio-$name" | head -n 40
		return 1
	}
}

# A full store fails writes, or keeps them waiting until a suspend fails them. Nothing to verify: the
# discards that make room come from outside.
load_tiny() {
	load tiny --verify=null --continue_on_error=all --ignore_error=EIO,ENOSPC:EIO
}

# reload NAME: another table over the same store, alternately without discards passed down.
reload() {
	local table
	table=$(lclone table "${STORE[$1]}")
	[ $((RANDOM % 2)) -eq 0 ] || table+=" 1 no_discard_passdown"
	dmsetup load "$1" --table "$table"
	dmsetup suspend "$1"
	resume "$1"
}

# resume NAME: without a wait for udev, which looks at the device then, and waits with blkdiscard (see
# make_room_until_stop) for writes that wait for space. Who waited for udev could not make an end of that.
resume() {
	dmsetup resume --noudevsync "$1"
}

# disturb NAME: one thing that happens to a clone.
disturb() {
	case $((RANDOM % 10)) in
	0) dmsetup suspend "$1" && resume "$1" ;;
	1) dmsetup suspend --noflush --nolockfs "$1" && resume "$1" ;;
	2) reload "$1" ;;
	3 | 4) dmsetup message "$1" 0 checkpoint ;;
	5) echo 2 >/proc/sys/vm/drop_caches ;;
	6) echo 3 >/proc/sys/vm/drop_caches ;;
	7) dmsetup status "$1" >/dev/null && dmsetup table "$1" >/dev/null ;;
	8) dmsetup message "$1" 0 error_if_no_space ;;
	9) dmsetup message "$1" 0 queue_if_no_space ;;
	esac
}

disturb_until_stop() {
	local count=0
	until [ -e "$WORK/stop" ]; do
		disturb "$1"
		count=$((count + 1))
		wait_tick
	done
	echo "$1: disturbed $count times"
}

# make_room_until_stop: the tiny one would be full for ever. This is no part of the disturbances: blkdiscard
# waits for pages of the cache whose writes may wait for space, until one of those makes an end of that.
make_room_until_stop() {
	until [ -e "$WORK/stop" ]; do
		blkdiscard -o "$((RANDOM % 4 * PART))M" -l "$((PART * 3 / 4))M" /dev/mapper/tiny
		sleep 0.2
	done
}

# await PID...: all of them, whatever the first one says.
await() {
	local pid rc=0
	for pid in "$@"; do
		wait "$pid" || rc=$?
	done
	return "$rc"
}

# under_load NAME...: load and disturbances on all of them at once.
under_load() {
	local name loads=() others=()
	rm -f "$WORK/stop"
	for name in "$@"; do
		if [ "$name" = tiny ]; then load_tiny & else load "$name" & fi
		loads+=($!)
		disturb_until_stop "$name" &
		others+=($!)
		[ "$name" != tiny ] || { make_room_until_stop & others+=($!); }
	done
	await "${loads[@]}" || fail "fio found an error"
	touch "$WORK/stop"
	await "${others[@]}" || fail "a disturbance failed"
}

# same_after_reactivation NAME: what the clone reads as, the store holds.
same_after_reactivation() {
	local sum
	sum=$(hash_of "/dev/mapper/$1")
	clone_down "$1"
	lclone check "${STORE[$1]}"
	clone_activate "$1" "${STORE[$1]}" >/dev/null
	assert_eq "$(hash_of "/dev/mapper/$1")" "$sum" "content of $1"
}

# Allocations fail: those of the module's caches, and pages asked for by kernel threads. The load must
# not notice (P9).
memory_faults() {
	local task
	marked lc_leaf lc_node lclone_copy
	for task in $(pgrep '^(kworker|lclone_)'); do
		quietly tee "/proc/$task/make-it-fail" <<<1 >/dev/null || true
	done
	set_fault failslab ignore-gfp-wait=N cache-filter=1 probability=30
	set_fault fail_page_alloc ignore-gfp-wait=N min-order=0 task-filter=1 probability=20
	under_load plain
	no_faults
	injected failslab
	injected fail_page_alloc
	same_after_reactivation plain
}

# A store that fails leaves a clone in failed mode, which reads and can be removed; the store is whole.
disk_faults() {
	local disk name=plain
	disk=/sys/block/$(basename "$(readlink -f "${STORE[$name]}")")
	echo 1 >"$disk/make-it-fail"
	set_fault fail_make_request probability=2
	quietly load "$name" --continue_on_error=all --ignore_error=EIO,EIO,EIO --runtime=15 >/dev/null || true
	dmsetup message "$name" 0 checkpoint || true
	no_faults
	injected fail_make_request
	echo 0 >"$disk/make-it-fail"
	echo "$name after disk faults: $(dmsetup status "$name")"
	dd if="/dev/mapper/$name" of=/dev/null bs=1M iflag=direct status=none
	clone_down "$name"
	lclone check "${STORE[$name]}"
	clone_activate "$name" "${STORE[$name]}" >/dev/null
	[[ $(dmsetup status "$name") == *" lclone rw "* ]] || fail "$name did not come back"
}

# kmemleak runs when the kernel was told so.
have_kmemleak() {
	[ -e "$DEBUGFS/kmemleak" ] && grep -q kmemleak=on /proc/cmdline
}

# Twice, for kmemleak wants to have seen an object for some seconds.
no_leaks() {
	have_kmemleak || return 0
	echo scan >"$DEBUGFS/kmemleak"
	wait_until_later 6
	echo scan >"$DEBUGFS/kmemleak"
	! grep -q . "$DEBUGFS/kmemleak" || {
		head -n 100 "$DEBUGFS/kmemleak"
		fail "kmemleak found $(grep -c '^unreferenced object' "$DEBUGFS/kmemleak") objects"
	}
}

wait_until_later() {
	local end=$((SECONDS + $1))
	while [ "$SECONDS" -lt "$end" ]; do
		wait_tick
	done
}

trap 'failed_at "$LINENO" "${BASH_SOURCE[0]}" "$BASH_COMMAND"' ERR
trap undo EXIT
mkdir -p "$WORK"
make_devices
for clone in "${CLONES[@]}"; do
	clone_up "$clone" "$ORIGIN" "${STORE[$clone]}" >/dev/null
done
! have_kmemleak || { echo scan >"$DEBUGFS/kmemleak" && echo clear >"$DEBUGFS/kmemleak"; }
under_load "${CLONES[@]}"
for clone in "${CLONES[@]}"; do
	dmsetup status "$clone"
	same_after_reactivation "$clone"
done
echo "stress: load and disturbances passed"
if [ -e "$DEBUGFS/failslab" ]; then
	memory_faults
	echo "stress: failing allocations passed"
	disk_faults
	echo "stress: failing disk passed"
fi
assert_eq "$(hash_of "$ORIGIN")" "$ORIGIN_SUM" "content of the origin"
run_cleanups
no_leaks
rmmod dm_lclone
echo "stress: no leak, and the module is gone"
echo "stress: 1 passed, 0 failed"
