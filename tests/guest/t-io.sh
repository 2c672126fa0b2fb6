# shellcheck shell=bash
# Reads and writes: of whole blocks and of parts, over all kinds of blocks, in one bio and in many.

test_untouched_clone_reads_as_its_origin() {
	origin_make 16M
	store_make 32M
	clone_make
	both same
	counts 0 0 4096
	assert_eq "$(status_of clone pages)" 0 pages
	clone_check
}

# A leaf maps 1008 blocks: one of these writes crosses from one to the next.
test_first_writes_of_whole_blocks() {
	origin_make 16M
	store_make 32M
	clone_make
	both write 0 4K write 8M 64K write 1000b 64K write 16M-1b 1b same
	counts 34 0 $((4096 - 34))
	clone_again
	both same
	counts 34 0 $((4096 - 34))
	clone_check
}

test_overwrites_stay_in_place() {
	local space
	origin_make 16M
	store_make 32M
	clone_make
	both write 1M 1M
	space=$(status_of clone space)
	both write 1M 1M write 1M+512 512 write 1M+3b+1K 5b same
	counts 256 0 $((4096 - 256))
	assert_eq "$(status_of clone space)" "$space" space
	clone_check
}

# One sector, what crosses blocks, what is aligned at one end only, what lies in one block twice.
test_parts_of_blocks() {
	origin_make 8M
	store_make 32M
	clone_make
	both write 0 512 \
		write 2b-512 1K \
		write 4b+512 3b \
		write 10b 2b+1536 \
		write 20b+2K 2b+2K \
		write 1008b-1K 2K \
		write 30b+512 512 write 30b+2K 512 \
		same
	counts 16 0 $((2048 - 16))
	clone_again
	both same
	clone_check
}

# Data, zeros, what is below and parts of blocks lie in turns in what single writes and reads cover.
test_one_bio_over_all_kinds() {
	local kinds=(
		write 1M 2b discard 1M+2b 2b write 1M+6b+512 1K
		write 1M+24b 2b discard 1M+26b 2b write 1M+30b+512 1K
		write 1M+50b 2b discard 1M+52b 2b write 1M+56b+512 1K
	)
	origin_make 16M
	store_make 32M
	clone_make
	both "${kinds[@]}" same
	clone_again
	both write 1M-512 256K same "${kinds[@]}" write 1M-2b 400K same
	clone_check
}

# Whoever loses the block to another starts again: no part may vanish.
test_writers_of_parts_of_one_block_at_once() {
	origin_make 8M
	store_make 32M
	clone_make
	fio --name=parts --filename="$CLONE" --direct=1 --ioengine=libaio --iodepth=16 --numjobs=8 \
		--rw=write:3584 --bs=512 --size=4M --io_size=256k --offset_increment=512 \
		--buffer_pattern=0x5a --output=/run/fio.out
	dd if=<(tr "\0" Z </dev/zero) of="$MODEL" bs=1M count=2 iflag=fullblock conv=notrunc status=none
	both same
	counts 512 0 1536
	clone_check
}

# Many sizes at once by each of the kernel's ways of I/O.
test_engines() {
	local engine
	origin_make 8M
	store_make 32M
	clone_make
	for engine in io_uring libaio pvsync2; do
		fio --name="$engine" --filename="$CLONE" --ioengine="$engine" --direct=1 --iodepth=16 \
			--rw=randwrite --bsrange=512-64k --size=8M --io_size=3M --verify=crc32c \
			--verify_fatal=1 --output=/run/fio.out
	done
	clone_check
}

# REQ_NOWAIT: what would have to wait gives EAGAIN before anything of it is written.
test_nowait() {
	origin_make 16M
	store_make 32M
	clone_make
	assert_eq "$(both write 8M 64K nowait-read 8M 64K nowait-read 4M 4K nowait-write 8M 4K)" \
		$'65536\n4096\n4096' "data, below, overwrite"
	assert_eq "$(both nowait-write 8M+60K 8K nowait-write 8M+128K+512 512 same)" $'EAGAIN\nEAGAIN' \
		"what is partly a first write, a part of a block"
	clone_again
	assert_eq "$(both nowait-read 8M 4K)" EAGAIN "leaf not in memory"
	assert_eq "$(both same nowait-read 8M 4K)" 4096 "leaf in memory"
	clone_check
}
