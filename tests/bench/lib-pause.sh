# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: for how long the verbs of the tool hold the I/O of a clone under load, beside a dm-linear
# whose table is loaded again; and whether the size of the clone, its drift or its layers make it longer.
# Microseconds, medians of three.

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh
# shellcheck source=tests/guest/lib-pause.sh
. /repo/tests/guest/lib-pause.sh

# median NUMBER...
median() {
	printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

# pause_of_round NUMBER: a pause of each verb. At its end the clone has one layer more than before.
pause_of_round() {
	snapshot+=("$(clone_pause snapshot vm "s$1" --store-size 48M)")
	create+=("$(clone_pause create copy --from vm --store-size 48M)")
	resize+=("$(clone_pause resize vm +1M)")
	reset+=("$(clone_pause reset vm --force --store-size 48M)")
	rollback+=("$(clone_pause rollback vm "s$1" --force --store-size 48M)")
	lclone remove copy >/dev/null
}

# note_pauses SIZE STATE: medians of what is in the arrays of pause_of_round.
note_pauses() {
	local verb
	for verb in snapshot create resize reset rollback; do
		declare -n all=$verb
		note_pause "$verb" "$1" "$2" "$(median "${all[@]}")"
	done
}
note_pause() {
	echo "{\"verb\": \"$1\", \"size\": \"$2\", \"state\": \"$3\", \"us\": $4}" >>"$RESULTS/held.json"
	printf '%-10s %-20s %5s us\n' pause "$1 $2 $3" "$4"
}

# pauses_of SIZE STATE FIRST [COMMAND...]: of three rounds, each after COMMAND.
pauses_of() {
	local n snapshot=() create=() resize=() reset=() rollback=()
	load /dev/mapper/vm
	for n in 0 1 2; do
		"${@:4}"
		pause_of_round $(($3 + n))
	done
	load_stop
	note_pauses "$1" "$2"
}

write_all() {
	dd if=/dev/urandom of=/dev/mapper/vm bs=1M count=16 oflag=direct status=none
}

# pauses_of_size SIZE: a store that would be large enough for all of a clone of 1 TiB has a journal and
# a reserve for it, too.
pauses_of_size() {
	local n
	lclone create vm --template gold --dir "$DIR" --store-size 48M --size "$1" >/dev/null
	pauses_of "$1" new 1
	pauses_of "$1" drift 4 write_all
	for n in {7..32}; do
		lclone snapshot vm "s$n" --store-size 48M >/dev/null
	done
	pauses_of "$1" layers 33
}

# Those that work on what lies below; each begins where the one before has ended.
pauses_of_others() {
	cp "$IMAGE" "$DIR/other.img"
	lclone template add other "$DIR/other.img" --quick >/dev/null
	load /dev/mapper/vm
	note_pause commit 16M layers "$(clone_pause commit vm --template new --quick)"
	note_pause consolidate 16M layers "$(clone_pause consolidate vm --drop-snapshots)"
	note_pause rebase 16M layers "$(clone_pause rebase vm --template other)"
	note_pause flatten 16M drift "$(clone_pause flatten vm)"
	load_stop
}

measure_pauses() {
	local begin=$EPOCHREALTIME size
	tool_state
	tool_dir 1G
	tool_image 16M
	lclone template add gold "$IMAGE" --quick >/dev/null
	: >"$RESULTS/held.json"
	# shellcheck disable=SC2046
	note_pause linear 16M new "$(median $(linear_pauses 5))"
	for size in 1T 16M; do
		pauses_of_size "$size"
		[ "$size" = 16M ] || lclone remove vm --force >/dev/null
	done
	pauses_of_others
	jq -s . "$RESULTS/held.json" >"$RESULTS/pauses.json"
	printf '%-10s %-20s %5s s\n' pause "" "$(elapsed "$begin")"
}
