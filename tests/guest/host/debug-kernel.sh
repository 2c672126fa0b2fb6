# shellcheck shell=bash
# The guests of "--kernel debug" and "--kernel kcsan": bookworm's root with a kernel of our own, built
# once from Debian's sources of 6.1 with the configuration debug.config, and for kcsan with what
# kcsan.config changes in it. Both the kernel with its build tree and the root that holds it are kept in
# the cache like the other roots. The kernel is built anew when its configuration or Debian's version
# changes; not for each edit of this file, since that takes long.
#
# root_for RELEASE sets what guest_root does (see root.sh), and
#   KERNEL_TREE   for these two: the build tree, which in_build shows as /usr/src/linux-debug

DEBUG_BUILD_TOOLS=(flex bison bc libelf-dev linux-source-6.1)
DEBUG_TREE=/usr/src/linux-debug
DEBUG_NICE=${LCLONE_KERNEL_NICE:-5}	# the kernel is built beside other work

is_debug() { [ "$1" = debug ] || [ "$1" = kcsan ]; }

root_for() {
	if is_debug "$1"; then
		guest_root bookworm
		debug_root "$1"
	else
		guest_root "$1"
	fi
}

# They are slower by far than any other kernel, and their work queues tell so. KASAN sees what SLUB's own
# checks would, and kmemleak is for who asks for it ("--append kmemleak=on", which the kernel obeys only
# when nobody said "off"): with both on, all takes four times as long. Caches are not merged, so that
# faults can be injected into those of the module alone: they have the mark for it.
allow_for_debug() {
	SLOWNESS=5
	TIMEOUT=$((TIMEOUT * SLOWNESS))
	CMDLINE+=" workqueue.watchdog_thresh=120 slub_nomerge slub_debug=-;A,lc_leaf,lc_node,lclone_copy"
	[[ $CMDLINE == *kmemleak=on* ]] || CMDLINE+=" kmemleak=off"
}

# debug_config NAME: the configuration, in which the last mention of an option counts. An option that
# is off takes those with it whose names begin with its own.
debug_config() {
	local files=("$GUEST/debug.config")
	[ "$1" != kcsan ] || files+=("$GUEST/kcsan.config")
	awk '
		{ option = $1 == "#" ? $2 : $1; sub(/=.*/, "", option) }
		option !~ /^CONFIG_/ { next }
		$1 == "#" && $3 " " $4 " " $5 != "is not set" { next }
		{ line[option] = $0; off[option] = $1 == "#" }
		END {
			for (option in line)
				for (other in line)
					if (off[option] && index(other, option "_") == 1) gone[other] = 1
			for (option in line)
				if (!(option in gone)) print line[option]
		}' "${files[@]}" | LC_ALL=C sort
}

# debug_key NAME BASE: of all that a kernel depends on
debug_key() {
	{
		in_root "$2/tree" dpkg-query -W -f '${Package} ${Version}\n' 'linux-image-*'
		debug_config "$1"
	} | sha256sum | cut -c1-12
}

# in_debug_tree DIR COMMAND...: where the kernel is built
in_debug_tree() {
	local dir=$1
	shift
	in_root "$dir/tree" --bind "$dir/linux" "$DEBUG_TREE" --bind "$dir/modules" /lib/modules "$@"
}

# debug_sources DIR: what builds a kernel, and the kernel's sources unpacked as DIR/linux
debug_sources() {
	local dir=$1
	in_root "$dir/tree" apt-get -qq update
	in_root "$dir/tree" eatmydata apt-get -qq -y --no-install-recommends \
		-o Dpkg::Use-Pty=0 install "${DEBUG_BUILD_TOOLS[@]}"
	mkdir "$dir/linux" "$dir/modules"
	tar -xJf "$dir/tree/usr/src/linux-source-6.1.tar.xz" -C "$dir/linux" --strip-components=1
}

# debug_configure NAME DIR: a line of the configuration without effect is an error in it.
debug_configure() {
	local dir=$2 line lost=
	debug_config "$1" >"$dir/linux/wanted.config"
	in_debug_tree "$dir" make -s -C "$DEBUG_TREE" KCONFIG_ALLCONFIG="$DEBUG_TREE/wanted.config" allnoconfig
	while read -r line; do
		grep -qxF -e "$line" "$dir/linux/.config" || lost+=" ${line%%=*}"
	done < <(grep '^CONFIG_' "$dir/linux/wanted.config")
	[ -z "$lost" ] || { echo "$1.config: without effect:$lost" >&2 && return 1; }
}

# What a module is built with stays of the build tree, the other 2 GB go.
debug_prune() {
	rm -rf "$1"/linux/Documentation "$1"/linux/vmlinux* "$1"/linux/.tmp_vmlinux* "$1/tree"
	find "$1/linux" -type f \( -name '*.[oa]' -o -name '*.ko' -o -name '*.cmd' -o -name '*.c' \) \
		! -path '*/scripts/*' ! -path '*/tools/*' -delete
}

# make_debug_kernel BASE DIR NAME. KCSAN watches what is compiled for it: that is the module alone, for
# which the kernel's own races are no news.
make_debug_kernel() {
	local base=$1 dir=$2 options=()
	[ "$3" != kcsan ] || options=(KCSAN_SANITIZE=n)
	mkdir -p "$dir"
	cp -a "$base/tree" "$dir/tree"
	debug_sources "$dir"
	debug_configure "$3" "$dir"
	in_debug_tree "$dir" nice -n "$DEBUG_NICE" make -s -C "$DEBUG_TREE" "-j$(($(nproc) + 2))" "${options[@]}" bzImage modules
	in_debug_tree "$dir" make -s -C "$DEBUG_TREE" modules_install
	cp "$dir/linux/arch/x86/boot/bzImage" "$dir/vmlinuz"
	cp "$dir/linux/include/config/kernel.release" "$dir/kver"
	debug_prune "$dir"
}

# make_debug_root BASE DIR KERNEL
make_debug_root() {
	local base=$1 dir=$2 kernel=$3 kver megabytes
	kver=$(<"$kernel/kver")
	mkdir -p "$dir"
	cp -a "$base/tree" "$dir/tree"
	cp -a "$kernel/modules/$kver" "$dir/tree/lib/modules/"
	cp "$kernel/vmlinuz" "$dir/vmlinuz"
	make_initrd "$dir/tree" "$kver" "$dir/initrd"
	megabytes=$(($(du -sm "$dir/tree" | cut -f1) * 5 / 4 + 1024))
	mke2fs -q -t ext4 -O ^has_journal -L root -d "$dir/tree" "$dir/root.img" "${megabytes}M"
	echo "$kver" >"$dir/kver"
}

# made_once LOG WHAT DIR FUNCTION BASE [ARGUMENT]...: calls FUNCTION BASE DIR.new [ARGUMENT]... unless
# DIR is there and whole.
made_once() {
	local log=$1 what=$2 dir=$3 function=$4 base=$5 rc=0
	shift 5
	touch "$dir.lock"
	[ ! -e "$dir/kver" ] || return 0
	rm -rf "$dir.new"
	say "making $what, once (log: $log)"
	# A subshell under set -e that is no condition, so that the first failure ends it.
	set +e
	(set -e; "$function" "$base" "$dir.new" "$@") >"$log" 2>&1
	rc=$?
	set -e
	[ "$rc" -eq 0 ] || { tail -n 30 "$log" >&2; die "could not make $what"; }
	mv "$dir.new" "$dir"
}

# debug_root NAME. The names of the directories and their locks are those that drop_old_roots looks for.
debug_root() {
	local base=$ROOT_DIR key kernel
	key=$(debug_key "$1" "$base")
	kernel=$CACHE/root-kernel-$key
	ROOT_DIR=$CACHE/root-$1-$key-$(basename "$base" | sed 's/.*-//')
	exec {debug_lock}>"$CACHE/root-$1.lock"
	flock "$debug_lock"
	made_once "$CACHE/kernel-$1.log" "the $1 kernel, which takes a quarter of an hour" \
		"$kernel" make_debug_kernel "$base" "$1"
	made_once "$CACHE/root-$1.log" "the root of the $1 kernel" "$ROOT_DIR" make_debug_root "$base" "$kernel"
	exec {DEBUG_USE}>"$ROOT_DIR.lock" {KERNEL_USE}>"$kernel.lock"
	flock -s "$DEBUG_USE"
	flock -s "$KERNEL_USE"
	exec {debug_lock}>&-
	KVER=$(<"$ROOT_DIR/kver")
	KERNEL_TREE=$kernel/linux
}
