# shellcheck shell=bash
# Disks, and one boot of a guest.

# Blank sparse disks, kept in RUN for all boots of the run: make_disks SIZE...
make_disks() {
	local size n=0
	rm -f "$RUN"/disk*
	for size in "$@"; do
		n=$((n + 1))
		truncate -s "$size" "$RUN/disk$n"
	done
}

# The disk that carries the module, the tool, the tests and the orders for this boot.
# make_repo_disk: from RUN/repo
make_repo_disk() {
	local megabytes
	megabytes=$(($(du -sm "$RUN/repo" | cut -f1) * 5 / 4 + 128))
	rm -f "$RUN/repo.img"
	truncate -s "${megabytes}M" "$RUN/repo.img"
	mke2fs -q -t ext4 -O ^has_journal -d "$RUN/repo" "$RUN/repo.img"
}

# Debian's kernel wants hardware virtualization for KVM; /dev/kvm alone does not say that it works.
# The simplest CPU is a quarter quicker to emulate than one with all that QEMU knows. It is given RDRAND, so
# that the kernel has its random numbers at once: else it gets them in the midst of a test, and patches the
# code of urandom then, where the emulator may have another CPU run into the breakpoint of that.
accelerator() {
	if [ -w /dev/kvm ] && grep -qEw 'vmx|svm' /proc/cpuinfo; then
		echo "-accel kvm -cpu host"
	else
		echo "-accel tcg,thread=multi -cpu qemu64,+rdrand"
	fi
}

# Adds to ARGS a disk FILE with SERIAL and drive options.
add_disk() {
	local file=$1 serial=$2 options=$3
	ARGS+=(-drive "if=none,id=$serial,format=raw,file=$file,$options"
		-device "virtio-blk-pci,drive=$serial,serial=$serial")
}

# Debian's kernel clears each page that it hands out, which is half of what a copy takes where it is
# emulated; and the emulator keeps what it has translated by its virtual address, so that a process with
# addresses of its own has ld.so and libc translated anew, which is three quarters of what it takes to
# start one. Tests can do without; what is measured is measured with both, as users have it.
cmdline() {
	echo "$CMDLINE$([ -n "$ICOUNT" ] || echo " init_on_alloc=0 norandmaps")"
}

# A machine of QEMU's newer kind: the ACPI tables of the older one have the guest compute how interrupts
# are routed, which takes it ten seconds where it is emulated, and minutes under KASAN.
qemu_args() {
	local accel n
	read -r -a accel <<<"$(accelerator)"
	[ -z "$ICOUNT" ] || accel=(-accel "tcg,thread=single" -cpu max -icount "shift=0,sleep=off")
	ARGS=(-machine q35 -nodefaults -no-user-config -display none -no-reboot -name lclone-guest
		"${accel[@]}" -smp "$SMP" -m "$MEMORY"
		-kernel "$ROOT_DIR/vmlinuz" -initrd "$ROOT_DIR/initrd"
		-append "$(cmdline)" -serial "file:$RUN/console"
		-chardev "stdio,id=results,signal=off" -device virtio-serial-pci
		-device "virtserialport,chardev=results,name=lclone.results")
	add_disk "$ROOT_DIR/root.img" root "snapshot=on"
	add_disk "$RUN/repo.img" repo "cache=unsafe"
	n=1
	while [ -e "$RUN/disk$n" ]; do
		add_disk "$RUN/disk$n" "data$n" "cache=$DISK_CACHE,discard=unmap"
		n=$((n + 1))
	done
	ARGS+=("${QEMU_ARGS[@]}")
}

# The watchdogs get much time: the guest may be emulated, on a host that has other things to do; for the
# same reason the kernel must not insist on a timer that ticks at once, nor give a clock up that another one
# is compared with: that patches the scheduler's code, with what comes of it (see accelerator).
CMDLINE="console=ttyS0 loglevel=4 panic=-1 mitigations=off random.trust_cpu=1 audit=0 \
net.ifnames=0 no_timer_check tsc=nowatchdog watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"

# Starts a guest. Its results channel is QEMU's standard output, which is open as fd $FROM_GUEST;
# QEMU's process is $QEMU_PID.
boot() {
	local hold
	qemu_args
	: >"$RUN/console"
	# A pipe that is its own other end: QEMU must never see an end of its input, for then it
	# would close the channel.
	rm -f "$RUN/stdin"
	mkfifo "$RUN/stdin"
	exec {hold}<>"$RUN/stdin"
	exec {FROM_GUEST}< <(exec qemu-system-x86_64 "${ARGS[@]}" <&"$hold" 2>"$RUN/qemu.log")
	QEMU_PID=$!
	exec {hold}>&-
}

cut_power() {
	kill -KILL "$QEMU_PID" 2>/dev/null || true
	wait "$QEMU_PID" 2>/dev/null || true
}

boot_end() {
	cut_power
	exec {FROM_GUEST}<&-
	cat "$RUN/console" >>"$RUN/console.all"
}
