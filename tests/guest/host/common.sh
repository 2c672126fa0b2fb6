# shellcheck shell=bash
# What every script of the host's side begins with. GUEST is tests/guest.

TOP=$(cd "$GUEST/../.." && pwd)
CACHE=${LCLONE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dm-lclone}
SLOWNESS=1			# how many times longer than usual a test may take
mkdir -p "$CACHE"

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$0" "$*" >&2; exit 1; }

for part in root debug-kernel build boot report plan; do
	# shellcheck source=/dev/null
	. "$GUEST/host/$part.sh"
done
