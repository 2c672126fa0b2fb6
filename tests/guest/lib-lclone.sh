# shellcheck shell=bash
# In the guest: clones for tests.

# have_lclone: whether the module is loaded.
have_lclone() {
	dmsetup targets | grep -q '^lclone '
}

# clone_format ORIGIN STORE [FORMAT_OPTION]...: writes an empty store.
clone_format() {
	lclone format "$2" --origin "$1" --force "${@:3}"
}

# clone_activate NAME STORE [FEATURE]...: a clone over a store that is formatted; prints its path.
clone_activate() {
	local table
	table=$(lclone table "$2")
	[ $# -eq 2 ] || table+=" $(($# - 2)) ${*:3}"
	make_dm "$1" "$table"
}

# clone_up NAME ORIGIN STORE [FEATURE]...: both.
clone_up() {
	clone_format "$2" "$3"
	clone_activate "$1" "${@:3}"
}

# clone_down NAME: deactivates it before the test ends.
clone_down() {
	remove_dm "$1"
}
