# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: the work that is measured. A job is one run of fio; $RESULTS keeps what it reported
# and what the devices below were asked for.

# Time counts instructions, so that a job can be short; fio's clock has a resolution of 1 ms. What
# maps 4 KiB blocks does not care how many have been written before and has longer jobs; what copies
# larger units has as many I/Os as are still mostly first ones.
ios_of() {
	case $1 in
	linear | lclone | layers* | snapshots*) FIRST_IOS=32768 RANDOM_IOS=32768 SYNC_IOS=16384 LOOPS=2 ;;
	snapshot4) FIRST_IOS=32768 RANDOM_IOS=32768 SYNC_IOS=16384 LOOPS=1 ;;
	*) FIRST_IOS=16384 RANDOM_IOS=8192 SYNC_IOS=2048 LOOPS=1 ;;
	esac
}

# reads, read sectors, writes, written sectors of all devices below, since they were made
disk_counts() {
	disks_below | sed 's:.*:/sys/block/&/stat:' | xargs cat |
		awk '{ r += $1; rs += $3; w += $5; ws += $7 } END { print r, rs, w, ws }'
}

# udev looks at each device that was open for writing. It has to wait while I/O is counted.
quiet_begin() { udevadm settle && udevadm control --stop-exec-queue; }
quiet_end() { udevadm control --start-exec-queue && udevadm settle; }

# job KIND NAME UNIT_BYTES FIO_OPTION...: runs it on $DEV, syncs, and notes what fio and the devices
# said.
job() {
	local kind=$1 name=$2 unit=$3 before after begin=$EPOCHREALTIME out
	shift 3
	out=$RESULTS/$((JOB_NUMBER += 1))
	quiet_begin
	before=$(disk_counts)
	fio --name="$name" --filename="$DEV" --direct=1 --thread=1 --randrepeat=1 --bs="$unit" \
		--group_reporting=1 --output-format=json --output="$out.fio" "$@" ||
		fail "fio: $(tail -n 5 "$out.fio")"
	sync "$DEV"
	after=$(disk_counts)
	quiet_end
	echo "\"$kind $name $unit $before $after\"" >"$out.job"
	printf '%-10s %-20s %5s s\n' "$kind" "$name" "$(elapsed "$begin")"
}

# What all jobs noted, in their order: pairs of a string and what fio said.
noted() {
	local n
	for n in $(seq "$JOB_NUMBER"); do
		cat "$RESULTS/$n.job" "$RESULTS/$n.fio"
	done
}

# random_io KIND NAME FIO_RW IOS SEED: 4K at depth 16; the seed tells which blocks in which order.
random_io() {
	job "$1" "$2" 4096 --rw="$3" --ioengine=libaio --iodepth=16 \
		--io_size="$(($4 * 4096))" --size="$ORIGIN_SIZE" --randseed="$5"
}

# synced KIND NAME JOBS: 4K, each with an fdatasync after it, each job in a part of its own.
synced() {
	local part=$(($(bytes "$ORIGIN_SIZE") / $3))
	job "$1" "$2" 4096 --rw=randwrite --ioengine=psync --fdatasync=1 --numjobs="$3" --size="$part" \
		--offset_increment="$part" --io_size="$((SYNC_IOS / $3 * 4096))" --randseed=2
}

# sequential KIND NAME FIO_RW LOOPS
sequential() {
	job "$1" "$2" 1048576 --rw="$3" --ioengine=psync --size="$ORIGIN_SIZE" --loops="$4"
}

# fresh KIND COMMAND...: does that on a device without drift.
fresh() {
	DEV=$("up_$1")
	udevadm settle
	"${@:2}"
	"down_$1"
}

random_jobs() {
	random_io "$1" read-shared randread "$RANDOM_IOS" 1
	sequential "$1" seq-read-shared read "$LOOPS"
	random_io "$1" first-write randwrite "$FIRST_IOS" 1
	random_io "$1" overwrite randwrite "$RANDOM_IOS" 1
	random_io "$1" read-mixed randread "$RANDOM_IOS" 3
}

synced_jobs() {
	synced "$1" synced-first-write 1
	synced "$1" synced-overwrite 1
}

synced4_jobs() { synced "$1" synced-first-write-4 4; }

sequential_jobs() {
	sequential "$1" seq-first-write write 1
	sequential "$1" seq-read-drift read "$LOOPS"
}

layered_jobs() { random_io "$1" read-layers randread "$RANDOM_IOS" 1; }

run_jobs() {
	local part
	ios_of "$1"
	if [[ $1 == layers* || $1 == snapshots* ]]; then
		fresh "$1" layered_jobs "$1"
		return
	fi
	for part in random_jobs synced_jobs synced4_jobs sequential_jobs; do
		fresh "$1" "$part" "$1"
	done
}
