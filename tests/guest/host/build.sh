# shellcheck shell=bash
# Builds the module and the tool in the guest's root, from a copy of the sources that stays in the
# cache, so that only what changed is compiled again.
#
# guest_sources [SUFFIX] makes the copy, BUILD_DIR, and holds its lock until sources_unlock or the
# end, since two runners may want the same one. guest_build puts the module and tools/lclone into it.

# Copies what git does not ignore. Objects of earlier builds stay: rsync neither copies nor deletes
# what a .gitignore names.
copy_sources() {
	mkdir -p "$BUILD_DIR"
	rsync -a --delete --exclude=/.git --filter=':- .gitignore' "$TOP/" "$BUILD_DIR/"
}

in_build() {
	in_root "$ROOT_DIR/tree" --bind "$BUILD_DIR" /src \
		${KERNEL_TREE:+--bind "$KERNEL_TREE" "$DEBUG_TREE"} "$@"
}

# build_module [KBUILD_ARGUMENT]...
build_module() {
	in_build make -s -C "/lib/modules/$KVER/build" M=/src "-j$(nproc)" "$@" modules 2>&1 |
		sed -u '/^Skipping BTF generation/d'
}

build_tool() {
	in_build make -s -C /src/tools "-j$(nproc)"
}

# The module as kbuild left it, at the top or in dm-lclone/.
built_module() {
	find "$BUILD_DIR" -maxdepth 2 -name dm-lclone.ko -print -quit
}

# What tests/guest/debug needs: a module with bugs to find, the unit tests as a module, and helpers.
build_for_debug() {
	build_module M=/src/tests/guest/debug/planted &&
		{ [ "$RELEASE" != debug ] || build_module M=/src/tests/unit/kernel; } &&
		in_build make -s -C /src/tests/guest/debug
}

guest_sources() {
	BUILD_DIR=$CACHE/build-$(basename "$ROOT_DIR")-$(echo "$TOP" | sha256sum | cut -c1-8)${1:-}
	exec {BUILD_LOCK}>"$BUILD_DIR.lock"
	flock "$BUILD_LOCK"
	copy_sources
}

sources_unlock() {
	exec {BUILD_LOCK}>&-
}

guest_build() {
	in_build make -s -C /src/tests/guest/helpers || die "the helpers of the tests did not build"
	build_module || die "the module did not build"
	[ -n "$(built_module)" ] || die "kbuild made no dm-lclone.ko"
	! is_debug "$RELEASE" || build_for_debug || die "what tests/guest/debug needs did not build"
	build_tool || die "the tool did not build"
}
