# shellcheck shell=bash
# P1 and P2 while a clone is hydrated and made thin again, over and over: the machine is killed under
# several writers. What they were told is there, and the rest is the origin's.
ROUNDS=1
TEST_TIMEOUT=300

PARTS=3 PART_SECTORS=6001 SYNCED=60	# operations of each writer before the cut

piece() {
	make_linear "$1" "$(disk "$2")" 0 $(($(bytes "$3") / 512))
}

pieces() {
	ORIGIN=$(piece origin 1 12M)
	STORE=$(piece store 2 32M)
	BASE=$(piece base 3 12M)
}

# over_and_over: the whole clone, there and back.
over_and_over() {
	local at
	while :; do
		for ((at = 0; at < 3072; at += 256)); do
			dmsetup message hydrated 0 hydrate "$at" 256
		done
		for ((at = 0; at < 3072; at += 1024)); do
			dmsetup message hydrated 0 rethin "$at" 1024
		done
		echo round >>/run/rounds
	done
}

synced() {
	local part
	for ((part = 0; part < PARTS; part++)); do
		[ "$(tail -n 1 "/run/acked.$part")" -ge "$1" ] 2>/dev/null || return 1
	done
	[ -s /run/rounds ]
}

phase1() {
	local seed part
	seed=$(recall seed | tail -n 1)
	pieces
	if [ -z "$seed" ]; then
		random 12M | dd of="$ORIGIN" bs=1M iflag=fullblock oflag=direct status=none
		remember origin "$(hash_of "$ORIGIN")"
		clone_format "$ORIGIN" "$STORE"
	fi
	seed=$((${seed:-10} + 1))
	dd if="$(clone_activate hydrated "$STORE")" of="$BASE" bs=1M iflag=direct oflag=direct conv=fsync status=none
	remember seed "$seed"
	for ((part = 0; part < PARTS; part++)); do
		"$HELPERS/ack" host "$seed.$part" "$HELPERS/stamp" run /dev/mapper/hydrated "$seed$part" \
			$((3 + part * PART_SECTORS)) "$PART_SECTORS" >"/run/acked.$part" &
	done
	over_and_over >/run/over.out 2>&1 &
	wait_until -t 200 synced $((SYNCED + RANDOM % SYNCED))
	request_power_cut
}

phase2() {
	local seed part clone
	seed=$(recall seed | tail -n 1)
	pieces
	lclone check --quiet "$STORE" || lclone check "$STORE" || fail "damage before recovery"
	clone=$(clone_activate hydrated "$STORE")
	for ((part = 0; part < PARTS; part++)); do
		"$HELPERS/stamp" verify "$clone" "$seed$part" $((3 + part * PART_SECTORS)) "$PART_SECTORS" \
			"$(recall "$seed.$part" | tail -n 1)" "$BASE" || fail "part $part: a promise was broken"
	done
	cmp -i $(((3 + PARTS * PART_SECTORS) * 512)) "$clone" "$ORIGIN" || fail "what nobody wrote has changed"
	clone_down hydrated
	lclone check --quiet "$STORE" || lclone check "$STORE" || fail "damage after recovery"
	assert_eq "$(hash_of "$ORIGIN")" "$(recall origin)" origin
}
