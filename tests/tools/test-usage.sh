# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The command line: help, versions, wrong usage.

verbs="format table info check repair dump restore scan template create activate deactivate list tree status remove snapshot rollback reset consolidate commit adopt resize extend set flatten rebase rethin map diff export import"

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
		prints "^  $verb +[a-z]"
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
	for verb in table info check repair dump restore; do
		expect 2 lclone "$verb"
		says "^lclone: $verb: takes one STORE"
		expect 2 lclone "$verb" a b
	done
	expect 2 lclone format --origin - --size 1G
	expect 2 lclone format a b --origin - --size 1G
	expect 2 lclone format a
	says '--origin DEV .* is missing'
	expect 2 lclone format a --origin
	says "'--origin' needs a value"
	expect 2 lclone format a --origin -
	says '--origin - needs --size'
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

test_full_output_is_an_error() {
	store s.img 16M
	"$LCLONE" info s.img >/dev/full 2>err && fail "wrote to a full device"
	says '^lclone: output: cannot be written'
}

# The options that the help of a verb explains.
options_of() {
	lclone "$1" --help | grep -oE '(^  |\[)--[a-z-]+' | tr -d ' [' | sort -u
}

test_man_page_of_every_verb() {
	local verb option
	for verb in $verbs; do
		[ -f "$TOOLS/man/lclone-$verb.8" ] || fail "no lclone-$verb.8"
		grep -q "lclone.*-$verb *(8)" "$TOOLS/man/lclone.8" ||
			fail "lclone.8 does not name $verb"
		for option in $(options_of "$verb"); do
			sed 's/\\-/-/g' "$TOOLS/man/lclone-$verb.8" | grep -q -- "$option" ||
				fail "lclone-$verb.8 lacks $option"
		done
	done
}

# With completion of our own in a shell that knows nothing else.
complete_words() {
	COMP_WORDS=(lclone "$@")
	COMP_CWORD=$#
	_lclone
}

test_completion() {
	local verb option
	. "$TOOLS/completion/lclone.bash"
	complete_words ''
	for verb in $verbs; do
		[[ " ${COMPREPLY[*]} " == *" $verb "* ]] || fail "completion lacks $verb"
	done
	for verb in $verbs; do
		complete_words "$verb" --
		for option in $(options_of "$verb") --help; do
			[[ " ${COMPREPLY[*]} " == *" $option "* ]] ||
				fail "completion lacks $option of $verb"
		done
	done
}
