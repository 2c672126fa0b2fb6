#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Makes the golden images of this format version, with the tool and the core as they are now:
#
#	tests/golden/make.sh VERSION
#
# Run once for a new version of the format, after "make check-tools"; images that are there are never
# made again, since all later builds must read them.  Data blocks are holes in them.
set -euo pipefail
cd "$(dirname "$0")"
version=${1:?}
lclone=$PWD/../../tools/lclone live=$PWD/../tools/build/live-store

# golden NAME CLONE-SIZE SEED STEPS [park]
golden() {
	local name=v$version-$1 size=$2
	shift 2
	[ ! -e "$name.img.xz" ] || { echo "$name is there" && return; }
	truncate -s 8M "$name.img"
	"$lclone" format "$name.img" --origin - --size "$size" --name "$name" >/dev/null
	"$live" "$name.img" "$@" >/dev/null
	"$lclone" check "$name.img"
	"$lclone" dump "$name.img" >"$name.dump"
	xz -9e "$name.img"
	xz -9e "$name.dump"
}

golden clean 100M 1 150 park
golden crashed 700M 2 150
golden zeros 30M 7 40
golden full 64M 9 1500
