# shellcheck shell=bash
# shellcheck disable=SC2034
# In the guest: what tests of changes of a clone under its user share. A test file sources it.

# sum_of NAME MEGABYTES: of the beginning of a clone.
sum_of() {
	hash_of "/dev/mapper/$1" 0 "$2M"
}

# zeros_at NAME MEGABYTE COUNT
zeros_at() {
	dd if="/dev/mapper/$1" bs=1M skip="$2" count="$3" iflag=direct status=none |
		cmp -n $(($3 * 1048576)) - /dev/zero || fail "$1 is not zero from MiB $2 on"
}

# in_order NAME: it can be used, after whatever happened.
in_order() {
	lclone activate "$1"
	assert_eq "$(dmsetup info -c --noheadings -o suspended "$1")" Active state
	assert_eq "$(tool_status "$1" .mode)" rw mode
}

# fill NAME BYTES: writes that need new space, until they are done or wait; sets FILL.
fill() {
	dd if=<(random "$2") of="/dev/mapper/$1" bs=64K iflag=fullblock oflag=direct conv=fsync,notrunc \
		status=none &
	FILL=$!
}
waits_for_space() {
	[ "$(tool_status "$1" .space)" = full ]
}
