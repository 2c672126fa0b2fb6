# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Completion of lclone for bash.

# Names from the catalog: clones, or templates.
_lclone_clones() {
	lclone list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_lclone_templates() {
	lclone template list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_lclone_options() {
	case $1 in
	template) echo '--help --quick --format --dir --backing --json' ;;
	create)
		echo '--help --template --from --clone-store --store --dir --vg --store-size --size --count' \
			'--error-if-no-space --no-activate --force --json'
		;;
	activate) echo '--help --all --force' ;;
	deactivate) echo '--help --all' ;;
	list | tree | status) echo '--help --json' ;;
	remove) echo '--help --wipe --force --rate --store --dir --vg --store-size' ;;
	snapshot) echo '--help --store --dir --vg --store-size --force --json' ;;
	consolidate) echo '--help --drop-snapshots --rate --store --dir --vg --store-size --force --json' ;;
	adopt) echo '--help --undo --drop-snapshots --rate --store --dir --vg --store-size --force --json' ;;
	commit) echo '--help --template --to --clone-store --rate --quick --force --json' ;;
	rollback | reset) echo '--help --store --dir --vg --store-size --force --json' ;;
	resize) echo '--help --force --json' ;;
	flatten | rethin) echo '--help --rate --json' ;;
	rebase) echo '--help --template --update --force --rate --json' ;;
	extend) echo '--help --size --json' ;;
	set) echo '--help --error-if-no-space --queue-if-no-space' ;;
	format) echo '--help --origin --layer --size --name --force --json' ;;
	table)
		echo '--help --origin --layer --command --error-if-no-space' \
			'--no-discard-passdown --json'
		;;
	map) echo '--help --json' ;;
	diff) echo '--help --layer --json' ;;
	export) echo '--help --base --layer --output' ;;
	import) echo '--help --origin --layer --name --input --force --json' ;;
	info) echo '--help --json' ;;
	check) echo '--help --json --quiet' ;;
	repair) echo '--help --dry-run --lost --cut-journal --header --force --json' ;;
	dump) echo '--help --json --output' ;;
	restore) echo '--help --input --force --json' ;;
	scan) echo '--help --json --no-catalog' ;;
	esac
}

# What a word that is no option may be.
_lclone_words() {
	case $1 in
	template)
		if [ "$COMP_CWORD" -eq 2 ]; then
			echo 'add list show verify remove'
		elif [ "${COMP_WORDS[2]}" != add ]; then
			_lclone_templates
		fi
		;;
	activate | deactivate | status | remove | snapshot | rollback | reset | consolidate | commit | adopt | \
	resize | extend | set | flatten | rebase | rethin | map | diff | export)
		_lclone_clones
		;;
	esac
}

_lclone() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]}
	local verbs='template create activate deactivate list tree status remove
		snapshot rollback reset consolidate commit adopt resize extend set flatten rebase rethin
		map diff export import format table info check repair dump
		restore scan'

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$verbs --help --version" -- "$word")
		return
	fi
	case $before in
	--template)
		mapfile -t COMPREPLY < <(compgen -W "$(_lclone_templates)" -- "$word")
		return
		;;
	--format)
		mapfile -t COMPREPLY < <(compgen -W 'raw qcow2' -- "$word")
		return
		;;
	--lost)
		mapfile -t COMPREPLY < <(compgen -W 'zero origin' -- "$word")
		return
		;;
	--vg)
		mapfile -t COMPREPLY < <(compgen -W \
			"$(vgs --noheadings -o vg_name 2>/dev/null)" -- "$word")
		return
		;;
	--from)
		mapfile -t COMPREPLY < <(compgen -W "$(_lclone_clones)" -- "$word")
		return
		;;
	--origin | --to | --store | --clone-store | --layer | --dir | --output | --input | --base) return ;;	# a path, by default
	--size | --store-size | --rate | --name | --count | --command) return ;;
	esac
	case $word in
	-*) mapfile -t COMPREPLY < <(compgen -W "$(_lclone_options "$verb")" -- "$word") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$(_lclone_words "$verb")" -- "$word") ;;
	esac
}

complete -o default -F _lclone lclone
