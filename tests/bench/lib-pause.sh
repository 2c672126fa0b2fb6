# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: for how long a snapshot holds the I/O of a clone under load, beside a dm-linear whose
# table is loaded again; and whether drift or layers make it longer. Microseconds, medians of five.

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh

# load DEV: writes in the background; sets LOAD.
load() {
	fio --name=load --filename="$1" --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite --bs=4k \
		--size=8M --time_based --runtime=3600 --output=/dev/null &
	LOAD=$!
}
load_stop() {
	kill "$LOAD"
	wait "$LOAD" || true
}

# median NUMBER...
median() {
	printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

pause_of_linear() {
	local dev table begin all=()
	dev=$(make_linear other "$(make_loop 16M)")
	table=$(dmsetup table other)
	load "$dev"
	while [ "${#all[@]}" -lt 5 ]; do
		begin=${EPOCHREALTIME/./}
		dmsetup suspend other
		dmsetup load other --table "$table"
		dmsetup resume other
		all+=("$((${EPOCHREALTIME/./} - begin))")
	done
	load_stop
	median "${all[@]}"
}

# pause_of_snapshots NAME COUNT: of the last five.
pause_of_snapshots() {
	local n all=()
	load /dev/mapper/vm
	for n in $(seq "$2"); do
		all+=("$(lclone snapshot vm "$1$n" --json | jq .pause_us)")
	done
	load_stop
	median "${all[@]: -5}"
}

measure_pauses() {
	local linear first drift layers begin=$EPOCHREALTIME
	tool_state
	tool_dir 600M
	tool_image 64M
	lclone template add gold "$IMAGE" --quick >/dev/null
	lclone create vm --template gold --dir "$DIR" >/dev/null
	linear=$(pause_of_linear)
	first=$(pause_of_snapshots first 5)
	dd if=/dev/urandom of=/dev/mapper/vm bs=1M count=64 oflag=direct status=none
	drift=$(pause_of_snapshots drift 5)
	layers=$(pause_of_snapshots layer 22)
	jq -n --argjson linear "$linear" --argjson first "$first" --argjson drift "$drift" \
		--argjson layers "$layers" \
		'{linear_us: $linear, snapshot_us: $first, after_drift_us: $drift, above_32_layers_us: $layers}' \
		>"$RESULTS/pauses.json"
	printf '%-10s %-20s %5s s\n' pause "" "$(elapsed "$begin")"
}
