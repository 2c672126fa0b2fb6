# shellcheck shell=bash
# In the guest: for how long I/O is held. A test file sources it, and lib-tool.sh.

# writes_beyond DEV COUNT
writes_beyond() { [ "$(dev_stat "$1" writes)" -gt "$2" ]; }

# load DEV: writes in the background; sets LOAD. It is under way when this returns: what is measured is not
# the time before it, and a fio that is told to end while it makes its jobs ready may go on for the hour.
# Bursts of eight at once, and not all that the guest can do, so that an emulated one gets on with the verbs.
load() {
	local before
	before=$(dev_stat "$1" writes)
	fio --name=load --filename="$1" --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite --bs=4k \
		--size=8M --rate_iops=2000 --time_based --runtime=3600 --output=/dev/null &
	LOAD=$!
	wait_until -t 120 writes_beyond "$1" "$before"
}
load_stop() {
	kill "$LOAD"
	wait "$LOAD" || true
}

# linear_pauses ROUNDS: of a dm-linear device under that load, whose table is loaded anew.
linear_pauses() {
	local dev
	dev=$(make_linear other "$(make_loop 16M)")
	load "$dev"
	"$HELPERS/linear-pause" other "$1"
	load_stop
}

# clone_pause VERB...: of a clone, as the tool tells it. Microseconds, as above. Not by jq, which takes
# longer than the verb where the guest is emulated.
clone_pause() {
	lclone "$@" --json | sed -n 's/.*"pause_us": *\([0-9]*\).*/\1/p'
}
