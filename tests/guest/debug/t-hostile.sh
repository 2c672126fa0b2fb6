# shellcheck shell=bash
# Stores that an attacker may have made, mutated under valid seals, activated and used (P6). Nothing but
# errors may come of it; the kernel's checkers judge.
# LCLONE_MUTANTS=N says how many, LCLONE_MUTANT=N which is the first; 10,000 take some hours where the
# guest is emulated.
TEST_TIMEOUT=360

HOSTILE=/repo/tests/guest/debug/build/hostile
COUNT=${LCLONE_MUTANTS:-100} FIRST=${LCLONE_MUTANT:-1}

# udev would look at each of the clones, which takes longer than all the rest.
udev_rests() {
	udevadm settle
	udevadm control --stop-exec-queue
	on_exit udevadm control --start-exec-queue
}

images() {
	local file
	for file in /repo/tests/golden/v1-*.img.xz; do
		busybox xz -dc "$file" >"$1/$(basename "$file" .xz)"
	done
}

# say_who_hangs FILE: a request that does not end cannot be killed, and the kernel does not tell of it
# either, so this says which mutant it is, before the test runs out of time.
say_who_hangs() {
	local last='' now
	mkfifo "$1.never"
	# A sleep would outlive whoever kills this.
	until read -r -t 100 <>"$1.never"; do
		now=$(tail -n 1 "$1")
		[ "$now" != "$last" ] || echo "mutant $now hangs"
		last=$now
	done
}

test_p6_hostile_stores() {
	local dir
	[ -e "$HOSTILE" ] || skip "only with the debug kernel"
	dir=$(mktemp -d /dev/shm/hostile.XXXXXX)
	on_exit rm -r "$dir"
	images "$dir"
	store_make 8M
	udev_rests
	say_who_hangs "$dir/number" &
	on_exit kill $!
	"$HOSTILE" "$STORE" "$STORE_FILE" "$COUNT" "$FIRST" "$dir"/*.img 9>"$dir/number" >"$dir/result" || {
		echo "mutant $(tail -n 1 "$dir/number")"
		fail "hostile failed at mutant $(tail -n 1 "$dir/number")"
	}
	note "mutants from $FIRST on: $(<"$dir/result")"
	[ "$(grep -c . "$dir/number")" -eq "$COUNT" ] || fail "only $(grep -c . "$dir/number") mutants"
}
