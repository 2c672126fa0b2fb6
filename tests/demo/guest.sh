#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: the demo, from the template to the table. Ends with status 1 at the first check that
# does not hold.
# Usage: guest.sh CLONES SHA256   SHA256 is that of the template, as the host sees it
set -eEuo pipefail
shopt -s inherit_errexit
DEMO=/repo/tests/demo
COUNT=$1 TEMPLATE_SHA256=$2
STORES=/srv/clones MOUNTS=/run/mounts WORK=/run/demo
BOOTED=(vm1 "vm$(((COUNT + 1) / 2))" "vm$COUNT")
# shellcheck source=tests/guest/lib.sh
. /repo/tests/guest/lib.sh
# shellcheck source=tests/demo/machine.sh
. "$DEMO/machine.sh"
# shellcheck source=tests/demo/boot.sh
. "$DEMO/boot.sh"
# shellcheck source=tests/demo/figures.sh
. "$DEMO/figures.sh"
trap 'fail "line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND"' ERR

clone_names() {
	seq -f 'vm%g' "$COUNT"
}

# One of the processes of each_clone: every $2nd clone, from the $1st on.
worker() {
	local n
	for ((n = $1; n <= COUNT; n += $2)); do
		"$3" "vm$n" >&2
		echo "ok"
	done
}

# each_clone WHAT FUNCTION: calls FUNCTION NAME for every clone, as many at a time as there are CPUs.
each_clone() {
	local line ok=0 cpus first
	cpus=$(nproc)
	while read -r line; do
		ok=$((ok + 1))
		echo "progress: $1 $ok/$COUNT"
	done < <(for first in $(seq "$cpus"); do worker "$first" "$cpus" "$2" & done; wait)
	[ "$ok" -eq "$COUNT" ] || fail "$1: $ok of $COUNT clones, see above"
}

# counted WHAT COUNTER COMMAND...: runs a command that goes over all clones; COUNTER prints how far it is.
counted() {
	local what=$1 counter=$2 pid
	shift 2
	"$@" >"$WORK/output" 2>&1 &
	pid=$!
	while [ -d "/proc/$pid" ] && sleep 0.5; do
		echo "progress: $what $("$counter")/$COUNT"
	done
	wait "$pid" || { cat "$WORK/output" && fail "$* failed, see above"; }
}

# took BEGIN WHAT: the line that ends a step.
took() {
	printf '%7s s  %s\n' "$(elapsed "$1")" "$2"
}

stores_there() { find "$STORES" -name '*.lclone' | wc -l; }
clones_up() { find /dev/mapper -name 'vm*' | wc -l; }
clones_down() { echo $((COUNT - $(clones_up))); }

prepare() {
	mkdir -p "$STORES" "$MOUNTS" "$WORK"
	mkfs.ext4 -q -T largefile -E lazy_itable_init=0 "$(disk 1)"
	mount "$(disk 1)" "$STORES"
	sync
	TEMPLATE=$(readlink -f /dev/disk/by-id/virtio-template)
	[ -b "$TEMPLATE" ] || fail "the guest has no disk with the template"
	stage_packages
}

add_template() {
	local begin=$EPOCHREALTIME
	echo "progress: template add"
	lclone template add debian "$TEMPLATE"
	assert_eq "$(lclone template show debian --json | jq -r .sha256)" "$TEMPLATE_SHA256" \
		"SHA-256 of the template as lclone took it"
	assert_eq "$(blockdev --getro "$TEMPLATE")" 1 "template made read-only"
	took "$begin" "template 'debian' of $(size_of "$(blockdev --getsize64 "$TEMPLATE")") registered, read-only"
}

create_clones() {
	local begin=$EPOCHREALTIME before
	before=$(dev_stat "$(disk 1)" write_sectors)
	counted create stores_there \
		lclone create vm --template debian --dir "$STORES" --count "$COUNT"
	CREATE_SECONDS=$(elapsed "$begin")
	assert_eq "$(clones_up)" "$COUNT" "clones in /dev/mapper"
	sync
	WRITTEN_BYTES=$((($(dev_stat "$(disk 1)" write_sectors) - before) * 512))
	CREATED_BYTES=$(stores_bytes)
	took "$begin" "$COUNT clones created and active"
}

# All are mounted at the same time while they drift.
let_drift() {
	local begin=$EPOCHREALTIME
	each_clone drift drift
	each_clone unmount leave
	took "$begin" "each got its own identity, host key, logs and a package"
}

reactivate() {
	local begin=$EPOCHREALTIME
	counted deactivate clones_down lclone deactivate --all
	assert_eq "$(clones_up)" 0 "clones left in /dev/mapper"
	took "$begin" "all deactivated"
	DRIFTED_BYTES=$(stores_bytes)
	begin=$EPOCHREALTIME
	counted activate clones_up lclone activate --all
	ACTIVATE_SECONDS=$(elapsed "$begin")
	assert_eq "$(clones_up)" "$COUNT" "clones in /dev/mapper"
	took "$begin" "all activated again"
}

verify_clones() {
	local begin=$EPOCHREALTIME
	each_clone verify verify
	took "$begin" "every clone has its own changes, whole, and nobody else's"
	lclone list --json >"$WORK/list.json"
	lclone deactivate --all
	begin=$EPOCHREALTIME
	each_clone check check_store
	took "$begin" "lclone check finds no damage; no store holds a token of another clone"
}

verify_origin() {
	local begin=$EPOCHREALTIME
	echo "progress: SHA-256 of the origin"
	blockdev --flushbufs "$TEMPLATE"
	lclone template verify debian || fail "the origin is not what it was"
	took "$begin" "the origin is what it was, SHA-256 $TEMPLATE_SHA256"
}

prepare
add_template
create_clones
let_drift
boot_three
reactivate
verify_clones
verify_origin
print_figures
umount "$STORES"
