# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# lclone table: the origin is found and compared.

# Sets $s and $o: loop devices over a store and its origin.
pair() {
	file o.img 33M
	head -c 1M /dev/urandom | dd of=o.img conv=notrunc status=none
	file s.img 64M
	loop o.img --read-only
	o=$dev
	loop s.img
	s=$dev
	expect 0 lclone format "$s" --origin "$o" --name vm1 "$@"
}

test_table() {
	pair
	expect 0 lclone table "$s"
	silent
	[ "$(cat out)" = "0 $((33 * 2048)) lclone $o $s 0" ] || fail "not the table"
	expect 0 lclone table "$s" --origin "$o"
	expect 0 lclone table "$s" --json
	json '.name == "vm1" and .size_bytes == 33 * 1048576'
	json '.dm_uuid == "LCLONE-" + .uuid'
}

test_command() {
	pair
	expect 0 lclone table "$s" --command vm7
	prints "^dmsetup create vm7 --uuid LCLONE-[0-9a-f-]{36} --table \"0 67584 lclone $o $s 0\"$"
	expect 2 lclone table "$s" --command 'a b'
}

test_features() {
	pair
	expect 0 lclone table "$s" --error-if-no-space
	prints " 0 1 error_if_no_space$"
	expect 0 lclone table "$s" --no-discard-passdown --error-if-no-space --error-if-no-space
	prints " 0 2 no_discard_passdown error_if_no_space$"
}

test_no_origin() {
	file s.img 64M
	loop s.img
	expect 0 lclone format "$dev" --origin - --size 5G
	expect 0 lclone table "$dev"
	[ "$(cat out)" = "0 $((5 * 2097152)) lclone - $dev 0" ] || fail "not the table"
	expect 0 lclone table "$dev" --origin -
	file o.img 1M
	refused 'records no origin' lclone table "$dev" --origin o.img
}

test_files_are_found_by_their_loop_devices() {
	file o.img 33M
	store s.img 64M --origin o.img
	refused 'is no block device' lclone table s.img
	loop s.img
	s=$dev
	refused 'o.img: is no block device' lclone table s.img
	loop o.img
	expect 0 lclone table s.img
	prints "lclone $dev $s 0$"
}

test_changed_origin() {
	pair
	losetup -d "$o"
	printf 'x' | dd of=o.img bs=1 seek=$((33 * 1048576 - 1)) conv=notrunc status=none
	loop o.img
	refused 'is not the origin of this store: its content' lclone table "$s" --origin "$dev"
}

test_resized_origin() {
	pair
	losetup -d "$o"
	truncate -s 34M o.img
	loop o.img
	refused 'not the origin of this store: it has 69632 sectors' lclone table "$s" --origin "$dev"
}

test_missing_origin() {
	pair
	losetup -d "$o"
	file other.img 33M
	loop other.img
	# The recorded path now leads elsewhere, or nowhere: both are refused.
	refused '' lclone table "$s"
	refused 'is not the origin' lclone table "$s" --origin "$dev"
	expect 1 lclone table "$s" --origin "$PWD/none"
	says "none: the origin cannot be found"
	refused 'needs its origin' lclone table "$s" --origin -
}

test_store_inside_origin_at_table_time() {
	pair
	refused 'is the origin itself' lclone table "$s" --origin "$s"
}

test_sector_sizes_at_table_time() {
	pair
	losetup -d "$s"
	loop s.img --sector-size 4096
	refused 'sectors of 4096 bytes' lclone table "$dev"
}

test_fingerprint_samples() {
	local size
	for size in 512 4096 4608 $((256 * 4096)) $((257 * 4096 + 512)) 1G; do
		head -c 100 /dev/urandom >o.img
		truncate -s $size o.img
		store s.img 16M --origin o.img
		expect 0 lclone info s.img --json
		recorded=$(jq -r .origin.fingerprint out)
		[ "$recorded" = "$(recipe o.img)" ] || fail "not the recipe for $size bytes"
	done
}

# fingerprint.h's recipe, by hand.
recipe() {
	perl -e '
		use integer;
		my ($file) = @ARGV;
		open my $in, "<:raw", $file or die;
		my $sectors = (-s $in) / 512;
		my $blocks = ($sectors + 7) / 8;
		my $n = $blocks < 256 ? $blocks : 256;
		print "dm-lclone sampled fingerprint v1", pack("Q<", $sectors);
		for my $i (0 .. $n - 1) {
			my $block = $n == 1 ? 0 : $i * ($blocks - 1) / ($n - 1);
			seek $in, $block * 4096, 0;
			defined(read $in, my $data, 4096) or die;
			print pack("Q< a4096", $block, $data);
		}' "$1" | sha256sum | cut -d' ' -f1
}
