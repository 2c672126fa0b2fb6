# shellcheck shell=bash
# The power goes in the middle of a verb. Stores, images and catalog are on a disk with a volatile write
# cache; the tool dies before one of its steps, at that moment nothing reaches the disk any more, and
# what the disk was not told to make durable is gone: all that programs did not sync, and of what was sent to
# the disk that which was not written over something (null_blk's cache takes no more). After that the clones
# are activated: what is there is all that was there before the verb, or all that is there behind it, and
# whatever the activation had to do for that it has said.
#
# Each test is a verb, and begins with the same disk. LCLONE_STEP=N: the power goes at each Nth step of
# the tool; otherwise at the step that the test names, and, always, when the verb has just ended.
CPUS=1
TEST_TIMEOUT=1500
export KILL_ALL=1

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh

DIR=/run/cut		# the catalog has paths
PLAIN=/dev/shm/cut.img	# the disk that each test begins with; made once
FIRST=()		# what is done before the verb
PARTLY=			# what is left of the verb's work when only a part of it was done
BYTES=5M		# of each device that are looked at
ROOM=147456 DISK=10240	# sectors of the filesystem, and of device "disk" behind it

# power_on [--blank]: the disk, with a filesystem mounted at DIR and a device "disk" on it. The filesystem
# writes nothing before it is told to, and does not guess what programs have forgotten to tell it.
power_on() {
	local all=$((ROOM + DISK))
	dmsetup create --concise "power,,,,0 $all linear $BELOW 0;room,,,,0 $ROOM linear /dev/mapper/power 0;\
disk,,,,0 $DISK linear /dev/mapper/power $ROOM"
	dmsetup load power --table "0 $all error"
	[ "${1:-}" != --blank ] || mkfs.ext4 -q -J size=4 /dev/mapper/room
	mount -o noauto_da_alloc,noinit_itable,commit=3000 /dev/mapper/room "$DIR"
}

# above [SELECTION]...: all devices of device-mapper but the disk's own.
above() {
	dmsetup info -c --noheadings -o name "$@" | sed '/^power$/d; /^room$/d; /^No devices found$/d'
}

# power_off: from the first line on nothing is written, and then all that would be gone goes.
power_off() {
	local upper
	dmsetup resume --noflush --nolockfs power
	mapfile -t upper < <(above -S 'tables_loaded=~Live|Both')
	[ ${#upper[@]} -eq 0 ] || dmsetup wipe_table --noflush --nolockfs "${upper[@]}"
	mapfile -t upper < <(above)
	[ ${#upper[@]} -eq 0 ] || dmsetup remove --retry "${upper[@]}"
	losetup -D
	retry umount "$DIR"
	dmsetup remove --retry room power
	lose_cache "$BELOW"
}

# disk_make: for this test; and, once in a boot, what is on it in the beginning.
disk_make() {
	local megabytes=$(((ROOM + DISK) / 2048)) writeback
	writeback=$(sysctl -n vm.dirty_writeback_centisecs)
	sysctl -q vm.dirty_writeback_centisecs=0
	on_exit sysctl -q "vm.dirty_writeback_centisecs=$writeback"
	export LCLONE_STATE_DIR=$DIR/state
	BELOW=$(make_null_blk "${megabytes}M" cache_size="$megabytes")
	mkdir -p "$DIR"
	on_exit rmdir "$DIR"
	on_exit disk_gone
	[ -e "$PLAIN" ] || plain_make
}
disk_gone() {
	! dmsetup info power >/dev/null 2>&1 || power_off
}

# plain_make: vm stands on three snapshots, and two on the template alone.
plain_make() {
	local n
	noise
	power_on --blank
	head -c 5M "$NOISE" | tee "$DIR/gold.img" >"$DIR/new.img"
	{ head -c 3M "$NOISE" && tail -c 2M "$NOISE"; } | tee "$DIR/gold2.img" >"$DIR/spare.img"
	for n in gold gold2 spare; do
		lclone template add "$n" "$DIR/$n.img"
	done
	lclone create vm --template gold --dir "$DIR"
	lclone create two --template gold --dir "$DIR"
	for n in 1 2 3; do
		put vm $((n * 256)) "s$n"
		blkdiscard --offset $((n * 786432)) --length 512K /dev/mapper/vm
		lclone snapshot vm "s$n"
	done
	# A snapshot that is not here any more.
	lclone create gone --template gold --dir "$DIR"
	put gone 256 gone
	lclone snapshot gone one
	lclone export gone@one --output "$DIR/stream"
	lclone remove gone
	tail -c 5M "$NOISE" >/dev/mapper/disk
	lclone deactivate --all
	sync
	umount "$DIR"
	dd if="$BELOW" of="$PLAIN" bs=1M conv=sparse iflag=direct status=none
	mount /dev/mapper/room "$DIR"
	power_off
}

# put NAME KILOBYTE TEXT: 200 KiB of it, synced.
put() {
	{ yes "$3" || true; } | dd of="/dev/mapper/$1" bs=4K seek=$(($2 / 4)) count=50 iflag=fullblock \
		oflag=direct conv=fsync,notrunc status=none
}

# disk_blank: as the test begins, and nothing is active.
disk_blank() {
	blkdiscard --force "$BELOW" 2>/dev/null
	dd if="$PLAIN" of="$BELOW" bs=1M conv=sparse,fsync oflag=direct status=none
	power_on
}

# disk_plain: the clones are in use; what is written to them is synced.
disk_plain() {
	local name
	disk_blank
	lclone activate --all
	for name in vm two disk; do
		put "$name" 1100 "the last that was written to $name"
	done
	[ ${#FIRST[@]} -eq 0 ] || "${FIRST[@]}"
}

# look: all there is to see, but for layers without a name.
look() {
	local name path devices=(/dev/mapper/disk)
	lclone list >/run/list
	sed -E '1d; s/^(\S+) +\S+ +(\S+) .* (\S+) +\S+$/\1: \2 of \3/' /run/list
	lclone tree | sed '/no name/d; s/ .*@/ @/; /^[|`]/s/  .*//; s/^ .*@/@/'
	for name in $(first_column </run/list); do
		[ ! -e "/dev/mapper/$name" ] || devices+=("/dev/mapper/$name")
	done
	for name in "${devices[@]}"; do
		echo "$name: $(hash_of "$name" 0 "$BYTES")"
	done
	lclone template list >/run/templates
	while read -r name _ _ _ path; do
		echo "template $name: $(hash_of "$path")"
	done < <(sed 1d /run/templates)
	[ ! -e "$DIR/imported" ] || ! lclone check --quiet "$DIR/imported" 2>/dev/null || echo "imported"
}

# seen: what an activation may change.
seen() {
	ls "$DIR"
	md5sum <"$LCLONE_STATE_DIR/catalog.json"
}

# put_back: an adopted device that is what it was, still or again, is no clone to be activated; that was said,
# and what to do.
put_back() {
	grep -qE "has been put back into disk already|disk is what it always was" /run/said &&
		grep -q "next: 'lclone adopt --undo new' removes what is left" /run/said &&
		lclone adopt --undo new
}

# power_cut WHEN: off and on; sets NOW. What the activation changes, it says.
power_cut() {
	local before
	power_off
	power_on
	before=$(seen)
	lclone activate --all 2>/run/said || put_back || fail "cut $1: $(</run/said)"
	echo "cut $1: $(</run/said)"
	[ -s /run/said ] || assert_eq "$(seen)" "$before" "what the activation did and did not say, cut $1"
	NOW=$(look)
}

# whole: the stores of the catalog are, and there are no others. All is in order when the test goes on.
whole() {
	local file
	lclone deactivate --all
	sed -n 's|\\/|/|g; s/.*"store_path": *"\(.*\)".*/\1/p' "$LCLONE_STATE_DIR/catalog.json" | sort >/run/known
	diff /run/known <(find "$DIR" -name '*.lclone*' | sort) || fail "stores that the catalog knows, and that are there"
	while read -r file; do
		lclone check --quiet "$file" || { lclone check "$file" || true && fail "$file is damaged"; }
	done </run/known
	power_off
}

# again VERB...: of a clone or a template that was being made only the file may be there, and then it is said
# what to do: a store goes, an image is complete and is registered.
again() {
	local file registers
	until lclone "$@" 2>/run/said; do
		registers=$(hinted "give another one .* '(lclone template add .*)' registers it")
		if [ -n "$registers" ]; then
			note "as the hint says: $registers"
			xargs env <<<"$registers"
			return
		fi
		file=$(hinted "remove it, or have 'lclone scan (.*)' take it in")
		[ -n "$file" ] || fail "once more: $(</run/said)"
		rm "$file"
		! partly_done || lclone remove "$PARTLY"
	done
}

# hinted PATTERN: what the group in it stands for, in a hint that was given.
hinted() {
	sed -nE "s/^  next: $1\$/\1/p" /run/said
}

partly_done() {
	[ -n "$PARTLY" ] && lclone list | grep -q "^$PARTLY "
}

# to_the_end STEP VERB...: and what it comes to is AFTER, also when the power goes then.
to_the_end() {
	local now
	again "${@:2}"
	now=$(look)
	if [ -z "$AFTER" ]; then
		power_cut "behind the end"
		AFTER=$NOW
	fi
	assert_eq "$now" "$AFTER" "what it comes to, cut at $1 before"
}

# cut_at STEP VERB...: in the middle of it; sets CUT, to nothing when it has fewer steps.
cut_at() {
	CUT=yes
	disk_plain
	BEFORE=${BEFORE:-$(look)}
	killed_at "$@" || CUT=
	if [ -z "$CUT" ]; then
		power_off
		return
	fi
	power_cut "at $1"
	if partly_done && [ "$NOW" != "$AFTER" ]; then
		lclone remove "$PARTLY"
		NOW=$(look)
	fi
	if [ "$NOW" = "$BEFORE" ]; then
		UNDONE=$((UNDONE + 1))
		to_the_end "$@"
	else
		DONE=$((DONE + 1))
		[ -n "$AFTER" ] || fail "it is done at $1: a step before that has to come first"
		assert_eq "$NOW" "$AFTER" "what is neither as it was nor as it is to be, cut at $1"
	fi
	whole
}

# cut_verb STEP VERB...
cut_verb() {
	local n=$1 step=${LCLONE_STEP:-}
	shift
	BEFORE='' AFTER='' NOW='' DONE=0 UNDONE=0
	disk_make
	if [ -z "$step" ]; then
		cut_at "$n" "$@"
		[ -n "$CUT" ] || fail "it has fewer than $n steps"
		return
	fi
	for ((n = 1; n < 1000; n += step)); do
		cut_at "$n" "$@"
		[ -n "$CUT" ] || break
	done
	note "$n steps: $DONE times it was done, $UNDONE times undone"
	[ "$UNDONE" -gt 0 ] || fail "it was never cut short"
}

# It proves nothing unless what was not synced is gone.
test_bites() {
	local before
	disk_make
	disk_blank
	blkdiscard /dev/mapper/disk
	before=$(sum disk)
	touch "$DIR/old" "$DIR/kept"
	sync "$DIR/kept"
	touch "$DIR/new"
	mv "$DIR/old" "$DIR/renamed"
	echo kept >"$DIR/kept"
	dd if="$DIR/gold.img" of=/dev/mapper/disk bs=1M oflag=direct conv=notrunc status=none
	power_off
	power_on
	assert_eq "$(cd "$DIR" && ls new old renamed kept 2>/dev/null || true)" "$(printf 'kept\nold')" "names"
	assert_eq "$(<"$DIR/kept")" "" "content of a file"
	assert_eq "$(sum disk)" "$before" "content of a device"
	power_off
}

# left_out FIRST LAST VERB...: as with_syncs, but these syncs of the tool's are not done. LEFT is how many it
# had to leave out.
left_out() {
	disk_plain
	LD_PRELOAD=$HELPERS/kill-at.so LOSE_SYNC=$1-$2 lclone "${@:3}" >/dev/null 2>/run/left
	LEFT=$(grep -c "^kill-at: a sync is left out$" /run/left || true)
	power_off
	power_on
}

# lost: not all of AFTER is there, or nothing that can be read.
lost() {
	! lclone activate --all || [ "$(look)" != "$AFTER" ]
}

# with_syncs VERB...: what it comes to when the power goes behind its end: AFTER.
with_syncs() {
	disk_plain
	BEFORE=$(look)
	lclone "$@" >/dev/null
	AFTER=$(look)
	power_cut "behind the end"
	assert_eq "$NOW" "$AFTER" "what lclone $* comes to when the power goes behind its end"
	[ "$AFTER" != "$BEFORE" ] || fail "lclone $* does nothing that can be seen"
	whole
}

# bites_on VERB...: a tool that does not sync loses what it did.
bites_on() {
	with_syncs "$@"
	left_out 1 1000 "$@"
	[ "$LEFT" -gt 0 ] || fail "lclone $* has no sync that could be left out"
	lost || fail "lclone $* lost nothing, and $LEFT syncs were left out"
	power_off
}

test_bites_on_a_tool_that_does_not_sync() {
	disk_make
	bites_on create new --template gold --dir "$DIR"
	[ -z "${LCLONE_LONG:-}" ] || bites_on template remove spare
}

# Where the target is not there to flush it: what the catalog names was to be on the disk before.
long_bites_on_a_store_that_is_not_synced() {
	local verb=(create new --template gold --dir "$DIR" --no-activate) others
	disk_make
	left_out 1 1000 "${verb[@]}"
	power_off
	# All but the last two, which are the catalog's.
	others=$((LEFT - 2))
	left_out 1 0 "${verb[@]}"
	lclone activate --all
	AFTER=$(look)
	grep -q "^/dev/mapper/new: " <<<"$AFTER" || fail "there is no clone: $AFTER"
	whole
	left_out 1 "$others" "${verb[@]}"
	assert_eq "$LEFT" "$others" "syncs that were left out"
	lost || fail "nothing is lost, and the store was not synced"
	power_off
}

# bites_on_each VERB...: the last two syncs, which are those of the catalog, cannot be left out alone. Those
# before them come too late to matter at the end, where there are others behind them.
bites_on_each() {
	local sync needed=''
	with_syncs "$@"
	for ((sync = 1; sync < 100; sync++)); do
		left_out "$sync" "$sync" "$@"
		[ "$LEFT" -gt 0 ] || break
		! lost || needed+=" $sync"
		power_off
	done
	power_off
	note "lclone $*: of $((sync - 1)) syncs these are missed alone:$needed"
	[[ $needed == *" $((sync - 2)) $((sync - 1))" ]] || fail "the last two of them should be missed"
}

long_bites_on_a_tool_that_leaves_out_one_sync() {
	disk_make
	bites_on_each create new --template gold --dir "$DIR"
	bites_on_each template add new "$DIR/new.img"
	bites_on_each commit vm --template v2
}

long_cut_in_a_snapshot() { cut_verb 20 snapshot vm one; }
test_cut_in_a_snapshot_of_two() { cut_verb 35 snapshot vm two one; }
test_cut_in_a_rollback() { cut_verb 15 rollback vm s2; }
long_cut_in_a_reset() { cut_verb 15 reset vm; }
long_cut_in_a_clone_of_a_clone() { cut_verb 40 create new --from vm; }
long_cut_in_a_clone_of_a_snapshot() { cut_verb 15 create new --from vm@s2; }
long_cut_while_a_snapshot_goes() { cut_verb 25 remove vm@s2; }
# The image has its name, and is no template yet.
test_cut_in_a_commit() { cut_verb 50 commit vm --template v2; }
test_cut_in_a_consolidation() { cut_verb 25 consolidate vm --drop-snapshots; }
long_cut_in_a_flatten() { cut_verb 20 flatten vm; }
test_cut_in_a_rebase() { cut_verb 20 rebase vm --template gold2; }
long_cut_in_an_update() { cut_verb 20 rebase vm --template gold2 --update --force; }
long_cut_in_an_adoption() { cut_verb 20 adopt /dev/mapper/disk new --dir "$DIR"; }
test_cut_on_the_way_back() {
	FIRST=(lclone adopt /dev/mapper/disk new --dir "$DIR")
	cut_verb 40 adopt --undo new
}
long_cut_while_a_clone_grows() { cut_verb 10 resize vm 12M; }
# What is to be cut off goes first.
long_cut_while_a_clone_shrinks() {
	BYTES=4M
	cut_verb 10 resize vm 4M --force
}
long_cut_in_an_extend() { cut_verb 5 extend vm --size 24M; }
long_cut_in_a_rethin() {
	FIRST=(dd "if=$DIR/gold.img" of=/dev/mapper/two bs=1M oflag=direct conv="fsync,notrunc" status=none)
	cut_verb 3 rethin two
}
import_place() {
	truncate -s 16M "$DIR/imported"
	sync "$DIR/imported"
}
long_cut_in_an_import() {
	FIRST=(import_place)
	cut_verb 10 import "$DIR/imported" --input "$DIR/stream" --origin "$DIR/gold.img"
}
# Each is whole for itself.
long_cut_between_clones() {
	PARTLY=new1
	cut_verb 20 create new --count 2 --template gold --dir "$DIR"
}
long_cut_while_a_clone_goes() { cut_verb 10 remove two; }
long_cut_while_a_template_comes() { cut_verb 5 template add new "$DIR/new.img"; }
long_cut_while_a_template_goes() { cut_verb 5 template remove spare; }
