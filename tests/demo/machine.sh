# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: what happens to the disk of one machine, and whether all of it is found there later,
# and nothing of the others.
#
# What a machine gets is made beside the clone, in $WORK/NAME, and copied to it; so what is compared
# later never came from the clone. Its machine-id is its token: 32 digits that occur in its files and
# in no other's.

PACKAGES=(openssh-server nano rsync)
ARCHIVES=var/cache/apt/archives
LOG_LINES=2000
: >"${TOKENS:=/run/demo-tokens}"

token_of() {
	cat "$WORK/$1/etc/machine-id"
}

# package_of NAME: machines do not all install the same.
package_of() {
	echo "${PACKAGES[${1#vm} % ${#PACKAGES[@]}]}"
}

# unpack DEB DIR: as dpkg does; dpkg-deb -x would put directories in the place of /lib and /bin.
unpack() {
	dpkg-deb --fsys-tarfile "$1" | tar -xp --keep-directory-symlink -C "$2"
}

# Unpacks each package into memory and keeps the sums of its files. While there are clones, nobody can
# mount the template.
stage_packages() {
	local package root
	mount -o ro,noload "$TEMPLATE" "$MOUNTS"
	for package in "${PACKAGES[@]}"; do
		root=$WORK/package-$package
		mkdir -p "$root"
		unpack "$MOUNTS/$ARCHIVES/$package.deb" "$root"
		(cd "$root" && find . -type f -print0 | xargs -0 sha256sum) >"$root.sums"
	done
	umount "$MOUNTS"
}

# The lines of a log that the machine wrote.
log_of() {
	awk -v name="$1" -v token="$2" -v lines="$LOG_LINES" 'BEGIN {
		for (i = 1; i <= lines; i++)
			printf "Nov 21 %02d:%02d:%02d %s systemd[1]: Started session-%d.scope of machine %s.\n",
				i / 360, i / 6 % 60, i * 10 % 60, name, i, token
	}'
}

# stage NAME: the files that are this machine's own.
stage() {
	local name=$1 dir=$WORK/$1 token
	mkdir -p "$dir"/{etc/ssh,var/log}
	token=$(tr -d - </proc/sys/kernel/random/uuid)
	echo "$token" >"$dir/etc/machine-id"
	echo "$token" >>"$TOKENS"
	echo "$name" >"$dir/etc/hostname"
	printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >"$dir/etc/hosts"
	(
		umask 077
		openssl ecparam -name prime256v1 -genkey -noout -out "$dir/etc/ssh/ssh_host_ecdsa_key"
	)
	log_of "$name" "$token" >"$dir/var/log/syslog"
	(cd "$dir" && find . -type f -print0 | xargs -0 sha256sum) >"$dir.sums"
}

# drift NAME: leaves the clone mounted.
drift() {
	local name=$1 root=$MOUNTS/$1 deb
	stage "$name"
	mkdir "$root"
	mount "/dev/mapper/$name" "$root"
	cp -R --preserve=mode,timestamps "$WORK/$name/." "$root/"
	deb=$root/$ARCHIVES/$(package_of "$name").deb
	unpack "$deb" "$root"
	# And it cleans up after itself.
	rm "$root/$ARCHIVES"/*.deb
}

# leave NAME
leave() {
	umount "$MOUNTS/$1"
}

# tokens_in DIR...: whose tokens occur in files.
tokens_in() {
	grep -rahoFf "$TOKENS" "$@" | sort -u
}

# verify NAME: its own files and its package's are whole, what it deleted is gone, and no file of a
# kind that changed holds a token of another machine.
verify() {
	local name=$1 root=$MOUNTS/$1 sums
	mount -o ro "/dev/mapper/$name" "$root"
	for sums in "$WORK/$name.sums" "$WORK/package-$(package_of "$name").sums"; do
		(cd "$root" && sha256sum --quiet -c "$sums") || fail "$name: files are not as they were written"
	done
	assert_eq "$(cat "$root/etc/hostname")" "$name" "host name of $name"
	assert_eq "$(find "$root/$ARCHIVES" -name '*.deb')" "" "files that $name deleted"
	assert_eq "$(tokens_in "$root/etc" "$root/var/log")" "$(token_of "$name")" "tokens in $name"
	umount "$root"
}

# check_store NAME: of a clone that is not active. All that is not the origin's is in the store, so
# the tokens in the store are all tokens that can be in the clone. tar skips the holes of the file.
check_store() {
	local store=$STORES/$1.lclone found
	lclone check "$store" >"$WORK/$1/check" 2>&1 ||
		{ cat "$WORK/$1/check" && fail "$1: lclone check finds damage"; }
	found=$(tar -cSf - -C "$STORES" "$1.lclone" | grep -aoFf "$TOKENS" | sort -u)
	assert_eq "$found" "$(token_of "$1")" "tokens in the store of $1"
}
