# shellcheck shell=bash
# The guest's root: a Debian tree made once by debootstrap, kept in the cache as a directory (the
# module and the tool are built in it) and as a disk image (the guest boots from it).
#
# guest_root RELEASE sets:
#   ROOT_DIR   directory in the cache; ROOT_DIR/tree is the tree, root.img the disk,
#              vmlinuz and initrd what QEMU boots
#   KVER       version of the kernel in it

# Prints "URI" of the mirror that apt uses for LABEL (Debian, Debian-Security).
apt_mirror() {
	apt-get indextargets --format "\$(LABEL) \$(REPO_URI)" 'Created-By: Packages' |
		awk -v label="$1" '$1 == label { print $2; exit }'
}

# Prints the guest's apt sources for RELEASE, from the mirrors that the host is set up with.
apt_sources() {
	local main security
	main=$(apt_mirror Debian)
	security=$(apt_mirror Debian-Security)
	if [ "$1" = sid ]; then
		# A mirror may be weeks behind, and only sid's lists expire so soon.
		echo "deb [check-valid-until=no] $main $1 main"
		return
	fi
	echo "deb $main $1 main"
	echo "deb $main $1-updates main"
	[ -z "$security" ] || echo "deb $security $1-security main"
}

# The list of packages, comments dropped and the kernel's names filled in. Debian's cloud kernel has
# every driver that the tests use and is a third of the size of the other.
root_packages() {
	sed -e 's/[[:space:]]*#.*//' -e '/^$/d' \
		-e 's/@KERNEL@/linux-image-cloud-amd64/' -e 's/@HEADERS@/linux-headers-cloud-amd64/' \
		"$GUEST/packages"
}

root_key() {
	cat "$GUEST/packages" "$GUEST/host/root.sh" "$GUEST/host/initramfs" | sha256sum | cut -c1-12
}

# Runs a command in the tree, with /proc and what else it needs. The mounts live in a mount namespace
# of their own, so they vanish with the command, however it ends.
# in_root TREE [--bind HOST_DIR GUEST_DIR]... COMMAND...
in_root() {
	local tree=$1 binds=()
	shift
	while [ "$1" = --bind ]; do
		binds+=("$2" "$3")
		shift 3
	done
	# shellcheck disable=SC2016
	unshare --mount --propagation private bash -euc '
		tree=$1 n=$2
		shift 2
		mount -t proc proc "$tree/proc"
		mount -t tmpfs tmpfs "$tree/tmp"
		mount --bind /dev "$tree/dev"
		while [ "$n" -gt 0 ]; do
			mkdir -p "$tree$2"
			mount --bind "$1" "$tree$2"
			shift 2
			n=$((n - 2))
		done
		exec chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
			TERM=dumb DEBIAN_FRONTEND=noninteractive "$@"
	' in_root "$tree" ${#binds[@]} "${binds[@]}" "$@"
}

# What keeps the tree small and its installation quick: no documentation, no services, and no
# initramfs of Debian's, since the guest boots with one of ours.
tame_tree() {
	local tree=$1
	mkdir -p "$tree/etc/dpkg/dpkg.cfg.d" "$tree/etc/apt/apt.conf.d"
	printf 'path-exclude=%s\n' '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/info/*' \
		'/usr/share/locale/*' '/usr/lib/uml/modules/*' >"$tree/etc/dpkg/dpkg.cfg.d/small"
	echo force-unsafe-io >>"$tree/etc/dpkg/dpkg.cfg.d/small"
	apt-config dump --format '%f "%v";%n' Acquire::http::Proxy Acquire::https::Proxy \
		>"$tree/etc/apt/apt.conf.d/proxy" 2>/dev/null || true
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod +x "$tree/usr/sbin/policy-rc.d"
	in_root "$tree" dpkg-divert --quiet --local --rename --add /usr/sbin/update-initramfs
	ln -s /bin/true "$tree/usr/sbin/update-initramfs"
}

# make_tree TREE RELEASE
make_tree() {
	local tree=$1 release=$2 list proxy=
	mapfile -t list < <(root_packages)
	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	${proxy:+env "http_proxy=$proxy"} eatmydata debootstrap --variant=minbase \
		--include=ca-certificates,eatmydata "$release" "$tree" "$(apt_mirror Debian)"
	tame_tree "$tree"
	apt_sources "$release" >"$tree/etc/apt/sources.list"
	in_root "$tree" apt-get -qq update
	in_root "$tree" eatmydata apt-get -qq -y --no-install-recommends \
		-o Dpkg::Use-Pty=0 install "${list[@]}"
	in_root "$tree" apt-get clean
	rm -rf "$tree"/var/lib/apt/lists/* "$tree"/usr/share/{doc,man,locale}/*
	echo lclone-guest >"$tree/etc/hostname"
	mkdir -p "$tree/repo" "$tree/src"
}

# A small initramfs: busybox, the modules that the root's disk needs, and a script.
# make_initrd TREE KVER OUTPUT
make_initrd() {
	local tree=$1 kver=$2 output=$3 dir m
	dir=$(mktemp -d)
	mkdir -p "$dir"/{bin,dev,proc,sys,root,modules}
	cp "$tree/bin/busybox" "$dir/bin/busybox"
	cp "$GUEST/host/initramfs" "$dir/init"
	chmod +x "$dir/init"
	for m in virtio_pci virtio_blk ext4; do
		in_root "$tree" modprobe --set-version "$kver" --show-depends "$m"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$dir/order"
	while read -r m; do
		# The initramfs has no decompressor for every format that a release may use.
		case $m in
		*.xz) xz -dc "$tree$m" >"$dir/modules/$(basename "$m" .xz)" ;;
		*.zst) zstd -qdc "$tree$m" >"$dir/modules/$(basename "$m" .zst)" ;;
		*) cp "$tree$m" "$dir/modules/" ;;
		esac
	done <"$dir/order"
	sed -i -e 's:.*/::' -e 's/\.\(xz\|zst\)$//' "$dir/order"
	(cd "$dir" && find . | cpio --quiet -o -H newc) >"$output"
	rm -rf "$dir"
}

# make_root DIR RELEASE: everything that DIR is to hold.
make_root() {
	local dir=$1 release=$2 tree=$1/tree kver megabytes
	mkdir -p "$tree"
	make_tree "$tree" "$release"
	kver=$(basename "$(readlink -f "$tree/vmlinuz")" | sed 's/^vmlinuz-//')
	cp "$tree/boot/vmlinuz-$kver" "$dir/vmlinuz"
	make_initrd "$tree" "$kver" "$dir/initrd"
	megabytes=$(($(du -sm "$tree" | cut -f1) * 5 / 4 + 1024))
	mke2fs -q -t ext4 -O ^has_journal -L root -d "$tree" "$dir/root.img" "${megabytes}M"
	echo "$kver" >"$dir/kver"
}

# Removes the trees that no runner has used for two weeks, and what was built in them. Not at once, for
# another checkout may have other scripts.
drop_old_roots() {
	local lock
	find "$CACHE" -maxdepth 1 -name 'root-*-*.lock' -mtime +14 | while read -r lock; do
		flock -n "$lock" rm -rf "${lock%.lock}" "$CACHE/build-$(basename "$lock" .lock)"-* "$lock" || true
	done
}

guest_root() {
	local release=$1 new log
	case $release in
	bookworm | trixie | sid) ;;
	*) die "KERNEL=$release: not one of bookworm, trixie, sid" ;;
	esac
	[ "$(id -u)" -eq 0 ] || die "the guest's root is made with debootstrap, which wants root"
	ROOT_DIR=$CACHE/root-$release-$(root_key)
	exec {root_lock}>"$CACHE/root-$release.lock"
	flock "$root_lock"
	if [ ! -e "$ROOT_DIR/kver" ]; then
		new=$ROOT_DIR.new log=$CACHE/root-$release.log
		rm -rf "$new"
		say "making the root for Debian's $release, once (log: $log)"
		# A subshell under set -e that is no condition, so that the first failure ends it.
		set +e
		(set -e; make_root "$new" "$release") >"$log" 2>&1
		local rc=$?
		set -e
		[ "$rc" -eq 0 ] || { tail -n 30 "$log" >&2; die "could not make the root"; }
		mv "$new" "$ROOT_DIR"
		drop_old_roots
	fi
	touch "$ROOT_DIR.lock"
	exec {ROOT_USE}>"$ROOT_DIR.lock"
	flock -s "$ROOT_USE"
	exec {root_lock}>&-
	KVER=$(<"$ROOT_DIR/kver")
	export ROOT_DIR KVER
}
