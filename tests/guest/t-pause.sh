# shellcheck shell=bash
# For how long a clone's I/O is held. What the tool, the module and the stores do meanwhile is counted,
# since a clock says more about the machine than about them; the ratio to dm-linear is noted here, and
# bounded by "make bench" in a guest whose clock counts instructions.
CPUS=1
TEST_TIMEOUT=400

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh
# shellcheck source=tests/guest/lib-pause.sh
. /repo/tests/guest/lib-pause.sh

# quiet_up: stores are files in memory, so that no loop device sees I/O but that of clones; and udev,
# which looks at each device that was open for writing, is held.
quiet_up() {
	tool_state
	DIR=$(mktemp -d /dev/shm/stores.XXXXXX)
	on_exit rm -rf "$DIR"
	on_exit remove_all
	tool_image 16M
	template_add gold "$IMAGE" --quick
	udevadm settle
	export DM_DISABLE_UDEV=1
	udevadm control --stop-exec-queue
	on_exit udevadm control --start-exec-queue
}

# held VERB NAME...: what was done while the clone's I/O was held, see count-held.c.
held() {
	rm -f /run/held
	LD_PRELOAD=$HELPERS/count-held.so HELD_OUT=/run/held lclone "$@" >/dev/null
	echo "$1: $(tail -n 1 /run/held)"
}

# all_held NAME: for each verb. The clone is open.
all_held() {
	exec {open}</dev/mapper/"$1"
	held snapshot "$1" last
	held rollback "$1" last --force
	held create "$1-copy" --from "$1"
	held resize "$1" +1M
	held reset "$1" --force
	exec {open}<&-
}

# drift NAME MEGABYTE...: writes there.
drift() {
	local at
	for at in "${@:2}"; do
		write_at "/dev/mapper/$1" "$at"
	done
}

# What is done while I/O is held does not grow with the size of a clone, its drift or its chain, though the
# map of what was written last is not on the disk when the verb begins.
long_pause_does_not_grow() {
	local least n
	quiet_up
	for n in small drifted chained; do
		lclone create "$n" --template gold --dir "$DIR" --store-size 64M
	done
	lclone create large --template gold --dir "$DIR" --store-size 64M --size 1T
	for n in {1..31}; do
		drift chained $((n % 16))
		lclone snapshot chained "s$n" >/dev/null
	done
	drift small 1
	least=$(all_held small)
	note "ioctls, reads and writes of the tool, I/Os of stores, sectors:" $least
	drift large 1
	assert_eq "$(all_held large)" "$least" "a clone of 1 TiB"
	drift drifted {0..15}
	assert_eq "$(all_held drifted)" "$least" "a clone that has written all of itself"
	drift chained 1
	assert_eq "$(all_held chained)" "$least" "a clone above 31 layers"
}

# least MICROSECONDS...
least() {
	printf '%s\n' "$@" | sort -n | head -n 1
}

# Each verb tells for how long it held the I/O of a clone in use.
test_pause_under_load() {
	local n times=${LCLONE_LONG:+3} linear pauses verb all
	tool_up
	mapfile -t pauses < <(linear_pauses "${times:-1}")
	linear=$(least "${pauses[@]}")
	lclone create vm --template gold --dir "$DIR"
	load /dev/mapper/vm
	for verb in "snapshot vm s%d" "rollback vm --force" "create c%d --from vm" "resize vm +1M" "reset vm --force"; do
		pauses=()
		for n in $(seq "${times:-1}"); do
			pauses+=("$(clone_pause ${verb/\%d/$n})")
		done
		least=$(least "${pauses[@]}")
		[ "$least" -gt 0 ] || fail "lclone $verb: I/O was held for no time"
		all+=", ${verb%% *} $least"
	done
	load_stop
	note "I/O held, us, least: dm-linear $linear$all"
}
