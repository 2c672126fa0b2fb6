# shellcheck shell=bash
# Devices that fail, beyond t-failure.sh and t-metadata-io.sh: reads that fail, bad blocks, stores that
# begin to fail at some moment of a load. Errors reach what they hit and nothing else, and what was
# acknowledged is there when the device is well again.
TEST_TIMEOUT=300

# bad NULL_BLK BLOCK COUNT, good NULL_BLK BLOCK COUNT: blocks of 4 KiB of a null_blk that fail.
bad() {
	echo "+$(($2 * 8))-$((($2 + $3) * 8 - 1))" >"/sys/kernel/config/nullb/${1##*/}/badblocks"
}
good() {
	echo "-$(($2 * 8))-$((($2 + $3) * 8 - 1))" >"/sys/kernel/config/nullb/${1##*/}/badblocks"
}

# clone_blocks_in FIRST COUNT: the blocks of the clone, which is off, that lie in those of the store;
# as "both ranges" prints them.
clone_blocks_in() {
	lclone dump "$STORE" | awk -v first="$1" -v end=$(($1 + $2)) '
		$1 == "data" {
			from = $4 < first ? first : $4
			to = $4 + $3 > end ? end : $4 + $3
			if (from >= to)
				next
			at = $2 + from - $4
			if (n && at == block + n) {
				n += to - from
				next
			}
			if (n)
				print block, n
			block = at
			n = to - from
		}
		END { if (n) print block, n }'
}

rw() {
	assert_eq "$(status_of clone mode)" rw mode
}

# Drift that cannot be read: those blocks and no other, and only as long as it lasts.
test_unreadable_drift() {
	local hit
	origin_make 8M
	store_make 32M
	below_make
	clone_make
	both write 1M 1M write 5M+512 64K write 2M+8K 4K write 7M 300K discard 1M+64K 64K fsync
	clone_off
	hit=$(clone_blocks_in 480 200)
	[ -n "$hit" ] || fail "none of the drift lies there: $(lclone dump "$STORE")"
	clone_on
	below_fails 480 200
	assert_eq "$(both ranges)" "$hit" "unreadable blocks"
	expect_fail both write "${hit%% *}b" 512
	rw
	below_heals
	both same write "${hit%% *}b" 512 fsync same
	clone_check
}

# The same, with a bad block here and there, in stores and origins which are asked for more at once.
test_bad_blocks_of_the_store() {
	local hit at
	origin_make 8M
	STORE=$(make_null_blk 32M)
	clone_make
	both write 1M 3M write 5M+512 64K fsync
	clone_off
	for at in 500 501 777 1003; do
		bad "$STORE" "$at" 1
		hit+=$(clone_blocks_in "$at" 1)$'\n'
	done
	clone_on
	assert_eq "$(both ranges | sort -n)" "$(printf '%s' "$hit" | awk '
		n && $1 == block + n { n++; next }
		{ if (n) print block, n; block = $1; n = $2 }
		END { print block, n }' | sort -n)" "unreadable blocks"
	rw
	good "$STORE" 0 8192
	both same
	clone_check
}

test_bad_blocks_of_the_origin() {
	noise
	ORIGIN=$(make_null_blk 8M)
	ORIGIN_FILE=$NOISE
	dd if="$NOISE" of="$ORIGIN" bs=1M count=8 oflag=direct status=none
	store_make 32M
	clone_make
	both write 1M 64K discard 2M 64K
	for at in 258 520 1000 1001; do
		bad "$ORIGIN" "$at" 1
	done
	# Of these 258 is drift and 520 zeros.
	assert_eq "$(both ranges)" "1000 2" "unreadable blocks"
	expect_fail both write 1000b+512 512
	expect_fail both zero 1001b+512 1K
	rw
	both write 258b+512 1K write 520b+512 1K write 999b+512 512 write 1000b 4K
	assert_eq "$(both ranges)" "1001 1" "unreadable blocks"
	good "$ORIGIN" 0 2048
	both same fsync
	clone_check
}

# A page of the map that cannot be read, for as long as that lasts. The reserve has all pages.
test_unreadable_pages() {
	local hit
	origin_make 12M
	store_make 32M
	below_make
	clone_make
	both write 1M 64K write 9M 4K fsync
	clone_again
	below_fails 384 64
	hit=$(both ranges)
	[ -n "$hit" ] || fail "everything can be read without its pages"
	expect_fail both write 1M 4K
	expect_fail both write 9M+512 512
	expect_fail both discard 1M 4K
	wait_until kmsg_has "lclone: .*it cannot be read"
	rw
	both fsync
	below_heals
	both same write 1M 4K write 9M+512 512 discard 1M+4K 4K fsync same
	clone_check
}

# try_activation: whether it comes up.
try_activation() {
	if quietly dmsetup create clone --table "$TABLE" --uuid LCLONE-test; then
		return
	fi
	! dmsetup info clone >/dev/null 2>&1 || clone_off
	return 1
}

# activations_over IMAGE: the store as in IMAGE, brought up with one part or another out of reach. That
# is refused, or all is well; nothing is lost by the attempt.
activations_over() {
	local part up=
	for part in "0 1" "1 1" "128 1" "1 128" "256 1" "256 128" "384 64"; do
		dd if="$1" of="$BELOW" bs=1M oflag=direct status=none
		# shellcheck disable=SC2086
		below_fails $part
		if try_activation; then
			up+=" ${part/ /+}"
			both ranges >/run/ranges
			clone_off
		fi
		below_heals
		lclone check --quiet "$STORE" || lclone check "$STORE" || fail "blocks $part: damage"
		clone_on
		rw
		both same
		clone_off
	done
	note "comes up without blocks${up:- (none)} of the store, $2"
}

test_activation_over_a_bad_head() {
	local image=/dev/shm/image
	origin_make 8M
	store_make 16M
	below_make
	clone_make
	on_exit rm -f "$image"
	both write 1M 64K discard 3M 1M write 5M+512 6K fsync
	below_table "0 $(sectors "$BELOW") error"
	clone_off
	dd if="$BELOW" of="$image" bs=1M iflag=direct status=none
	below_heals
	activations_over "$image" "after a crash"
	dd if="$BELOW" of="$image" bs=1M iflag=direct status=none
	activations_over "$image" "after a clean deactivation"
}

# FUA: not acknowledged when the journal cannot be written; passed down when the mapping is durable.
test_p1_fua_over_a_failing_journal() {
	origin_make 8M
	store_make 32M
	below_make
	clone_make
	both write 1M 64K fsync
	dmsetup message clone 0 checkpoint
	below_fails 256 128
	both write-dsync 1M 4K
	rw
	expect_fail both write-dsync 3M 4K
	wait_until status_is mode failed
	clone_off
	below_heals
	clone_on
	both write 3M 4K same
	clone_check
}

# A discard passed down may fail: the space is free all the same.
test_discard_that_fails_below() {
	origin_make 8M
	STORE=$(make_null_blk 32M)
	clone_make
	both write 1M 2M fsync
	bad "$STORE" 448 7000
	both discard 1M 1M fsync
	wait_until discard_tried
	rw
	counts 256 256 1536
	good "$STORE" 0 8192
	both same write 1M 1M fsync same
	clone_check
}
discard_tried() {
	[ "$(dev_stat "$STORE" discards)" -gt 0 ]
}

PARTS=3 PART_SECTORS=4001

# part_seed PART: differs in each round of the test.
part_seed() {
	echo $((ROUND * PARTS + $1))
}

# writers_start: writes, discards, zeroes and syncs, each on its part.
writers_start() {
	local part
	WRITERS=()
	rm -f /run/acked-*
	for ((part = 0; part < PARTS; part++)); do
		"$HELPERS/stamp" run "$CLONE" "$(part_seed "$part")" $((part * PART_SECTORS)) "$PART_SECTORS" \
			>"/run/acked-$part" 2>/dev/null &
		WRITERS+=($!)
	done
}

# got_to COUNT: whether each writer has got that far.
got_to() {
	local part
	for ((part = 0; part < PARTS; part++)); do
		[ "$(tail -n 1 "/run/acked-$part")" -ge "$1" ] 2>/dev/null || return 1
	done
}

# got_to_or_ended COUNT: so has each that no error has stopped.
got_to_or_ended() {
	local part
	for ((part = 0; part < PARTS; part++)); do
		[ "$(tail -n 1 "/run/acked-$part")" -ge "$1" ] 2>/dev/null || [ ! -e "/proc/${WRITERS[part]}" ] ||
			return 1
	done
}

# writers_ended: whether an error has stopped all of them.
writers_ended() {
	local pid
	for pid in "${WRITERS[@]}"; do
		[ ! -e "/proc/$pid" ] || return 1
	done
}

# writers_judge: what they were told is there, by what is in /run/acked-*.
writers_judge() {
	local part
	for ((part = 0; part < PARTS; part++)); do
		"$HELPERS/stamp" verify "$CLONE" "$(part_seed "$part")" $((part * PART_SECTORS)) "$PART_SECTORS" \
			"$(tail -n 1 "/run/acked-$part")" "$MODEL" || fail "part $part: a promise was broken"
	done
}

# lie_found: whether what was written, and is read anew, has stopped all of them. They stand still while the
# map is written and given back, which goes by pages that have not been used since the time before.
lie_found() {
	kill -STOP "${WRITERS[@]}" || true
	dmsetup message clone 0 checkpoint
	echo 2 >/proc/sys/vm/drop_caches
	echo 2 >/proc/sys/vm/drop_caches
	kill -CONT "${WRITERS[@]}" || true
	writers_ended
}

# fails_as HOW: what becomes of the store under the load; one that lies drops all writes and tells nobody.
fails_as() {
	local all
	all=$(sectors "$BELOW")
	case $1 in
	all) below_table "0 $all error" ;;
	writes) below_table "0 $all flakey $BELOW 0 0 3600 1 error_writes" ;;
	lies | lies-found) below_table "0 $all flakey $BELOW 0 0 3600 1 drop_writes" ;;
	super) below_fails 1 128 ;;
	journal) below_fails 256 64 ;;
	one-journal-block) below_fails $((256 + RANDOM % 64)) 1 ;;
	reserve) below_fails 320 64 ;;
	data) below_fails $((384 + RANDOM % 500)) 2000 ;;
	esac
}

# load_until_failure HOW: writers at work until the store fails. One that lies ends nobody's work before a
# page of the map is read again; then they stand still while it changes, since only what they were told
# before counts.
load_until_failure() {
	writers_start
	wait_until -t 60 got_to $((20 + RANDOM % 60))
	if [[ $1 == lies* ]]; then
		kill -STOP "${WRITERS[@]}"
		cp /run/acked-* /run/before
		fails_as "$1"
		kill -CONT "${WRITERS[@]}"
		if [ "$1" = lies ]; then
			wait_until got_to_or_ended $(($(tail -qn 1 /run/before/* | sort -n | tail -n 1) + 30))
		else
			wait_until -t 60 lie_found
		fi
		kill "${WRITERS[@]}" || true
		wait "${WRITERS[@]}" || true
		cp /run/before/* /run
	else
		fails_as "$1"
		wait_until -t 60 writers_ended
		wait "${WRITERS[@]}" || true
	fi
}

test_p1_p2_stores_that_begin_to_fail_under_load() {
	local how mode
	origin_make 8M
	store_make 16M
	below_make
	clone_make
	mkdir -p /run/before
	ROUND=0
	for how in ${LCLONE_FAILURES:-all writes lies lies-found super journal one-journal-block reserve data}; do
		ROUND=$((ROUND + 1))
		load_until_failure "$how"
		mode=$(status_of clone mode)
		[ "$how" != data ] || assert_eq "$mode" rw "mode after failing data"
		clone_off
		below_heals
		lclone check --quiet "$STORE" || lclone check "$STORE" || fail "$how: damage"
		clone_on
		rw
		writers_judge
		echo "$how: mode was $mode"
		dd if="$CLONE" of="$MODEL" bs=1M iflag=direct status=none
	done
	clone_check
}

# From failed mode by way of lclone repair: it has nothing to do, or writes the copy of the superblock anew
# that was lost. What was acknowledged is there.
test_p1_repair_after_a_failure_under_load() {
	local how lost
	origin_make 8M
	store_make 16M
	below_make
	clone_make
	ROUND=0
	while read -r how lost; do
		ROUND=$((ROUND + 1))
		load_until_failure "$how"
		wait_until status_is mode failed
		clone_off
		below_heals
		if [ -n "$lost" ]; then
			zap "$lost"
			expect_fail lclone check --quiet "$STORE"
			lclone repair "$STORE" --json | gojq -e '.outcome == "repaired" and .lost_bytes == 0'
		else
			lclone repair "$STORE" --json | gojq -e '.outcome == "clean"'
		fi
		lclone check --quiet "$STORE" || lclone check "$STORE" || fail "$how: damage"
		clone_on
		rw
		writers_judge
		dd if="$CLONE" of="$MODEL" bs=1M iflag=direct status=none
	done <<-END
		journal
		super 1
		reserve 128
	END
	clone_check
}
