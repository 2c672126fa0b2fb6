# shellcheck shell=bash
# What clones cost the host (P9).
TEST_TIMEOUT=300

# loops_make N: sets PLAIN, N loop devices, and STORES, N formatted stores on others.
loops_make() {
	local i
	for i in $(seq "$1"); do
		PLAIN[i]=$(make_loop 8M)
		STORES[i]=$(make_loop 8M)
		clone_format "$ORIGIN" "${STORES[i]}"
	done
}

# devices_make PREFIX TARGET DEV...: a device for each DEV, PREFIX1 and on, all at once; @ in TARGET is DEV.
devices_make() {
	local prefix=$1 target=$2 n=0 dev tables=
	shift 2
	for dev in "$@"; do
		n=$((n + 1))
		tables+="$prefix$n,LCLONE-$prefix$n,,rw,0 16384 ${target/@/$dev};"
	done
	dmsetup create --concise "${tables%;}"
}

# devices_remove PREFIX: those that there are.
devices_remove() {
	local names
	mapfile -t names < <(dmsetup ls | sed -n "s/^\($1[0-9]*\)[[:space:]].*/\1/p")
	[ ${#names[@]} -eq 0 ] || dmsetup remove --retry "${names[@]}"
}

linears_make() { devices_make l "linear @ 0" "${PLAIN[@]}"; }
linears_remove() { devices_remove l; }
# clones_make: a clone on each of STORES, c1 and on.
clones_make() { devices_make c "lclone $ORIGIN @ 0" "${STORES[@]}"; }
clones_remove() { devices_remove c; }

# threads: of the kernel's, those that are ours.
threads() {
	ps -e -o comm= | grep -c '^lclone' || true
}

# Those that udev keeps for what may come have stacks and page tables; when it reads its rules again, it sends
# them away.
no_udev_workers() {
	! pgrep -P "$(pgrep -o udevd)" >/dev/null
}

# kernel_memory: KiB that the kernel has for itself.
kernel_memory() {
	udevadm settle
	udevadm control --reload
	wait_until -t 90 no_udev_workers
	awk '/^(SUnreclaim|KernelStack|PageTables|Percpu|VmallocUsed):/ { sum += $2 } END { print sum }' /proc/meminfo
}

# cost_of WHAT: KiB that the kernel takes for what WHAT_make makes, until it is removed. Measured again when
# the kernel has less at the end than at the beginning: it has given something else back meanwhile, which an
# earlier test had left.
cost_of() {
	local before with after tries=5
	before=$(kernel_memory)
	while :; do
		"$1_make"
		with=$(kernel_memory)
		"$1_remove"
		after=$(kernel_memory)
		[ "$after" -lt $((before - 64)) ] || break
		[ $((tries -= 1)) -gt 0 ] || fail "the kernel gives back memory that has nothing to do with this"
		before=$after
	done
	echo $((with - before))
}

# 30 of them; LCLONE_CLONES says how many else.
test_p9_idle_clones_own_no_thread_and_little_memory() {
	local n=${LCLONE_CLONES:-30} i ours linear clones begin
	origin_make 8M
	noise
	# All of them first: what a loop device takes depends on whether an earlier test left it.
	loops_make "$n"
	on_exit linears_remove
	on_exit clones_remove
	ours=$(threads)
	# Against what dm takes for as many linear ones; these come second, when slabs are there for both.
	clones=$(cost_of clones)
	linear=$(cost_of linears)
	note "$n linear devices: $linear KiB; $n clones: $clones KiB; $(((clones - linear) / n)) KiB more for each"
	[ "$clones" -le $((linear + n * 64)) ] || fail "an idle clone takes $(((clones - linear) / n)) KiB more than a linear device"
	begin=$EPOCHREALTIME
	clones_make
	echo "$n clones in $(elapsed "$begin") s"
	assert_eq "$(threads)" "$ours" "threads of ours with $n clones"
	for i in 1 $((n / 2)) "$n"; do
		dd if="$NOISE" of="/dev/mapper/c$i" bs=4K count=16 seek="$i" oflag=direct conv=notrunc status=none
		cmp -i $((i * 4096)):0 -n 65536 "/dev/mapper/c$i" "$NOISE"
	done
	cmp -n 8388608 /dev/mapper/c2 "$ORIGIN"
}

# Memory that is short is taken back from the map, and a leaf is read again when it is needed.
test_p9_leaves_are_given_back() {
	local i before
	origin_make 32M
	store_make 64M
	clone_make
	for i in 0 1 2 3 4 5 6 7; do
		both write "$((i * 4))M" 4K fsync
	done
	dmsetup message clone 0 checkpoint
	before=$(status_of clone memory)
	[ "$before" -ge 9 ] || fail "$before pages in memory"
	echo 2 >/proc/sys/vm/drop_caches
	echo 2 >/proc/sys/vm/drop_caches
	[ "$(status_of clone memory)" -lt "$before" ] || fail "$(status_of clone memory) of $before pages are still in memory"
	both same
	clone_check
}

# Memory of a process that has to go to a clone before there is more: first writes make progress when
# nothing is free.
long_p9_swap_on_a_clone() {
	local group=/sys/fs/cgroup/swapping
	ORIGIN=-
	store_make 160M
	clone_make -s $((256 * 2048))
	mkswap "$CLONE"
	swapon "$CLONE"
	on_exit eval '! grep -q "^/dev/dm" /proc/swaps || swapoff "$CLONE"'
	noise
	mkdir "$group"
	on_exit rmdir "$group"
	echo 40M >"$group/memory.max"
	(
		echo "$BASHPID" >"$group/cgroup.procs"
		cat "$NOISE" "$NOISE" "$NOISE" | tail -c 90M
	) | cmp - <(cat "$NOISE" "$NOISE" "$NOISE" | tail -c +$((6 * 1048576 + 1))) || fail "what came back from swap"
	[ "$(status_of clone data)" -gt 8000 ] || fail "only $(status_of clone data) blocks were swapped out"
	swapoff "$CLONE"
	clone_check
}
