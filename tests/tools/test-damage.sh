# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Damage of every kind to every type of block: check finds it and says where; afterwards repair ends in
# a store that check passes, or says why it cannot, and nothing crashes.
LEAKS=0

# A store with all types of blocks, as a host left it that lost its power.
base() {
	store base.img 24M --origin - --size 333M
	live base.img "${1:-5}" "${2:-300}" >/dev/null || fail "the core failed"
	"$HELPERS/damage" base.img list >list
}

afresh() { cp --sparse=always base.img s.img; }

all_options=(--lost=zero --cut-journal --header --force)

# found PATTERN: check finds it, and repair ends well.
found() {
	expect 3 lclone check s.img
	prints "$1"
	"$LCLONE" repair s.img "${all_options[@]}" >out 2>err </dev/null && rc=0 || rc=$?
	! grep -qE 'Sanitizer|runtime error' err || fail "repair: the sanitizer found a bug"
	case $rc in
	0) expect 0 lclone check s.img ;;
	3) says '^lclone: s.img: (has|is|maps) ' ;;
	*) fail "repair: exit status $rc" ;;
	esac
}

# every TYPE COUNT PART: all ways of damage to some blocks of a type.
every() {
	local type=$1 count=$2 part=$3 how n
	for how in flip zero cut swap; do
		for n in $(seq 0 $((count - 1))); do
			afresh
			"$HELPERS/damage" s.img "$type" "$n" $how >block || fail "no $type"
			cmp -s s.img base.img && continue
			found "^s.img: $part: store block "
		done
	done
}

test_header() { base; every header 1 header; }
test_super() { base; every super 2 superblock; }
test_leaf() { base; every leaf 8 tree; }
test_node() { base; every node 2 tree; }

# The last group may be lost as a whole and nothing can tell, so it is left alone.
test_journal() {
	local how n groups
	store base.img 1G --origin - --size 5001M
	fill base.img 11 12 6 >want
	groups=$("$HELPERS/damage" base.img list | grep -c journal)
	for how in flip zero cut swap; do
		for n in 0 1 $((groups - 3)); do
			afresh
			"$HELPERS/damage" s.img journal "$n" $how >block
			cmp -s s.img base.img && continue
			found '^s.img: journal: store block '
		done
	done
}

reseal() { "$HELPERS/reseal" "$@" >/dev/null || fail "reseal failed"; }

# super OFFSET HEX: in both copies.
super() { reseal s.img 1 "$1" "$2" && reseal s.img 128 "$1" "$2"; }

# Both superblocks say something impossible, under seals that are whole.
test_impossible_superblock() {
	base
	while read -r offset hex why; do
		afresh
		super "$offset" "$hex"
		found "superblock: store block 1: superblock copy 0 $why"
	done <<-'END'
		0 00000000 has the wrong magic
		16 ff belongs to another store
		96 09000000 is in an unknown state
		112 0000000000000000 names an impossible clone size
		112 ffffffffffffffff names an impossible clone size
		120 ffffffffffffff00 names an overlap beyond the clone
		128 00000000 names an impossible layout
		132 01000000 names an impossible high-water mark
		132 ffffffff names an impossible high-water mark
		136 00000000 names an impossible layout
		140 ffffffff names an impossible layout
		144 00000000 names an impossible layout
		148 00000000 names an impossible layout
		152 ffffffff counts more pages than it has blocks
		156 00000000 names a tree height that does not fit
		156 ff000000 names a tree height that does not fit
		180 01000000 names an impossible root
		180 00010000 names an impossible root
		188 07 names an impossible root
		208 ffff0000 names an impossible replay point
		216 05000000 names an impossible origin
		1770 ff names reserve blocks that it does not have
	END
}

# A root that is another page of the tree: a loop, a wrong level, a wrong place.
test_wrong_root() {
	local leaf
	base
	afresh
	leaf=$(awk '/^leaf/ { print $2; exit }' list)
	super 180 "$(printf '%08x' "$leaf" | sed -E 's/(..)(..)(..)(..)/\4\3\2\1/')"
	found 'tree: store block [0-9]+: node 0 of level [0-9]: wrong magic; clone blocks 0 to [0-9]+ are lost'
	# A node that is its own child.
	afresh
	node=$(awk '/^node/ { print $2; exit }' list)
	hex=$(printf '%08x' "$node" | sed -E 's/(..)(..)(..)(..)/\4\3\2\1/')
	csum=$("$HELPERS/reseal" s.img "$node" $((64 + 20)) "$hex")
	super 184 "$csum"
	found 'tree: store block [0-9]+: .*(wrong magic|impossible reference|counts)'
}

# The last whole group of a journal, changed under a seal that is whole.  The core refuses all of these.
test_impossible_journal() {
	local last
	store base.img 1G --origin - --size 5001M
	fill base.img 11 12 6 >want
	last=$(sed -n 's/^# journal //p' want | tail -n 2 | head -n 1)
	while read -r offset hex why; do
		afresh
		reseal s.img "$last" "$offset" "$hex"
		! live s.img 1 0 >/dev/null 2>&1 || fail "the core takes $why"
		found "journal: store block [0-9]+: .*$why"
	done <<-'END'
		30 0000 impossible number of runs
		30 fd00 impossible number of runs
		30 ffff impossible number of runs
		32 05000000 flag that is not known
		32 010000f0 flag that is not known
		64 ffffffffffffffff impossible run
		72 00000000 impossible run
		72 ffffffff impossible run
		76 00000000 does not have the flag of that
		76 01000000 impossible run
		76 00010000 impossible run
		76 ffffff00 impossible run
		76 00ffffff impossible run
	END
	# One group that touches every leaf of a clone needs more pages than may be dirty.
	store base.img 64M --origin - --size 5001M
	fill base.img 11 1 0 >want
	afresh
	first=$(sed -n 's/^# journal //p' want | tail -n 1)
	reseal s.img "$first" 64 0000000000000000a0bb0d00ffffffff
	reseal s.img "$first" 30 0100
	reseal s.img "$first" 32 01000000
	! live s.img 1 0 >/dev/null 2>&1 || fail "the core takes too large a group"
	found 'journal: store block [0-9]+: the journal group touches more leaves than one can'
}

# Many of each, by chance, for what no list has thought of.
test_several_at_once() {
	local seed types=(header super leaf node journal) hows=(flip zero cut swap)
	base
	for seed in $(seq 1 40); do
		afresh
		RANDOM=$seed
		for n in 1 2 3; do
			"$HELPERS/damage" s.img "${types[RANDOM % 5]}" $((RANDOM % 50)) \
				"${hows[RANDOM % 4]}" >/dev/null 2>&1 || true
		done
		"$LCLONE" check s.img >out 2>err && rc=0 || rc=$?
		! grep -qE 'Sanitizer|runtime error' err || fail "seed $seed: check"
		[ "$rc" -eq 3 ] || continue
		found '^s.img: '
	done
}

test_generations_apart() {
	base
	afresh
	reseal s.img 128 8 0100000000000000
	found 'superblock: store block 128: superblock copy 1 is of generation 1, the other one of [0-9]+'
	[ "$rc" -eq 0 ] || fail "not repaired"
}
