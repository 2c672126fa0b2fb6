#!/bin/bash
# Installs the host packages that the build and the test suites need, only those that are missing.
# Usage: tests/deps.sh [build|unit|tools|fuzz|guest|style]...   (default: all groups)
set -euo pipefail

lib_dev="libdevmapper-dev libblkid-dev uuid-dev libjson-c-dev libssl-dev"
declare -A packages=(
	[build]="gcc libc6-dev make pkg-config $lib_dev"
	[unit]="gcc libc6-dev make pkg-config $lib_dev"	# gcc brings libasan and libubsan
	[tools]="gcc libc6-dev make pkg-config $lib_dev e2fsprogs jq qemu-utils xxd xz-utils"
	[fuzz]="gcc libc6-dev make pkg-config $lib_dev xz-utils"
	[guest]="qemu-system-x86 debootstrap eatmydata e2fsprogs cpio rsync util-linux"
	[style]="perl xz-utils shellcheck"
)

missing() {
	local p
	for p in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
	done | sort -u
}

want=()
for group in "${@:-build unit tools fuzz guest style}"; do
	for g in $group; do
		[ -n "${packages[$g]:-}" ] || { echo "deps.sh: no such group: $g" >&2; exit 2; }
		read -r -a list <<<"${packages[$g]}"
		want+=("${list[@]}")
	done
done

mapfile -t need < <(missing "${want[@]}")
[ ${#need[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "deps.sh: not root, cannot install: ${need[*]}" >&2
	exit 1
fi
echo "deps: installing ${need[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
install() {
	apt-get -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends install "${need[@]}" >"$log" 2>&1
}
# Lists may be missing or stale on a fresh machine, so a failure is tried once more after an update.
install || { apt-get -qq -o DPkg::Lock::Timeout=300 update >>"$log" 2>&1 && install; } || {
	cat "$log" >&2
	echo "deps.sh: apt-get failed, see above" >&2
	exit 1
}
