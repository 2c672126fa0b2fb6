# shellcheck shell=bash
# The guest of "--kernel debug": bookworm's root with a kernel of our own, built once from Debian's
# sources of 6.1 with the configuration debug.config. It is kept in the cache like the other roots,
# with the kernel's build tree beside it, and made anew when the configuration or bookworm's root or
# kernel changes; not for each edit of this file, since the build takes long.
#
# root_for RELEASE sets what guest_root does (see root.sh), and
#   KERNEL_TREE   for "debug": the build tree, which in_build shows as /usr/src/linux-debug

DEBUG_BUILD_TOOLS=(flex bison bc libelf-dev linux-source-6.1)
DEBUG_TREE=/usr/src/linux-debug

root_for() {
	guest_root "${1/#debug/bookworm}"
	[ "$1" != debug ] || debug_root
}

# It is slower by far than any other kernel, and its work queues tell so. The ACPI program that routes
# interrupts would run for minutes, and no device of the guest needs it.
allow_for_debug() {
	SLOWNESS=5
	TIMEOUT=$((TIMEOUT * SLOWNESS))
	CMDLINE+=" workqueue.watchdog_thresh=120 pci=noacpi"
}

# debug_key BASE: of all that the result depends on
debug_key() {
	{
		basename "$1"
		in_root "$1/tree" dpkg-query -W -f '${Package} ${Version}\n' 'linux-image-*'
		cat "$GUEST/debug.config"
	} | sha256sum | cut -c1-12
}

in_debug_tree() {
	local dir=$1
	shift
	in_root "$dir/tree" --bind "$dir/linux" "$DEBUG_TREE" --bind "$GUEST" /src "$@"
}

# debug_sources DIR: what builds a kernel, and the kernel's sources unpacked as DIR/linux
debug_sources() {
	local dir=$1
	in_root "$dir/tree" apt-get -qq update
	in_root "$dir/tree" eatmydata apt-get -qq -y --no-install-recommends \
		-o Dpkg::Use-Pty=0 install "${DEBUG_BUILD_TOOLS[@]}"
	mkdir "$dir/linux"
	tar -xJf "$dir/tree/usr/src/linux-source-6.1.tar.xz" -C "$dir/linux" --strip-components=1
	rm -rf "$dir"/tree/usr/src/linux-source-6.1* "$dir"/tree/var/lib/apt/lists/* \
		"$dir"/tree/var/cache/apt/archives/*.deb
}

# debug_configure DIR: a line of debug.config without effect is an error in it.
debug_configure() {
	local dir=$1 line lost=
	in_debug_tree "$dir" make -s -C "$DEBUG_TREE" KCONFIG_ALLCONFIG=/src/debug.config allnoconfig
	while read -r line; do
		grep -qxF -e "$line" "$dir/linux/.config" || lost+=" ${line%%=*}"
	done < <(grep '^CONFIG_' "$GUEST/debug.config")
	[ -z "$lost" ] || { echo "debug.config: without effect:$lost" >&2 && return 1; }
}

# What a module is built with stays of the build tree, the other 2 GB go.
debug_prune() {
	rm -rf "$1"/linux/Documentation "$1"/linux/vmlinux*
	find "$1/linux" -type f \( -name '*.[oa]' -o -name '*.ko' -o -name '*.cmd' -o -name '*.c' \) \
		! -path '*/scripts/*' ! -path '*/tools/*' -delete
}

make_debug_root() {
	local base=$1 dir=$2 kver megabytes
	mkdir -p "$dir"
	cp -a "$base/tree" "$dir/tree"
	debug_sources "$dir"
	debug_configure "$dir"
	in_debug_tree "$dir" nice -n 19 make -s -C "$DEBUG_TREE" -j2 bzImage modules
	in_debug_tree "$dir" make -s -C "$DEBUG_TREE" modules_install
	kver=$(<"$dir/linux/include/config/kernel.release")
	cp "$dir/linux/arch/x86/boot/bzImage" "$dir/vmlinuz"
	make_initrd "$dir/tree" "$kver" "$dir/initrd"
	megabytes=$(($(du -sm "$dir/tree" | cut -f1) * 5 / 4 + 1024))
	mke2fs -q -t ext4 -O ^has_journal -L root -d "$dir/tree" "$dir/root.img" "${megabytes}M"
	debug_prune "$dir"
	echo "$kver" >"$dir/kver"
}

debug_root() {
	local base=$ROOT_DIR new log rc=0
	ROOT_DIR=$CACHE/root-debug-$(debug_key "$base")
	exec {debug_lock}>"$CACHE/root-debug.lock"
	flock "$debug_lock"
	if [ ! -e "$ROOT_DIR/kver" ]; then
		new=$ROOT_DIR.new log=$CACHE/root-debug.log
		rm -rf "$new"
		say "building the debug kernel, once; this takes a quarter of an hour (log: $log)"
		# A subshell under set -e that is no condition, so that the first failure ends it.
		set +e
		(set -e; make_debug_root "$base" "$new") >"$log" 2>&1
		rc=$?
		set -e
		[ "$rc" -eq 0 ] || { tail -n 30 "$log" >&2; die "could not build the debug kernel"; }
		mv "$new" "$ROOT_DIR"
	fi
	touch "$ROOT_DIR.lock"
	exec {DEBUG_USE}>"$ROOT_DIR.lock"
	flock -s "$DEBUG_USE"
	exec {debug_lock}>&-
	KVER=$(<"$ROOT_DIR/kver")
	KERNEL_TREE=$ROOT_DIR/linux
}
