# shellcheck shell=bash
# Messages hydrate and rethin: what they leave, beside a load, in the middle of suspends, on devices
# that fail or are full. The content of a clone never changes by them.
TEST_TIMEOUT=300

# message WORD FIRST COUNT: prints the answer. A suspend may be under way: then it is for later.
message() {
	local answer
	until answer=$(dmsetup message clone 0 "$@" 2>/run/message-stderr); do
		grep -q busy /run/message-stderr || { cat /run/message-stderr >&2 && return 1; }
		wait_tick
	done
	echo "$answer"
}

# over_all WORD [STEP]: the message for the whole clone; prints the sums of what is answered.
over_all() {
	local blocks step=${2:-1024} at count answer
	blocks=$((($(sectors "$CLONE") + 7) / 8))
	for ((at = 0; at < blocks; at += step)); do
		count=$((blocks - at < step ? blocks - at : step))
		answer=$(message "$1" "$at" "$count") || return
		echo "$answer"
	done | awk '{ for (i = 1; i <= NF; i++) sum[i] += $i; n = NF }
		END { for (i = 1; i <= n; i++) printf "%d%s", sum[i], i < n ? " " : "\n" }'
}

# An origin of noise with holes, of any size; sets ORIGIN.
origin_with_zeros() {
	local file
	file=$(mktemp /dev/shm/origin.XXXXXX)
	on_exit rm -f "$file"
	noise
	head -c "$1" "$NOISE" >"$file"
	dd if=/dev/zero of="$file" bs=1M seek=1 count=1 conv=notrunc status=none
	dd if=/dev/zero of="$file" bs=4K seek=900 count=5 conv=notrunc status=none
	truncate -s "$1" "$file"
	ORIGIN=$(losetup --find --show "$file")
	ORIGIN_FILE=$file
	on_exit detach_loop "$ORIGIN"
}

# grown ANSWER DATA ZERO: the answer is by how much these numbers of before have grown.
grown() {
	assert_eq "$1" "$(($(status_of clone data) - $2)) $(($(status_of clone zero) - $3))" "answer"
}

test_hydrate_maps_all_and_changes_nothing() {
	local answer data zero
	origin_with_zeros $(((8 << 20) + 1536))
	store_make 32M
	clone_make -s $((9 * 2048 + 3))
	both write 0 64K write 5M+512 3K discard 6M 64K zero 7M-512 1b+1K write 9M 512
	data=$(status_of clone data) zero=$(status_of clone zero)
	answer=$(over_all hydrate)
	grown "$answer" "$data" "$zero"
	[ "${answer#* }" -ge $((256 + 5 + 254)) ] || fail "zeros are kept as data: $answer"
	counts $((2305 - $(status_of clone zero))) "$(status_of clone zero)" 0
	assert_eq "$(over_all hydrate 100)" "0 0" "what is left to do"
	both same
	clone_again
	assert_eq "$(status_of clone shared)" 0 "blocks shared"
	both same write 3M 1M discard 1M+64K 512K same
	clone_check
}

test_hydrate_in_parts_with_activations_between() {
	local at answer data=0
	origin_make 8M
	store_make 32M
	clone_make
	both write 3M+512 64K
	for ((at = 0; at < 2048; at += 256)); do
		answer=$(message hydrate "$at" 256)
		data=$((data + ${answer% *}))
		[ $((at % 512)) -eq 0 ] || clone_again
	done
	assert_eq "$data" $((2048 - 17)) "blocks hydrated"
	counts 2048 0 0
	both same
	clone_check
}

test_messages_refuse_what_makes_no_sense() {
	local args
	origin_make 8M
	store_make 32M
	clone_make
	for args in "" "0" "0 0" "0 1025" "2048 1" "2040 9" "18446744073709551615 2" "-1 1" "x 1" "0x10 1" "0 1 2"; do
		# shellcheck disable=SC2086
		expect_fail dmsetup message clone 0 hydrate $args
	done
	expect_fail dmsetup message clone 0 checkpoint 1
	counts 0 0 2048
	assert_eq "$(message hydrate 2040 8)" "8 0" "the last blocks"
	assert_eq "$(message HYDRATE 0 1)" "1 0" "the first block"
	both same
	clone_check
}

test_hydrate_through_layers() {
	local sum
	# shellcheck source=tests/guest/lib-tool.sh
	. /repo/tests/guest/lib-tool.sh
	tool_up
	lclone create clone --template gold --dir "$DIR" --size 20M
	CLONE=/dev/mapper/clone
	write_at "$CLONE" 1
	blkdiscard --offset 2M --length 1M "$CLONE"
	lclone snapshot clone one
	write_at "$CLONE" 5
	write_at "$CLONE" 18
	blkdiscard --offset 5M --length 256K "$CLONE"
	lclone snapshot clone two
	write_at "$CLONE" 7
	sum=$(hash_of "$CLONE")
	over_all hydrate 1000
	assert_eq "$(tool_status clone .shared_bytes)" 0 "shared bytes"
	assert_eq "$(hash_of "$CLONE")" "$sum" "the clone's content"
}

# ENOSPC comes at once; the clone goes on, and what was done is done.
test_p5_hydrate_of_a_full_store() {
	local used
	origin_make 32M
	store_make 16M
	clone_make
	both write 1M 64K
	expect_fail over_all hydrate
	[[ $ERR == *"No space left"* ]] || fail "said $ERR"
	assert_eq "$(status_of clone mode) $(status_of clone full) $(status_of clone waiting)" "rw full 0" state
	both same write 1M+512 64K-1K discard 0 4M fsync
	used=$(status_of clone data)
	expect_fail over_all hydrate
	[ "$(status_of clone data)" -ge "$used" ] || fail "blocks were lost"
	both same
	clone_check
}

test_hydrate_over_bad_blocks_of_the_origin() {
	noise
	ORIGIN=$(make_null_blk 8M)
	ORIGIN_FILE=$NOISE
	dd if="$NOISE" of="$ORIGIN" bs=1M count=8 oflag=direct status=none
	store_make 32M
	clone_make
	both write 300b 1b
	echo "+2400-2407" >"/sys/kernel/config/nullb/${ORIGIN##*/}/badblocks"
	echo "+8004-8004" >"/sys/kernel/config/nullb/${ORIGIN##*/}/badblocks"
	assert_eq "$(message hydrate 0 1000)" "999 0" "with a bad block below what the clone has written"
	expect_fail message hydrate 1000 24
	[[ $ERR == *"Input/output error"* ]] || fail "said $ERR"
	expect_fail message hydrate 1000 1
	assert_eq "$(status_of clone mode)" rw mode
	echo "-0-16383" >"/sys/kernel/config/nullb/${ORIGIN##*/}/badblocks"
	over_all hydrate
	assert_eq "$(status_of clone shared)" 0 "blocks shared"
	both same
	clone_check
}

# A store that fails: the message does, and the clone as it would by any other write.
test_hydrate_with_a_store_that_fails() {
	origin_make 8M
	store_make 32M
	below_make
	clone_make
	both write 1M 64K fsync
	assert_eq "$(message hydrate 0 10)" "10 0" "before"
	below_fails 600
	expect_fail message hydrate 20 1024
	below_heals
	both same
	clone_off
	clone_on
	over_all hydrate
	both same
	clone_check
}

# loop WORD STEP: the message over and over, until /run/stop is there.
loop() {
	while [ ! -e /run/stop ]; do
		over_all "$1" "$2" || return
	done
}

# fio_beside COMMAND...: fio writes the clone and checks what it wrote, while the command runs. Blocks
# that it left alone are those of BASE.
fio_beside() {
	local pid
	rm -f /run/stop
	on_exit touch /run/stop
	"$@" >/run/beside.out 2>&1 &
	pid=$!
	fio --name=load --filename="$CLONE" --direct=1 --ioengine=libaio --iodepth=16 --rw=randwrite \
		--bsrange=512-64K --bs_unaligned=0 --size=16M --offset=4M --fsync=40 --verify=crc32c \
		--verify_fatal=1 --output=/run/fio.out || fail "$(tail -n 20 /run/fio.out)"
	touch /run/stop
	wait "$pid" || fail "$(</run/beside.out)"
}

big_clone() {
	origin_make 24M
	store_make 64M
	clone_make
}

# The parts that fio has not written.
rest_is_the_origins() {
	cmp -n $((4 << 20)) "$CLONE" "$ORIGIN"
	cmp -i $((20 << 20)) "$CLONE" "$ORIGIN"
}

test_hydrate_under_load() {
	big_clone
	fio_beside over_all hydrate 64
	assert_eq "$(status_of clone shared)" 0 "blocks shared"
	rest_is_the_origins
	clone_check
	lclone check "$STORE"
}

suspends() {
	local n=0
	while [ "$n" -lt 40 ]; do
		dmsetup suspend $1 clone
		dmsetup resume clone
		n=$((n + 1))
	done
	echo "$n pauses"
}

# Suspends come in the middle of messages: these give up, and nothing waits for long.
test_suspend_while_it_hydrates() {
	local pid
	big_clone
	suspends --noflush >/run/suspends.out &
	pid=$!
	over_all hydrate 256
	fio_beside over_all hydrate 1024
	over_all rethin 1024
	wait "$pid"
	over_all hydrate
	note "$(</run/suspends.out)"
	assert_eq "$(status_of clone shared)" 0 "blocks shared"
	rest_is_the_origins
	clone_check
}

test_rethin_lets_go_what_is_the_same_below() {
	local data
	origin_with_zeros $(((8 << 20) + 1536))
	store_make 32M
	clone_make -s $((9 * 2048 + 3))
	both write 0 64K write 5M+512 3K discard 6M 64K zero 7M-512 1b+1K write 9M 512
	data=$(status_of clone data)
	over_all hydrate
	[ "$(status_of clone data)" -gt $((data + 1000)) ] || fail "nothing was hydrated"
	over_all rethin
	both same
	[ "$(status_of clone data)" -le "$data" ] || fail "$(status_of clone data) blocks are left, of $data"
	assert_eq "$(over_all rethin)" 0 "what is left to do"
	clone_again
	[ "$(status_of clone data)" -le "$data" ] || fail "$(status_of clone data) blocks are left, of $data"
	both same write 3M 1M discard 1M+64K 512K same
	clone_check
}

# What the guest writes back, by itself.
test_rethin_of_what_was_written_back() {
	origin_make 8M
	store_make 32M
	clone_make
	both write 1M 256K fsync
	dd if="$ORIGIN" of="$CLONE" bs=4K skip=256 seek=256 count=60 oflag=direct conv=notrunc status=none
	dd if="$ORIGIN" of="$MODEL" bs=4K skip=256 seek=256 count=60 conv=notrunc status=none
	dd if=/dev/zero of="$CLONE" bs=512 seek=$((316 * 8)) count=32 oflag=direct conv=notrunc status=none
	dd if=/dev/zero of="$MODEL" bs=512 seek=$((316 * 8)) count=32 conv=notrunc status=none
	both same discard 4M 64K
	assert_eq "$(over_all rethin)" 64 "blocks freed"
	counts 0 20 2028
	both same fsync
	clone_again
	counts 0 20 2028
	both same
	clone_check
}

# A lost power right behind it: the store as it is, without the checkpoint of a suspend.
test_rethin_is_in_the_journal() {
	local copy
	origin_make 8M
	store_make 32M
	clone_make
	over_all hydrate
	both fsync
	assert_eq "$(over_all rethin)" 2048 "blocks freed"
	both fsync write 6M 64K fsync
	copy=$(mktemp /dev/shm/crashed.XXXXXX)
	on_exit rm -f "$copy"
	cp "$STORE_FILE" "$copy"
	lclone check "$copy"
	lclone dump "$copy" | grep -c '^data' | grep -qx 1
	clone_off
	dd if="$copy" of="$STORE" bs=1M conv=fsync status=none
	clone_on
	both same
	counts 16 0 2032
	clone_check
}

test_rethin_under_load() {
	big_clone
	over_all hydrate
	fio_beside loop rethin 256
	over_all rethin
	[ "$(status_of clone data)" -le 4096 ] || fail "$(status_of clone data) blocks of data are left"
	rest_is_the_origins
	clone_check
}

both_ways() {
	while [ ! -e /run/stop ]; do
		over_all hydrate 128
		over_all rethin 512
	done
}

# The guest writes zeros and what the origin has, so that there is something to let go all the time.
test_hydrate_and_rethin_beside_writers() {
	local pid n
	big_clone
	rm -f /run/stop
	on_exit touch /run/stop
	both_ways >/run/beside.out 2>&1 &
	pid=$!
	for n in 1 2 3 4 5 6; do
		both write $((n))M 2M discard 8M 512K write 12M+512 100K zero 14M+512 64K fsync
		dd if="$ORIGIN" of="$CLONE" bs=64K skip=16 seek=16 count=32 oflag=direct conv=notrunc status=none
		dd if="$ORIGIN" of="$MODEL" bs=64K skip=16 seek=16 count=32 conv=notrunc status=none
		both same
	done
	touch /run/stop
	wait "$pid" || fail "$(</run/beside.out)"
	both same
	clone_again
	both same
	clone_check
}

# A suspended clone takes no message, and its removal waits for one that is under way.
test_messages_of_a_clone_that_goes() {
	big_clone
	dmsetup suspend clone
	expect_fail dmsetup message clone 0 hydrate 0 1
	[[ $ERR == *busy* ]] || fail "said $ERR"
	dmsetup resume clone
	message hydrate 0 1024 &
	clone_off
	wait $! || true
	clone_on
	both same
	clone_check
}
