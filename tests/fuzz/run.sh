#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The bounded fuzzing of make check: the corpus, random inputs from a fixed seed, and from a fresh one.
# Usage: run.sh BUILD-DIRECTORY, as the Makefile does.  Ends in "N passed, N failed"; each input counts.
set -uo pipefail
cd "$(dirname "$0")" || exit
build=$PWD/$1
work=$(mktemp -d "${TMPDIR:-/tmp}/lclone-fuzz.XXXXXX")
trap 'rm -rf "$work"' EXIT
fresh=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
passed=0 failed=0

# run NAME PROGRAM ARGUMENT...: prints the count of inputs.
run() {
	local name=$1 count kept
	shift
	if count=$(cd "$work" && timeout 300 "$@" 2>"$work/log" | tail -n 1) && [ -n "$count" ]; then
		passed=$((passed + count))
		echo "ok $name: $count inputs"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $name"
	head -n 60 "$work/log" | sed 's/^/      /'
	if [ -e "$work/fuzz-failed" ]; then
		kept=$build/failed-$$-$failed
		mv "$work/fuzz-failed" "$kept"
		echo "      again: FUZZ_IMAGES='$FUZZ_IMAGES' $* -> $2 $kept"
	fi
}

for target in store use decode; do
	run "$target corpus" "$build/$target" "$PWD/corpus/$target"/*
done
run "use, corpus of store" "$build/use" "$PWD/corpus/store"/*
run "store, seed 1" "$build/store" --random 1 1500 18
run "store, fresh seed $fresh" "$build/store" --random "$fresh" 1500 18
run "use, fresh seed $fresh" "$build/use" --random "$fresh" 4000 10
run "decode, fresh seed $fresh" "$build/decode" --random "$fresh" 20000 5
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
