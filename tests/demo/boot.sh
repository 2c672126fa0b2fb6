# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: boots clones as machines of their own with user-mode-linux, a kernel that runs as a
# process. What such a machine does is in uml-init, which is put on its disk.

# boot NAME: its console goes to $WORK/NAME/console. The kernel is told the disk, never the name.
boot() {
	local name=$1 root=$MOUNTS/$1
	mount "/dev/mapper/$name" "$root"
	install -m 755 "$DEMO/uml-init" "$root/sbin/uml-init"
	umount "$root"
	TMPDIR=/dev/shm timeout -k 5 300 linux.uml mem=128M "ubd0=/dev/mapper/$name" root=/dev/ubda rw \
		quiet con=null con0=null,fd:1 init=/sbin/uml-init </dev/null >"$WORK/$name/console" 2>&1 ||
		echo "$name: linux.uml ended with status $?"
}

# said NAME WORD: what the machine printed after WORD.
said() {
	tr -d '\r' <"$WORK/$1/console" | sed -n "s/^uml: $2 //p"
}

boot_three() {
	local begin=$EPOCHREALTIME name pid pids=()
	for name in "${BOOTED[@]}"; do
		boot "$name" &
		pids+=($!)
	done
	echo "progress: booting ${BOOTED[*]}"
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	for name in "${BOOTED[@]}"; do
		judge_boot "$name"
	done
	took "$begin" "${BOOTED[*]} booted at the same time with user-mode-linux"
	for name in "${BOOTED[@]}"; do
		printf '%11s%s says: I am %s, machine-id %s, on %s\n' '' "/dev/mapper/$name" \
			"$(said "$name" hostname)" "$(said "$name" machine-id)" "$(said "$name" kernel)"
	done
}

# A machine knows who it is, its file system is sound, and the last thing it did has reached its disk.
judge_boot() {
	local name=$1 root=$MOUNTS/$1
	[ -n "$(said "$name" hostname)" ] || { tail -n 40 "$WORK/$name/console" && fail "$name did not boot"; }
	assert_eq "$(said "$name" hostname)" "$name" "host name that $name printed"
	assert_eq "$(said "$name" machine-id)" "$(token_of "$name")" "machine-id that $name printed"
	e2fsck -fn "/dev/mapper/$name" >"$WORK/$name/fsck" 2>&1 ||
		{ cat "$WORK/$name/fsck" && fail "$name: e2fsck finds damage"; }
	mount "/dev/mapper/$name" "$root"
	assert_eq "$(cat "$root/var/log/boot.log")" "$name $(said "$name" kernel) $(token_of "$name")" \
		"boot.log that $name wrote"
	(cd "$root" && sha256sum ./var/log/boot.log ./sbin/uml-init) >>"$WORK/$name.sums"
	umount "$root"
}
