# shellcheck shell=bash
# P1 and P2 by dm-log-writes: all that reaches the store is recorded while a clone is in use. Then the
# store is made again as it was at one flush or FUA write after the other, brought up, and compared
# with what had been acknowledged by then.
#
# LCLONE_POINTS=N, or "all": at how many moments (default 12). At each second one a random part of what
# was written, but not flushed, by then is there as well; LCLONE_SEED chooses which.
TEST_TIMEOUT=3600

# The clone of 12 MiB: a filesystem in front, two writers that sync, and a load that hardly does. The
# store has little more, so that its journal wraps and what is discarded is used again.
FS_SIZE=4M PART_SECTORS=6001 PART_A=8195 PART_B=14196 REST=10M
SYNCED=150 FILES=20	# operations of the first writer, and files, after which the load ends

# images_make: the store, and a second one: PRISTINE is the file in which the log is replayed, REPLAYED
# the device on which a copy of it is used.
images_make() {
	origin_make 12M
	store_make 16M
	LOG=$(disk 1)
	PRISTINE=/dev/shm/pristine TORN=/dev/shm/torn
	on_exit rm -f "$PRISTINE" "$TORN"
	REPLAYED=$(make_loop 16M)
	MNT=$(mktemp -d /run/mnt.XXXXXX)
	on_exit rmdir "$MNT"
	on_exit unmounted
}
unmounted() {
	! mountpoint -q "$MNT" || retry umount "$MNT"
}

# fs_begin: a clone with a filesystem in it, as it is before the recording.
fs_begin() {
	clone_make
	mkfs.ext4 -q -F -b 1024 "$CLONE" "$FS_SIZE"
	dd if="$CLONE" of="$MODEL" bs=1M iflag=direct status=none
	clone_off
	dd if="$STORE" of="$PRISTINE" bs=1M iflag=direct status=none
}

# File number N of the filesystem is that piece of the noise.
file_kilobytes() {
	echo $(($1 % 16 + 1))
}

# files_forever: one synced file after the other; each goes when thirty have followed.
files_forever() {
	local n
	for ((n = 1; ; n++)); do
		dd if="$NOISE" of="$MNT/f$n" bs=1K skip="$n" count="$(file_kilobytes "$n")" conv=fsync \
			status=none || exit 1
		rm -f "$MNT/f$((n - 30))"
		echo "$n"
	done
}

# acked KEY COMMAND...: in the background; what the command prints is marked in the log. (All but the
# filesystem's run nicely, since each of its steps is a process.)
acked() {
	"$HELPERS/ack" log recorded "$@" >"/run/acked-$1" &
	JOBS+=($!)
}

# synced KEY COUNT: whether it has got that far.
synced() {
	[ "$(tail -n 1 "/run/acked-$1")" -ge "$2" ] 2>/dev/null
}

# load: everything at once, until they have got far enough.
load() {
	JOBS=()
	export -f files_forever file_kilobytes
	export MNT NOISE
	nice -n 19 fio --output=/run/fio --filename="$CLONE" --ioengine=libaio --direct=1 --iodepth=4 \
		--offset="$REST" --size=2M --time_based --runtime=3000 \
		--name=writes --rw=randwrite --bssplit=512/20:4k/60:32k/20 --fdatasync=40 --thinktime=2ms \
		--name=trims --rw=randtrim --bs=8k --thinktime=10ms &
	JOBS+=($!)
	acked fs bash -c files_forever
	acked a nice -n 19 "$HELPERS/stamp" run "$CLONE" 1 "$PART_A" "$PART_SECTORS"
	acked b nice -n 19 "$HELPERS/stamp" run "$CLONE" 2 "$PART_B" "$PART_SECTORS"
	wait_until -t 100 synced a "$SYNCED"
	wait_until -t 100 synced fs "$FILES"
	kill "${JOBS[@]}"
	wait || true
}

# record: the load on a clone whose store is recorded; the log's entries in /run/log.
record() {
	local bare=$STORE
	STORE=$(make_dm recorded "0 $(sectors "$bare") log-writes $bare $LOG")
	clone_features
	clone_on
	mount -o discard "$CLONE" "$MNT"
	load
	unmounted
	clone_off
	remove_dm recorded
	STORE=$bare
	"$HELPERS/logreplay" list "$LOG" >/run/log
}

# moments: where to look, evenly spread: behind a flush or FUA write and the marks that it let through.
moments() {
	awk -v want="${LCLONE_POINTS:-12}" '
		$2 == "flush" || $2 == "fua" { at[n++] = $1 + 1 }
		$2 == "mark" && n && at[n - 1] == $1 { at[n - 1]++ }
		END {
			if (want == "all" || want > n)
				want = n
			for (i = 1; i <= want; i++)
				print at[int(i * n / want) - 1]
		}' /run/log
}

# last_acked KEY END: what was marked last before entry END.
last_acked() {
	awk -v key="$1" -v end="$2" '
		$1 >= end { exit }
		$2 == "mark" { split($3, mark, ":"); if (mark[1] == key) last = mark[2] }
		END { print last + 0 }' /run/log
}

# next_flush N: the number of the first flush from entry N on.
next_flush() {
	awk -v n="$1" '$1 >= n && $2 == "flush" { print $1; exit }' /run/log
}

# writer_judge KEY SEED FIRST END: what a writer was told to be durable is there.
writer_judge() {
	"$HELPERS/stamp" verify "$CLONE" "$2" "$3" "$PART_SECTORS" "$(last_acked "$1" "$4")" "$MODEL" \
		>/run/verdict || { cat /run/verdict && fail "writer $1: a promise was broken"; }
}

# files_judge END: the filesystem is whole once it has read its journal, and has the last synced files.
files_judge() {
	local n last
	mount "$CLONE" "$MNT"
	last=$(last_acked fs "$1")
	for ((n = last > 8 ? last - 8 : 1; n <= last; n++)); do
		cmp -n "$(file_kilobytes "$n")K" -i "0:${n}K" "$MNT/f$n" "$NOISE" || fail "synced file $n was lost"
	done
	umount "$MNT"
	e2fsck -fn "$CLONE" >/run/verdict 2>&1 || { cat /run/verdict && fail "the filesystem is damaged"; }
}

whole() {
	lclone check --quiet "$REPLAYED" || lclone check "$REPLAYED" || fail "damage $1 recovery"
}

# judge END IMAGE: a clone over that image shows what entries before END acknowledged.
judge() {
	dd if="$2" of="$REPLAYED" bs=1M oflag=direct status=none
	whole before
	clone_on
	assert_eq "$(status_of clone mode)" rw mode
	writer_judge a 1 "$PART_A" "$1"
	writer_judge b 2 "$PART_B" "$1"
	files_judge "$1"
	clone_off
	whole after
}

# judge_torn N SEED: all before entry N is durable, and a part of what came behind is there.
judge_torn() {
	local end
	end=$(next_flush "$1")
	[ -n "$end" ] || return 0
	cp --sparse=always "$PRISTINE" "$TORN"
	"$HELPERS/logreplay" apply "$LOG" "$TORN" "$1" "$end" "$2"
	judge "$end" "$TORN"
}

test_p1_p2_each_flush_and_fua_write_leaves_what_was_acknowledged() {
	local at done=0 count=0 begin=$EPOCHREALTIME
	images_make
	fs_begin
	record
	note "recorded $(wc -l </run/log) entries in $(elapsed "$begin") s: $(cut -d' ' -f2 /run/log | sort |
		uniq -c | xargs); acknowledged: $(tail -qn 1 /run/acked-{a,b,fs} | xargs)"
	STORE=$REPLAYED
	clone_features
	for at in $(moments); do
		"$HELPERS/logreplay" apply "$LOG" "$PRISTINE" "$done" "$at"
		done=$at count=$((count + 1))
		echo "before entry $at"
		if [ $((count % 2)) -eq 1 ]; then
			judge "$at" "$PRISTINE"
		else
			judge_torn "$at" $((${LCLONE_SEED:-1} + at))
		fi
	done
	note "brought up at $count moments, all of it in $(elapsed "$begin") s"
}
