#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs the tests of the tool.  Usage: run.sh [test-FILE.sh[:test_NAME]...]   (default: all)
# Needs LCLONE, HELPERS and TOOLS, as the Makefile sets them.  Ends in "N passed, N failed".
#
# A file that runs programs some hundred times a test says LEAKS=0: to look for leaks at the end of each
# takes longer than all else that they do, and fuzzing looks for them in the same code.  LCLONE_LEAKS=1
# in the environment has it done all the same.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${LCLONE:?}" "${HELPERS:?}" "${TOOLS:?}"
export LCLONE HELPERS TOOLS UBSAN_OPTIONS=print_stacktrace=1

# In memory, where there is room: each format and each verb waits until the disk has what it wrote.
room_in_memory() {
	[ "$(df --output=avail --block-size=1G /dev/shm 2>/dev/null | tail -n 1)" -ge 2 ] 2>/dev/null
}
[ -n "${TMPDIR:-}" ] || ! room_in_memory || TMPDIR=/dev/shm
top=$(mktemp -d "${TMPDIR:-/tmp}/lclone-tests.XXXXXX")
passed=0 failed=0 skipped=0

# Takes away what a test left: mounts first, then loop devices, by its directory only.
clean_up() {
	local dir=$1 dev
	[ "$(id -u)" -eq 0 ] || return 0
	awk -v dir="$dir/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | tac |
		while read -r mount; do umount "$mount"; done
	# A loop device over a loop device goes before that one.
	losetup --list --noheadings --output NAME,BACK-FILE 2>/dev/null |
		awk -v dir="$dir/" '{ back[$1] = $2 }
			END {
				for (dev in back) if (index(back[back[dev]], dir) == 1) print dev
				for (dev in back) if (index(back[dev], dir) == 1) print dev
			}' |
		while read -r dev; do losetup --detach "$dev" 2>/dev/null; done
}

finish() {
	clean_up "$top"
	rm -rf "$top"
}
trap finish EXIT
trap 'exit 130' INT TERM

run_test() {
	local file=$1 name=$2 dir="$top/$2" begin=$EPOCHREALTIME rc tenths
	mkdir -p "$dir"
	(
		set -euo pipefail
		cd "$dir" || exit 1
		[ -n "${LCLONE_LEAKS:-}" ] || ! grep -q '^LEAKS=0$' "$here/$file" ||
			export ASAN_OPTIONS=detect_leaks=0
		. "$here/lib.sh"
		. "$here/$file"
		"$name"
	) >"$top/log" 2>&1 </dev/null
	rc=$?
	clean_up "$dir"
	rm -rf "$dir"
	tenths=$(((${EPOCHREALTIME/./} - ${begin/./} + 50000) / 100000))
	case $rc in
	0) passed=$((passed + 1)); echo "ok $file $name $((tenths / 10)).$((tenths % 10)) s" ;;
	77) skipped=$((skipped + 1)); echo "skip $file $name: $(tail -n 1 "$top/log")" ;;
	*) failed=$((failed + 1)); echo "not ok $file $name"; sed 's/^/      /' "$top/log" ;;
	esac
}

run_file() {
	local file=$1 name
	for name in $(sed -n 's/^\(test_[a-z0-9_]*\)() {.*/\1/p' "$here/$file"); do
		run_test "$file" "$name"
	done
}

if [ $# -eq 0 ]; then
	set -- "$here"/test-*.sh
fi
for what in "$@"; do
	what=${what##*/}
	case $what in
	*:*) run_test "${what%%:*}" "${what#*:}" ;;
	*) run_file "$what" ;;
	esac
done
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
