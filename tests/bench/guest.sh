#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: measures all kinds of devices and prints the table. Last come the results as JSON,
# each line behind "json: ", for the host.
# Usage: guest.sh [KIND]...
set -eEuo pipefail
shopt -s inherit_errexit
BENCH=/repo/tests/bench
RESULTS=/run/bench JOB_NUMBER=0
# shellcheck source=tests/guest/lib.sh
. /repo/tests/guest/lib.sh
# shellcheck source=tests/bench/lib-targets.sh
. "$BENCH/lib-targets.sh"
# shellcheck source=tests/bench/lib-jobs.sh
. "$BENCH/lib-jobs.sh"
# shellcheck source=tests/bench/lib-pause.sh
. "$BENCH/lib-pause.sh"

failed_at() {
	echo "bench: line $1 of ${2##*/}: $3"
	dmesg | tail -n 5
}
undo() {
	local rc=$?
	trap - ERR
	set +e
	udevadm control --start-exec-queue
	run_cleanups
	exit "$rc"
}
trap 'failed_at "$LINENO" "${BASH_SOURCE[0]}" "$BASH_COMMAND"' ERR
trap undo EXIT

kinds=("${@:-${KINDS[@]}}")
mkdir "$RESULTS"
: >"$RESULTS/pauses.json"
make_devices
for kind in "${kinds[@]}"; do
	if [ "$kind" = pause ]; then
		measure_pauses
	else
		run_jobs "$kind"
	fi
done
noted | jq -s --arg kernel "$(uname -r)" --slurpfile pauses "$RESULTS/pauses.json" -f "$BENCH/results.jq" >"$RESULTS/all.json"
jq -r -L "$BENCH" -f "$BENCH/table.jq" "$RESULTS/all.json"
jq . "$RESULTS/all.json" | sed 's/^/json: /'
