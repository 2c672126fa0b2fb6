# shellcheck shell=bash
# Chains of layers: what is read through them, how one comes about, and what is refused.
TEST_TIMEOUT=500

# layers_up [FEATURE]...: a clone without layers yet.
layers_up() {
	origin_make 8M
	store_make 16M
	clone_make "$@"
	LAYERS=() SUMS=()
}

# layer_options: sets OPTIONS, --layer for each, as format takes them.
layer_options() {
	local layer
	OPTIONS=()
	for layer in "${LAYERS[@]}"; do
		OPTIONS+=(--layer "$layer")
	done
}

# child_make [STORE_SIZE]: sets STORE, a new one above LAYERS, and TABLE.
child_make() {
	store_make "${1:-16M}"
	layer_options
	clone_format "$ORIGIN" "$STORE" "${OPTIONS[@]}"
	TABLE="0 $CLONE_SECTORS lclone $ORIGIN $STORE ${#LAYERS[@]} ${LAYERS[*]}"
	on_exit remove_dm clone
}

# snap [SUSPEND_OPTION]...: the clone's store becomes a layer, and a new one takes its place.
snap() {
	local file=$STORE_FILE
	LAYERS+=("$STORE")
	child_make
	dmsetup load clone --table "$TABLE"
	dmsetup suspend "$@" clone
	dmsetup resume clone
	assert_eq "$(status_of clone mode)" rw mode
	SUMS+=("$(hash_of "$file") $file")
}

# layers_untouched: P3, for all layers that snap made.
layers_untouched() {
	local line
	for line in "${SUMS[@]}"; do
		assert_eq "$(hash_of "${line##* }") ${line##* }" "$line" "a layer"
	done
}

# view NAME SECTORS LAYER...: a read-only device of layers alone.
view() {
	make_dm "$1" "0 $2 lclone $ORIGIN - $(($# - 2)) ${*:3}" --readonly
}

# The store that is to follow the live one is looked at when the table is loaded: later there is no way
# back, and the clone would go on without writes.
test_child_that_cannot_follow_is_refused() {
	local larger
	layers_up
	both same write 1M 64K
	LAYERS=("$STORE")
	layer_options
	store_make 32M
	larger=$((CLONE_SECTORS * 40))
	clone_format "$ORIGIN" "$STORE" "${OPTIONS[@]}" --size "${larger}s"
	kmsg_mark
	expect_fail dmsetup load clone --table "0 $larger lclone $ORIGIN $STORE 1 ${LAYERS[0]}"
	kmsg_has "is not the empty child" || fail "the log does not say why"
	both same write 3M 64K fsync
	assert_eq "$(status_of clone mode)" rw mode
}

test_layers_are_read_through() {
	layers_up
	both write 1M 64K discard 3M 256K write 2M+512 1K fsync
	snap
	both same write 1M+8K 16K write 3M+64K 4K zero 1M 4K write 5M+1K 512 same
	snap
	both same
	# Parts of blocks over each kind of thing below: data of a layer, zeros, the origin.
	both write 1M+8K+512 512 write 3M+512 512 write 6M+512 1K write 1M+512 512 same
	both discard 1M 1M same zero 2M+1K 512 same zero 4M+1K 9K same
	clone_again
	both same
	layers_untouched
	clone_check
	lclone check --quiet "${LAYERS[0]}"
	lclone check --quiet "${LAYERS[1]}"
}

# As long as a chain may be with LCLONE_LONG.
test_long_chain() {
	local n layers=12
	[ -z "${LCLONE_LONG:-}" ] || layers=64
	layers_up
	for ((n = 0; n < layers; n++)); do
		both write "$((n % 8))M+$((n * 3))b" 20K write "$((n % 5 + 1))M+$((n * 1024 + 512))" 512 \
			discard "$(((n + 3) % 8))M+$((n * 2))b" 8K
		snap
	done
	both same
	clone_again
	both same write 100K 1M write 4M+512 300K discard 5M+4K 700K same
	assert_eq "$(dmsetup table clone | cut -d' ' -f6)" "$layers" layers
	assert_eq "$(dmsetup deps -o devname clone | grep -o '([^)]*)' | wc -l)" $((layers + 2)) dependencies
	layers_untouched
	clone_check
}

test_more_layers_than_there_may_be() {
	local n options=()
	origin_make 8M
	store_make 16M
	for ((n = 0; n < 65; n++)); do
		options+=(--layer "$STORE")
	done
	expect_fail lclone format "$STORE" --origin "$ORIGIN" "${options[@]}"
	[[ $ERR == *"at most 64"* ]] || fail "format said: $ERR"
	expect_fail dmsetup create clone --table "0 16384 lclone $ORIGIN $STORE 65 $(printf "$STORE %.0s" $(seq 65))"
	kmsg_has "not a number from 0 to 64" || fail "the kernel did not say how many there may be"
}

# A view of each point in time shows what the clone was then, while the clone goes on.
test_p7_views_are_points_in_time() {
	local n old=() dev
	layers_up
	for n in 1 2 3; do
		both write "${n}M" 300K discard "$((n + 2))M" 100K write 7M+512 1K
		cp "$MODEL" "$MODEL.$n"
		on_exit rm -f "$MODEL.$n"
		snap
	done
	both write 0 8M
	for n in 1 2 3; do
		dev=$(view "view$n" "$CLONE_SECTORS" "${LAYERS[@]:0:n}")
		cmp "$dev" "$MODEL.$n" || fail "view $n is not what the clone was"
		expect_fail dd if=/dev/zero of="$dev" bs=4K count=1 oflag=direct conv=notrunc status=none
		assert_eq "$(status_of "view$n" mode)" ro mode
		dmsetup suspend "view$n"
		dmsetup resume "view$n"
		cmp "$dev" "$MODEL.$n"
	done
	both same
	layers_untouched
	for n in 1 2 3; do
		clone_down "view$n"
	done
	clone_check
}

test_clones_share_layers() {
	local other file
	layers_up
	both write 1M 2M
	snap
	both write 2M 2M
	snap
	cp "$MODEL" "$MODEL.other"
	on_exit rm -f "$MODEL.other"
	other=$(make_loop 16M)
	layer_options
	clone_format "$ORIGIN" "$other" "${OPTIONS[@]}"
	make_dm other "0 $CLONE_SECTORS lclone $ORIGIN $other 2 ${LAYERS[*]}" >/dev/null
	both write 0 1M same
	file=$MODEL
	CLONE=/dev/mapper/other MODEL=$MODEL.other
	both same write 3M 3M+512 discard 1M 64K same
	CLONE=/dev/mapper/clone MODEL=$file
	both same
	# The one goes, the other stays; and the layers are met again.
	clone_off
	CLONE=/dev/mapper/other MODEL=$file.other
	both same
	CLONE=/dev/mapper/clone MODEL=$file
	clone_on
	both same
	layers_untouched
	clone_down other
	lclone check --quiet "$other"
	clone_check
}

# As t-refuse.sh has them.
refused() {
	kmsg_mark
	expect_fail dmsetup create refused --table "$2" "${@:3}"
	kmsg_has "$1" || fail "the log does not say: $1"
	! dmsetup info refused >/dev/null 2>&1 || dmsetup remove --retry refused
}

test_p8_chains_that_do_not_fit() {
	local a b head other copy stranger t
	layers_up
	both write 1M 64K
	snap
	both write 2M 64K
	snap
	both write 3M 64K
	clone_off
	a=${LAYERS[0]} b=${LAYERS[1]} head=$STORE
	other=$(make_loop 4M) stranger=$(make_loop 16M)
	t="0 $CLONE_SECTORS lclone"
	clone_format "$ORIGIN" "$stranger"
	refused "do not fit together" "$t $ORIGIN $head 2 $b $a"
	refused "do not fit together" "$t $ORIGIN $head 1 $b"
	refused "the table names none" "$t $ORIGIN $head 0"
	refused "one of its own layers" "$t $ORIGIN $b 2 $a $b" --readonly
	refused "layer is not frozen" "$t $ORIGIN $b 2 $a $stranger" --readonly
	refused "named twice" "$t $ORIGIN $head 2 $a $a"
	refused "one of its own layers" "$t $ORIGIN $head 2 $a $head"
	refused "origin is one of the layers" "$t $ORIGIN $head 2 $ORIGIN $b"
	refused "layer is not usable" "$t $ORIGIN $head 2 $other $b"
	refused "layer is not frozen" "$t $ORIGIN $head 2 $a $stranger"
	refused "not the store's origin" "$t $other $head 2 $a $b"
	refused "store is frozen" "$t $ORIGIN $b 1 $a"
	refused "load it read-only" "$t $ORIGIN - 2 $a $b"
	refused "stand on an? origin|names none" "$t - $head 2 $a $b"
	refused "layers below it that the table does not name|do not fit|more layers" "$t $ORIGIN - 1 $b" --readonly
	copy=$(make_loop 16M --sector-size 4096)
	dd if="$a" of="$copy" bs=1M status=none
	refused "larger sectors than the store" "$t $ORIGIN $head 2 $copy $b"
	# A copy of a layer, while the layer itself is open.
	clone_on
	both same
	copy=$(make_loop 16M)
	dd if="$b" of="$copy" bs=1M status=none
	refused "one of the two is a copy" "$t $ORIGIN - 2 $a $copy" --readonly
	refused "in use as the store of another device" "$t $ORIGIN - 3 $a $b $head" --readonly
	both same
	layers_untouched
	clone_check
}

# A table that would make a snapshot, and is never resumed, changes nothing.
test_snapshot_that_comes_to_nothing() {
	local old
	layers_up
	both write 1M 64K
	old=$STORE
	LAYERS=("$old")
	child_make
	dmsetup load clone --table "$TABLE"
	both write 2M 64K same
	dmsetup clear clone
	both same write 3M 64K
	assert_eq "$(lclone info "$old" --json | json_field .state)" writable state
	clone_off
	refused "layer is not frozen" "$TABLE"
	LAYERS=() STORE=$old
	clone_features
	clone_on
	both same
	clone_check
}

long_snapshots_under_load() {
	local n
	layers_up
	load_on_clone
	for n in {1..12}; do
		if ((n % 2)); then snap --noflush; else snap; fi
	done
	no_more
	layers_untouched
	clone_again
	clone_check
}

# The old store cannot be frozen: the clone goes on, read-only in effect, with all that it had.
test_snapshot_fails_in_the_middle() {
	local old
	origin_make 8M
	store_make 16M
	below_make
	clone_make
	LAYERS=() SUMS=()
	both write 1M 64K fsync write 2M+512 512 fsync
	old=$STORE
	LAYERS=("$old")
	STORE=$(make_loop 16M)
	layer_options
	clone_format "$ORIGIN" "$STORE" "${OPTIONS[@]}"
	dmsetup load clone --table "0 $CLONE_SECTORS lclone $ORIGIN $STORE 1 $old"
	dmsetup suspend clone
	below_fails 1 1
	dmsetup resume clone
	below_heals
	assert_eq "$(status_of clone mode)" failed mode
	both same
	expect_fail dd if=/dev/zero of="$CLONE" bs=4K count=1 oflag=direct conv=notrunc status=none
	both same
	clone_off
	# Frozen or not, one of the two tables is right.
	if [ "$(lclone info "$old" --json | json_field .state)" = frozen ]; then
		TABLE="0 $CLONE_SECTORS lclone $ORIGIN $STORE 1 $old"
	else
		TABLE="0 $CLONE_SECTORS lclone $ORIGIN $old 0" STORE=$old
	fi
	clone_on
	both same write 3M 64K same
	clone_check
}

# Writes wait for space in the old store; a snapshot without a flush takes them to the new one.
test_waiters_for_space_go_on_in_the_child() {
	local writer
	origin_make 16M
	store_make 8M
	clone_make
	LAYERS=() SUMS=()
	both write 0 8M &
	writer=$!
	wait_until status_is full full
	snap --noflush
	wait "$writer"
	both same
	layers_untouched
	clone_check
}

# fio_above: writes whole blocks from MiB 4 on, which needs nothing from below, and finds them again.
fio_above() {
	fio --name=load --filename=/dev/mapper/clone --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite \
		--bsrange=4k-64k --offset=4M --size=4M --verify=crc32c --verify_fatal=1 --output=/run/fio.out
}
has_blocks() {
	[ "$(status_of clone data)" -gt "$1" ]
}

# front_on: what CLONE and MODEL are while fio has the rest: the first 4 MiB.
front_on() {
	CLONE=$(make_linear front /dev/mapper/clone 0 8192)
	MODEL=$(mktemp /dev/shm/model.XXXXXX)
	on_exit rm -f "$MODEL"
	head -c 4M "$1" >"$MODEL"
}

# front_off MODEL: CLONE is all of it again, and so is MODEL. What fio wrote, fio has looked at.
front_off() {
	dd if="$MODEL" of="$1" conv=notrunc bs=1M status=none
	remove_dm front
	CLONE=/dev/mapper/clone MODEL=$1
	dd if="$CLONE" of="$MODEL" bs=1M skip=4 seek=4 iflag=direct conv=notrunc status=none
}

# fails_below FIRST COUNT HIT: those blocks of "below" fail, and are well again, while fio is at work. What
# cannot be read then is HIT, as "both ranges" prints it, and no more.
fails_below() {
	local whole=$MODEL first=${3%% *} left
	left=${3%%$'\n'*}
	left="$((first + 1)) $((${left#* } - 1))${3#"$left"}"
	again_and_again fio_above
	wait_until has_blocks $(($(status_of clone data) + 64))
	front_on "$whole"
	below_fails "$1" "$2"
	assert_eq "$(both ranges)" "$3" "unreadable blocks"
	expect_fail both write "${first}b+512" 512
	both write "${first}b" 4K
	assert_eq "$(both ranges)" "$left" "unreadable blocks, one of which was written"
	assert_eq "$(status_of clone mode)" rw mode
	below_heals
	both same write "$((first + 1))b+512" 512 fsync same
	no_more
	front_off "$whole"
	clone_again
	assert_eq "$(status_of clone mode)" rw mode
	both same
	clone_check
}

test_origin_that_fails_under_load() {
	origin_make 8M
	below_make ORIGIN
	store_make 16M
	clone_make
	both write 1M+64K 64K discard 2M 64K write 3M+512 512 fsync
	# From MiB 1 on to the end.
	fails_below 256 1792 "256 16
288 224
528 240
769 255"
}

test_layer_that_fails_under_load() {
	origin_make 8M
	store_make 16M
	below_make
	clone_make
	LAYERS=() SUMS=()
	both write 1M 256K discard 2M 64K write 3M+512 12K fsync
	snap
	both write 1M+64K 64K discard 3M 4K fsync
	# All of its data, which lies behind head, journal and reserve.
	fails_below 384 3000 "256 16
288 32
769 3"
	layers_untouched
}
