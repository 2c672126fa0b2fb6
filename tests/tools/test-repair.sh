# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# lclone repair: what can be proven is restored, what cannot is listed, and nothing else is changed.
LEAKS=0

filled() {
	store s.img 1G --origin - --size "${SIZE:-5001M}" --name x
	fill s.img "$@" >want
	lclone dump s.img 2>/dev/null >before || true
}

# The map of the last dump, without what a repair moves.
map_of() { grep -E '^(data|zero|end) ' "$1"; }

# refuses PATTERN REPAIR-ARGUMENT...: exit status 3, and not a byte is changed.
refuses() {
	local why=$1 written
	shift
	written=$(stat -c %y s.img)
	expect 3 lclone repair s.img "$@"
	says "^lclone: s.img: .*$why"
	[ "$(stat -c %y s.img)" = "$written" ] || fail "it was written to"
}

repaired() {
	expect 0 lclone repair s.img "$@"
	prints ': repaired; '
	cp out told
	expect 0 lclone check s.img
	expect 0 lclone repair s.img
	prints 'nothing to repair'
}

same_map() {
	lclone dump s.img >after || fail "cannot be dumped"
	diff <(map_of before) <(map_of after) >difference || fail "the map differs: $(head difference)"
}

test_nothing_to_repair() {
	filled 5 10 3
	stat -c %y s.img >written
	expect 0 lclone repair s.img
	prints 'nothing to repair'
	expect 0 lclone repair s.img --dry-run --json
	json '.outcome == "clean" and .lost == [] and .lost_bytes == 0 and .journal_lost == null'
	stat -c %y s.img | cmp -s - written || fail "it was written to"
}

# A later version may rely on what we would not keep up.
test_feature_that_allows_reading_only() {
	filled 5 10 3 ro-compat
	lclone dump s.img >after || fail "cannot be read"
	cmp before after
	expect 0 lclone check s.img
	zero s.img 1
	expect 3 lclone check s.img
	refuses 'may only be read'
	refuses 'may only be read' --force
	expect 2 fill s.img 1 2 1
	says 'may only be read'
}

test_one_superblock() {
	local copy how
	for copy in 1 128; do
		for how in zero overwrite; do
			filled 5 10 3
			"$how" s.img $copy
			expect 3 lclone repair s.img --dry-run
			prints 'can be repaired; 0 lost'
			expect 3 lclone check s.img
			repaired
			lclone dump s.img | cmp - before || fail "the dump differs"
		done
	done
}

test_both_superblocks() {
	filled 5 10 3
	zero s.img 1
	overwrite s.img 128
	refuses 'has lost both copies of its superblock'
	says '^  next: .*lclone restore'
	refuses 'has lost both copies' --lost=zero --cut-journal --header
}

test_header() {
	filled 5 10 3
	zero s.img 0
	refuses 'has lost its header'
	says '^  next: --header'
	repaired --header
	lclone dump s.img | cmp - before || fail "the dump differs"
}

test_supers_that_differ() {
	filled 7 16 4 super-differ
	refuses 'two superblocks that differ'
}

test_accounts_only() {
	local fault
	for fault in reserve-missing reserve-extra page-blocks high-water zero-count; do
		filled 7 16 4 $fault
		expect 3 lclone repair s.img --dry-run --json
		json '.outcome == "possible" and .lost_bytes == 0'
		repaired
		same_map
	done
}

# lost_range TEXT: "first count" of each range in blocks, from JSON.
ranges() { jq -r '.lost[] | "\(.offset_bytes / 4096) \(.length_bytes / 4096)"' "$1"; }

# Any page of the tree, lost: exactly what only it knew is listed, all else stays.
test_each_page() {
	local page lost
	filled 11 12 5
	cp --sparse=always s.img whole.img
	sed -n 's/^# page //p' want >pages
	while read -r page; do
		cp --sparse=always whole.img s.img
		overwrite s.img "$page"
		refuses 'has lost what [0-9]+ range'
		says '^  next: --lost=zero or --lost=origin'
		prints '^ +OFFSET +BYTES'
		expect 3 lclone repair s.img --json
		json '.outcome == "refused" and .lost_bytes > 0 and (.lost | length) == .lost_total and
			.lost_bytes == ([.lost[].length_bytes] | add)'
		ranges out >lost
		cp --sparse=always s.img damaged.img
		for lost in zero origin; do
			cp --sparse=always damaged.img s.img
			repaired --lost=$lost
			lclone dump s.img >after
			"$HELPERS/compare-map" before after lost $lost || fail "page $page, $lost"
		done
	done <pages
}

# used SEED STEPS [STOP]: a store as a host left it that lost its power.
used() {
	store s.img 24M --origin - --size "${SIZE:-333M}"
	live s.img "$@" >/dev/null || fail "the core failed"
	lclone dump s.img >before
}

damage() { "$HELPERS/damage" s.img "$@" >block; }

# The journal still has what was changed since the checkpoint, and further back.
test_journal_fills_a_lost_page() {
	local seed found=0
	for seed in $(seq 1 12); do
		SIZE=9M used "$seed" 60
		damage leaf 0 zero || continue
		found=$((found + 1))
		expect 3 lclone repair s.img --dry-run --force --json
		json '.restored_bytes > 0'
		ranges out >lost
		repaired --lost=origin --force
		lclone dump s.img >after
		"$HELPERS/compare-map" before after lost origin || fail "seed $seed"
	done
	[ "$found" -ge 3 ] || fail "only $found stores with a leaf"
}

# Power lost between the two copies: what the newer tree has lost, the older one and the journal have.
# They have all that was durable; the newer tree may have had more.
test_older_superblock() {
	local stop found=0
	for stop in $(seq 50 6 140); do
		used 5 300 "$stop"
		expect 0 lclone info s.img --json
		[ "$(jq '[.superblocks[].generation] | unique | length' out)" -eq 2 ] || continue
		cp --sparse=always s.img older.img
		zero older.img 1
		lclone dump older.img >before
		damage new-page 0 zero || continue
		expect 3 lclone check s.img
		found=$((found + 1))
		repaired --force
		grep -q ' 0 lost, .* [1-9][0-9]* lost pages found by the older' told ||
			fail "not by the older one"
		same_map
	done
	[ "$found" -ge 3 ] || fail "only $found stores of the kind"
}

test_damaged_journal() {
	local block
	filled 11 12 6
	cp --sparse=always s.img whole.img
	sed -n 's/^# journal //p' want | head -n -2 >blocks
	while read -r block; do
		cp --sparse=always whole.img s.img
		overwrite s.img "$block"
		refuses 'has lost durable changes of its journal' --lost=zero
		prints "journal: store block $block: "
		prints 'the changes from sequence [0-9]+ on are lost; [0-9]+ blocks behind'
		expect 3 lclone repair s.img --json
		json '.journal_lost.lost_from_sequence >= 1000 and .journal_lost.blocks_behind > 0'
		repaired --lost=zero --cut-journal
	done <blocks
}

# journal_number BLOCK OFFSET BYTES: a field of that block of the journal.
journal_number() {
	od -An -t "u$3" -j $(($1 * 4096 + $2)) -N "$3" whole.img | tr -d ' '
}

# A group of three whose middle is damaged, and whole groups behind it: nothing of that group counts, all
# before it does, and what is lost begins with its first block.
test_damage_in_the_middle_of_a_group() {
	local n first left one
	local -a block
	filled 11 12 6
	cp --sparse=always s.img whole.img
	mapfile -t block < <(sed -n 's/^# journal //p' want)
	for ((n = 1; n < ${#block[@]} - 3; n++)); do
		[ "$(journal_number "${block[n + 1]}" 28 2)" -ne 2 ] || break
	done
	[ "$n" -lt $((${#block[@]} - 3)) ] || fail "no group of three"
	first=$(journal_number "${block[n - 1]}" 16 8)
	left=$((${#block[@]} - n))
	# What it would be, had that group never been written.
	for one in "${block[@]:n - 1}"; do zero s.img "$one"; done
	lclone dump s.img >before || fail "cannot be dumped"
	cp --sparse=always whole.img s.img
	overwrite s.img "${block[n]}"
	expect 3 lclone check s.img
	prints "journal: store block ${block[n]}: the journal is damaged before its end"
	refuses 'has lost durable changes of its journal' --lost=origin
	prints "the changes from sequence $first on are lost; $left blocks behind"
	expect 3 lclone repair s.img --dry-run --cut-journal --json
	json ".journal_lost.lost_from_sequence == $first and .journal_lost.blocks_behind == $left"
	ranges out >lost
	repaired --lost=origin --cut-journal
	lclone dump s.img >after
	"$HELPERS/compare-map" before after lost origin || fail "another map"
}

test_hostile_journal() {
	filled 7 16 4 journal-run 1
	refuses 'has lost durable changes of its journal'
	prints 'impossible run'
	repaired --cut-journal --lost=zero
}

test_mapped_twice() {
	filled 7 16 4 twice 1
	refuses 'has lost what'
	prints 'in use elsewhere as well'
	repaired --lost=zero
	filled 7 16 4 entry-is-page 1
	refuses 'has lost what'
	repaired --lost=origin
}

test_impossible_pages() {
	local fault
	for fault in 'entry-range 1' 'count 2' 'older 2' 'parent-csum 2' 'newer 2' 'misplaced 2'; do
		# shellcheck disable=SC2086
		filled 7 16 4 $fault
		refuses 'has lost what'
		repaired --lost=zero
	done
	filled 7 16 4 behind-end
	repaired
	same_map_within || fail "the map differs"
}

# But for the block behind the end.
same_map_within() {
	lclone dump s.img >after
	diff <(map_of before | grep -v ^end) <(map_of after | grep -v ^end) >/dev/null
}

# After a repair the core goes on as if nothing had been.
test_the_core_goes_on() {
	local seed
	for seed in $(seq 1 10); do
		used "$seed" 300
		damage leaf "$seed" flip || fail "no leaf"
		repaired --lost=zero --force
		live s.img "$seed$seed" 200 >want || fail "seed $seed: the core failed behind the repair"
		expect 0 lclone check s.img
		diff want <(lclone dump s.img | grep -E '^(data|zero|end) ') >difference ||
			fail "seed $seed: the dump differs: $(head difference)"
	done
}

test_store_cut_short() {
	filled 3 4 1
	truncate -s 512M s.img
	refuses 'is smaller than the store'
}

test_another_host() {
	store s.img 24M --origin - --size 333M
	live s.img 3 100 >/dev/null
	zero s.img 1
	refuses 'marked as active on another host'
	says '^  next: .*--force'
	repaired --force
}

test_in_use() {
	filled 3 4 1
	zero s.img 1
	exec 9<s.img
	flock 9
	refused 'is in use' lclone repair s.img
	refused 'is in use' lclone repair s.img --dry-run
}

test_usage() {
	expect 2 lclone repair
	expect 2 lclone repair a --lost=x
	says 'neither zero nor origin'
	expect 1 lclone repair none
	head -c 16M /dev/urandom >s.img
	expect 1 lclone repair s.img
}

# All of the data area is named, so that new pages find places in the reserve alone.
full() {
	local start blocks
	store s.img 64M --origin - --size 1G
	lclone dump s.img >dump
	start=$(awk '/^reserve/ { print $2 + $3 }' dump)
	blocks=$((16384 - 256 - start))
	grep -v ^end dump >full
	echo "data 0 $blocks $start" >>full
	awk -v at=$((blocks + 100)) "$1" >>full
	awk -v n=$blocks '/^(data|zero)/ { r++ } /^zero/ { z += $3 } END { print "end", r, n, z + 0 }' full >end
	cat end >>full
	expect "$2" lclone restore s.img --force --input full
}

test_full_store() {
	full 'BEGIN { print "zero", at, 3 }' 0
	lclone dump s.img >before
	damage leaf 0 flip || fail "no leaf"
	repaired --lost=zero
	# A map that is larger than the reserve finds no place at all.
	full 'BEGIN { for (i = 0; i < 200; i++) print "zero", at + i * 1008, 3 }' 1
	says 'has no room for the map'
}
