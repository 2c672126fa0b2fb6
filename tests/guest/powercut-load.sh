# shellcheck shell=bash
# P1 and P2 on the real kernel: the machine is killed while three clones of one origin are written,
# synced, discarded and zeroed by several writers each. LCLONE_CUTS=N: how many cuts; each goes on with
# what the one before has left.
ROUNDS=2
TEST_TIMEOUT=300

# The first store has room for little more than its clone, so that what is freed is used again.
CLONES=(one two three) STORE_SIZE=(16M 64M 256M) CLONE_SIZE=12M
PARTS=3 PART_SECTORS=6001 FIRST=3 REST=9M	# behind the writers' parts is load that nobody judges
SYNCED=100					# operations of each writer before the cut

# piece NAME DISK MIB SIZE: a piece of a disk.
piece() {
	make_linear "$1" "$(disk "$2")" $(($3 * 2048)) $(($(bytes "$4") / 512))
}

# pieces: sets ORIGIN, and for each clone STORES and BASES, where its content before this round is kept.
pieces() {
	local i
	ORIGIN=$(piece origin 1 0 "$CLONE_SIZE")
	for i in "${!CLONES[@]}"; do
		STORES[i]=$(piece "store-${CLONES[i]}" 2 $((i * 512)) "${STORE_SIZE[i]}")
		BASES[i]=$(piece "base-${CLONES[i]}" 3 $((i * 16)) "$CLONE_SIZE")
	done
}

# begin: on blank disks.
begin() {
	local store
	random 12M | dd of="$ORIGIN" bs=1M iflag=fullblock oflag=direct status=none
	remember origin "$(hash_of "$ORIGIN")"
	for store in "${STORES[@]}"; do
		clone_format "$ORIGIN" "$store"
	done
}

# writers SEED NAME: its parts, each by a process whose name for what it acknowledges is SEED.NAME.PART.
writers() {
	local part
	for ((part = 0; part < PARTS; part++)); do
		"$HELPERS/ack" host "$1.$2.$part" "$HELPERS/stamp" run "/dev/mapper/$2" "$1$part" \
			$((FIRST + part * PART_SECTORS)) "$PART_SECTORS" >"/run/acked.$2.$part" &
	done
	nice fio --output=/run/fio-"$2" --filename="/dev/mapper/$2" --ioengine=libaio --direct=1 --iodepth=8 \
		--offset="$REST" --size=3M --time_based --runtime=600 --name=writes --rw=randwrite \
		--bssplit=512/20:4k/60:64k/20 --thinktime=2ms --name=trims --rw=randtrim --bs=8k --thinktime=10ms &
}

synced() {
	local file
	for file in /run/acked.*; do
		[ "$(tail -n 1 "$file")" -ge "$1" ] 2>/dev/null || return 1
	done
}

phase1() {
	local i seed
	seed=$(recall seed | tail -n 1)
	pieces
	[ -n "$seed" ] || begin
	seed=$((${seed:-10} + 1))
	for i in "${!CLONES[@]}"; do
		dd if="$(clone_activate "${CLONES[i]}" "${STORES[i]}")" of="${BASES[i]}" bs=1M iflag=direct \
			oflag=direct conv=fsync status=none
	done
	remember seed "$seed"
	for i in "${CLONES[@]}"; do
		writers "$seed" "$i"
	done
	wait_until -t 200 synced $((SYNCED + RANDOM % SYNCED))
	request_power_cut
}

# judge INDEX SEED: the store is whole, and the clone has what its writers were told.
judge() {
	local part acked clone
	lclone check --quiet "${STORES[$1]}" || lclone check "${STORES[$1]}" || fail "damage before recovery"
	clone=$(clone_activate "${CLONES[$1]}" "${STORES[$1]}")
	for ((part = 0; part < PARTS; part++)); do
		acked=$(recall "$2.${CLONES[$1]}.$part" | tail -n 1)
		"$HELPERS/stamp" verify "$clone" "$2$part" $((FIRST + part * PART_SECTORS)) "$PART_SECTORS" \
			"$acked" "${BASES[$1]}" || fail "${CLONES[$1]}, part $part: a promise was broken"
	done
	clone_down "${CLONES[$1]}"
	lclone check --quiet "${STORES[$1]}" || lclone check "${STORES[$1]}" || fail "damage after recovery"
}

phase2() {
	local i seed
	seed=$(recall seed | tail -n 1)
	pieces
	for i in "${!CLONES[@]}"; do
		judge "$i" "$seed"
	done
	assert_eq "$(hash_of "$ORIGIN")" "$(recall origin)" origin
}
