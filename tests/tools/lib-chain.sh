# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A chain whose stores see only a part of what is below them, and an obviously right model of it.

freeze() { "$HELPERS/freeze-store" "$@" || fail "cannot freeze $1"; }

# layer DEV SEED GROUPS FORMAT ARGUMENT...: an empty store on random bytes, filled from a seed, which
# leaves fill-SEED.
layer() {
	local dev=$1 seed=$2 groups=$3
	shift 3
	head -c 32M /dev/urandom >"$dev"
	expect 0 lclone format "$dev" --force "$@"
	fill "$dev" "$seed" 4 "$groups" >"fill-$seed"
}

# Sets $o and $l1, $l2, $l3 and $s: an origin, frozen vm1@one, @two, vm2@three, a parked vm3. Sizes
# are no multiples of blocks, and vm1@two is smaller than what is below and above it.
chain() {
	local seed=${1:-1} name
	export LCLONE_STATE_DIR=$PWD/state
	head -c $((36003 * 512)) /dev/urandom >o.img
	loop o.img --read-only
	o=$dev
	for name in l1 l2 l3 s; do
		file $name.img 64M
		loop $name.img
		printf -v $name %s "$dev"
	done
	layer "$l1" "$seed" 0 --origin "$o" --name vm1 --size 36009s
	freeze "$l1" one
	# What follows a live store is of the same clone; a frozen one would begin another.
	layer "$l2" $((seed + 1)) 0 --origin "$o" --layer "$l1" --name vm1 --size 34005s
	freeze "$l2" two
	layer "$l3" $((seed + 2)) 0 --origin "$o" --layer "$l1" --layer "$l2" --name vm2 --size 36101s
	freeze "$l3" three
	layer "$s" $((seed + 3)) 1 --origin "$o" --layer "$l1" --layer "$l2" --layer "$l3" --name vm3 --size 36203s
}

# model BELOW SECTORS STORE...: what is seen through the stores, the oldest first, of a thing that is
# called BELOW, one line for each sector: "data LEVEL SECTOR", "zero", "BELOW"; levels from the newest.
model() {
	local below=$1 sectors=$2 level store
	shift 2
	level=$#
	for store; do
		level=$((level - 1))
		echo "level $level"
		lclone dump "$store"
	done | awk -v below="$below" -v sectors="$sectors" '
		function see(s) { return s in old ? old[s] : "zero" }
		BEGIN { for (s = 0; s < sectors; s++) new[s] = below }
		$1 == "level" {
			level = $2
			delete old
			for (s in new) old[s] = new[s]
		}
		$1 == "clone-sectors" { size = $2 }
		$1 == "overlap-sectors" {
			delete new
			for (s = 0; s < size; s++) new[s] = s < $2 ? see(s) : "zero"
		}
		$1 == "data" || $1 == "zero" {
			for (s = $2 * 8; s < ($2 + $3) * 8 && s < size; s++)
				new[s] = $1 == "zero" ? "zero" : "data " level " " $4 * 8 + s - $2 * 8
		}
		END { for (s = 0; s < size; s++) print new[s] }'
}
