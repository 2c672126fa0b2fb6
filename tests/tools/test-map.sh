# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Where the parts of a clone lie, and what changed between two states of it.
. "$here/lib-chain.sh"

# The runs of out as the model has them, one line for each sector.
sectors_of_map() {
	jq -r '.runs[] | [.offset_bytes, .length_bytes, .type, .store, .store_offset_bytes] | @tsv' out |
		awk -F '\t' '{
			if ($1 != at) { print "a gap before " $1; exit }
			at += $2
			for (i = 0; i < $2 / 512; i++)
				print $3 == "data" ? "data " $4 " " $5 / 512 + i : $3
		}'
}

test_map_agrees_with_a_model() {
	local seed
	for seed in 1 20 300 4000; do
		chain $seed
		model origin 36003 "$l1" "$l2" "$l3" "$s" >want
		cat want >>all
		expect 0 lclone map "$l1" "$l2" "$l3" "$s" --json
		silent
		sectors_of_map | cmp - want || fail "seed $seed: not the map"
		json ".size_bytes == 36203 * 512 and ([.runs[].length_bytes] | add) == .size_bytes"
		json '.data_bytes + .zero_bytes + .origin_bytes == .size_bytes'
		json '[.stores[].name] == ["vm3", "vm2@three", "vm1@two", "vm1@one"] and .stores[1].path == "'"$l3"'"'
		# Runs are as long as they can be.
		json '[.runs | .[:-1], .[1:]] | transpose | all(.[0].type != .[1].type or .[0].store != .[1].store or
			.[0].store_offset_bytes != null)'
		model origin 36003 "$l1" "$l2" >want
		expect 0 lclone map "$l1" "$l2" --json
		sectors_of_map | cmp - want || fail "seed $seed: not the map of a layer"
		losetup -d "$o" "$l1" "$l2" "$l3" "$s"
	done
	[ "$(cut -d' ' -f1,2 all | sort -u | xargs)" = "data 0 data 1 data 2 data 3 origin zero" ] ||
		fail "the seeds do not show everything"
}

test_map_of_files_and_names() {
	chain
	expect 0 lclone map "$l1" "$l2" "$l3" "$s"
	prints '^ +OFFSET +LENGTH +TYPE +STORE-OFFSET +LAYER$'
	prints '  origin +-  -$'
	prints '  zero +-  vm1@one$'
	prints '  data +[0-9]+  vm1@two$'
	prints '  zero +-  vm2@three$'
	cp out want
	expect 0 lclone map "$s"
	cmp out want || fail "layers that are found make another map"
	losetup -d "$o" "$l1" "$l2" "$l3" "$s"
	# In any order, by file; not all of them cannot be found.
	expect 0 lclone map ./l3.img ./l1.img ./l2.img ./s.img
	cmp out want || fail "files make another map"
	refused 'the layer below it, with the content .*, cannot be found' lclone map ./l3.img ./l1.img ./s.img
	expect 0 lclone scan l1.img l2.img l3.img s.img
	expect 0 lclone map vm3
	cmp out want || fail "the name makes another map"
	refused 'there is no such clone, and no such device' lclone map vm9
	refused 'has no snapshot nine' lclone map vm3@nine
}

# Nobody else may write while it is read.
test_map_of_what_is_in_use() {
	chain
	exec 9<"$PWD/s.img"
	losetup -d "$o" "$l1" "$l2" "$l3" "$s"
	flock -x 9
	refused 'is in use' lclone map ./l1.img ./l2.img ./l3.img ./s.img
	says "take a snapshot"
	# A frozen one may be in use by any number of clones.
	exec 9<"$PWD/l3.img"
	flock -x 9
	expect 0 lclone map ./l1.img ./l2.img ./l3.img --json
	json '.stores | length == 3'
}

# The core writes to the store between one read of a block and the next: live-reader.c.
test_map_of_what_changes() {
	local seed
	for seed in 1 2; do
		store s.img 64M --origin - --size 400M
		expect 0 reader s.img $seed 150 25
		silent
		# Some maps at once; some after pages had been written over.
		prints '^once [1-9][0-9]* again [1-9][0-9]*$'
	done
}

# Nobody has written over what is not whole there.
test_map_of_damage_in_what_changes() {
	store s.img 64M --origin - --size 400M
	fill s.img 1 40 0 >filled
	expect 0 reader s.img 1 1 0
	prints '^once 1 again 0$'
	overwrite s.img "$(awk '$2 == "page" { print $3; exit }' filled)"
	expect 3 reader s.img 1 1 0
	says 'page at store block [0-9]+: '
	says 'lclone check'
}

test_map_of_damage() {
	chain
	overwrite "$l2" 1
	expect 0 lclone map "$l1" "$l2" --json	# one copy is enough
	overwrite "$l2" "$(awk '$2 == "page" { print $3; exit }' fill-2)"
	expect 3 lclone map "$l1" "$l2"
	says 'lclone check'
}

test_diff_agrees_with_a_model() {
	local seed
	for seed in 1 20 300; do
		chain $seed
		model same 36009 "$l2" "$l3" "$s" | cut -d' ' -f1 >want
		expect 0 lclone diff "$l1" "$s" --layer "$l2" --layer "$l3" --json
		silent
		ranges_of_diff 36203 | cmp - want || fail "seed $seed: not the difference"
		json '.from.name == "vm1@one" and .to.name == "vm3" and .to.size_bytes == 36203 * 512'
		json '([.ranges[].length_bytes] | add) == .data_bytes + .zero_bytes'
		json '[.ranges | .[:-1], .[1:]] | transpose | all(.[0].type != .[1].type or
			.[0].offset_bytes + .[0].length_bytes < .[1].offset_bytes)'
		model same 34005 "$l3" | cut -d' ' -f1 >want
		expect 0 lclone diff "$l2" "$l3" --json
		ranges_of_diff 36101 | cmp - want || fail "seed $seed: not the difference of neighbours"
		losetup -d "$o" "$l1" "$l2" "$l3" "$s"
	done
}

# ranges_of_diff SECTORS: what did not change is "same".
ranges_of_diff() {
	jq -r '.ranges[] | [.offset_bytes, .length_bytes, .type] | @tsv' out |
		awk -F '\t' -v sectors="$1" '
			{ for (s = $1 / 512; s < ($1 + $2) / 512; s++) type[s] = $3 }
			END { for (s = 0; s < sectors; s++) print s in type ? type[s] : "same" }'
}

test_diff_refuses() {
	chain
	expect 0 lclone diff "$l2" "$l2" --json
	json '.ranges == [] and .data_bytes == 0'
	refused 'vm1@one: does not stand on vm1@two' lclone diff "$l2" "$l1"
	refused 'is not a snapshot' lclone diff "$s" "$s"
	expect 2 lclone diff "$l1"
	expect 2 lclone diff "$l1" "$l2" "$l3"
	# What is below A is not needed.
	losetup -d "$o" "$l1"
	expect 0 lclone diff "$l2" "$s"
	prints '  data$'
	file n.img 16M
	expect 0 lclone format n.img --origin - --size 8M
	refused 'does not stand on' lclone diff "$l3" ./n.img
}
