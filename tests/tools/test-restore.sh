# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# lclone restore: a dump goes to a store and comes back as it was.

filled() {
	store s.img 1G --origin - --size "${SIZE:-5001M}" --name x
	fill s.img "$@" >want
}

round_trip() {
	expect 0 lclone dump s.img
	cp out dump
	file t.img 1G
	expect 0 lclone restore t.img --input dump
	expect 0 lclone check t.img
	prints 'no damage'
	expect 0 lclone dump t.img
	cmp out dump || fail "seed $1: the dump of the restored store differs"
}

test_round_trip() {
	local seed
	for seed in $(seq 1 20); do
		SIZE=$((seed * seed * 397 + 7))M filled "$seed" $((seed % 9 * 3)) $((seed % 6))
		round_trip "$seed"
	done
	store s.img 1G
	round_trip empty
	filled 5 3 1 hostile-name
	round_trip hostile
}

# What the core made, and goes on with: pages, journal numbers and space are right for it.
test_the_core_takes_it() {
	local seed
	for seed in $(seq 1 8); do
		store s.img 24M --origin - --size 333M
		live s.img "$seed" 200 >want || fail "seed $seed: the core failed"
		expect 0 lclone dump s.img
		cp out dump
		expect 0 lclone restore s.img --force --input dump --json
		json ".data_bytes == $(awk '/^end/ { print $3 * 4096 }' want)"
		live s.img "$seed" 100 >want || fail "seed $seed: the core failed behind the restore"
		expect 0 lclone check s.img
		expect 0 lclone dump s.img
		diff want <(grep -E '^(data|zero|end) ' out) >difference ||
			fail "seed $seed: the dump differs: $(head difference)"
	done
}

test_says_what_data_must_be_there() {
	filled 3 6 1
	lclone dump s.img >dump
	file t.img 1G
	expect 0 lclone restore t.img --input dump
	prints "$(awk '/^end/ { print $3 }' dump) blocks of data .* are expected to be in place"
}

test_from_a_pipe() {
	filled 3 6 1
	lclone dump s.img >dump
	file t.img 1G
	lclone dump s.img | "$LCLONE" restore t.img >/dev/null || fail "restore from a pipe"
	lclone dump t.img | cmp - dump || fail "the dump differs"
}

# The journal of an earlier life of the same store must not be replayed.
test_old_journal_is_gone() {
	filled 3 6 4
	lclone dump s.img >dump
	expect 0 lclone restore s.img --force --input dump
	expect 0 lclone check s.img --json
	json '.journal_groups == 0'
	lclone dump s.img | cmp - dump || fail "the dump differs"
}

test_refuses_what_holds_something() {
	filled 3 6 1
	lclone dump s.img >dump
	refused 'holds another lclone store' lclone restore s.img --input dump
	file t.img 1G
	mkfs.ext4 -q t.img
	refused 'holds a filesystem' lclone restore t.img --input dump
	expect 0 lclone restore t.img --input dump --force
	expect 0 lclone check t.img
	exec 9<t.img
	flock 9
	refused 'is in use' lclone restore t.img --input dump --force
}

test_refuses_a_small_device() {
	filled 3 6 1
	lclone dump s.img >dump
	file t.img 512M
	expect 1 lclone restore t.img --input dump
	says 't.img: has 512M, but the store of the dump has 1G'
	cmp t.img <(head -c 512M /dev/zero) || fail "it was written to"
}

# bad SED-SCRIPT PATTERN: a dump changed so is refused, and nothing is written.
bad() {
	sed -E "$1" dump >bad
	cmp -s dump bad && fail "nothing was changed by $1"
	expect 1 lclone restore t.img --input bad
	says "^lclone: bad: $2"
	cmp -s t.img empty || fail "$1: it was written to"
}

test_bad_dumps() {
	filled 3 6 1
	lclone dump s.img | sed 's/^layers/# a comment\n&/' >dump
	file t.img 1G
	file empty 1G
	bad '1s/1$/2/' 'is not a dump'
	bad '$d' 'is not complete'
	bad '5q' 'is not complete'
	bad '$s/end [0-9]+/end 1/' 'line [0-9]+: the end counts other runs'
	bad '$s/$/\nend 0 0 0/' 'line [0-9]+: there is more behind the end'
	bad 's/^layers 0/layers x/' 'line [0-9]+: its value'
	bad 's/^layers 0/layers 99999999999/' 'line [0-9]+: its value'
	bad 's/^layers 0/&\n&/' 'line [0-9]+: it has been there'
	bad 's/^layers 0/&\nfoo 1/' 'line [0-9]+: it is not known here'
	bad 's/^state writable/state odd/' 'line [0-9]+: its value'
	bad 's/^(store-uuid) .*/\1 -/' 'line [0-9]+: the store has no uuid'
	bad 's/^(clone-name) .*/\1 "a/' 'line [0-9]+: its value'
	bad 's/^(clone-sectors) .*/\1 0/' 'line [0-9]+: the size of the clone'
	bad 's/^(clone-sectors) .*/\1 18446744073709551615/' 'line [0-9]+: the size of the clone'
	bad 's/^(overlap-sectors) .*/\1 99999999999/' 'the superblock names an overlap'
	bad 's/^(journal [0-9]+) .*/\1 7/' 'the superblock names an impossible layout'
	bad '0,/^(data [0-9]+) ([0-9]+) .*/s//\1 \2 300/' 'line [0-9]+: the run is not within the data area'
	bad '0,/^data ([0-9]+) .*/s//&\n&/' 'line [0-9]+: the run does not lie behind'
	bad '0,/^data ([0-9]+) .*/s//data \1 99999999 500/' 'line [0-9]+: the run is not within the clone'
	awk '/^data/ && !seen { seen = 1; store = $4; print; next }
		/^data/ && seen == 1 { $4 = store; seen = 2 } { print }' dump >bad
	expect 1 lclone restore t.img --input bad
	says 'line [0-9]+: it names store blocks that a run before it has'
	expect 1 lclone restore t.img --input none
	expect 1 lclone restore none --input dump
}

# Zeros without end cost nothing.
test_a_whole_clone_of_zeros() {
	store s.img 1G --origin - --size 60000T
	blocks=$((60000 << 28))
	lclone dump s.img | sed "s/^end.*/zero 0 $blocks\nend 1 0 $blocks/" >dump
	expect 0 lclone restore s.img --force --input dump
	expect 0 lclone check s.img
	lclone dump s.img | cmp - dump || fail "the dump differs"
}
