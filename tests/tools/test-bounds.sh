# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Memory and time of check, dump, repair and restore follow what a store holds, not the clone's size.

# within KIB COMMAND...: peak memory of a build without sanitizers, and half a minute.
within() {
	local most=$1 peak rc=0
	shift
	timeout 30 "$HELPERS/peak" "$@" >out 2>err || rc=$?
	[ "$rc" -eq 0 ] || fail "$*: exit status $rc"
	peak=$(tail -n 1 err)
	[ "$peak" -le "$most" ] || fail "$*: $peak KiB, more than $most"
}

# A clone of 1 TiB with 200 exceptions far apart in a store of 1 GiB.
test_large_clone_with_few_exceptions() {
	local plain="$TOOLS/lclone"
	[ -x "$plain" ] || make -s -C "$TOOLS" >/dev/null
	store s.img 1G --origin - --size 1T
	lclone dump s.img | grep -v ^end >dump
	start=$(awk '/^reserve/ { print $2 + $3 }' dump)
	awk -v s="$start" 'BEGIN {
		for (i = 0; i < 200; i++) print "data", i * 1300000, 1, s + i
		print "zero", 267000000, 1400000; print "end", 201, 200, 1400000 }' >>dump
	within 16384 "$plain" restore s.img --force --input dump
	within 16384 "$plain" check s.img
	within 16384 "$plain" dump s.img
	"$HELPERS/damage" s.img leaf 7 flip >/dev/null
	within 16384 "$plain" repair s.img --lost=zero
	"$HELPERS/damage" s.img node 2 flip >/dev/null
	within 16384 "$plain" repair s.img --lost=origin
	"$HELPERS/damage" s.img node 0 flip >/dev/null
	within 16384 "$plain" repair s.img --lost=zero
	within 16384 "$plain" check s.img
}
