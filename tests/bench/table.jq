# SPDX-License-Identifier: GPL-2.0
# From the results: what people read.

def title: {
	linear: "linear", lclone: "lclone", snapshot4: "snapshot 4K", snapshot64: "snapshot 64K",
	layers1: "1 layer", layers32: "32 layers", snapshots1: "1 snapshot", snapshots32: "32 snapshots", thin: "thin", qcow2: "qcow2"
}[.];

def fixed($digits): ("1" + "0" * $digits | tonumber) as $one |
	(. * $one | round | tostring | if length <= $digits then "0" * ($digits + 1 - length) + . else . end) |
	if $digits == 0 then . else .[:-$digits] + "." + .[-$digits:] end;
def left($width): . + " " * ([$width - length, 0] | max);
def right($width): " " * ([$width - length, 0] | max) + .;

# One line of a table: the name, then the columns.
def line($first; $width): (.[0] | left($first)) + (.[1:] | map(right($width)) | add);

def ratio: .ratio | fixed(3);
def per_io($digits): . as $r | [.device_writes, .device_written_bytes / .unit_bytes, .device_read_bytes / .unit_bytes]
	| map(. / $r.ios | fixed($digits)) | join("; ");
def all_counts: . as $r | [.device_writes, .device_written_bytes / .unit_bytes, .device_reads,
	.device_read_bytes / .unit_bytes] | map(. / $r.ios | fixed(1)) | join(" ");
def reads_of_64_mib: .device_reads / .ios * 64 | fixed(0);

. as $doc |
([.results[].kind] | unique) as $measured |
(["lclone", "snapshot4", "snapshot64", "thin", "qcow2"] | map(select(IN($measured[])))) as $kinds |
def of($kind; $job): first($doc.results[] | select(.kind == $kind and .job == $job));
def row($name; $job; f): [$name, ($kinds[] | [of(.; $job) | f][0] // "-")] | line(42; 18);

([of("linear"; "seq-read-drift") | reads_of_64_mib][0] // "-") as $linear_reads |
"",
"Ratios to dm-linear, Linux \(.kernel):",
(["", ($kinds[] | title)] | line(42; 18)),
row("4K random read of shared data, QD 16"; "read-shared"; ratio),
row("4K random first write, QD 16"; "first-write"; ratio),
row("  per write: writes; blocks written; read"; "first-write"; per_io(2)),
row("4K random overwrite, QD 16"; "overwrite"; ratio),
row("4K first write + fdatasync, QD 1"; "synced-first-write"; ratio),
row("the same from 4 jobs"; "synced-first-write-4"; ratio),
row("overwrite + fdatasync, QD 1"; "synced-overwrite"; ratio),
row("1M sequential first write"; "seq-first-write"; ratio),
row("1M sequential read of drift"; "seq-read-drift"; ratio),
row("  device reads for 64 MiB (linear: \($linear_reads))"; "seq-read-drift"; reads_of_64_mib),
row("1M sequential read of shared data"; "seq-read-shared"; ratio),
row("4K random read after the writes, QD 16"; "read-mixed"; ratio),
"",
"Devices below, per I/O of the job: writes, units written, reads, units read",
(["", ((["linear"] + $kinds)[] | title)] | line(22; 21)),
(reduce .results[].job as $job ([]; if index($job) then . else . + [$job] end) | .[] | . as $job |
	[$job, ((["linear"] + $kinds)[] | [of(.; $job) | all_counts][0] // "-")] | line(22; 21)),
(.pauses // empty |
	"", "I/O held under load, us: dm-linear reloaded \(map(select(.verb == "linear").us)[0])",
	(["", "16M", "drift", "32 layers", "1T", "drift", "32 layers"] | line(14; 11)),
	(map(select(.verb != "linear")) | group_by(.verb)[] | . as $of |
		[.[0].verb, (("16M", "1T") as $size | ("new", "drift", "layers") as $state |
			[$of[] | select(.size == $size and .state == $state).us | tostring][0] // "-")] | line(14; 11))),
(.stacked_snapshots_ratio // empty |
	"", "4K random read through 32 stacked dm-snapshots, ratio to one: \(fixed(3))"),
"",
(.checks[] | (if .passed then "PASS" else "FAIL" end) + " \(.what): \(.value | fixed(3)), " +
	(if .at_least then "at least \(.at_least)" else "at most \(.at_most)" end))
