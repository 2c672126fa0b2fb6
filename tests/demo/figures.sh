# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: what it took, as a table.

size_of() {
	numfmt --to=iec-i --suffix=B --format=%.1f "$1"
}

# Bytes that the stores take on their file system.
stores_bytes() {
	find "$STORES" -name '*.lclone' -printf '%b\n' | awk '{ n += $1 } END { printf "%.0f", n * 512 }'
}

# percent_saved TAKEN INSTEAD
percent_saved() {
	awk -v taken="$1" -v instead="$2" 'BEGIN { printf "%.1f %%", 100 * (1 - taken / instead) }'
}

# row WHAT ONE ALL
row() {
	printf '  %-42s %14s %14s\n' "$@"
}

# row_bytes WHAT BYTES_OF_ALL
row_bytes() {
	row "$1" "$(size_of $(($2 / COUNT)))" "$(size_of "$2")"
}

# row_seconds WHAT SECONDS_OF_ALL
row_seconds() {
	row "$1" "$(awk -v s="$2" -v n="$COUNT" 'BEGIN { printf "%.3f s", s / n }')" "$2 s"
}

print_figures() {
	local template used linked
	template=$(blockdev --getsize64 "$TEMPLATE")
	used=$(template_used)
	linked=$((template + DRIFTED_BYTES))
	echo
	echo "$COUNT linked clones of a Debian root of $(size_of "$template"), of which $(size_of "$used") are in use"
	row '' 'each' 'all'
	row_seconds 'time to create and activate' "$CREATE_SECONDS"
	row_seconds 'time to activate again, after drift' "$ACTIVATE_SECONDS"
	row_bytes 'bytes written to the disk at creation' "$WRITTEN_BYTES"
	row_bytes 'bytes at creation, journal and reserve' "$CREATED_BYTES"
	row_bytes 'bytes after drift' "$DRIFTED_BYTES"
	row_bytes '  of these, data of the clones' "$(jq '[.clones[].data_bytes] | add' "$WORK/list.json")"
	row 'template and clones together' '' "$(size_of "$linked")"
	row_bytes 'full copies would have taken' $((template * COUNT))
	row 'saved' '' "$(percent_saved "$linked" $((template * COUNT)))"
	row_bytes 'full copies of the blocks in use only' $((used * COUNT))
	row 'saved, compared with these' '' "$(percent_saved "$linked" $((used * COUNT)))"
	echo
}

# Bytes that the file system of the template has given out.
template_used() {
	dumpe2fs -h "$TEMPLATE" 2>/dev/null | awk -F: '
		/^Block count/ { blocks = $2 } /^Free blocks/ { free = $2 } /^Block size/ { size = $2 }
		END { printf "%.0f", (blocks - free) * size }'
}
