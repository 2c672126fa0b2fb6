# shellcheck shell=bash
# What FLUSH and FUA make durable, and exactly what I/O costs on the devices below.

# cached_store_make SIZE: sets STORE, a device with a volatile write cache that knows FUA.
cached_store_make() {
	STORE=$(make_null_blk "$1" cache_size=64)
}

# costs EXPECTED OP...: what the operations cost, as "reads writes sectors flushes" of STORE and "reads"
# of ORIGIN. A pause takes back the tick that is due, and none comes in the second after it; so it is one
# process that pauses, counts, does them and counts.
costs() {
	local counts=(stat "${STORE##*/}" stat "${ORIGIN##*/}") begin end cost writes
	both pause clone "${counts[@]}" "${@:2}" "${counts[@]}" >/run/counts
	read -r -a begin < <(head -n 2 /run/counts | paste -sd' ')
	read -r -a end < <(tail -n 2 /run/counts | paste -sd' ')
	# A flush counts as a write of nothing.
	writes=$((end[1] - begin[1] - end[3] + begin[3]))
	cost="$((end[0] - begin[0])) $writes $((end[2] - begin[2])) $((end[3] - begin[3])), $((end[4] - begin[4]))"
	assert_eq "$cost" "$1" "cost of ${*:2}"
}

test_cost_of_writes() {
	origin_make 16M
	cached_store_make 32M
	clone_make
	udevadm settle
	costs "0 0 0 1, 0" fsync
	costs "0 2 16 1, 0" write 1M 4K fsync
	costs "0 1 8 1, 0" write 1M 4K fsync
	costs "0 1 7 0, 0" write 1M+512 3584
	costs "0 0 0 1, 0" fsync
	costs "0 2 136 1, 0" write 2M 64K fsync
	costs "0 3 24 1, 0" write 4M 4K write 12M 4K fsync
	costs "0 2 16 1, 1" write 3M+512 512 fsync
	both same
	clone_check
}

# RWF_DSYNC is a write with FUA and then a FLUSH. On a mapping that is durable the FUA goes down;
# else the write is answered by a round.
test_cost_of_fua() {
	origin_make 16M
	cached_store_make 32M
	clone_make
	udevadm settle
	costs "0 2 16 2, 0" write-dsync 1M 4K
	costs "0 1 8 1, 0" write-dsync 1M 4K
	costs "0 3 24 2, 0" write 2M 4K write-dsync 2M 4K
	both same
	clone_check
}

# reads_of DEV OFFSET: I/Os to the origin for one read of 1 MiB.
reads_of() {
	local begin
	begin=$(dev_stat "$ORIGIN" reads)
	dd if="$1" of=/dev/null bs=1M skip="$2" count=1 iflag=direct status=none
	echo $(($(dev_stat "$ORIGIN" reads) - begin))
}

# Also across the border of two leaves that are in memory: blocks 1007 and 1008 are in the fourth MiB.
test_cost_of_long_reads_is_that_of_linear() {
	local linear
	origin_make 16M
	ORIGIN=$(make_linear origin "$ORIGIN")
	store_make 32M
	clone_make
	udevadm settle
	linear=$(reads_of "$(make_linear straight "$ORIGIN")" 3)
	assert_eq "$(reads_of "$CLONE" 3)" "$linear" "reads of what nobody has written"
	both write 1M 4K write 5M 4K
	assert_eq "$(reads_of "$CLONE" 2)" "$linear" "reads within a leaf"
	assert_eq "$(reads_of "$CLONE" 3)" "$linear" "reads across leaves"
	clone_check
}

# lose_power: all that the store's device was not told to make durable is gone.
lose_power() {
	below_fails
	wait_until -t 60 dmsetup remove clone
	dmsetup remove --retry below
	lose_cache "$BELOW"
	make_linear below "$BELOW" >/dev/null
}

# stamps FIRST SECTORS SEED...: one process that writes and syncs for each seed, each on a part of its
# own, while a second passes.
stamps() {
	local first=$1 seed
	rm -f /run/acked-*
	for seed in "${@:3}"; do
		"$HELPERS/stamp" run "$CLONE" "$seed" "$first" "$2" >"/run/acked-$seed" &
		first=$((first + $2))
	done
}

# got_beyond COUNT SEED...: each has had more than COUNT syncs.
got_beyond() {
	local seed
	for seed in "${@:2}"; do
		[ "$(wc -l <"/run/acked-$seed")" -gt "$1" ] || return 1
	done
}

stamps_verify() {
	local first=$1 seed acked
	for seed in "${@:3}"; do
		acked=$(tail -n 1 "/run/acked-$seed")
		"$HELPERS/stamp" verify "$CLONE" "$seed" "$first" "$2" "${acked:-0}" "$MODEL" ||
			fail "seed $seed: a promise was broken"
		[ "${acked:-0}" -gt 0 ] || fail "seed $seed: nothing was made durable"
		first=$((first + $2))
	done
}

# Cut off in the middle of writes, discards, zeroing and syncs, twice on the same store.
test_p1_p2_what_was_synced_survives_the_loss_of_a_write_cache() {
	local seeds
	origin_make 8M
	cached_store_make 32M
	below_make
	clone_make
	for seeds in "1 2 3" "4 5 6"; do
		# shellcheck disable=SC2086
		stamps 3 4001 $seeds
		# shellcheck disable=SC2086
		wait_until -t 60 got_beyond 12 $seeds
		lose_power
		wait
		lclone check "$STORE"
		clone_on
		# shellcheck disable=SC2086
		stamps_verify 3 4001 $seeds
		dd if="$CLONE" of="$MODEL" bs=1M iflag=direct status=none
	done
	clone_check
}

