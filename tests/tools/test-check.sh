# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# lclone check and dump: against a plain array, and against every kind of damage.
LEAKS=0

# filled SEED LEAVES GROUPS [FAULT [TIMES]]: a store with drift; what a dump must say is in "want".
filled() {
	store s.img 1G --origin - --size "${SIZE:-5001M}" --name x
	fill s.img "$@" >want
}

damaged() {
	expect 3 lclone check s.img
	prints "$1"
	says '^lclone: s.img: is damaged: [0-9]+ finding'
	says '^  next: '
	expect 3 lclone check s.img --json
	json '.damaged and .findings_total > 0 and (.findings | length) > 0 and
		(.findings | all(.text != "" and .part != ""))'
}

test_agrees_with_a_plain_array() {
	local seed
	for seed in $(seq 1 40); do
		SIZE=$((seed * 397 + 7))M filled "$seed" $((seed % 9 * 3)) $((seed % 6))
		expect 0 lclone check s.img
		prints 'no damage'
		expect 0 lclone check s.img --json
		json '.damaged == false and .findings == [] and .map_complete'
		tail -n 1 want >end
		read -r _ _ data zeros <end
		json ".data_bytes == $data * 4096 and .zero_bytes == $zeros * 4096"
		expect 0 lclone dump s.img
		diff <(grep -v '^#' want) <(grep -E '^(data|zero|end) ' out) >difference ||
			fail "seed $seed: the dump differs: $(head difference)"
	done
}

# What the core leaves behind, wherever it stops, is whole for the checker.
test_agrees_with_the_core() {
	local seed
	for seed in $(seq 1 12); do
		store s.img $((seed * 8 + 8))M --origin - --size $((seed * 97 + 3))M
		live s.img "$seed" 400 >want || fail "seed $seed: the core failed"
		expect 0 lclone check s.img
		expect 0 lclone dump s.img
		diff want <(grep -E '^(data|zero|end) ' out) >difference ||
			fail "seed $seed: the dump differs: $(head difference)"
		# It goes on where it was.
		live s.img "$seed$seed" 100 >want || fail "seed $seed: the core failed again"
		expect 0 lclone check s.img
		expect 0 lclone dump s.img
		diff want <(grep -E '^(data|zero|end) ' out) >difference ||
			fail "seed $seed: the dump differs: $(head difference)"
	done
}

test_a_core_that_stops_anywhere() {
	local seed stop
	for seed in $(seq 1 60); do
		stop=$((seed * seed * 3 % 700 + 1))
		store s.img 24M --origin - --size 333M
		live s.img "$seed" 300 $stop >/dev/null || fail "seed $seed: the core failed"
		expect 0 lclone check s.img
		live s.img "$seed" 50 $((stop % 90 + 1)) >/dev/null || fail "seed $seed: the core failed again"
		expect 0 lclone check s.img
	done
}

# The end of a clone that was cut is a multiple of what a leaf maps: what is zero behind it says
# nothing of what nobody has written before it.
test_clone_cut_at_the_end_of_a_leaf() {
	SIZE=16128s filled 7 0 0 cut
	expect 0 lclone check s.img
	expect 0 lclone dump s.img
	! grep -E '^(data|zero) ' out || fail "the dump has what the map has not"
}

# with_no_room COMMAND...: files get no larger than a KiB.
with_no_room() (
	trap '' XFSZ
	ulimit -f 1
	"$@"
)

test_dump_formats() {
	filled 3 10 3
	expect 0 lclone dump s.img
	[ "$(head -n 1 out)" = "lclone-dump 1" ] || fail "no head"
	for key in store-uuid clone-uuid content-uuid parent-uuid snapshot-set state layers \
		head-generation generation clone-sectors overlap-sectors store-blocks journal \
		reserve origin-kind origin-sectors origin-uuid fingerprint clone-name \
		origin-name origin-path end; do
		[ "$(grep -c "^$key " out)" -eq 1 ] || fail "not one line for $key"
	done
	grep -E '^(data|zero) ' out >runs
	expect 0 lclone dump s.img --json
	json '.complete and .superblock.name == "x"'
	jq -r '.runs[] | if .type == "data"
		then "data \(.offset_bytes / 4096) \(.length_bytes / 4096) \(.store_offset_bytes / 4096)"
		else "zero \(.offset_bytes / 4096) \(.length_bytes / 4096)" end' out | diff - runs ||
		fail "JSON and text differ"
	expect 0 lclone dump s.img --output d
	expect 1 lclone dump s.img --output d
	says '^lclone: d: .*File exists'
	# All of it or nothing.
	expect 1 with_no_room lclone dump s.img --output full
	[ "$(echo full*)" = 'full*' ] || fail "part of a dump is left"
}

test_a_stale_copy_is_no_damage() {
	filled 5 10 2 stale-copy
	expect 0 lclone check s.img
	expect 0 lclone info s.img --json
	json '.superblocks | map(.generation) | sort == [1, 2]'
}

# Each fault comes under a seal that is whole.
test_found_mapped_twice() { filled 7 16 4 twice 1; damaged 'map: .*mapped twice'; }
test_found_page_mapped() { filled 7 16 4 entry-is-page 1; damaged 'also pages of the tree'; }
test_found_entry_out_of_range() { filled 7 16 4 entry-range 1; damaged 'outside the data area'; }
test_found_leaf_behind_the_end() { SIZE=16128s filled 7 0 0 leaf-behind-end; damaged 'behind the end of the clone'; }
test_found_entry_behind_the_end() { filled 7 16 4 behind-end; damaged 'behind the end of the clone'; }
test_found_counts() { filled 7 16 4 count 2; damaged 'counts are not what its parent says'; }
test_found_old_page() { filled 7 16 4 older 2; damaged 'not the version that its parent names'; }
test_found_other_page() { filled 7 16 4 parent-csum 2; damaged 'not the version that its parent'; }
test_found_page_too_new() { filled 7 16 4 newer 2; damaged 'newer than what refers to it'; }
test_found_misplaced_page() { filled 7 16 4 misplaced 2; damaged 'belongs to another place'; }
test_found_zero_count() { filled 7 16 4 zero-count; damaged 'all of it is zero'; }
test_found_reserve_bit_missing() { filled 7 16 4 reserve-missing; damaged 'marked free'; }
test_found_reserve_bit_extra() { filled 7 16 4 reserve-extra; damaged 'no page is there'; }
test_found_page_blocks() { filled 7 16 4 page-blocks; damaged 'superblock counts 26 pages'; }
test_found_above_high_water() { filled 7 16 4 high-water; damaged 'above the high-water mark'; }
test_found_supers_that_differ() { filled 7 16 4 super-differ; damaged 'but they differ'; }
test_found_impossible_run() { filled 7 16 4 journal-run 1; damaged 'impossible run'; }
test_found_gap_in_the_journal() { filled 7 16 4 journal-gap; damaged 'before its end'; }

# Any one metadata block, overwritten or zeroed, is found and named.
each_block() {
	local how=$1 block
	filled 11 12 5
	cp --sparse=always s.img whole.img
	{ echo 0; echo 1; echo 128; sed -n 's/^# page //p' want; } >blocks
	# A journal that loses its last block ends before it: nothing can tell.
	sed -n 's/^# journal //p' want | head -n -2 >>blocks
	[ "$(wc -l <blocks)" -gt 20 ] || fail "not enough blocks to damage"
	while read -r block; do
		"$how" s.img "$block"
		damaged "block $block: "
		dd if=whole.img of=s.img bs=4096 skip="$block" seek="$block" count=1 \
			conv=notrunc status=none
	done <blocks
	expect 0 lclone check s.img
}

test_each_block_overwritten() { each_block overwrite; }
test_each_block_zeroed() { each_block zero; }

test_both_superblocks_lost() {
	filled 1 4 1
	zero s.img 1
	overwrite s.img 128
	damaged 'superblock copy 0'
	refused 'has lost both copies' lclone info s.img
	refused 'has lost both copies' lclone dump s.img
}

test_one_superblock_is_enough() {
	filled 1 4 1
	lclone dump s.img >before
	zero s.img 1
	expect 0 lclone dump s.img
	cmp out before || fail "the dump differs"
	expect 0 lclone info s.img --json
	json '.superblocks[0].whole == false and .superblocks[1].whole'
}

test_damaged_dump_is_marked() {
	filled 11 12 5
	overwrite s.img "$(sed -n 's/^# page //p' want | head -n 1)"
	expect 3 lclone dump s.img
	says 'the dump is incomplete'
	! grep -q '^end ' out || fail "the dump has an end"
	grep -q '^data ' out || fail "nothing was dumped"
	mv out before
	expect 3 lclone dump s.img --output d
	cmp before d || fail "the file differs"
	expect 3 lclone dump s.img --json
	json '.complete == false'
}

test_not_a_store() {
	local verb
	file s.img 16M
	for verb in info check dump table; do
		refused 's.img: is not an lclone store' lclone $verb s.img
	done
	head -c 16M /dev/urandom >s.img
	refused 'is not an lclone store' lclone check s.img
	file s.img 100
	refused 'too small' lclone check s.img
	refused 'neither a block device nor a regular file' lclone check .
	refused 'No such file' lclone check none
}

test_unknown_versions() {
	local fault verb
	for fault in version incompat block-size csum-type; do
		store s.img 64M
		fill s.img 1 2 1 $fault >/dev/null
		for verb in info check dump table; do
			refused 'not known here' lclone $verb s.img
		done
	done
	store s.img 64M
	fill s.img 1 2 1 compat >/dev/null
	expect 0 lclone check s.img
}

test_store_cut_short() {
	filled 3 4 1
	truncate -s 512M s.img
	damaged 'smaller than the store'
	refused 'smaller than the store' lclone table s.img
}

test_store_moved_within_the_device() {
	filled 3 4 1
	dd if=s.img of=s.img bs=4096 skip=1 seek=128 count=1 conv=notrunc status=none
	damaged 'superblock copy 1 is damaged'
}

test_writes_nothing() {
	filled 3 4 1
	sha256sum s.img >sum
	chmod 400 s.img
	expect 0 lclone check s.img
	expect 0 lclone dump s.img
	expect 0 lclone info s.img
	sha256sum --check --status sum || fail "the store was written to"
}

test_quiet() {
	filled 3 4 1
	expect 0 lclone check --quiet s.img
	[ ! -s out ] || fail "not quiet"
}

test_in_use() {
	filled 3 4 1
	exec 9<s.img
	flock 9
	refused 'is in use' lclone check s.img
	refused 'is in use' lclone dump s.img
}

# The file of a store whose loop device is in use, here by a mount as a clone would be.
test_in_use_through_its_loop_device() {
	file s.img 16M
	mkfs.ext4 -q s.img
	loop s.img
	mkdir m
	mount "$dev" m || skip "cannot mount"
	refused "$dev: is in use" lclone check s.img
	refused "$dev: is in use" lclone dump s.img
	refused "is in use" lclone check "$dev"
}

test_hostile_store() {
	local seed verb rc
	for seed in $(seq 1 60); do
		store s.img 256M --origin - --size 901M
		fill s.img "$seed" 20 4 fuzz >want
		for verb in check dump info 'check --json' 'dump --json' 'scan --no-catalog'; do
			# shellcheck disable=SC2086
			timeout 60 "$LCLONE" $verb s.img >out 2>err && rc=0 || rc=$?
			case $rc in 0 | 1 | 3) ;; *) fail "seed $seed: $verb: exit status $rc" ;; esac
			! grep -qE 'Sanitizer|runtime error' err || fail "seed $seed: $verb"
		done
	done
}
