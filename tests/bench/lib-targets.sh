# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: the devices that are compared. Each lies over the same origin ($ORIGIN, ORIGIN_SIZE)
# and, but for dm-linear, keeps its changes on the same store ($STORE).
#
# up_KIND prints the path of a device without any drift; down_KIND takes it away.

ORIGIN_SIZE=256M STORE_SIZE=320M POOL_META_SIZE=8M
KINDS=(linear lclone pause layers1 layers32 snapshots1 snapshots32 snapshot4 snapshot64 thin qcow2)
LAYER_SIZE=40M DRIFT_IOS=6400

# All pages of all devices are there before anything is measured: a null_blk takes memory for a page
# at its first write, which would be counted as the cost of whoever wrote first.
make_devices() {
	ORIGIN=$(make_null_blk "$ORIGIN_SIZE")
	STORE=$(make_null_blk "$STORE_SIZE")
	POOL_META=$(make_null_blk "$POOL_META_SIZE")
	fill_device "$ORIGIN" 0
	fill_device "$STORE" 0xa5
	fill_device "$POOL_META" 0
}

# fill_device DEV BYTE
fill_device() {
	fio --name=fill --filename="$1" --rw=write --bs=1M --direct=1 --buffer_pattern="$2" \
		--output=/dev/null
}

# Destroys what the last user of a device left where the next one looks first.
wipe() {
	dd if=/dev/zero of="$1" bs=64K count=1 oflag=direct status=none
}

# dm_up TABLE: one dm device, called bench.
dm_up() {
	dmsetup create bench --table "$1" >&2
	echo /dev/mapper/bench
}

dm_down() {
	retry dmsetup remove "$1"
}

up_linear() { dm_up "0 $(sectors "$ORIGIN") linear $STORE 0"; }
down_linear() { dm_down bench; }

up_lclone() {
	lclone format "$STORE" --origin "$ORIGIN" --force >/dev/null
	dm_up "$(lclone table "$STORE")"
}
down_lclone() { dm_down bench; }

# up_layers N: a clone above N layers, which share a drift of DRIFT_IOS random blocks. Its map and the
# index over its layers are in memory.
up_layers() {
	local n options=() layers=() store
	for n in $(seq 0 "$1"); do
		store=$STORE
		[ "$n" -eq "$1" ] || store=$(make_null_blk "$LAYER_SIZE")
		lclone format "$store" --origin "$ORIGIN" "${options[@]}" --force >/dev/null
		dmsetup "$([ "$n" -eq 0 ] && echo create || echo load)" bench \
			--table "0 $(sectors "$ORIGIN") lclone $ORIGIN $store $n ${layers[*]}" >&2
		dmsetup suspend bench && dmsetup resume bench
		options+=(--layer "$store") layers+=("$store")
		[ "$n" -eq "$1" ] || drift /dev/mapper/bench "$((DRIFT_IOS / $1))" "$n"
	done
	dd if=/dev/mapper/bench of=/dev/null bs=1M iflag=direct status=none
	echo /dev/mapper/bench
}
# drift DEV IOS SEED
drift() {
	fio --name=drift --filename="$1" --rw=randwrite --bs=4K --direct=1 --io_size="$(($2 * 4096))" \
		--size="$ORIGIN_SIZE" --randseed="$3" --output=/dev/null
}
up_layers1() { up_layers 1; }
up_layers32() { up_layers 32; }
down_layers1() { dm_down bench; }
down_layers32() { dm_down bench; }

# up_snapshots N: the same drift in N snapshots of dm-snapshot, each the origin of the next.
up_snapshots() {
	local n origin=$ORIGIN store
	for n in $(seq "$1"); do
		store=$(make_null_blk "$LAYER_SIZE")
		dmsetup create "bench$n" --table "0 $(sectors "$ORIGIN") snapshot $origin $store P 8" >&2
		origin=/dev/mapper/bench$n
		drift "$origin" "$((DRIFT_IOS / $1))" "$n"
	done
	echo "$origin"
}
down_snapshots() {
	local n
	for n in $(seq "$1" -1 1); do
		dm_down "bench$n"
	done
}
up_snapshots1() { up_snapshots 1; }
up_snapshots32() { up_snapshots 32; }
down_snapshots1() { down_snapshots 1; }
down_snapshots32() { down_snapshots 32; }

# up_snapshot SECTORS_PER_CHUNK
up_snapshot() {
	wipe "$STORE"
	dm_up "0 $(sectors "$ORIGIN") snapshot $ORIGIN $STORE P $1"
}
up_snapshot4() { up_snapshot 8; }
down_snapshot4() { dm_down bench; }
up_snapshot64() { up_snapshot 128; }
down_snapshot64() { dm_down bench; }

up_thin() {
	wipe "$POOL_META"
	dmsetup create bench-pool --table "0 $(sectors "$STORE") thin-pool $POOL_META $STORE 128 0" >&2
	dmsetup message bench-pool 0 "create_thin 0"
	dm_up "0 $(sectors "$ORIGIN") thin /dev/mapper/bench-pool 0 $ORIGIN"
}
down_thin() { dm_down bench && dm_down bench-pool; }

NBD=/dev/nbd0
up_qcow2() {
	modprobe nbd nbds_max=1
	wipe "$STORE"
	qemu-img create -q -f qcow2 -b "$ORIGIN" -F raw "$STORE" >&2
	qemu-nbd --connect="$NBD" --format=qcow2 --cache=none --aio=native "$STORE" >&2
	wait_until nbd_ready
	echo "$NBD"
}
nbd_ready() { [ "$(sectors "$NBD")" = "$(sectors "$ORIGIN")" ]; }
nbd_gone() { [ ! -e /sys/block/nbd0/pid ]; }
down_qcow2() {
	qemu-nbd --disconnect "$NBD" >/dev/null
	wait_until nbd_gone
	wait_until no_qemu_nbd
}
no_qemu_nbd() { ! pgrep -x qemu-nbd >/dev/null; }

# What lies below all of them but layers, as /sys/block names it.
disks_below() {
	basename -a "$ORIGIN" "$STORE" "$POOL_META"
}
