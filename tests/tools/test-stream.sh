# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Export and import of delta streams.
. "$here/lib-chain.sh"

# image FILE STORE...: what the stores show, by their map, which test-map.sh has compared with a model.
image() {
	local file=$1
	shift
	expect 0 lclone map "$@" --json
	rm -f "$file"
	truncate -s "$(jq .size_bytes out)" "$file"
	jq -r '.stores as $stores | .runs[] | select(.type != "zero") | [.offset_bytes, .length_bytes,
		(if .type == "data" then $stores[.store].path else "o.img" end),
		(if .type == "data" then .store_offset_bytes else .offset_bytes end)] | @tsv' out >runs
	# One process for all runs, of which there are some thousand.
	perl -ne '
		BEGIN { open $out, "+<:raw", shift @ARGV or die }
		chomp;
		my ($offset, $length, $store, $place) = split /\t/;
		$in{$store} or open $in{$store}, "<:raw", $store or die;
		seek $in{$store}, $place, 0;
		$length == read $in{$store}, my $data, $length or die "$store is short";
		seek $out, $offset, 0;
		print $out $data or die;
		END { close $out or die }' "$file" runs || fail "no image of $*"
}

# A chain all of which is frozen; sets no more than chain does.
frozen_chain() {
	chain "$@"
	freeze "$s" four
}

# One stream of a few records, and a place for it: e and n.img.
small_stream() {
	frozen_chain
	expect 0 lclone export "$l1" --output e
	file n.img 64M
}

no_store() { expect 1 lclone info n.img; says 'is not an lclone store'; }

test_round_trip() {
	local seed
	for seed in 1 20 300; do
		frozen_chain $seed
		image want "$l1" "$l2" "$l3" "$s"
		rm -f e1 e2
		expect 0 lclone export "$s" --output e1
		silent
		file n.img 64M
		expect 0 lclone import ./n.img --origin "$o" --input e1 --json
		silent
		json '.name == "vm3" and .snapshot == "four" and .size_bytes == 36203 * 512 and .base == null'
		expect 0 lclone check ./n.img
		image got ./n.img
		cmp want got || fail "seed $seed: the import shows something else"
		expect 0 lclone export ./n.img --output e2
		cmp e1 e2 || fail "seed $seed: the export of the import is another"
		losetup -d "$o" "$l1" "$l2" "$l3" "$s"
	done
}

test_round_trip_above_a_base() {
	local seed
	for seed in 1 20 300; do
		frozen_chain $seed
		image want "$l1" "$l2" "$l3" "$s"
		image want3 "$l1" "$l2" "$l3"
		lclone export "$l1" >base
		lclone export "$l3" --base "$l1" >middle
		lclone export "$s" --base "$l3" >end
		file b.img 64M; file m.img 64M; file n.img 64M
		losetup -d "$l1" "$l2" "$l3" "$s"
		lclone import ./b.img --origin "$o" <base >out || fail "cannot import the base"
		lclone import ./m.img --layer ./b.img <middle >out || fail "cannot import the middle"
		expect 0 lclone import ./n.img --layer ./b.img --layer ./m.img --input end --json
		json '.base == "./m.img" and .base_content_uuid != null'
		for store in b m n; do expect 0 lclone check ./$store.img; done
		image got3 ./b.img ./m.img
		cmp want3 got3 || fail "seed $seed: the middle shows something else"
		image got ./b.img ./m.img ./n.img
		cmp want got || fail "seed $seed: the import shows something else"
		lclone export ./b.img | cmp - base || fail "seed $seed: another base"
		lclone export ./m.img --base ./b.img | cmp - middle || fail "seed $seed: another middle"
		lclone export ./n.img --base ./m.img --layer ./b.img | cmp - end || fail "seed $seed: another end"
		expect 0 lclone diff ./b.img ./n.img --layer ./m.img
		losetup -d "$o"
	done
}

# A map of two levels, with whole leaves of zeros, and as the core leaves it.
test_round_trip_of_a_large_map() {
	local seed
	for seed in 5 6; do
		rm -f e1 e2
		head -c 64M /dev/urandom >z.img
		expect 0 lclone format z.img --force --origin - --size 4G --name vm
		fill z.img $seed 300 0 >/dev/null
		freeze z.img large
		expect 0 lclone export ./z.img --output e1
		file n.img 128M
		expect 0 lclone import ./n.img --input e1
		expect 0 lclone check n.img
		expect 0 lclone export ./n.img --output e2
		cmp e1 e2 || fail "seed $seed: the export of the import is another"
		# By what a dump says, the same blocks are data and zero.
		for store in z n; do
			lclone dump $store.img | awk '$1 == "data" || $1 == "zero" { for (i = 0; i < $3; i++) print $1, $2 + i }' >$store
		done
		cmp z n || fail "seed $seed: another map"
		grep -q zero z || fail "no zeros"
		file t.img 8M
		refused 'is too small: the stream holds' lclone import ./t.img --input e1
	done
}

# What came in can be cloned, by the origin, layers and names that the manual shows.
test_clone_of_an_import() {
	local n h
	small_stream
	lclone export "$s" --base "$l1" >delta.lcd
	losetup -d "$l1" "$l2" "$l3" "$s"
	file m.img 64M; file h.img 16M
	loop n.img; n=$dev
	loop m.img; m=$dev
	loop h.img; h=$dev
	expect 0 lclone import "$n" --origin "$o" --input e
	refused 'no name for' lclone import "$m" --input delta.lcd --name a@b
	expect 0 lclone import "$m" --input delta.lcd --name other
	expect 0 lclone info "$m" --json
	json '.name == "other"'
	expect 0 lclone format "$h" --origin "$o" --layer "$n" --layer "$m" --name copy
	expect 0 lclone table "$h"
	[ "$(cat out)" = "0 36203 lclone $o $h 2 $n $m" ] || fail "not the table"
	expect 0 lclone scan "$n" "$m" "$h"
	expect 0 lclone list --json
	json '.clones | length == 1 and .[0].name == "copy" and (.[0].layers | length) == 2'
	expect 0 lclone map copy --json
	json '[.stores[].path] == ["'"$h"'", "'"$m"'", "'"$n"'"]'
}

test_export_refuses() {
	chain
	refused 'is not a snapshot: it is still being written' lclone export "$s"
	refused 'is not a snapshot' lclone export "$l3" --base "$s"
	refused 'does not stand on' lclone export "$l1" --base "$l2"
	refused 'is the same snapshot' lclone export "$l1" --base "$l1"
	touch e
	expect 1 lclone export "$l1" --output e
	says 'cannot be made'
	[ -e e ] || fail "took away what it did not make"
	"$LCLONE" export "$l1" >/dev/full 2>err && fail "wrote to a full device"
	says 'cannot be written'
	# What was not finished does not stay.
	overwrite "$l1" "$(awk '$2 == "page" { print $3; exit }' fill-1)"
	expect 3 lclone export "$l1" --output f
	[ ! -e f ] && [ ! -e f.part ] || fail "left an unfinished stream"
}

# A stream has its name when it is whole; the next export begins anew what a kill has left.
test_export_that_is_killed() {
	chain
	(ulimit -c 0 -f 1 && exec "$LCLONE" export "$l1" --output e) && fail "wrote more than it may"
	[ ! -e e ] || fail "an unfinished stream has the name"
	[ -e e.part ] || fail "it was not killed in the midst"
	lclone export "$l1" --output e
	lclone export "$l1" | cmp - e
	[ ! -e e.part ] || fail "a part is left"
}

# nfs COMMAND...: on a filesystem that renames over what is there, and cannot be told not to.
nfs() {
	# A sanitizer wants to come before any other library.
	env ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$HELPERS/kill-at.so" NO_RENAMEAT2=1 "$@"
}

test_export_on_nfs() {
	chain
	lclone export "$l1" >want
	expect 0 nfs "$LCLONE" export "$l1" --output e
	silent
	cmp e want
	[ ! -e e.part ] || fail "a part is left"
	[ "$(stat -c %h e)" = 1 ] || fail "it has another name"
	# What comes meanwhile is not written over, and the stream is not lost.
	expect 1 nfs NO_RENAMEAT2=race "$LCLONE" export "$l1" --output f
	says 'f: cannot be made: File exists'
	says 'next: .*f.part is whole'
	[ "$(<f)" = theirs ] || fail "it was written over"
	cmp f.part want
	# The next run begins it anew.
	rm f
	expect 0 nfs "$LCLONE" export "$l1" --output f
	cmp f want
	[ ! -e f.part ] || fail "a part is left"
	# Nor is it where there are no links.
	expect 1 nfs NO_LINK=1 "$LCLONE" export "$l1" --output g
	says 'g: cannot be made: Operation not permitted'
	says 'next: .*g.part is whole'
	[ ! -e g ] || fail "it has its name"
	cmp g.part want
}

# Where a kill leaves the file with both names, the next export does not write to it by the other.
test_export_on_nfs_that_is_killed() {
	local n rc both=0
	chain
	lclone export "$l1" >want
	lclone export "$l2" >other
	for ((n = 1; ; n++)); do
		nfs KILL_AT=$n "$LCLONE" export "$l1" --output e >out 2>err </dev/null && rc=0 || rc=$?
		[ $rc -eq 137 ] || break
		[ -e e ] || continue
		cmp e want || fail "killed at $n: it has its name and is not whole"
		[ ! -e e.part ] || both=$((both + 1))
		mv e kept
		expect 0 nfs "$LCLONE" export "$l2" --output e
		cmp e other
		cmp kept want || fail "killed at $n: what had been made is lost"
		rm e
	done
	[ $rc -eq 0 ] || fail "it ended with $rc"
	[ "$both" -gt 0 ] || fail "it never had both names"
	cmp e want
	[ ! -e e.part ] || fail "a part is left"
}

test_p8_import_refuses_another_origin() {
	small_stream
	refused 'holds only what differs from its origin' lclone import ./n.img --input e
	refused 'holds only what differs from its origin' lclone import ./n.img --input e --origin -
	head -c $((36003 * 512)) /dev/urandom >p.img
	refused 'is not the origin .*: its content' lclone import ./n.img --input e --origin p.img
	truncate -s +512 p.img
	refused 'is not the origin .*: its size' lclone import ./n.img --input e --origin p.img
	no_store
	file z.img 16M
	expect 0 lclone format z.img --origin - --size 8M
	freeze z.img none
	lclone export ./z.img >z
	refused 'has no origin' lclone import ./n.img --input z --origin "$o"
	expect 0 lclone import ./n.img --input z
}

test_p8_import_refuses_another_base() {
	small_stream
	lclone export "$s" --base "$l2" >delta.lcd
	losetup -d "$l2" "$s"
	refused 'cannot be found' lclone import ./n.img --input delta.lcd
	says "snapshot 'two'"
	refused 'cannot be found' lclone import ./n.img --input delta.lcd --layer "$l1" --layer "$l3"
	refused 'is not the origin' lclone import ./n.img --input delta.lcd --layer ./l2.img --origin l1.img
	# The right content, but it could still change.
	cp l2.img w.img
	"$HELPERS/freeze-store" w.img two writable
	refused 'is not frozen' lclone import ./n.img --input delta.lcd --layer ./w.img
	no_store
	expect 0 lclone import ./n.img --input delta.lcd --layer ./l2.img
}

test_import_refuses_what_is_there() {
	small_stream
	file t.img 4M
	refused 'is too small for a store' lclone import ./t.img --input e --origin "$o"
	mkfs.ext4 -q n.img
	refused 'holds a filesystem' lclone import ./n.img --input e --origin "$o"
	expect 0 lclone import ./n.img --input e --origin "$o" --force
	refused 'holds another lclone store' lclone import ./n.img --input e --origin "$o"
	refused 'has the loop device .* over it' lclone import ./o.img --input e --origin ./o.img
	expect 1 lclone import ./n.img --input nothing --origin "$o"
	says 'cannot be opened'
	lclone export "$s" --base "$l2" >delta.lcd
	refused 'is the origin itself' lclone import "$l2" --input delta.lcd --layer "$l2" --force
	# A second store with the same content would be taken for the first.
	expect 0 lclone scan "$l1" "$l2" "$l3" "$s"
	lclone list --json >out
	file m.img 64M
	refused 'has that snapshot already' lclone import ./m.img --input e --origin "$o"
}

test_truncation() {
	local size at
	small_stream
	size=$(stat -c %s e)
	for at in 0 1 500 1023 1024 1030 1064 2000 $((size / 3)) $((size / 2)) $((size - 41)) $((size - 40)) $((size - 1)); do
		head -c "$at" e >part
		expect 3 lclone import ./n.img --input part --origin "$o"
		says 'cut short'
		no_store
	done
	(cat e; printf x) >long
	expect 3 lclone import ./n.img --input long --origin "$o"
	says 'goes on behind its end mark'
	no_store
	# What has failed is not in the way of what follows.
	expect 0 lclone import ./n.img --input e --origin "$o"
}

test_damage() {
	local size at
	small_stream
	size=$(stat -c %s e)
	for at in 0 16 20 24 33 45 60 80 140 216 1000 1024 1028 1032 1036 1040 1050 1060 1064 3000 \
		$((size / 2)) $((size - 40)) $((size - 20)) $((size - 1)); do
		cp e broken
		printf "\\x$(printf %02x $((255 - $(od -An -tu1 -j "$at" -N1 e))))" |
			dd of=broken bs=1 seek="$at" conv=notrunc status=none
		expect $((at == 0 || at == 20 || at == 24 ? 1 : 3)) lclone import ./n.img --input broken --origin "$o"
		[ "$at" -lt 1064 ] || says 'checksum does not match'
		no_store
	done
	# Records that are whole, but not where they belong, or of another stream.
	(head -c 1024 e; tail -c 40 e) >broken
	expect 3 lclone import ./n.img --input broken --origin "$o"
	says 'lacks a record'
	lclone export "$l2" >other
	(head -c 1024 e; tail -c +1025 other) >broken
	expect 3 lclone import ./n.img --input broken --origin "$o"
	says 'checksum does not match'
	no_store
}

# A disk that fills up, as a file may.
test_import_onto_what_is_full() {
	small_stream
	mkdir small
	mount -t tmpfs -o size=128K none small || skip "no tmpfs"
	truncate -s 64M small/n.img
	expect 1 lclone import small/n.img --input e --origin "$o"
	says 'cannot be written: No space'
	expect 1 lclone info small/n.img
	says 'is not an lclone store'
}

test_stream_usage() {
	expect 2 lclone export
	expect 2 lclone export a b
	expect 2 lclone import
	expect 2 lclone import a b
	refused 'there is no such clone, and no such device' lclone export nothing
}

# The tables of the document, and the offsets that the compiler has checked.
test_format_is_documented() {
	local doc="$TOOLS/../Documentation/delta-stream.rst" name
	for name in header record; do
		awk -v name="stream_disk_$name" '$0 == name { on = 1; next } /^stream_disk_/ { on = 0 }
			on && /^[0-9]+ +[0-9]+ +``/ { gsub("`", ""); print $3, $1 }' "$doc" >documented
		sed -nE "s/^LC_AT\\(stream_disk_$name, ([a-z_]+), ([0-9]+)\\);/\\1 \\2/p" "$TOOLS/stream-format.h" >checked
		[ -s checked ] || fail "no offsets of $name"
		diff documented checked || fail "the document has another $name"
	done
}
