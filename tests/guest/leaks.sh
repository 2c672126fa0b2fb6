# shellcheck shell=bash
# In the guest: what a test must not leave behind, found by comparing the system before and after.

# All from sysfs and without a process, since this runs twice a test in a guest that may be emulated.
inventory() {
	local path rest
	for path in /sys/block/dm-*/dm/name; do
		[ ! -e "$path" ] || echo "dm:$(<"$path")"
	done
	for path in /sys/block/loop*/loop; do
		[ ! -e "$path" ] || { path=${path%/loop} && echo "loop:/dev/${path##*/}"; }
	done
	for path in /sys/block/nbd*/pid; do
		[ ! -e "$path" ] || { path=${path%/pid} && echo "nbd:/dev/${path##*/}"; }
	done
	for path in /sys/kernel/config/nullb/*/; do
		[ ! -d "$path" ] || { path=${path%/} && echo "null_blk:${path##*/}"; }
	done
	for path in brd null_blk scsi_debug; do
		[ ! -d "/sys/module/$path" ] || echo "module:$path"
	done
	while read -r _ path rest; do
		echo "mount:$path"
	done </proc/self/mounts
	while read -r path rest; do
		[[ $path != /* ]] || echo "swap:$path"
	done </proc/swaps
}

leaks_before() {
	inventory >/run/leaks-before
}

# Prints what is there now and was not before. What udev is about to let go of is no leak.
leaks_after() {
	local line
	inventory >/run/leaks-after
	cmp -s /run/leaks-before /run/leaks-after && return
	udevadm settle
	inventory | while read -r line; do
		grep -qxF -e "$line" /run/leaks-before || echo "$line"
	done
}

remove_leak() {
	case $1 in
	swap:*) swapoff "${1#*:}" ;;
	mount:*) umount "${1#*:}" ;;
	dm:*) dmsetup resume "${1#*:}"; dmsetup remove --retry "${1#*:}" ;;
	nbd:*) qemu-nbd -d "/dev/${1#*:}" ;;
	loop:*) losetup -d "${1#*:}" ;;
	null_blk:*) rmdir "/sys/kernel/config/nullb/${1#*:}" ;;
	module:*) rmmod "${1#*:}" ;;
	esac
}

# Removes what leaked; fails when something stays, for then no other test can be trusted. Stacked
# devices go in several rounds.
leaks_remove() {
	local round leak
	for round in 1 2 3 4; do
		leaks_after | tac | while read -r leak; do
			timeout 20 bash -c "$(declare -f remove_leak); remove_leak '$leak'" || true
		done
		[ "$(leaks_after)" ] || return 0
		echo "leaks left after round $round"
	done
	return 1
}
