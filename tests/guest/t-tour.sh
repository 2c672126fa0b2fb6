# shellcheck shell=bash
# The life of a clone from its template to its removal, with a filesystem in use on it all the way.
CPUS=1
TEST_TIMEOUT=400

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh

# template_with NAME TEXT: a template with an ext4 filesystem whose file "version" says TEXT.
template_with() {
	local tree=$DIR/$1.tree
	mkdir "$tree"
	echo "$2" >"$tree/version"
	random 8M >"$tree/same"
	random 8M >"$tree/other"
	[ "$1" = gold ] || cp "$DIR/gold.tree/same" "$tree/same"
	mke2fs -q -t ext4 -d "$tree" "$DIR/$1.img" 64M
	template_add "$1" "$DIR/$1.img"
}

umount_if() { ! mountpoint -q "$1" || umount "$1"; }

guest_kill() {
	kill -9 "$1" 2>/dev/null || return 0
	wait "$1" || true
}

# mounted NAME: mounts a clone; sets MNT.
mounted() {
	MNT=/run/tour/$1
	mkdir -p "$MNT"
	mount "/dev/mapper/$1" "$MNT"
	on_exit umount_if "$MNT"
}

# unmounted NAME: and its filesystem is whole.
unmounted() {
	umount "/run/tour/$1"
	e2fsck -fn "/dev/mapper/$1" >/run/fsck 2>&1 || fail "e2fsck of $1: $(tail -n 3 /run/fsck)"
}

# guest_start: in $MNT somebody appends line after line to a file, each with a sync.
guest_start() {
	(
		trap 'exit 0' TERM
		n=$(wc -l <"$MNT/log")
		while :; do
			echo "$((n += 1))" >>"$MNT/log"
			sync "$MNT/log"
		done
	) &
	GUEST_PID=$!
	on_exit guest_kill "$GUEST_PID"
}

guest_stop() {
	kill "$GUEST_PID"
	wait "$GUEST_PID"
}

# log_is_whole MNT: all lines that were written are there, in their order.
log_is_whole() {
	cmp "$1/log" <(seq "$(wc -l <"$1/log")") || fail "the log in $1 is not what was written"
}

# goes_on COMMAND...: the guest writes before it, through it and after it.
goes_on() {
	local before=0 after
	before=$(wc -l <"$MNT/log")
	"$@"
	after=$(wc -l <"$MNT/log")
	wait_until more_lines_than "$after"
	log_is_whole_so_far "$before"
}
more_lines_than() { [ "$(wc -l <"$MNT/log")" -gt "$1" ]; }
log_is_whole_so_far() {
	[ "$(wc -l <"$MNT/log")" -gt "$1" ] || fail "the guest did not go on"
	head -n "$1" "$MNT/log" | cmp - <(seq "$1") || fail "lines are lost"
}

test_life_of_a_clone() {
	local same
	tool_state
	tool_dir 700M
	template_with gold one
	template_with silver two
	same=$(hash_of "$DIR/gold.tree/same")

	# Template, clone.
	lclone create vm --template gold --dir "$DIR"
	mounted vm
	assert_eq "$(cat "$MNT/version")" one "version"
	: >"$MNT/log"
	guest_start
	wait_until more_lines_than 3

	# Snapshot, under the guest; a clone of it, which has none of what follows.
	goes_on lclone snapshot vm first
	echo later >"$MNT/later"
	lclone create twin --from vm@first --dir "$DIR"
	mkdir -p /run/tour/twin
	mount /dev/mapper/twin /run/tour/twin
	on_exit umount_if /run/tour/twin
	[ ! -e /run/tour/twin/later ] || fail "the twin has what was written after the snapshot"
	log_is_whole /run/tour/twin
	assert_eq "$(hash_of /run/tour/twin/same)" "$same" "a file of the twin"
	echo own >/run/tour/twin/own
	unmounted twin

	# Rolled back, which a clone in use refuses.
	sync "$MNT/later"
	expect_fail lclone rollback vm first
	guest_stop
	unmounted vm
	lclone rollback vm first
	mounted vm
	[ ! -e "$MNT/later" ] || fail "what came after the snapshot is still there"
	log_is_whole "$MNT"
	guest_start

	# Rebased: it shows what it showed. Its snapshot still needs the old template.
	goes_on lclone rebase vm --template silver
	assert_eq "$(cat "$MNT/version")" one "version after the rebase"
	expect_fail lclone template remove gold
	expect_said twin

	# Flattened: it needs no template any more.
	goes_on lclone flatten vm
	assert_eq "$(tool_status vm .clone_type)" independent type
	assert_eq "$(tool_status vm .shared_bytes)" 0 "shared"
	lclone template remove silver
	guest_stop
	log_is_whole "$MNT"
	assert_eq "$(hash_of "$MNT/same")" "$same" "a file of the clone"

	# Removed, when nobody uses it.
	expect_fail lclone remove vm
	unmounted vm
	lclone deactivate vm
	lclone activate vm
	mounted vm
	log_is_whole "$MNT"
	unmounted vm
	expect_fail lclone remove vm
	expect_said twin
	mount /dev/mapper/twin /run/tour/twin
	assert_eq "$(cat /run/tour/twin/own)" own "the twin's own file"
	unmounted twin
	lclone remove twin
	lclone remove vm
	lclone template remove gold
	assert_eq "$(find "$DIR" -name '*.lclone')" "" "files left"
}
