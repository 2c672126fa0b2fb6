# shellcheck shell=bash
# Filesystems on clones: made, used, checked, and checked again after reactivation.
TEST_TIMEOUT=300

fs_devices() {
	ORIGIN=$(make_loop 320M)
	STORE=$(make_loop 200M)
	MNT=$(mktemp -d /run/mnt.XXXXXX)
	on_exit rmdir "$MNT"
}

mounted() {
	mount "$@" "$MNT"
	on_exit unmounted
}
unmounted() {
	! mountpoint -q "$MNT" || umount "$MNT"
}

# Files come, change, go; what is freed is trimmed.
use_fs() {
	cp -r /etc "$MNT/a"
	cp -r "$MNT/golden" "$MNT/b"
	sync -f "$MNT"
	cp -r "$MNT/a" "$MNT/c"
	rm -rf "$MNT/a"
	fstrim "$MNT"
	random 24M | dd of="$MNT/big" bs=1M iflag=fullblock conv=fsync status=none
	dd if=/dev/zero of="$MNT/big" bs=4K seek=100 count=300 conv=notrunc,fsync status=none
	sums >"$SUMS"
	umount "$MNT"
}

sums() {
	(cd "$MNT" && find . -type f -print0 | sort -z | xargs -0 cksum)
}

# fs_life MKFS MOUNT_OPTIONS CHECK...: the origin holds a filesystem; a clone of it is used.
fs_life() {
	local mkfs=$1 options=$2 sum
	shift 2
	fs_devices
	SUMS=$(mktemp /dev/shm/sums.XXXXXX)
	on_exit rm -f "$SUMS"
	$mkfs "$ORIGIN" >/dev/null
	mounted "$ORIGIN"
	cp -r /usr/lib/x86_64-linux-gnu/perl-base "$MNT/golden"
	umount "$MNT"
	sum=$(hash_of "$ORIGIN")
	CLONE=$(clone_up clone "$ORIGIN" "$STORE")
	"$@" "$CLONE"
	mounted -o "$options" "$CLONE"
	use_fs
	"$@" "$CLONE"
	clone_down clone
	lclone check "$STORE"
	clone_activate clone "$STORE" >/dev/null
	"$@" "$CLONE"
	mount -o "$options" "$CLONE" "$MNT"
	sums | cmp - "$SUMS" || fail "files are not what they were"
	umount "$MNT"
	assert_eq "$(hash_of "$ORIGIN")" "$sum" origin
}

test_ext4() {
	fs_life "mkfs.ext4 -q -F" discard e2fsck -fn
}

test_xfs() {
	fs_life "mkfs.xfs -q -f" nouuid,discard xfs_repair -n
}

# mkfs discards all of the clone first: with no origin left to see, it reads as zeros.
test_mkfs_on_a_clone() {
	fs_devices
	random 64M | dd of="$ORIGIN" bs=1M iflag=fullblock oflag=direct status=none
	CLONE=$(clone_up clone "$ORIGIN" "$STORE")
	mkfs.ext4 -q -F -E nodiscard "$CLONE"
	mkfs.ext4 -q -F "$CLONE"
	e2fsck -fn "$CLONE"
	dmsetup status clone
	clone_down clone
	lclone check "$STORE"
}
