# shellcheck shell=bash
# In the guest: what every test may use. Devices come from lib-devices.sh, clones from lib-lclone.sh.
#
# A test is a function test_NAME in a file t-TOPIC.sh. It runs under set -eEuo pipefail in a process
# of its own and passes when it returns 0, leaves nothing behind (devices, mounts, processes) and the
# kernel did not complain. TEST_TIMEOUT=SECONDS at the start of a line of the file is for each of its
# tests; 120 s otherwise. CPUS=1 says that one CPU is enough for them (see tests/guest/parts).
#
# powercut-TOPIC.sh has two functions instead: phase1 ends by request_power_cut, phase2 judges after
# the next boot on the same disks. ROUNDS=N at the start of a line repeats that N times, LCLONE_CUTS=N
# in the environment as often as one likes.

# fail MESSAGE: ends the test.
fail() {
	trap - ERR
	echo "FAIL: $*" >&2
	exit 1
}

# skip REASON: ends the test, which counts neither as passed nor as failed.
skip() {
	trap - ERR
	echo "SKIP: $*" >&2
	exit 77
}

# note TEXT...: a line among the results, for what was measured.
note() {
	echo "| # $*" >&3
}

# assert_eq ACTUAL EXPECTED [WHAT]
assert_eq() {
	[ "$1" = "$2" ] || fail "${3:-value}: got '$1', expected '$2'"
}

# expect_fail COMMAND...: the command must fail; what it wrote to stderr is in $ERR, its status in $RC.
expect_fail() {
	RC=0
	"$@" 2>/run/test-stderr || RC=$?
	# shellcheck disable=SC2034
	ERR=$(</run/test-stderr)
	[ "$RC" -ne 0 ] || fail "succeeded, but should not have: $*"
}

# on_exit COMMAND...: runs at the end of the test, the last one first. Works in a $(subshell) too,
# because the list is a file.
on_exit() {
	printf '%q ' "$@" >>"$CLEANUPS"
	echo >>"$CLEANUPS"
}

# Used by one-test.sh. A cleanup that fails fails the test, but the others still run.
run_cleanups() {
	local line rc=0
	while read -r line; do
		eval "$line" || { echo "FAIL: cleanup: $line" && rc=1; }
	done < <(tac "$CLEANUPS")
	: >"$CLEANUPS"
	return "$rc"
}

# A short pause between two looks of a poll. Not "read -t", which would start no process: where it is
# late, bash 5.2 leaves a signal mask behind that has never been set, and hears of no child any more.
wait_tick() {
	sleep 0.05
}

# wait_until [-t SECONDS] COMMAND...: until the command succeeds; fails the test after 30 s, or SECONDS.
wait_until() {
	local seconds=30 end
	if [ "$1" = -t ]; then
		seconds=$2
		shift 2
	fi
	end=$((SECONDS + seconds))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "waited $seconds s in vain for: $*"
		wait_tick
	done
}

# again_and_again COMMAND...: in the background, until no_more, or until it fails. AGAIN is the process.
again_and_again() {
	rm -f /run/stop
	on_exit touch /run/stop
	until [ -e /run/stop ]; do
		"$@" || exit
	done &
	AGAIN=$!
}
no_more() {
	touch /run/stop
	wait "$AGAIN" || fail "it ended badly: $(cat /run/fio.out)"
}

# elapsed BEGIN: seconds since BEGIN, a value of $EPOCHREALTIME, with one decimal.
elapsed() {
	local tenths=$(((${EPOCHREALTIME/./} - ${1/./} + 50000) / 100000))
	echo "$((tenths / 10)).$((tenths % 10))"
}

# hash_of FILE [OFFSET SIZE]: hash of the content of a file or device, or of a part of it, read past the
# page cache.
hash_of() {
	if [ $# -eq 1 ]; then
		"$HELPERS/hash" "$1"
	else
		"$HELPERS/hash" "$1" "$(bytes "$2")" "$(bytes "$3")"
	fi
}

# random SIZE: that much random data, to standard output.
random() {
	"$HELPERS/random" "$(bytes "$1")"
}

# kmsg_mark, kmsg, kmsg_has PATTERN: what the kernel logged, and whether it logged PATTERN (extended regular
# expression), since the last mark, or since the test began.
kmsg_mark() {
	echo "<5>lclone-test: begin mark" >/dev/kmsg
}
kmsg() {
	dmesg | sed -n '/lclone-test: begin/h;//!H;${x;p}'
}
kmsg_has() {
	# No member of the pipe may end before it has read all: that would count as a failure.
	kmsg | grep -E -- "$1" >/dev/null
}

# Between the two boots of a power-cut test (powercut-*.sh):
# remember KEY VALUE: tells the host, which keeps it; order is kept up to request_power_cut.
remember() {
	echo "keep $1 $2" >&3
}
# recall KEY: the values remembered under KEY by earlier boots, one a line.
recall() {
	awk -F '\t' -v key="$1" '$1 == key { print $2 }' /repo/run/kept
}
# request_power_cut: the host kills the machine. Does not return.
request_power_cut() {
	echo cut >&3
	while :; do wait_tick; done
}

# shellcheck source=tests/guest/lib-devices.sh
. /repo/tests/guest/lib-devices.sh
# shellcheck source=tests/guest/lib-lclone.sh
. /repo/tests/guest/lib-lclone.sh
