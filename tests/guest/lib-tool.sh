# shellcheck shell=bash
# shellcheck disable=SC2034
# In the guest: what tests of the tool's names share. A test file sources it.

# tool_state: a catalog of this test's own.
tool_state() {
	LCLONE_STATE_DIR=$(mktemp -d /run/lclone.XXXXXX)
	export LCLONE_STATE_DIR
	on_exit rm -rf "$LCLONE_STATE_DIR"
	on_exit remove_all
}

# Removes all clones and templates. Registered again with each device that they may stand on.
# A clone on which others stand goes when they have gone.
remove_all() {
	local left=64 names
	while [ "$left" -gt 0 ]; do
		names=$(lclone list | first_column)
		[ -n "$names" ] || break
		xargs lclone remove --force <<<"$names" || left=$((left - 1))
	done
	lclone template list | first_column | xargs -rn1 lclone template remove
}
# Of a table with a heading. Not jq, which takes long to start and would be half of what this takes.
first_column() {
	sed -n '2,$s/ .*//p'
}

# tool_dir SIZE: an ext4 filesystem for stores and images; sets DIR.
tool_dir() {
	local dev
	dev=$(make_loop "$1")
	mkfs.ext4 -q -E lazy_itable_init=1 "$dev"
	DIR=$(mktemp -d /run/stores.XXXXXX)
	on_exit rmdir "$DIR"
	mount "$dev" "$DIR"
	on_exit umount "$DIR"
	on_exit remove_all
}

# tool_image SIZE: an image with random content in DIR; sets IMAGE.
tool_image() {
	IMAGE=$DIR/gold.img
	random "$1" >"$IMAGE"
}

# template_add NAME IMAGE [OPTION]...: a template. When the test ends, its image is compared with what it was.
template_add() {
	lclone template add "$@"
	cp "$2" "$(copy_of "$2")"
	on_exit rm -f "$(copy_of "$2")"
	on_exit image_untouched "$2"
}
copy_of() {
	echo "/dev/shm/origin-${1//\//-}"
}

# image_untouched IMAGE: P3. A block device may remember what it read before something else wrote.
image_untouched() {
	[ -e "$(copy_of "$1")" ] || return 0
	[ ! -b "$1" ] || blockdev --flushbufs "$1"
	cmp "$1" "$(copy_of "$1")" || { echo "FAIL: the template's image $1 has changed" && return 1; }
}

# image_given_up IMAGE: the test itself changes or removes it from here on.
image_given_up() {
	rm "$(copy_of "$1")"
}

# tool_up: state, 300 MiB of room, and template "gold" of 16 MiB. It is added with --quick, for reading all
# of an image is what most of these tests would do most of the time.
tool_up() {
	tool_state
	tool_dir "${1:-300M}"
	tool_image 16M
	template_add gold "$IMAGE" --quick
}

# write_at DEV MEGABYTE: one MiB of random data.
write_at() {
	random 1M | dd of="$1" bs=1M seek="$2" iflag=fullblock oflag=direct conv=fsync,notrunc status=none
}

# tool_status NAME JQ_FILTER
tool_status() {
	if [[ $2 =~ ^(\.[a-z_]+)+$ ]]; then
		lclone status "$1" --json | json_field "$2"
	else
		lclone status "$1" --json | gojq -r "$2"
	fi
}

# sum NAME: of the content of a clone.
sum() {
	hash_of "/dev/mapper/$1"
}

# layers_of NAME: the names of the snapshots it stands on, oldest first; "-" for a layer without one.
layers_of() {
	tool_status "$1" '[.layers[] | .snapshot // "-"] | join(" ")'
}

# killed_at N VERB...: the tool dies before its Nth step; false when it had fewer.
killed_at() {
	local rc=0
	LD_PRELOAD=$HELPERS/kill-at.so KILL_AT=$1 lclone "${@:2}" >/dev/null 2>/run/killed || rc=$?
	[ "$rc" -ne 0 ] || return 1
	[ "$rc" -eq 137 ] || cat /run/killed
	assert_eq "$rc" 137 "the end of lclone ${*:2}, killed at $1"
}

# killed_held SIGNAL N VERB...: the tool gets SIGNAL, a number, when it has suspended its Nth device, and
# ends with it.
killed_held() {
	local rc=0
	LD_PRELOAD=$HELPERS/kill-at.so KILL_SIGNAL=$1 KILL_HELD=$2 \
		lclone "${@:3}" >/dev/null 2>/run/killed || rc=$?
	[ "$rc" -eq $((128 + $1)) ] || cat /run/killed
	assert_eq "$rc" $((128 + $1)) "the end of lclone ${*:3}"
}

# loops_over FILE: how many loop devices stand on it.
loops_over() {
	losetup --noheadings --list --output BACK-FILE | grep -cxF -- "$1" || true
}

no_loops() {
	[ "$(loops_over "$1")" -eq 0 ]
}

# no_store DEV...: none holds a store any more. libblkid knows none, so it is the tool that is asked.
no_store() {
	local dev
	for dev; do
		expect_fail lclone info "$dev"
		expect_said "is not an lclone store"
	done
}

expect_said() {
	[[ $ERR == *"$1"* ]] || fail "said '$ERR', not '$1'"
}

# filesystem_template: template "fs", an ext4 filesystem of 64 MiB with 8 MiB in a file "old", that of TREE.
filesystem_template() {
	tool_state
	tool_dir 600M
	IMAGE=$DIR/fs.img
	TREE=$DIR/tree
	mkdir "$TREE"
	random 8M >"$TREE/old"
	mkfs.ext4 -q -d "$TREE" "$IMAGE" 64M
	template_add fs "$IMAGE" --quick
}

# filesystem_mounted [CREATE_OPTION]...: clone "vm" of that is mounted at MNT.
filesystem_mounted() {
	filesystem_template
	lclone create vm --template fs --dir "$DIR" "$@"
	MNT=$(mktemp -d /run/mnt.XXXXXX)
	on_exit rmdir "$MNT"
	mount -o discard /dev/mapper/vm "$MNT"
}

# fio_in_files OPTION...: writes files of 16 MiB, and finds again what it wrote.
fio_in_files() {
	fio --name=load --directory="$MNT" --size=16M --rw=randwrite --bsrange=4k-32k --ioengine=psync \
		--fsync=32 --verify=crc32c --verify_fatal=1 --output=/run/fio.out "$@"
}

# filesystem_in_use: filesystem_mounted, and fio is at work in it.
filesystem_in_use() {
	filesystem_mounted
	again_and_again fio_in_files --numjobs=2
}

# filesystem_busy [CREATE_OPTION]...: the same, but fio begins anew until filesystem_whole. It leaves some of
# the processor to others.
filesystem_busy() {
	filesystem_mounted "$@"
	again_and_again fio_in_files --io_size=4M --randrepeat=0 --rate_iops=150
	on_exit filesystem_left
}
filesystem_left() {
	touch /run/stop
	wait "$AGAIN" || true
	! mountpoint -q "$MNT" || umount "$MNT"
}

# filesystem_whole: fio comes to its end and finds what it wrote; the filesystem is unmounted.
filesystem_whole() {
	no_more
	umount "$MNT"
	e2fsck -fn /dev/mapper/vm
}

# has_written [BLOCKS]: whether the store of vm, the newest if it has snapshots, holds more than that. Asked
# again and again, so by no jq.
has_written() {
	local line
	read -r -a line < <(dmsetup status vm)
	[ "${line[8]}" -gt "${1:-0}" ]
}

# filesystem_of NAME: that of another clone is whole once it has read its journal.
filesystem_of() {
	e2fsck -fp "/dev/mapper/$1" || [ $? -eq 1 ] || fail "the filesystem of $1 is damaged"
}

# keeps_rate BYTES FILTER VERB...: the verb, kept to BYTES in a second, takes no less time than is due for
# what FILTER finds in its JSON, which stays in /run/out.
keeps_rate() {
	local begin=${EPOCHREALTIME/./} took due
	lclone "${@:3}" --rate "$1" --json >/run/out
	took=$((${EPOCHREALTIME/./} - begin))
	due=$(($(gojq "$2" /run/out) * 1000000 / $1))
	[ "$due" -gt 1000000 ] || fail "lclone $3: the time that it should take, $due us, is too short to tell"
	[ "$took" -ge "$due" ] || fail "lclone $3: took $took us, not $due us or more"
}
