# shellcheck shell=bash
# In the guest: clones for tests.
#
# Most tests have one clone, called "clone", and a model of it, a file to which the same is written:
#
#	origin_make 16M
#	store_make 32M
#	clone_make
#	both write 5M 4K write 100b-512 1K same
#	clone_check
#
# which sets ORIGIN, STORE, CLONE and MODEL. When such a test ends, its origin is compared with what
# it was, and no write may ever have been sent to it (P3).

NOISE=/dev/shm/noise NOISE_BYTES=33554432 SEED=0 HELPERS=/repo/tests/guest/helpers/build

# json_field .NAME[.NAME]... [FILE]: that value, as gojq -r prints it, but sooner.
json_field() {
	"$HELPERS/json-field" "$@"
}

# have_lclone: whether the module is loaded.
have_lclone() {
	dmsetup targets | grep -q '^lclone '
}

# load_lclone [PARAMETER=VALUE]...: unless it is loaded.
load_lclone() {
	have_lclone || insmod "$(find /repo -maxdepth 2 -name dm-lclone.ko -print -quit)" "$@"
}

# clone_format ORIGIN STORE [FORMAT_OPTION]...: writes an empty store.
clone_format() {
	lclone format "$2" --origin "$1" --force "${@:3}" >/dev/null
}

# clone_activate NAME STORE [FEATURE]...: a clone over a store that is formatted; prints its path.
clone_activate() {
	local table
	table=$(lclone table "$2")
	[ $# -eq 2 ] || table+=" $(($# - 2)) ${*:3}"
	make_dm "$1" "$table"
}

# clone_up NAME ORIGIN STORE [FEATURE]...: both.
clone_up() {
	clone_format "$2" "$3"
	clone_activate "$1" "${@:3}"
}

# clone_down NAME: deactivates it before the test ends.
clone_down() {
	remove_dm "$1"
}

# noise: makes NOISE, which is random, and the same the whole boot.
noise() {
	[ -e "$NOISE" ] || random "$NOISE_BYTES" >"$NOISE"
}

# origin_make BYTES [LOSETUP_OPTION]...: sets ORIGIN, at most 32M of noise.
origin_make() {
	local file
	file=$(mktemp /dev/shm/origin.XXXXXX)
	on_exit rm -f "$file"
	noise
	head -c "$1" "$NOISE" >"$file"
	ORIGIN=$(losetup --find --show "${@:2}" "$file")
	on_exit detach_loop "$ORIGIN"
	on_exit origin_untouched "$ORIGIN" "$file" "$(origin_changes "$ORIGIN")"
	ORIGIN_FILE=$file
}

# origin_changes DEV: what was ever sent to the device; a loop device keeps count from use to use.
origin_changes() {
	echo "$(dev_stat "$1" writes) writes, $(dev_stat "$1" discards) discards, $(dev_stat "$1" flushes) flushes"
}

# origin_untouched DEV FILE CHANGES: P3, for a device over FILE that began as noise.
origin_untouched() {
	[ "$(origin_changes "$1")" = "$3" ] || {
		echo "FAIL: sent to the origin: $(origin_changes "$1"); before: $3" && return 1
	}
	cmp -n "$(stat -c %s "$2")" "$2" "$NOISE" || { echo "FAIL: the origin has changed" && return 1; }
}

# store_make SIZE [LOSETUP_OPTION]...: sets STORE, and STORE_FILE below it.
store_make() {
	STORE=$(make_loop "$@")
	STORE_FILE=$(losetup -n -O BACK-FILE "$STORE")
}

# clone_make [-s SECTORS] [FEATURE]...: formats STORE and activates it as "clone". ORIGIN may be "-",
# and then the size is needed.
clone_make() {
	local options=()
	CLONE_SECTORS=
	[ "${1:-}" != -s ] || { CLONE_SECTORS=$2 options=(--size "$2s") && shift 2; }
	: "${CLONE_SECTORS:=$(sectors "$ORIGIN")}"
	clone_format "$ORIGIN" "$STORE" "${options[@]}"
	model_make
	clone_features "$@"
	clone_on
}

# model_make: sets MODEL, what an untouched clone is.
model_make() {
	MODEL=$(mktemp /dev/shm/model.XXXXXX)
	on_exit rm -f "$MODEL"
	[ "$ORIGIN" = - ] || cp "$ORIGIN_FILE" "$MODEL"
	truncate -s $((CLONE_SECTORS * 512)) "$MODEL"
}

# clone_features [FEATURE]...: sets TABLE, for clone_on.
clone_features() {
	TABLE="0 $CLONE_SECTORS lclone $ORIGIN $STORE 0"
	[ $# -eq 0 ] || TABLE+=" $# $*"
}

# clone_on [DMSETUP_OPTION]...: activates; sets CLONE.
clone_on() {
	make_dm clone "$TABLE" --uuid LCLONE-test "$@" >/dev/null
	CLONE=/dev/mapper/clone
}

# clone_off: deactivates.
clone_off() {
	dmsetup remove --retry clone
}

# clone_again: off and on.
clone_again() {
	clone_off
	clone_on
}

# clone_check: off, and nothing is wrong with the store.
clone_check() {
	clone_off
	lclone check --quiet "$STORE" || lclone check "$STORE" || fail "the check found damage"
}

# both OP...: does the same to the clone and to its model, and compares; helpers/both.c has the operations.
both() {
	SEED=$((SEED + 1))
	noise
	"$HELPERS/both" "$CLONE" "$MODEL" "$NOISE" "$SEED" "$@"
}

# load_on_clone: fio writes to the clone and checks what it wrote, until no_more; returns when it has begun.
load_on_clone() {
	local writes
	writes=$(dev_stat "$CLONE" writes)
	again_and_again fio --name=load --filename="$CLONE" --direct=1 --ioengine=libaio --iodepth=16 \
		--rw=randwrite --bsrange=1k-64k --size=8M --fsync=50 --verify=crc32c --verify_fatal=1 \
		--output=/run/fio.out
	wait_until eval '[ "$(dev_stat "$CLONE" writes)" -gt '"$writes"' ]'
}

# status_of NAME FIELD: of the status line.
status_of() {
	local line
	local -A column=([mode]=3 [uuid]=4 [store_uuid]=5 [space]=6 [pages]=7 [data]=8 [zero]=9 [shared]=10
		[full]=11 [dirty]=12 [journal]=13 [generation]=14 [rounds]=15 [waiting]=16 [policy]=17
		[passdown]=18 [memory]=19)
	read -r -a line < <(dmsetup status "$1")
	echo "${line[${column[$2]}]}"
}

# status_is FIELD VALUE: for wait_until.
status_is() {
	[ "$(status_of clone "$1")" = "$2" ]
}

# counts DATA ZERO SHARED: the blocks of the clone, in 4 KiB.
counts() {
	assert_eq "$(status_of clone data) $(status_of clone zero) $(status_of clone shared)" "$1 $2 $3" \
		"blocks of data, zero, shared"
}

# below_make [VARIABLE]: puts a linear mapping called "below" between STORE, or the device in VARIABLE, and
# what is to use it.
below_make() {
	local -n device=${1:-STORE}
	BELOW=$device
	device=$(make_linear below "$BELOW")
}

# below_table TARGET...: gives "below" another table, at once. below_fails [FIRST COUNT]: all its
# blocks, or those, give EIO; below_heals: none.
below_table() {
	dmsetup suspend --noflush --nolockfs below
	printf '%s\n' "$@" | dmsetup load below
	dmsetup resume below
}
below_heals() {
	below_table "0 $(sectors "$BELOW") linear $BELOW 0"
}
below_fails() {
	below_part "${1:-0}" "${2:-$(($(sectors "$BELOW") / 8))}" error
}
# below_fails_writes FIRST COUNT: of those blocks, reads and flushes pass.
below_fails_writes() {
	modprobe dm-delay
	dmsetup info broken >/dev/null 2>&1 || make_dm broken "0 $(sectors "$BELOW") error" >/dev/null
	below_part "$1" "$2" "delay $BELOW $(($1 * 8)) 0 /dev/mapper/broken $(($1 * 8)) 0 $BELOW $(($1 * 8)) 0"
}
# below_part FIRST COUNT TARGET: what stands for these blocks.
below_part() {
	local all start=$(($1 * 8)) end=$((($1 + $2) * 8))
	all=$(sectors "$BELOW")
	set -- "$start $((end - start)) $3"
	[ "$start" -eq 0 ] || set -- "0 $start linear $BELOW 0" "$@"
	[ "$end" -ge "$all" ] || set -- "$@" "$end $((all - end)) linear $BELOW $end"
	below_table "$@"
}

# page_with MAGIC INDEX: the store block of that page.
page_with() {
	local offset
	grep -obUa "$1" "$STORE_FILE" | while IFS=: read -r offset _; do
		[ $((offset % 4096)) -eq 0 ] || continue
		[ "$(od -An -tu8 -j $((offset + 16)) -N 8 "$STORE_FILE")" -ne "$2" ] || echo $((offset / 4096))
	done
}

# damage BLOCK: flips bytes in the middle; zap BLOCK: zeros.
damage() {
	printf 'not what was here' | dd of="$STORE" bs=1 seek=$(($1 * 4096 + 2000)) conv=notrunc,fsync status=none
}
zap() {
	dd if=/dev/zero of="$STORE" bs=4096 seek="$1" count=1 conv=notrunc,fsync status=none
}
