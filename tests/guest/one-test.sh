#!/bin/bash
# Runs one test function: one-test.sh FILE FUNCTION. What it registered with on_exit is undone at the
# end, last first, whatever the outcome.
set -eEuo pipefail
# shellcheck source=tests/guest/lib.sh
. /repo/tests/guest/lib.sh

failed_at() {
	echo "FAIL: line $1 of ${2##*/}: $3" >&2
}

undo() {
	local rc=$?
	trap - ERR
	set +e
	run_cleanups || rc=1
	exit "$rc"
}
trap 'failed_at "$LINENO" "${BASH_SOURCE[0]}" "$BASH_COMMAND"' ERR
trap undo EXIT
# shellcheck source=/dev/null
. "$1"
"$2"
