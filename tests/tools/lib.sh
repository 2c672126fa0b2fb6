# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the tests of the tool share.  Each test is a function test_NAME of a file test-*.sh, run in a
# shell and a directory of its own; the last command run by expect() is in $out and $err.

# Ends the test: it did not hold.
fail() {
	echo "FAILED: $*"
	echo "--- stdout"; head -c 4000 out 2>/dev/null
	echo "--- stderr"; head -c 4000 err 2>/dev/null
	exit 1
}

# Ends the test: it cannot be run here.
skip() {
	echo "skipped: $*"
	exit 77
}

# expect STATUS COMMAND...: runs it and wants that exit status.
expect() {
	local want=$1 got
	shift
	"$@" >out 2>err </dev/null && got=0 || got=$?
	[ -s err ] && grep -qE 'AddressSanitizer|LeakSanitizer|runtime error' err &&
		fail "$*: the sanitizer found a bug"
	[ "$got" -eq "$want" ] || fail "$*: exit status $got, not $want"
}

# Wants a pattern (grep -E) on stderr, on stdout, or a jq expression to hold for stdout.
says() { grep -qE -- "$1" err || fail "stderr does not say: $1"; }
prints() { grep -qE -- "$1" out || fail "stdout does not have: $1"; }
json() { jq -e "$1" out >/dev/null || fail "the JSON does not have: $1"; }
silent() { [ ! -s err ] || fail "stderr is not empty"; }

# Refused with a reason and something to do next.
refused() {
	local why=$1
	shift
	expect 1 "$@"
	says "^lclone: .*$why"
	says '^  next: '
}

# file NAME SIZE: a sparse file.
file() { rm -f "$1"; truncate -s "$2" "$1"; }

# store NAME SIZE [FORMAT ARGUMENT...]: an empty store.
store() {
	local name=$1 size=$2
	shift 2
	[ $# -gt 0 ] || set -- --origin - --size 1G
	file "$name" "$size"
	expect 0 lclone format "$name" "$@"
}

# loop FILE [LOSETUP OPTION...]: sets $dev to a loop device over the file; run.sh detaches it.
loop() {
	local file=$1
	shift
	[ "$(id -u)" -eq 0 ] || skip "not root"
	dev=$(losetup --find --show "$@" "$file" 2>&1) || skip "no loop device: $dev"
}

lclone() { "$LCLONE" "$@"; }
fill() { "$HELPERS/fill-store" "$@"; }
live() { "$HELPERS/live-store" "$@"; }
reader() { "$HELPERS/live-reader" "$@"; }

# overwrite FILE BLOCK: other bytes in the middle of a block of 4096.
overwrite() {
	printf 'damage!' | dd of="$1" bs=1 seek=$(($2 * 4096 + 2000)) conv=notrunc status=none
}

zero() { dd if=/dev/zero of="$1" bs=4096 seek="$2" count=1 conv=notrunc status=none; }
