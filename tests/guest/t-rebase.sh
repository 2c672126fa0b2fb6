# shellcheck shell=bash
# Clones that move to another template while they are in use. LCLONE_STEP=N: the tool is killed at
# each Nth of its system calls (default 5).
CPUS=1
TEST_TIMEOUT=400

# shellcheck source=tests/guest/lib-tool.sh
. /repo/tests/guest/lib-tool.sh
# shellcheck source=tests/guest/lib-change.sh
. /repo/tests/guest/lib-change.sh

# second_template SIZE: "gold2", which differs from gold in blocks 10, 300 to 309 and 2048, and behind
# the end of the shorter one; sets IMAGE2.
second_template() {
	IMAGE2=$DIR/gold2.img
	cp "$IMAGE" "$IMAGE2"
	chmod u+w "$IMAGE2"
	truncate -s "$1" "$IMAGE2"
	differ_at 10 1
	differ_at 300 10
	differ_at 2048 1
	template_add gold2 "$IMAGE2"
}
differ_at() {
	dd if=/dev/urandom of="$IMAGE2" bs=4K seek="$1" count="$2" conv=notrunc status=none
}

# on_gold2 NAME: it stands on gold2 alone.
on_gold2() {
	local number
	assert_eq "$(tool_status "$1" .origin.template)" gold2 template
	number=$(losetup -n -O MAJ:MIN -j "$IMAGE2" | tr -d ' ')
	assert_eq "$(dmsetup table "$1" | cut -d' ' -f4,6)" "$number 0" "origin and layers of the table"
}

test_rebase_keeps_what_is_shown() {
	local name sum
	tool_up
	second_template 16M
	for name in a b; do
		lclone create "$name" --template gold --dir "$DIR"
		write_at "/dev/mapper/$name" 8
	done
	blkdiscard -o 1228800 -l 4096 /dev/mapper/a
	sum=$(sum_of a 16)
	# Of the 12 blocks the clone has changed one, and discarded one.
	keeps_rate 20480 .copied_bytes rebase a --template gold2
	gojq -e '.compared and .differ_bytes == 49152 and .copied_bytes == 40960 and .pause_us > 0' /run/out
	on_gold2 a
	assert_eq "$(sum_of a 16)" "$sum" content
	write_at /dev/mapper/a 3
	sum=$(sum_of a 16)
	lclone deactivate a b
	lclone check --quiet "$DIR/a.lclone" || fail "the check found damage"
	lclone activate a
	assert_eq "$(sum_of a 16)" "$sum" "content, activated again"
	lclone rebase a --template gold2 | grep 'stands on gold2 already'
	# Inactive, and with what was found out for the other.
	lclone activate b
	sum=$(sum_of b 16)
	lclone deactivate b
	lclone rebase b --template gold2 --json | gojq -e '.compared == false and .differ_bytes == 49152'
	expect_fail dmsetup info b
	lclone activate b
	on_gold2 b
	assert_eq "$(sum_of b 16)" "$sum" "content of the other"
	# Nobody needs the template any more.
	wait_until no_loops "$IMAGE"
	lclone template remove gold
	expect_fail lclone template remove gold2
	expect_fail lclone rebase b --template gold
	expect_fail lclone rebase nobody --template gold2
}

# The templates differ where no fingerprint takes a sample, so nothing but their names tells them apart.
test_p8_catalog_older_than_the_rebase() {
	local sum
	tool_up
	IMAGE2=$DIR/gold2.img
	cp "$IMAGE" "$IMAGE2"
	chmod u+w "$IMAGE2"
	printf 'what nobody drew' | dd of="$IMAGE2" bs=1 seek=5100000 conv=notrunc status=none
	template_add gold2 "$IMAGE2"
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 8
	cp "$LCLONE_STATE_DIR/catalog.json" /run/older
	lclone rebase vm --template gold2 --update --force
	sum=$(sum_of vm 16)
	cp /run/older "$LCLONE_STATE_DIR/catalog.json"
	# While it is up the template of the table counts; what it is compared with would be the other one.
	expect_fail lclone rebase vm --template gold
	expect_said "its store names another template: gold2"
	assert_eq "$(sum_of vm 16)" "$sum" "content after a rebase that was refused"
	lclone deactivate vm
	expect_fail lclone activate vm
	expect_said "its store names another template: gold2"
	expect_said "'lclone scan'"
	expect_fail lclone commit vm --template v1 --to "$DIR/v1.raw"
	expect_said "its store names another template: gold2"
	lclone scan "$DIR" >/dev/null
	lclone activate vm
	on_gold2 vm
	assert_eq "$(sum_of vm 16)" "$sum" content
}

# What a scan has read of a store is old when it comes to a device that keeps it waiting; whoever changes
# the catalog waits for it, so it does not put back what was before.
test_p8_rebase_while_a_scan_looks() {
	local slow scan rebase
	tool_up
	second_template 16M
	lclone create vm --template gold --dir "$DIR"
	slow=$(make_linear slow "$(make_loop 16M)")
	udevadm settle
	dmsetup suspend slow
	lclone scan "$DIR" "$slow" >/dev/null &
	scan=$!
	wait_until has_open "$scan" "$(readlink -f "$slow")"
	lclone rebase vm --template gold2 &
	rebase=$!
	wait_until ended_or_waits "$rebase"
	dmsetup resume slow
	wait "$scan"
	wait "$rebase"
	assert_eq "$(tool_status vm .origin.template)" gold2 template
	expect_fail lclone template remove gold2
}
has_open() {
	readlink "/proc/$1/fd/"* | grep -qxF "$2"
}
# Blocked requests follow the lock that they wait for, with an arrow.
ended_or_waits() {
	[ ! -e "/proc/$1" ] || grep -q -- "-> FLOCK .* $1 " /proc/locks
}

test_rebase_to_shorter_and_longer_templates() {
	local sum
	tool_up
	second_template 14M
	lclone create vm --template gold --dir "$DIR" --size 20M
	write_at /dev/mapper/vm 15
	sum=$(sum_of vm 20)
	lclone rebase vm --template gold2
	on_gold2 vm
	assert_eq "$(sum_of vm 20)" "$sum" "content over a shorter one"
	cp "$IMAGE2" "$DIR/gold3.img"
	random 10M | dd of="$DIR/gold3.img" bs=1M seek=14 iflag=fullblock conv=notrunc status=none
	template_add gold3 "$DIR/gold3.img"
	lclone rebase vm --template gold3
	assert_eq "$(sum_of vm 20)" "$sum" "content over a longer one"
	lclone resize vm 24M
	assert_eq "$(sum_of vm 20)" "$sum" "content of a larger one"
	zeros_at vm 20 4
}

test_rebase_through_layers() {
	local sum one
	tool_up 400M
	second_template 16M
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	one=$(sum_of vm 16)
	lclone snapshot vm one
	write_at /dev/mapper/vm 2
	lclone snapshot vm two
	write_at /dev/mapper/vm 3
	blkdiscard -o 2M -l 64K /dev/mapper/vm
	sum=$(sum_of vm 16)
	lclone rebase vm --template gold2
	on_gold2 vm
	assert_eq "$(sum_of vm 16)" "$sum" content
	expect_fail lclone template remove gold
	lclone rollback vm one
	assert_eq "$(sum_of vm 16)" "$one" "content of the snapshot"
	assert_eq "$(tool_status vm .origin.template)" gold "template of the snapshot"
	lclone remove vm
	lclone template remove gold
}

# The snapshot stays over the template that it was made of, and so does what is made of it. The other one
# differs where no quick fingerprint looks.
test_commit_of_a_snapshot_left_behind() {
	local one
	tool_up
	IMAGE2=$DIR/alike/gold2.img
	mkdir "$DIR/alike"
	cp "$IMAGE" "$IMAGE2"
	chmod u+w "$IMAGE2"
	differ_at 2047 2
	template_add gold2 "$IMAGE2"
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	one=$(sum_of vm 16)
	lclone snapshot vm one
	write_at /dev/mapper/vm 2
	lclone rebase vm --template gold2
	on_gold2 vm
	lclone commit vm@one --template v1 --to "$DIR/v1.raw"
	assert_eq "$(hash_of "$DIR/v1.raw")" "$one" "the image, over one that looks the same"
	# Over one that does not, and over none.
	cp "$IMAGE" "$DIR/alike/gold3.img"
	chmod u+w "$DIR/alike/gold3.img"
	IMAGE2=$DIR/alike/gold3.img differ_at 0 4096
	template_add gold3 "$DIR/alike/gold3.img"
	lclone rebase vm --template gold3
	# Beside the file of its own one.
	lclone commit vm@one --template v2
	assert_eq "$(hash_of "$DIR/v2.raw")" "$one" "the image, over another one"
	lclone flatten vm
	lclone commit vm@one --template v3
	assert_eq "$(hash_of "$DIR/v3.raw")" "$one" "the image, beside an independent clone"
}

test_update_takes_the_rest_from_the_new_one() {
	local model
	tool_up
	second_template 16M
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	dd if=/dev/mapper/vm of="$DIR/drift" bs=1M skip=1 count=1 iflag=direct status=none
	lclone snapshot vm one
	blkdiscard -o 8M -l 64K /dev/mapper/vm
	expect_fail lclone rebase vm --template gold2 --update
	expect_said "filesystems do not merge"
	exec {held}</dev/mapper/vm
	expect_fail lclone rebase vm --template gold2 --update --force
	expect_said "it is open"
	exec {held}<&-
	lclone rebase vm --template gold2 --update --force
	on_gold2 vm
	model=$DIR/model
	cp "$IMAGE2" "$model"
	chmod u+w "$model"
	dd if="$DIR/drift" of="$model" bs=1M seek=1 conv=notrunc status=none
	dd if=/dev/zero of="$model" bs=64K seek=128 count=1 conv=notrunc status=none
	cmp "$model" /dev/mapper/vm
}

# What was cut off and grown again reads zeros; also when the layer that says so is gone.
test_p4_rebase_of_what_was_cut_and_grown_again() {
	local sum
	tool_up
	second_template 20M
	lclone create vm --template gold --dir "$DIR"
	write_at /dev/mapper/vm 1
	lclone snapshot vm one
	lclone resize vm 8389120 --force
	lclone resize vm 18M
	write_at /dev/mapper/vm 12
	lclone snapshot vm two
	write_at /dev/mapper/vm 2
	sum=$(sum_of vm 18)
	lclone rebase vm --template gold2
	on_gold2 vm
	assert_eq "$(sum_of vm 18)" "$sum" content
	zeros_at vm 13 5
	lclone deactivate vm
	lclone check --quiet "$(store_path vm)" || fail "the check found damage"
	lclone activate vm
	assert_eq "$(sum_of vm 18)" "$sum" "content, activated again"
	lclone resize vm 20M
	zeros_at vm 18 2
}
store_path() {
	lclone status "$1" --json | gojq -r .store.path
}

# With update a template is shown as a whole, or as far as the clone goes.
test_update_to_a_longer_template() {
	tool_up
	second_template 20M
	lclone create large --template gold --dir "$DIR" --size 24M
	lclone create vm --template gold --dir "$DIR"
	expect_fail lclone rebase large --template gold2 --update --force
	expect_said "shows no more than the first 16M of a template, and gold2 is longer"
	expect_said "lclone create NAME --template gold2"
	assert_eq "$(tool_status large .origin.template)" gold template
	lclone rebase vm --template gold2 --update --force 2>/run/said
	grep "gold2 is longer: the clone keeps its size of 16M" /run/said
	on_gold2 vm
	cmp -n 16777216 "$IMAGE2" /dev/mapper/vm
	lclone resize vm 20M
	zeros_at vm 16 4
	# Without it all is as it was, of whatever length.
	lclone rebase large --template gold2
	cmp -n 16777216 "$IMAGE" /dev/mapper/large
	zeros_at large 16 8
}

test_filesystem_in_use_is_rebased() {
	local mnt fio
	tool_state
	tool_dir 600M
	IMAGE=$DIR/fs.img
	truncate -s 64M "$IMAGE"
	mkfs.ext4 -q "$IMAGE"
	mnt=$(mktemp -d /run/mnt.XXXXXX)
	on_exit rmdir "$mnt"
	mount -o loop "$IMAGE" "$mnt"
	random 20M >"$mnt/old"
	sum=$(hash_of "$mnt/old")
	umount "$mnt"
	template_add fs "$IMAGE"
	# The next version of the template: files that have changed and moved.
	cp "$IMAGE" "$DIR/fs2.img"
	chmod u+w "$DIR/fs2.img"
	mount -o loop "$DIR/fs2.img" "$mnt"
	rm "$mnt/old"
	random 12M >"$mnt/new"
	umount "$mnt"
	template_add fs2 "$DIR/fs2.img"
	lclone create vm --template fs --dir "$DIR"
	mount /dev/mapper/vm "$mnt"
	fio --name=load --directory="$mnt" --size=8M --io_size=16M --rw=randwrite --bsrange=4k-32k \
		--ioengine=psync --fsync=32 --verify=crc32c --verify_fatal=1 --output=/run/fio.out &
	fio=$!
	lclone rebase vm --template fs2 --rate 8M
	assert_eq "$(tool_status vm .origin.template)" fs2 template
	wait "$fio" || fail "$(</run/fio.out)"
	lclone template remove fs
	sync
	echo 3 >/proc/sys/vm/drop_caches
	assert_eq "$(hash_of "$mnt/old")" "$sum" "a file of the old template"
	umount "$mnt"
	e2fsck -fn /dev/mapper/vm
}

test_full_store_ends_it() {
	local sum
	tool_up
	random 16M >"$DIR/other.img"
	template_add other "$DIR/other.img"
	lclone create vm --template gold --dir "$DIR" --store-size 12M
	sum=$(sum_of vm 16)
	expect_fail lclone rebase vm --template other
	expect_said "its store is full"
	assert_eq "$(tool_status vm .origin.template)" gold template
	assert_eq "$(sum_of vm 16)" "$sum" "content of a full one"
	lclone extend vm --size 40M
	lclone rebase vm --template other
	assert_eq "$(tool_status vm .origin.template)" other template
	assert_eq "$(sum_of vm 16)" "$sum" content
}

test_tool_killed_in_a_rebase() {
	local n sum templates=
	tool_up 600M
	second_template 16M
	for ((n = 2; n < 400; n += ${LCLONE_STEP:-7})); do
		lclone create vm --template gold --dir "$DIR"
		write_at /dev/mapper/vm 2
		sum=$(sum_of vm 16)
		killed_at "$n" rebase vm --template gold2 || break
		in_order vm
		assert_eq "$(sum_of vm 16)" "$sum" "content, killed at $n"
		templates+=" $(tool_status vm .origin.template)"
		lclone rebase vm --template gold2
		on_gold2 vm
		assert_eq "$(sum_of vm 16)" "$sum" "content, rebased at last"
		lclone remove vm
	done
	note "$n steps:$(printf '%s\n' $templates | sort | uniq -c | tr '\n' ' ')"
	[ "$n" -gt 10 ] || fail "it has no more than $n steps"
}
