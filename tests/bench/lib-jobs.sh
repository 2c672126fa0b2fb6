# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: the work that is measured. A job is one run of fio; its result is one JSON object on
# a line of $RESULTS, with the rate that fio reports and what the devices below were asked for.

# Time counts instructions, so that a job can be short; fio's clock has a resolution of 1 ms. What
# maps 4 KiB blocks does not care how many have been written before and has longer jobs; what copies
# larger units has as many I/Os as are still mostly first ones.
ios_of() {
	case $1 in
	linear) RANDOM_IOS=65536 READ_IOS=65536 SYNC_IOS=16384 ;;
	lclone | snapshot4) RANDOM_IOS=16384 READ_IOS=65536 SYNC_IOS=8192 ;;
	*) RANDOM_IOS=16384 READ_IOS=16384 SYNC_IOS=2048 ;;
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

# job KIND NAME UNIT_BYTES FIO_OPTION...: runs it on $DEV, syncs, and notes the result.
job() {
	local kind=$1 name=$2 unit=$3 before after begin=$EPOCHREALTIME
	shift 3
	quiet_begin
	before=$(disk_counts)
	fio --name="$name" --filename="$DEV" --direct=1 --thread=1 --randrepeat=1 --bs="$unit" \
		--group_reporting=1 --output-format=json --output=/run/fio.json "$@" ||
		fail "fio: $(tail -n 5 /run/fio.json)"
	sync "$DEV"
	after=$(disk_counts)
	quiet_end
	note_result "$kind" "$name" "$unit" "$before $after"
	printf '%-10s %-22s %s s\n' "$kind" "$name" "$(elapsed "$begin")"
}

note_result() {
	jq -c --arg kind "$1" --arg name "$2" --argjson unit "$3" --arg counts "$4" '
		($counts | split(" ") | map(tonumber)) as $n |
		.jobs[0] | (if .write.total_ios > 0 then .write else .read end) |
		{ kind: $kind, job: $name, unit_bytes: $unit, ios: .total_ios,
		  run_ms: .runtime, ios_per_second: (.total_ios * 1000 / .runtime),
		  device_reads: ($n[4] - $n[0]), device_read_bytes: (($n[5] - $n[1]) * 512),
		  device_writes: ($n[6] - $n[2]), device_written_bytes: (($n[7] - $n[3]) * 512) }
	' /run/fio.json >>"$RESULTS"
}

# random KIND NAME FIO_RW IOS: 4K at depth 16; the same blocks in the same order for all.
random() {
	job "$1" "$2" 4096 --rw="$3" --ioengine=libaio --iodepth=16 \
		--io_size="$(($4 * 4096))" --size="$ORIGIN_SIZE" --randseed=1
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
	random "$1" read-shared randread "$READ_IOS"
	sequential "$1" seq-read-shared read 2
	random "$1" first-write randwrite "$RANDOM_IOS"
	random "$1" overwrite randwrite "$RANDOM_IOS"
	random "$1" read-drift randread "$RANDOM_IOS"
}

synced_jobs() {
	synced "$1" synced-first-write 1
	synced "$1" synced-overwrite 1
}

synced4_jobs() { synced "$1" synced-first-write-4 4; }

sequential_jobs() {
	sequential "$1" seq-first-write write 1
	sequential "$1" seq-read-drift read 2
}

run_jobs() {
	local part
	ios_of "$1"
	for part in random_jobs synced_jobs synced4_jobs sequential_jobs; do
		fresh "$1" "$part" "$1"
	done
}
