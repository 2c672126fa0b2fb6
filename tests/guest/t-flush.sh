# shellcheck shell=bash
# What FLUSH and FUA make durable, and exactly what I/O costs on the devices below.

# cached_store_make SIZE: sets STORE, a device with a volatile write cache that knows FUA.
cached_store_make() {
	STORE=$(make_null_blk "$1" cache_size=64)
}

# io_begin, io_cost: what has been sent to STORE and ORIGIN since, as "reads writes sectors flushes"
# of the one and "reads" of the other.
io_look() {
	local store origin
	read -r -a store <"/sys/class/block/${STORE##*/}/stat"
	read -r -a origin <"/sys/class/block/${ORIGIN##*/}/stat"
	LOOK=("${store[0]}" "${store[4]}" "${store[6]}" "${store[15]}" "${origin[0]}")
}
io_begin() {
	io_look
	BEGIN=("${LOOK[@]}")
}
io_cost() {
	local i
	io_look
	for i in "${!LOOK[@]}"; do
		LOOK[i]=$((LOOK[i] - BEGIN[i]))
	done
	# A flush counts as a write of nothing.
	LOOK[1]=$((LOOK[1] - LOOK[3]))
	COST="${LOOK[*]:0:4}, ${LOOK[4]}"
}

# costs EXPECTED OP...: what the operations cost. A pause takes back the tick that is due: none comes in
# the second after it.
costs() {
	dmsetup suspend clone
	dmsetup resume clone
	io_begin
	both "${@:2}"
	io_cost
	assert_eq "$COST" "$1" "cost of ${*:2}"
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
	local config=/sys/kernel/config/nullb/${BELOW##*/}
	below_fails
	wait_until -t 60 dmsetup remove clone
	dmsetup remove --retry below
	echo 0 >"$config/power"
	echo 1 >"$config/power"
	udevadm settle
	make_linear below "$BELOW" >/dev/null
}

# stamps FIRST SECTORS SEED...: one process that writes and syncs for each seed, each on a part of its
# own, while a second passes.
stamps() {
	local first=$1 seed
	for seed in "${@:3}"; do
		"$HELPERS/stamp" run "$CLONE" "$seed" "$first" "$2" >"/run/acked-$seed" &
		first=$((first + $2))
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
		wait_until -t 20 eval '[ "$(wc -l </run/acked-'"${seeds%% *}"')" -gt 12 ]'
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

