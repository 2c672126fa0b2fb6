# SPDX-License-Identifier: GPL-2.0
# From pairs of "KIND JOB UNIT, then reads, read sectors, writes, written sectors before and after"
# and what fio said: the results as one document. Ratios are to dm-linear, where it was measured.

def direction: if .write.total_ios > 0 then .write else .read end;

def result($note; $fio):
	($note | split(" ")) as $n | ($n[3:] | map(tonumber)) as $d | ($fio.jobs[0] | direction) |
	{
		kind: $n[0], job: $n[1], unit_bytes: ($n[2] | tonumber),
		ios: .total_ios, run_milliseconds: .runtime,
		ios_per_second: (.total_ios * 1000 / .runtime),
		device_reads: ($d[4] - $d[0]), device_read_bytes: (($d[5] - $d[1]) * 512),
		device_writes: ($d[6] - $d[2]), device_written_bytes: (($d[7] - $d[3]) * 512)
	};

# What is promised of clones. Each check gives no line when its job was not measured.
def at_least($what; $bound; $value):
	{ what: $what, value: $value, at_least: $bound, passed: ($value >= $bound) };
def at_most($what; $bound; $value):
	{ what: $what, value: $value, at_most: $bound, passed: ($value <= $bound) };

def check:
	if .job == "first-write" then
		at_least("4K random first write, ratio to dm-linear"; 0.85; .ratio),
		at_most("device writes per 4K first write"; 1.05; .device_writes / .ios)
	elif .job == "read-shared" then
		at_least("4K random read of shared data, ratio to dm-linear"; 0.95; .ratio)
	elif .job == "read-mixed" then
		at_least("4K random read of shared data and drift, ratio to dm-linear"; 0.95; .ratio)
	elif .job == "overwrite" then
		at_least("4K random overwrite, ratio to dm-linear"; 0.95; .ratio)
	else empty end,
	# All of whole blocks, also the overwrites, the synced and the sequential ones.
	if .job | test("write") then
		at_most("bytes that \(.job) read"; 0; .device_read_bytes)
	else empty end;

[range(0; length; 2) as $i | result(.[$i]; .[$i + 1])] as $all |
($all | map(select(.kind == "linear") | { (.job): .ios_per_second }) | add // {}) as $linear |
{
	kernel: $kernel,
	results: ($all | map(. + (
		if $linear[.job] then { ratio: (.ios_per_second / $linear[.job]) } else {} end)))
} |
(.results | map(select(.job == "read-layers") | { (.kind): .ios_per_second }) | add // {}) as $layers |
.checks = [.results[] | select(.kind == "lclone" and .ratio) | check] +
	(if $layers.layers1 and $layers.layers32 then
		[at_least("4K random read through 32 layers, ratio to one"; 0.97; $layers.layers32 / $layers.layers1)]
	else [] end) |
.pauses = ($pauses[0] // null) |
.checks += (.pauses // [] | (map(select(.verb == "linear").us)[0]) as $held |
	map(select(.verb != "linear")) | group_by(.verb) |
	map(at_most("longest pause of \(.[0].verb), ratio to dm-linear reloaded"; 2; (map(.us) | max) / $held))) |
.stacked_snapshots_ratio = (if $layers.snapshots1 and $layers.snapshots32 then
	$layers.snapshots32 / $layers.snapshots1 else null end)
