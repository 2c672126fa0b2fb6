#!/bin/bash
# Runs in the guest: does what /repo/run/orders says and reports to the results channel, fd 3.
# An order is one line:
#   test NAME FILE FUNCTION TIMEOUT     (NAME is topic/function as users see it)
#   script FILE
# The lines it reports are described in host/report.sh.
set -uo pipefail
GUEST=/repo/tests/guest
export OUTPUT=/run/test-output CLEANUPS=/run/test-cleanups
set -a
# shellcheck source=/dev/null
. /repo/run/env
set +a
# shellcheck source=tests/guest/lib.sh
. "$GUEST/lib.sh"
# shellcheck source=tests/guest/leaks.sh
. "$GUEST/leaks.sh"

report() { echo "$*" >&3; }
mark() { echo "<5>lclone-test: $*" >/dev/kmsg; }

load_module() {
	local ko
	ko=$(find /repo -maxdepth 2 -name dm-lclone.ko -print -quit)
	[ -n "$ko" ] || return 0
	for m in $(modinfo -F depends "$ko" | tr , ' '); do
		modprobe "$m"
	done
	insmod "$ko" || { report stuck "insmod failed"; exit; }
}

# A test and whatever it starts live in a control group, which can be asked and killed as a whole. It is
# made by init.
cgroup=/sys/fs/cgroup/test

group_empty() {
	local line
	while read -r line; do
		[ "$line" != "populated 1" ] || return 1
	done <"$cgroup/cgroup.events"
}

# wait_empty SECONDS: until no process of the test is left; fails when one is.
wait_empty() {
	local end=$((SECONDS + $1))
	until group_empty; do
		[ "$SECONDS" -lt "$end" ] || return
		wait_tick
	done
}

# Whether a process has died in the kernel; what it held stays locked, so there is nothing to wait for.
oopsed() {
	local taint
	read -r taint </proc/sys/kernel/tainted
	((taint & 1 << 7))
}

# wait_for PID SECONDS: its status in RC, or LATE set when it is not over in time. Wakes up when it ends,
# and now and then to see whether it still can.
wait_for() {
	local end=$((SECONDS + $2)) timer
	RC=0 LATE=
	while [ -d "/proc/$1" ]; do
		if [ "$SECONDS" -ge "$end" ] || oopsed; then
			LATE=yes
			return
		fi
		sleep 2 &
		timer=$!
		wait -n "$1" "$timer" 2>/dev/null
		kill "$timer" 2>/dev/null
	done
	wait "$1" 2>/dev/null || RC=$?
}

# one_test FILE FUNCTION SECONDS: runs it; sets RC, LATE, and WHY when it did not end by itself.
one_test() {
	WHY='' STUCK=''
	# shellcheck disable=SC2016
	bash -c 'echo $$ >"$1" && shift && exec bash "$@"' - "$cgroup/cgroup.procs" \
		"$GUEST/one-test.sh" "$1" "$2" >>"$OUTPUT" 2>&1 &
	wait_for $! "$3"
	if [ -n "$LATE" ]; then
		WHY="took more than $3 s"
		ps axo pid,stat,wchan:25,args | grep -v "\[.*\]$" >>"$OUTPUT"
	elif ! wait_empty 5 && [ "$RC" -eq 0 ]; then
		WHY="left processes: $(ps -o comm= -p "$(paste -sd, "$cgroup/cgroup.procs")" | paste -sd' ')"
	fi
	group_empty || echo 1 >"$cgroup/cgroup.kill"
	if oopsed; then
		WHY="the kernel died" STUCK=yes
		return
	fi
	wait_empty 15 || { WHY="hangs in the kernel" STUCK=yes && echo w >/proc/sysrq-trigger; }
}

# run_test NAME FILE FUNCTION TIMEOUT
run_test() {
	local name=$1 begin took leaks why
	: >"$CLEANUPS"
	: >"$OUTPUT"
	mark "begin $name"
	report "begin $name"
	begin=$EPOCHREALTIME
	leaks_before
	one_test "${@:2}"
	if [ -n "$LATE" ] && [ -z "$STUCK" ]; then
		# Killed, it could not clean up: a test that does nothing does so in its place.
		why=$WHY
		one_test "$2" : 30
		WHY=$why
	fi
	leaks=
	[ -n "$STUCK" ] || leaks=$(leaks_after)
	took=$(elapsed "$begin")
	mark "end $name"
	judge "$name" "$took" "$leaks"
	[ -z "$STUCK" ] || { report stuck; exit; }
	[ -z "$leaks" ] || leaks_remove || { report stuck; exit; }
}

# judge NAME SECONDS LEAKS: reports how the test went.
judge() {
	[ -n "$WHY" ] || [ "$RC" -eq 0 ] || [ "$RC" -eq 77 ] || WHY=$(grep -a '^FAIL: ' "$OUTPUT" | head -n 1)
	if [ "$RC" -eq 77 ] && [ -z "$WHY$3" ]; then
		report "skip $1 $(sed -n 's/^SKIP: //p' "$OUTPUT" | head -n 1)"
	elif [ "$RC" -eq 0 ] && [ -z "$WHY$3" ]; then
		report "ok $1 $2 s"
	else
		[ -z "$3" ] || WHY+="${WHY:+; }leaked: ${3//$'\n'/ }"
		tail -n 60 "$OUTPUT" | sed 's/^/|     /' >&3
		WHY=${WHY#FAIL: }
		report "fail $1 $2 s: ${WHY:-status $RC}"
	fi
}

run_script() {
	local rc=0 run=("$@")
	[ -x "$1" ] || run=(bash "$@")
	mark "begin $1"
	: >"$CLEANUPS"
	"${run[@]}" 2>&1 </dev/null | sed -u 's/^/| /' >&3 || rc=$?
	mark "end $1"
	report "exit $rc"
}

load_module
while read -r -a order <&4; do
	case ${order[0]} in
	test) run_test "${order[@]:1}" ;;
	script) run_script "${order[@]:1}" ;;
	esac
done 4</repo/run/orders
report "done"
