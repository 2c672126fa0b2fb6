# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The command line: help, versions, wrong usage.

verbs="format table info check dump scan template create activate deactivate list tree status remove"

test_no_verb() {
	expect 2 lclone
	says '^usage: lclone VERB'
	expect 2 lclone frobnicate
	says '^lclone: frobnicate: there is no such verb'
}

test_help_lists_every_verb() {
	local verb
	expect 0 lclone --help
	silent
	for verb in $verbs; do
		prints "^  $verb  "
	done
	expect 0 lclone --version
	prints '^lclone [0-9]'
}

test_every_verb_has_help() {
	local verb
	for verb in $verbs; do
		expect 0 lclone "$verb" --help
		prints "^usage: lclone $verb"
		silent
		expect 0 lclone help "$verb"
		prints "^usage: lclone $verb"
	done
}

test_every_verb_refuses_unknown_options() {
	local verb
	for verb in $verbs; do
		expect 2 lclone "$verb" --frobnicate
		says "^lclone: $verb( [a-z]+)?: .*--frobnicate"
	done
}

test_wrong_number_of_arguments() {
	local verb
	for verb in table info check dump; do
		expect 2 lclone "$verb"
		says "^lclone: $verb: takes one STORE"
		expect 2 lclone "$verb" a b
	done
	expect 2 lclone format --origin - --size 1G
	expect 2 lclone format a b --origin - --size 1G
	expect 2 lclone format a
	says -- '--origin DEV .* is missing'
	expect 2 lclone format a --origin
	says "'--origin' needs a value"
	expect 2 lclone format a --origin -
	says -- '--origin - needs --size'
	expect 2 lclone format a --origin - --size 1G --name ''
}

test_sizes() {
	local size
	file s.img 16M
	for size in 1x 1.5G '' G -1 1KK 0 100 513 0K 1Q; do
		expect 2 lclone format s.img --origin - --size "$size"
		says "^lclone: format: --size"
	done
	for size in 99999999999999999999 16777216T; do
		expect 2 lclone format s.img --origin - --size "$size"
		says 'is too large'
	done
	while read -r size bytes; do
		expect 0 lclone format s.img --force --origin - --size "$size" --json
		json ".size_bytes == $bytes"
	done <<-END
		512 512
		1s 512
		7K 7168
		3m 3145728
		2GiB 2147483648
		1TB 1099511627776
	END
}

test_layers_are_refused_for_now() {
	file s.img 16M
	expect 2 lclone format s.img --origin - --size 1G --layer x
	says 'layers are not supported yet'
	expect 2 lclone table s.img --layer x
	says 'layers are not supported yet'
}

test_full_output_is_an_error() {
	store s.img 16M
	"$LCLONE" info s.img >/dev/full 2>err && fail "wrote to a full device"
	says '^lclone: output: cannot be written'
}

test_man_page_of_every_verb() {
	local verb man
	man=$(dirname "$(realpath "$LCLONE")")
	while [ ! -d "$man/man" ]; do man=$(dirname "$man"); done
	[ -f "$man/man/lclone.8" ] || fail "no lclone.8"
	for verb in $verbs; do
		[ -f "$man/man/lclone-$verb.8" ] || fail "no lclone-$verb.8"
		grep -q "lclone-$verb" "$man/man/lclone.8" || fail "lclone.8 does not name $verb"
	done
}

test_completion_knows_every_option() {
	local verb tools option
	tools=$(dirname "$(realpath "$LCLONE")")
	while [ ! -d "$tools/completion" ]; do tools=$(dirname "$tools"); done
	for verb in $verbs; do
		lclone "$verb" --help >out
		for option in $(grep -oE -- '--[a-z-]+' out | sort -u); do
			grep -qE -- "$option( |\"|$|\))" "$tools/completion/lclone.bash" ||
				fail "completion lacks $option of $verb"
		done
	done
}
